import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MicroOp, Txn } from './history.ts';
import { checkRun, invariants, nothingElse, slopePerHour, type DoorMove, type RunRecord } from './invariants.ts';
import { judgeRowReads } from './judge-rows.ts';
import { judgeState } from './judge-state.ts';
import type { OwnerState } from './owner-state.ts';
import { deeds, live, opening, Store, storeOf, type Done } from './test-support/store-model.ts';

describe('states of a store that keeps its promises', () => {
  test('nothing is found, at whatever moment it is looked at', () => {
    fc.assert(
      fc.property(deeds, fc.array(fc.nat({ max: 700 })), (all, moments) => {
        const done = live(all);
        const txns = done.map(({ txn }) => txn);
        for (const atUs of [...moments.map((moment) => 95 + moment), 10_000]) {
          const state = storeOf(done.filter((each) => each.hadEffect && each.atUs < atUs)).state(atUs);
          expect(judgeState(txns, state, opening)).toEqual([]);
        }
        expect(judgeRowReads(txns)).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  const broken: Readonly<Record<string, (done: readonly Done[], at: number) => readonly Pick<Done, 'op'>[]>> = {
    'an acknowledged write is lost': (done, at) =>
      done.filter((each, place) => each.hadEffect && (place !== at || each.txn.outcome !== 'ok')),
    'a write that failed is there': (done, at) =>
      done.filter((each, place) => each.hadEffect || (place === at && each.txn.outcome === 'fail')),
    'a write is done twice': (done, at) =>
      done.flatMap((each, place) => (each.hadEffect ? (place === at ? [each, each] : [each]) : [])),
    'a write that nobody asked for is there': (done, at) => [
      ...done.filter(({ hadEffect }) => hadEffect),
      { op: strangers[at % strangers.length] ?? { f: 'sweep' } },
    ],
  };
  const strangers: readonly MicroOp[] = [
    { f: 'append', k: 0, v: 9_999 },
    { f: 'transfer', from: 0, to: 1, amount: 1 },
    { f: 'claim', value: 0, was: null, by: 9_999 },
    { f: 'insert', row: 0, was: null, version: 9_999, key: 1, toast: 1 },
    { f: 'bag', v: 9_999 },
    { f: 'side', v: 9_999 },
  ];

  test.each(Object.keys(broken))('%s', (name) => {
    let tried = 0;
    fc.assert(
      fc.property(deeds, fc.nat(), (all, pick) => {
        // One after another and without a doubt: nothing else could explain it.
        const plain = all.map((deed): typeof deed => {
          const end = deed.end === 'fail' ? 'fail' : 'ok';
          return { what: deed.what, of: deed.of, end, early: deed.early % 5, late: deed.late % 5 };
        });
        const done = live(plain);
        const wrong = storeOf(broken[name]?.(done, pick % done.length) ?? []).state(10_000);
        const right = storeOf(done.filter(({ hadEffect }) => hadEffect)).state(10_000);
        if (JSON.stringify(sorted(wrong)) === JSON.stringify(sorted(right))) return;
        tried += 1;
        expect(
          judgeState(
            done.map(({ txn }) => txn),
            wrong,
            opening,
          ),
        ).not.toEqual([]);
      }),
      { numRuns: 1_000 },
    );
    expect(tried).toBeGreaterThan(80);
  });
});

/** Tables have no order; lists do, but which element is where is for `findAnomalies`. */
function sorted(state: OwnerState): unknown {
  const texts = (values: readonly unknown[]): string[] => values.map((each) => JSON.stringify(each)).sort();
  const { lists, ...tables } = state;
  const unordered = Object.entries(tables).map(([name, value]: [string, unknown]) => [
    name,
    Array.isArray(value) ? texts(value) : value,
  ]);
  return [texts(lists.map(([k, elements]) => [k, texts(elements)])), unordered];
}

const txn = (index: number, ops: readonly MicroOp[], over: Partial<Txn> = {}): Txn => ({
  index,
  client: index,
  op: 0,
  isolation: 'serializable',
  outcome: 'ok',
  ops,
  invokedUs: index * 10,
  endedUs: index * 10 + 5,
  wallMs: 0,
  ...over,
});

const good = nothingElse({ clocks: {}, opening, states: [new Store().state(1_000, 1_001)] });

const held = (over: Partial<OwnerState>): Partial<RunRecord> => ({
  states: [{ ...new Store().state(1_000, 1_001), ...over }],
});
const insert = (version: number, over: Partial<Extract<MicroOp, { f: 'insert' }>> = {}): MicroOp => ({
  f: 'insert',
  row: 1,
  was: null,
  version,
  key: 7,
  toast: 3,
  ...over,
});
const move = (side: 'blue' | 'green', accepts: boolean, from: number, to: number): DoorMove => ({
  side,
  accepts,
  notBeforeUs: from,
  notAfterUs: to,
  what: `${side} ${accepts}`,
});

test('a run in which all was well violates nothing', () => {
  expect(checkRun(good)).toEqual([]);
  expect(invariants.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

describe('each invariant can be violated', () => {
  const append: MicroOp = { f: 'append', k: 1, v: 4 };
  test.each<[number, string, Partial<RunRecord>]>([
    [1, 'an acknowledged append is not there', { txns: [txn(1, [append])] }],
    [1, 'an element is there twice', { txns: [txn(1, [append])], ...held({ lists: [[1, [4, 4]]] }) }],
    [
      1,
      'a transfer is half there',
      {
        txns: [txn(1, [{ f: 'transfer', from: 0, to: 1, amount: 5 }])],
        ...held({
          balances: [
            [0, 100],
            [1, 105],
            [2, 95],
          ],
        }),
      },
    ],
    [
      1,
      'a large value is gone',
      {
        txns: [txn(1, [insert(5)]), txn(2, [{ f: 'touch', row: 1, was: 5, version: 6 }])],
        ...held({ rows: [{ row: 1, key: 7, version: 6, toast: -1 }] }),
      },
    ],
    [
      1,
      'an update is lost between two that were acknowledged',
      {
        txns: [
          txn(1, [insert(5)]),
          txn(2, [{ f: 'touch', row: 1, was: 5, version: 6 }]),
          txn(3, [{ f: 'move', row: 1, was: 5, version: 8, key: 9 }]),
        ],
        ...held({ rows: [{ row: 1, key: 9, version: 8, toast: 3 }] }),
      },
    ],
    [
      1,
      'a deleted row is there',
      {
        txns: [txn(1, [insert(5)]), txn(2, [{ f: 'delete', row: 1, was: 5, version: 6 }])],
        ...held({ rows: [{ row: 1, key: 7, version: 5, toast: 3 }] }),
      },
    ],
    [
      1,
      'a client reads an old row',
      {
        txns: [
          txn(1, [insert(5)]),
          txn(2, [{ f: 'touch', row: 1, was: 5, version: 6 }]),
          txn(3, [{ f: 'row', row: 1, v: { key: 7, version: 5, toast: 3 } }]),
        ],
        ...held({ rows: [{ row: 1, key: 7, version: 6, toast: 3 }] }),
      },
    ],
    [
      1,
      'one of two equal rows is gone',
      { txns: [txn(1, [{ f: 'bag', v: 2 }]), txn(2, [{ f: 'bag', v: 2 }])], ...held({ bag: [[2, 1]] }) },
    ],
    [
      2,
      'an element that was rolled back is there',
      { txns: [txn(1, [append], { outcome: 'fail', error: '40001' })], ...held({ lists: [[1, [4]]] }) },
    ],
    [2, 'an element that nobody appended is there', held({ lists: [[1, [4]]] })],
    [
      2,
      'a delete of one took two',
      { txns: [txn(1, [{ f: 'bag', v: 2 }]), txn(2, [{ f: 'unbag', v: 2 }])], ...held({ bag: [[2, 1]] }) },
    ],
    [
      2,
      'a truncated row is there',
      { txns: [txn(1, [{ f: 'side', v: 2 }]), txn(2, [{ f: 'sweep' }])], ...held({ sideTable: [2] }) },
    ],
    [2, 'an account that was never opened is there', held({ balances: [...opening, [9, 0]] })],
    [
      3,
      'two appends are in an order that time denies',
      { txns: [txn(1, [append]), txn(2, [{ ...append, v: 5 }])], ...held({ lists: [[1, [5, 4]]] }) },
    ],
    [
      4,
      'a client reads a wrong sum',
      {
        txns: [
          txn(1, [
            {
              f: 'balances',
              v: [
                [0, 100],
                [1, 100],
                [2, 99],
              ],
            },
          ]),
        ],
      },
    ],
    [
      4,
      'an account is missing',
      held({
        balances: [
          [0, 150],
          [1, 150],
        ],
      }),
    ],
    [
      5,
      'an id comes again',
      {
        txns: [txn(1, [{ f: 'id', sequence: 's', v: 3 }]), txn(2, [{ f: 'id', sequence: 's', v: 3 }])],
        ...held({ ids: [['s', 3]] }),
      },
    ],
    [
      6,
      'a value has two owners',
      {
        txns: [txn(1, [{ f: 'claim', value: 1, was: null, by: 1 }]), txn(2, [{ f: 'claim', value: 1, was: 1, by: 2 }])],
        ...held({
          claims: [
            [1, 2],
            [1, 1],
          ],
        }),
      },
    ],
    [
      7,
      'green opens before blue closes',
      { doors: [move('blue', true, 0, 0), move('green', true, 50, 55), move('blue', false, 60, 61)] },
    ],
    [
      8,
      'a client sees a broken connection',
      { txns: [txn(1, [], { outcome: 'info', endedUs: Infinity, doubtedUs: 15, error: 'ECONNRESET' })] },
    ],
    [8, 'a client meets the fence', { txns: [txn(1, [], { outcome: 'fail', error: '25006' })] }],
    [
      8,
      'a sequence gives a number that is taken',
      { txns: [txn(1, [{ f: 'id', sequence: 's' }], { outcome: 'fail', error: '23505' })] },
    ],
    [8, 'a cut is made that ought to give up', { cuts: [{ cut: 'e1a1', conditionsMet: false, outcome: 'done' }] }],
    [9, 'a slot is left', { end: 'finalised', leftovers: [{ side: 'blue', kind: 'slot', name: 'teal_a_fwd' }] }],
    [
      9,
      'a fence is left on the side that is live',
      { end: 'finalised', leftovers: [{ side: 'blue', kind: 'fence', name: 'f' }] },
    ],
    [9, 'blue stays closed after an abort', { end: 'aborted', accepts: { blue: false, green: false } }],
    [9, 'nobody accepts writes in the end', { end: 'finalised', accepts: { blue: false, green: false } }],
    [
      10,
      'a table differs',
      {
        comparisons: [
          { position: '0/1', direction: 'forward', tables: [{ table: 'a', rows: ['1', '1'], digest: ['x', 'y'] }] },
        ],
      },
    ],
    [11, 'the log piles up', { samples: [{ atUs: 0, what: 'wal', value: 11 }], bounds: [{ what: 'wal', atMost: 10 }] }],
    [11, 'nobody looked', { bounds: [{ what: 'wal', atMost: 10 }] }],
    [
      11,
      'memory grows under the teeth of its collector',
      {
        samples: Array.from({ length: 600 }, (_, at) => ({
          atUs: at * 6e6,
          what: 'rss',
          value: 100 + at / 10 + (at % 7) * 30,
        })),
        bounds: [{ what: 'rss', perHourAtMost: 30 }],
      },
    ],
    [
      12,
      'a second run makes a slot anew',
      { replays: [{ what: 'teal up', before: {}, after: { 'slot a': 'there' } }] },
    ],
  ])('%i: %s', (number, _, over) => {
    const found = checkRun({ ...good, ...over });
    expect(found.map(({ invariant }) => invariant)).toContain(number);
  });
});

describe('what is no violation', () => {
  test.each<[string, Partial<RunRecord>]>([
    [
      'what nobody knows is there, or is not',
      {
        txns: [txn(1, [{ f: 'append', k: 1, v: 4 }], { outcome: 'info', endedUs: Infinity })],
        ...held({ lists: [[1, [4]]] }),
      },
    ],
    [
      'an id that nobody was told',
      {
        txns: [txn(1, [{ f: 'id', sequence: 's' }], { outcome: 'info', endedUs: Infinity })],
        ...held({ ids: [['s', 3]] }),
      },
    ],
    ['ends that the workload brings about', { txns: [txn(1, [], { outcome: 'fail', error: '40001' })] }],
    [
      'a unique value that somebody else was quicker to take',
      { txns: [txn(1, [{ f: 'claim', value: 1, was: null, by: 2 }], { outcome: 'fail', error: '23505' })] },
    ],
    [
      'an error while a fault breaks clients',
      {
        txns: [txn(1, [], { outcome: 'fail', error: 'ECONNRESET' })],
        excuses: [{ fromUs: 0, untilUs: 100, why: 'kill proxy' }],
      },
    ],
    ['a client that was killed', { txns: [txn(1, [], { outcome: 'info', endedUs: Infinity })] }],
    [
      'doors that move while nobody looks closely',
      { doors: [move('blue', true, 0, 0), move('blue', false, 40, 60), move('green', true, 45, 55)] },
    ],
    [
      'the fence of the side that was left',
      {
        end: 'finalised',
        accepts: { blue: false, green: true },
        leftovers: [{ side: 'blue', kind: 'fence', name: 'f' }],
      },
    ],
  ])('%s', (_, over) => {
    expect(checkRun({ ...good, ...over })).toEqual([]);
  });
});

test('the slope is of the floor, in units an hour', () => {
  const teeth = (growth: number) =>
    Array.from({ length: 1_000 }, (_, at) => ({ atUs: at * 3.6e6, value: 50 + growth * (at / 1_000) + (at % 10) }));
  expect(slopePerHour(teeth(0))).toBeCloseTo(0, 0);
  expect(slopePerHour(teeth(100))).toBeGreaterThan(90);
  expect(slopePerHour([])).toBeUndefined();
});
