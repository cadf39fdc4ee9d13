import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stretchCondition } from './key-stretches.ts';

const table = { schema: 's', name: 't', column: 'id' };

function holds(condition: string, id: bigint): boolean {
  return condition.split(' and ').every((part) => {
    if (part === 'true') return true;
    if (part === 'false') return false;
    const [, operator, bound = ''] = /^`id` (>=|<) (-?\d+)$/.exec(part) ?? [];
    expect(operator).toBeDefined();
    return operator === '<' ? id < BigInt(bound) : id >= BigInt(bound);
  });
}

test('however a table is split, and wherever it was cut, each number is in one range', () => {
  const bounds = fc.uniqueArray(fc.bigInt({ min: -20n, max: 20n }), { maxLength: 8 });
  const splits = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 6 });
  fc.assert(
    fc.property(bounds, splits, fc.bigInt({ min: -25n, max: 25n }), (unsorted, at, id) => {
      const cuts = unsorted.toSorted((a, b) => (a < b ? -1 : 1));
      const edges = [0, ...at.toSorted((a, b) => a - b)];
      const ranges = edges.map((from, index) => stretchCondition(table, cuts, from, edges[index + 1]));
      expect(ranges.filter((condition) => holds(condition, id))).toHaveLength(1);
    }),
    { numRuns: 1_000 },
  );
});

test('conditions are of the key’s column', () => {
  expect(stretchCondition(table, [], 0, undefined)).toBe('true');
  expect(stretchCondition(table, [-5n, 18_446_744_073_709_551_615n], 1, 2)).toBe(
    '`id` >= -5 and `id` < 18446744073709551615',
  );
});
