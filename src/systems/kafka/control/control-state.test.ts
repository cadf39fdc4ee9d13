import { describe, expect, test } from 'vitest';
import { foldControl, ownerOf, taskOf, type ControlRecord } from './control-state.ts';

const topics = ['orders'];

const ends = { orders: ['10', '7'] };
const reached = { orders: ['12', '9'] };
const raised = (cut: string): ControlRecord => ({ kind: 'raised', cut, token: `${cut}/t`, epoch: 1, ends });
const arrived = (cut: string): ControlRecord => ({ kind: 'arrived', cut, token: `${cut}/t`, ends, reached });

const ownedSince = (epoch: number) => new Map([['orders', { epoch, origin: reached.orders }]]);

function sides(blue: readonly ControlRecord[], green: readonly ControlRecord[]) {
  return { blue: foldControl(blue), green: foldControl(green) };
}

test('until the first cut blue owns the records, and only the flow that reads it carries', () => {
  const states = sides([{ kind: 'begun', ends }], []);
  expect(ownerOf('orders', states)).toEqual({ epoch: 0, owner: 'blue', cut: '' });
  expect(taskOf('blue', topics, states)).toEqual({
    mode: 'live',
    epoch: 0,
    topics: new Map([['orders', { epoch: 0, origin: undefined }]]),
    stop: undefined,
    isThere: false,
  });
  expect(taskOf('green', topics, states)).toEqual({ mode: 'shadow', epoch: 0 });
});

test('a token stops the flow at its ends, and is there when the other side says those very ends', () => {
  const stop = { cut: 'c', token: 'c/t', ends };
  expect(taskOf('blue', topics, sides([raised('c')], []))).toMatchObject({ stop, isThere: false });
  expect(taskOf('blue', topics, sides([raised('c')], [arrived('c')]))).toMatchObject({ stop, isThere: true });
  const elsewhere = { ...arrived('c'), ends: { orders: ['10', '8'] } } as ControlRecord;
  expect(taskOf('blue', topics, sides([raised('c')], [elsewhere]))).toMatchObject({ stop, isThere: false });
  expect(taskOf('blue', topics, sides([raised('c'), { kind: 'reopened' }], [arrived('c')]))).toMatchObject({
    stop: undefined,
  });
});

test('the owner record turns the flows round, and the way back begins where the token says', () => {
  const states = sides([raised('c')], [arrived('c'), { kind: 'owner', epoch: 1, owner: 'green', cut: 'c' }]);
  expect(taskOf('blue', topics, states)).toEqual({ mode: 'shadow', epoch: 1 });
  expect(taskOf('green', topics, states)).toMatchObject({
    mode: 'live',
    epoch: 1,
    topics: ownedSince(1),
    stop: undefined,
  });
  expect(states.blue.raised.has('orders')).toBe(true);
  expect(states.blue.closedBy.get('c')).toEqual(ends);
});

test('back again: the highest epoch rules, whichever side says it', () => {
  const back: ControlRecord = { kind: 'owner', epoch: 2, owner: 'blue', cut: 'd' };
  const states = sides(
    [raised('c'), arrived('d'), back],
    [arrived('c'), { kind: 'owner', epoch: 1, owner: 'green', cut: 'c' }, raised('d')],
  );
  expect(ownerOf('orders', states)).toEqual({ epoch: 2, owner: 'blue', cut: 'd' });
  expect(taskOf('blue', topics, states)).toMatchObject({
    mode: 'live',
    epoch: 2,
    topics: ownedSince(2),
    stop: undefined,
  });
  expect(taskOf('green', topics, states)).toEqual({ mode: 'shadow', epoch: 2 });
});

describe('topics that are cut one by one', () => {
  const all = ['bills', 'orders'];
  const ofBills = { bills: ['5'] };
  const closed: ControlRecord = { kind: 'raised', cut: 'b', token: 'b/t', epoch: 1, ends: ofBills };
  const came: ControlRecord = { kind: 'arrived', cut: 'b', token: 'b/t', ends: ofBills, reached: { bills: ['6'] } };
  const decided: ControlRecord = { kind: 'owner', epoch: 1, owner: 'green', cut: 'b', topics: ['bills'] };

  test('the token stops those that are cut, and the owner record moves no other', () => {
    const before = taskOf('blue', all, sides([closed], []));
    expect(before).toMatchObject({ mode: 'live', stop: { ends: ofBills }, isThere: false });
    const states = sides([closed], [came, decided]);
    const forward = taskOf('blue', all, states);
    const reverse = taskOf('green', all, states);
    expect(forward).toMatchObject({ epoch: 1, topics: new Map([['orders', { epoch: 0, origin: undefined }]]) });
    expect(forward).toMatchObject({ stop: undefined });
    expect(reverse).toMatchObject({ epoch: 1, topics: new Map([['bills', { epoch: 1, origin: ['6'] }]]) });
  });

  test('a cut of the rest that was given up leaves closed what was cut before', () => {
    const given: ControlRecord = { kind: 'reopened', topics: ['orders'] };
    const states = sides([closed, raised('c'), given], [came, decided]);
    expect([...states.blue.raised.keys()]).toEqual(['bills']);
    expect(taskOf('blue', all, states)).toMatchObject({ mode: 'live', stop: undefined });
  });

  test('each goes back from where it came, and is of the epoch that brought it', () => {
    const back: ControlRecord = { kind: 'owner', epoch: 2, owner: 'blue', cut: 'd', topics: ['bills'] };
    const left: ControlRecord = { kind: 'arrived', cut: 'd', token: 'd/t', ends: ofBills, reached: { bills: ['9'] } };
    const states = sides([closed, left, back], [came, decided]);
    expect(taskOf('green', all, states)).toEqual({ mode: 'shadow', epoch: 2 });
    expect(taskOf('blue', all, states)).toMatchObject({
      topics: new Map([
        ['bills', { epoch: 2, origin: ['9'] }],
        ['orders', { epoch: 0, origin: undefined }],
      ]),
    });
  });

  test('a later decision about all of them concerns each', () => {
    const states = sides([closed], [came, decided, { kind: 'owner', epoch: 3, owner: 'green', cut: 'e' }]);
    expect(all.map((topic) => ownerOf(topic, states).epoch)).toEqual([3, 3]);
    expect(taskOf('blue', all, states)).toEqual({ mode: 'shadow', epoch: 3 });
  });
});

test('what was there before anything was held back is what was found first', () => {
  const { held, made } = foldControl([
    { kind: 'made', topic: 'orders' },
    { kind: 'held', topic: 'orders', before: { 'retention.ms': '1000' } },
    { kind: 'held', topic: 'orders', before: { 'retention.ms': '-1' } },
    { kind: 'held', topic: 'bills', before: {} },
    { kind: 'restored', topic: 'bills' },
  ]);
  expect([...held]).toEqual([['orders', { 'retention.ms': '1000' }]]);
  expect([...made]).toEqual(['orders']);
});
