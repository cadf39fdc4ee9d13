import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../kernel/errors.ts';
import { asPosition, type Position } from '../model/position.ts';
import {
  firstStart,
  isInCopy,
  lastStart,
  noStarts,
  refuseLateStream,
  refuseSplitCommit,
  startsAfter,
  type TableStarts,
} from './starts.ts';

const at = (place: number): Position => asPosition(place.toString(16).toUpperCase().padStart(16, '0'));

interface Told {
  readonly table: number;
  readonly commitsAt: number;
  readonly end: number;
}

/** A log of commit records, one after another with gaps between them, and consistent points, which lie between records or at their edges. */
const logs = fc
  .record({
    records: fc.array(
      fc.record({ table: fc.nat({ max: 3 }), gap: fc.nat({ max: 2 }), size: fc.integer({ min: 1, max: 4 }) }),
    ),
    points: fc.array(fc.record({ table: fc.nat({ max: 3 }), after: fc.nat({ max: 40 }) }), { maxLength: 4 }),
  })
  .map(({ records, points }) => {
    let place = 1;
    const log: Told[] = [];
    for (const { table, gap, size } of records) {
      place += gap;
      log.push({ table, commitsAt: place, end: place + size });
      place += size;
    }
    const edges = [0, ...log.flatMap(({ commitsAt, end }) => [commitsAt, end])];
    const starts = new Map(points.map(({ table, after }) => [table, at(edges[after % edges.length] ?? 0)]));
    return { log, starts };
  });

/** What an applier does that begins at `from` and is stopped after so many transactions: the ends that it applies, by table. */
function applied(
  log: readonly Told[],
  starts: TableStarts,
  from: Position,
  stopAfter: number,
): { done: Told[]; to: Position } {
  let pending = startsAfter(starts, from);
  let next = firstStart(pending);
  let to = from;
  const done: Told[] = [];
  for (const each of log.filter(({ end }) => at(end) > from).slice(0, stopAfter)) {
    if (!isInCopy(pending, each.table, at(each.commitsAt))) done.push(each);
    to = at(each.end);
    if (next === undefined || to < next) continue;
    refuseSplitCommit(pending, at(each.commitsAt), to);
    pending = startsAfter(pending, to);
    next = firstStart(pending);
  }
  return { done, to };
}

describe('where a stream begins for each table', () => {
  test('a table gets exactly what ended after its own start, however often the flow begins again', () => {
    fc.assert(
      fc.property(logs, fc.array(fc.nat({ max: 5 })), ({ log, starts }, stops) => {
        const got: Told[] = [];
        let from = at(0);
        for (const stopAfter of [...stops, log.length]) {
          const { done, to } = applied(log, starts, from, stopAfter);
          got.push(...done);
          from = to;
        }
        expect(got).toEqual(log.filter(({ table, end }) => at(end) > (starts.get(table) ?? at(0))));
      }),
    );
  });

  test('no start is left once the last of them is passed', () => {
    fc.assert(
      fc.property(logs, ({ starts }) => {
        const last = lastStart(starts);
        expect(startsAfter(starts, last ?? at(0)).size).toBe(0);
        if (last !== undefined && last > at(1)) expect(startsAfter(starts, at(1)).size).toBeGreaterThan(0);
      }),
    );
    expect(firstStart(noStarts)).toBeUndefined();
  });

  test('a start in the middle of a commit is no consistent point of this log', () => {
    const starts = new Map([[1, at(5)]]);
    for (const [commitsAt, end] of [
      [3, 5],
      [5, 7],
    ] as const) {
      expect(() => refuseSplitCommit(starts, at(commitsAt), at(end))).not.toThrow();
    }
    expect(() => refuseSplitCommit(starts, at(4), at(6))).toThrow(
      expect.toSatisfy((error: unknown) => isTealError(error, 'TEAL-SYNC-117')),
    );
  });

  test('a stream that begins after a table was copied does not begin', () => {
    const starts = new Map([
      [1, at(5)],
      [2, at(9)],
    ]);
    expect(() => refuseLateStream(starts, at(5))).not.toThrow();
    expect(() => refuseLateStream(noStarts, at(5))).not.toThrow();
    expect(() => refuseLateStream(starts, at(6))).toThrow(
      expect.toSatisfy((error: unknown) => isTealError(error, 'TEAL-SYNC-208')),
    );
  });
});
