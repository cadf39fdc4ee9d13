import { describe, expect, test } from 'vitest';
import type { HoldResult, RouterState } from '../../../ports/router.ts';
import type { ProxyStats } from '../director.ts';
import { mergeHolds, mergeStates, mergeStats, noCounts, roomiest, shareOf } from './merge.ts';

const pinned = (client: string): RouterState['pinned'][number] => ({ client, reason: 'a temporary table', forMs: 1 });
const state = (of: Partial<RouterState> = {}): RouterState => ({
  mode: 'running',
  pointsTo: 'green',
  epoch: 3,
  clients: 2,
  inFlight: 1,
  pinned: [],
  ...of,
});

describe('states', () => {
  test('that agree are one, with the clients of all', () => {
    expect(mergeStates([state({ pinned: [pinned('a')] }), state({ clients: 5, pinned: [pinned('b')] })])).toEqual(
      state({ clients: 7, inFlight: 2, pinned: [pinned('a'), pinned('b')] }),
    );
  });

  test.each<[string, Partial<RouterState>, Partial<RouterState>]>([
    ['hold and do not', { mode: 'holding' }, { mode: 'unknown' }],
    ['point elsewhere', { pointsTo: 'blue' }, { pointsTo: 'unknown' }],
    ['are of an earlier epoch', { epoch: 1 }, { pointsTo: 'unknown', epoch: 1 }],
  ])('of processes that %s say so', (_, of, told) => {
    expect(mergeStates([state(), state(of)])).toMatchObject(told);
    expect(mergeStates([state(of), state()])).toMatchObject(told);
  });
});

describe('holds', () => {
  const drained = (clients: number): HoldResult => ({ drained: true, clients, waitedMs: 4 });

  test('are drained when all are', () => {
    expect(mergeHolds([drained(2), drained(3)], 9)).toEqual({ drained: true, clients: 5, waitedMs: 9 });
  });

  test('fail with what is in the way of any', () => {
    const failed = (client: string): HoldResult => ({
      drained: false,
      inFlight: 2,
      pinned: [pinned(client)],
      busy: [pinned(`${client} too`)],
      waitedMs: 3,
    });
    expect(mergeHolds([drained(2), failed('a'), failed('b')], 9)).toEqual({
      drained: false,
      inFlight: 4,
      pinned: [pinned('a'), pinned('b')],
      busy: [pinned('a too'), pinned('b too')],
      waitedMs: 9,
    });
  });
});

test('statistics add up, the longest waits first, and no alarm is lost or told twice', () => {
  const stats = (of: Partial<ProxyStats>): ProxyStats => ({
    clients: 1,
    inFlight: 1,
    queries: 10,
    bytesIn: 20,
    bytesOut: 30,
    waits: [],
    ...of,
  });
  const waits = (first: number): ProxyStats['waits'] =>
    Array.from({ length: 70 }, (_, at) => ({ client: `c${first + at}`, waitMs: 1_000 - first - 2 * at }));
  const merged = mergeStats(
    ['green is fenced', 'blue cannot be reached', 'green is fenced'].map((alarm, at) =>
      stats({ waits: waits(at), alarm }),
    ),
    { queries: 1, bytesIn: 2, bytesOut: 3 },
  );
  expect(merged).toMatchObject({ clients: 3, inFlight: 3, queries: 31, bytesIn: 62, bytesOut: 93 });
  expect(merged.alarm).toBe('green is fenced; blue cannot be reached');
  expect(merged.waits.slice(0, 4).map(({ waitMs }) => waitMs)).toEqual([1_000, 999, 998, 998]);
  expect(merged.waits).toHaveLength(100);
  expect(mergeStats([stats({})], noCounts)).toEqual(stats({}));
});

test('shares are the whole', () => {
  for (const [total, count] of [
    [10, 3],
    [64, 64],
    [1_000, 7],
  ] as const) {
    const shares = Array.from({ length: count }, (_, place) => shareOf(total, count, place));
    expect(shares.reduce((a, b) => a + b)).toBe(total);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
  }
});

test('a client goes where most room is', () => {
  const rooms = [
    { place: 1, share: 10, load: 4 },
    { place: 0, share: 10, load: 4 },
    { place: 2, share: 11, load: 6 },
  ];
  expect(roomiest(rooms)?.place).toBe(0);
  expect(roomiest([...rooms, { place: 3, share: 9, load: 0 }])?.place).toBe(3);
  expect(roomiest([{ place: 0, share: 1, load: 5 }])?.place).toBe(0);
  expect(roomiest([])).toBeUndefined();
});
