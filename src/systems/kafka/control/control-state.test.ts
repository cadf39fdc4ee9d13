import { expect, test } from 'vitest';
import { foldControl, ownerOf, taskOf, type ControlRecord } from './control-state.ts';

const ends = { orders: ['10', '7'] };
const reached = { orders: ['12', '9'] };
const raised = (cut: string): ControlRecord => ({ kind: 'raised', cut, token: `${cut}/t`, epoch: 1, ends });
const arrived = (cut: string): ControlRecord => ({ kind: 'arrived', cut, token: `${cut}/t`, ends, reached });

function sides(blue: readonly ControlRecord[], green: readonly ControlRecord[]) {
  return { blue: foldControl(blue), green: foldControl(green) };
}

test('until the first cut blue owns the records, and only the flow that reads it carries', () => {
  const states = sides([{ kind: 'begun', ends }], []);
  expect(ownerOf(states)).toEqual({ epoch: 0, owner: 'blue', cut: '' });
  expect(taskOf('blue', states)).toEqual({
    mode: 'live',
    epoch: 0,
    origin: undefined,
    stop: undefined,
    isThere: false,
  });
  expect(taskOf('green', states)).toEqual({ mode: 'shadow', epoch: 0 });
});

test('a token stops the flow at its ends, and is there when the other side says those very ends', () => {
  const stop = { cut: 'c', token: 'c/t', ends };
  expect(taskOf('blue', sides([raised('c')], []))).toMatchObject({ stop, isThere: false });
  expect(taskOf('blue', sides([raised('c')], [arrived('c')]))).toMatchObject({ stop, isThere: true });
  const elsewhere = { ...arrived('c'), ends: { orders: ['10', '8'] } } as ControlRecord;
  expect(taskOf('blue', sides([raised('c')], [elsewhere]))).toMatchObject({ stop, isThere: false });
  expect(taskOf('blue', sides([raised('c'), { kind: 'reopened' }], [arrived('c')]))).toMatchObject({ stop: undefined });
});

test('the owner record turns the flows round, and the way back begins where the token says', () => {
  const states = sides([raised('c')], [arrived('c'), { kind: 'owner', epoch: 1, owner: 'green', cut: 'c' }]);
  expect(taskOf('blue', states)).toEqual({ mode: 'shadow', epoch: 1 });
  expect(taskOf('green', states)).toMatchObject({ mode: 'live', epoch: 1, origin: reached, stop: undefined });
  expect(states.blue.raised).toBeDefined();
  expect(states.blue.closedBy.get('c')).toEqual(ends);
});

test('back again: the highest epoch rules, whichever side says it', () => {
  const back: ControlRecord = { kind: 'owner', epoch: 2, owner: 'blue', cut: 'd' };
  const states = sides(
    [raised('c'), arrived('d'), back],
    [arrived('c'), { kind: 'owner', epoch: 1, owner: 'green', cut: 'c' }, raised('d')],
  );
  expect(ownerOf(states)).toEqual({ epoch: 2, owner: 'blue', cut: 'd' });
  expect(taskOf('blue', states)).toMatchObject({ mode: 'live', epoch: 2, origin: reached, stop: undefined });
  expect(taskOf('green', states)).toEqual({ mode: 'shadow', epoch: 2 });
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
