import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DigestEntry } from '../ports/digester.ts';
import { mergeEntries, type KeyDifference } from './merge.ts';

type Row = readonly [key: string, row: string];

const rows = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '2', '3')), { maxLength: 30 });

async function* pages(entries: readonly Row[], size: number): AsyncGenerator<readonly DigestEntry[]> {
  const sorted = entries.map(([key, row], index) => ({ key, row, locator: `${key}${row}#${index}` }));
  sorted.sort((a, b) => (a.key + a.row < b.key + b.row ? -1 : 1));
  for (let start = 0; start < sorted.length; start += size) yield sorted.slice(start, start + size);
}

async function collect(live: readonly Row[], other: readonly Row[], size: number, max = 100): Promise<KeyDifference[]> {
  return Array.fromAsync(mergeEntries(pages(live, size), pages(other, size), max));
}

/** The same by counting: how many more of each (key, row) one side has. */
function surplus(of: readonly Row[], over: readonly Row[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [key, row] of of) counts.set(key + row, (counts.get(key + row) ?? 0) + 1);
  for (const [key, row] of over) counts.set(key + row, (counts.get(key + row) ?? 0) - 1);
  return new Map([...counts].filter(([, count]) => count > 0));
}

test('the surplus of each side is the difference of two multisets, whatever the pages', async () => {
  await fc.assert(
    fc.asyncProperty(rows, rows, fc.integer({ min: 1, max: 7 }), async (live, other, size) => {
      const found = await collect(live, other, size);
      for (const [side, expected] of [
        ['live', surplus(live, other)],
        ['other', surplus(other, live)],
      ] as const) {
        const counted = new Map<string, number>();
        for (const locator of found.flatMap((difference) => difference[side].locators)) {
          const what = locator.slice(0, 2);
          counted.set(what, (counted.get(what) ?? 0) + 1);
        }
        expect(counted).toEqual(expected);
      }
      expect(found.map(({ key }) => key)).toEqual([...new Set(found.map(({ key }) => key))].sort());
    }),
  );
});

test('locators are bounded, counts are not', async () => {
  const many: readonly Row[] = Array.from({ length: 50 }, () => ['a', '1'] as const);
  const [difference] = await collect(many, [], 8, 3);
  expect(difference?.live).toMatchObject({ count: 50, locators: { length: 3 } });
});

test('both sources are closed when the reader stops early', async () => {
  const closed: string[] = [];
  async function* endless(name: string): AsyncGenerator<readonly DigestEntry[]> {
    try {
      for (let index = 0; ; index += 1)
        yield [{ key: `${name}${String(index).padStart(6, '0')}`, row: 'r', locator: 'l' }];
    } finally {
      closed.push(name);
    }
  }
  for await (const difference of mergeEntries(endless('a'), endless('b'), 1)) {
    if (difference.key === 'a000002') break;
  }
  expect(closed.sort()).toEqual(['a', 'b']);
});
