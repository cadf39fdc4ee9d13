import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, type Json } from './canonical.ts';

// JSON has no -0, and a record no key that would set a prototype.
const values = fc
  .jsonValue({ maxDepth: 4 })
  .map((value) => JSON.parse(JSON.stringify(value)) as Json)
  .filter((value) => !JSON.stringify(value).includes('"__proto__"'));

/** The same value, its keys put in in another order. */
function shuffled(value: Json, turn: number): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((each: Json) => shuffled(each, turn));
  const members = Object.entries(value).map(([key, member]) => [key, shuffled(member, turn)] as const);
  const at = members.length === 0 ? 0 : turn % members.length;
  return Object.fromEntries([...members.slice(at), ...members.slice(0, at)].toReversed());
}

describe('the canonical text of a record', () => {
  test('is read back as the value', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(value);
      }),
      { numRuns: 3_000 },
    );
  });

  test('is one, in whatever order the keys were put in', () => {
    fc.assert(
      fc.property(values, fc.nat({ max: 20 }), (value, turn) => {
        expect(canonicalJson(shuffled(value, turn))).toBe(canonicalJson(value));
      }),
      { numRuns: 3_000 },
    );
  });

  test('is another for another value', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const isSame = JSON.stringify(normal(a)) === JSON.stringify(normal(b));
        expect(canonicalJson(a) === canonicalJson(b)).toBe(isSame);
      }),
      { numRuns: 3_000 },
    );
  });
});

/** An independent normal form: lists of pairs, sorted. */
function normal(value: Json): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return { list: value.map((each: Json) => normal(each)) };
  const members = Object.entries(value).map(([key, member]) => [key, normal(member)] as const);
  return { members: members.toSorted(([a], [b]) => (a < b ? -1 : 1)) };
}
