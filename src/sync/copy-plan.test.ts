import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plainTable } from '../../test/support/catalogs.ts';
import { isTealError } from '../kernel/errors.ts';
import type { Table } from '../model/catalog.ts';
import type { DoneRange, TableExtent } from '../ports/snapshot-source.ts';
import { coversWhole, gapsBetween } from '../model/gaps.ts';
import { planCopy } from './copy-plan.ts';

function table(name: string): Table {
  return plainTable({ schema: 's', name });
}

function extent(name: string, units: number, bytes = units * 8192): TableExtent {
  return { table: table(name), units, bytes, estimatedRows: 0 };
}

/** Any order in which ranges end, any number of crashes, and another size of range after each of them. */
const lives = fc.array(
  fc.record({
    units: fc.nat({ max: 50_000 }),
    workers: fc.integer({ min: 1, max: 8 }),
    rangeKiB: fc.integer({ min: 8, max: 40_000 }),
    finished: fc.array(fc.nat({ max: 100 }), { maxLength: 12 }),
  }),
  { minLength: 1, maxLength: 6 },
);

describe('the plan of a copy', () => {
  test('covers every place exactly once over any number of crashes, with tables that grow and other sizes of range', () => {
    fc.assert(
      fc.property(lives, (runs) => {
        const done: DoneRange[] = [];
        for (const { units, workers, rangeKiB, finished } of runs) {
          const bytes = rangeKiB << 10;
          const { ranges } = planCopy([extent('t', units)], done, {
            workers,
            minRangeBytes: bytes,
            maxRangeBytes: bytes,
          });
          const ended = [...new Set(finished)].flatMap((index) => ranges[index % Math.max(1, ranges.length)] ?? []);
          for (const range of new Set(ended)) done.push(Object.assign({ rows: 0n, snapshot: 's' }, range));
          // Throws where two ranges overlap.
          gapsBetween(done);
        }
        const last = planCopy([extent('t', 7)], done, { workers: 2 });
        const all = [...done, ...last.ranges.map((range) => ({ ...range, rows: 0n }))];
        expect(coversWhole(all)).toBe(true);
        expect(last.finished.length).toBe(last.ranges.length === 0 ? 1 : 0);
      }),
    );
  });

  test('gives an empty table one range, so that it is recorded as copied', () => {
    const { ranges } = planCopy([extent('empty', 0)], [], { workers: 4 });
    expect(ranges).toEqual([{ table: table('empty'), from: 0, estimatedBytes: 0 }]);
  });

  test('begins with the biggest table, and splits it for the workers', () => {
    const extents = [extent('small', 10), extent('large', 400_000), extent('medium', 4_000)];
    const { ranges } = planCopy(extents, [], { workers: 4 });
    expect([...new Set(ranges.map((range) => range.table.name))]).toEqual(['large', 'medium', 'small']);
    const large = ranges.filter((range) => range.table.name === 'large');
    expect(large.length).toBeGreaterThanOrEqual(12);
    expect(large.at(-1)).not.toHaveProperty('to');
    expect(Math.max(...large.map((range) => range.estimatedBytes))).toBeLessThanOrEqual(256 << 20);
  });

  test('splits few pages with much out of line by their weight', () => {
    const { ranges } = planCopy([extent('documents', 100, 10_000_000_000)], [], { workers: 4 });
    expect(ranges.length).toBeGreaterThan(30);
    expect(ranges.length).toBeLessThanOrEqual(100);
  });

  test.each([
    ['overlap', [{ from: 0, to: 10 }, { from: 9 }]],
    ['are empty', [{ from: 3, to: 3 }]],
    ['follow an open one', [{ from: 0 }, { from: 5, to: 6 }]],
  ])('stops at records that %s', (_, records) => {
    expect(() => gapsBetween(records)).toThrow(expect.toSatisfy((error: unknown) => isTealError(error)));
  });
});
