import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OffsetMap, type OffsetPair, type OffsetRun, type Translated } from './offset-map.ts';

/** What lies before a run on each side, its length, and how far the source is without a record after it. */
const steps = fc.array(
  fc.record({
    sourceGap: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat({ max: 5 })),
    targetGap: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat({ max: 5 })),
    length: fc.integer({ min: 1, max: 6 }),
    emptyAfter: fc.oneof({ arbitrary: fc.constant(0), weight: 4 }, fc.nat({ max: 4 })),
  }),
  { maxLength: 30 },
);
const origins = fc.record({ source: fc.bigInt(0n, 1n << 50n), target: fc.bigInt(0n, 1n << 50n) });

test('every offset of both sides is where a list of all pairs has it', () => {
  fc.assert(
    fc.property(origins, steps, (origin, story) => {
      const map = new OffsetMap(origin);
      const pairs: OffsetPair[] = [];
      let end = origin;
      for (const { sourceGap, targetGap, length, emptyAfter } of story) {
        const run: OffsetRun = {
          sourceStart: end.source + BigInt(sourceGap),
          targetStart: end.target + BigInt(targetGap),
          length: BigInt(length),
        };
        map.append(run);
        for (let i = 0n; i < run.length; i += 1n) {
          pairs.push({ source: run.sourceStart + i, target: run.targetStart + i });
        }
        end = { source: run.sourceStart + run.length + BigInt(emptyAfter), target: run.targetStart + run.length };
        map.reachSource(end.source);
      }

      expect(map.reached).toEqual(end);
      expect(pairsOf(map)).toEqual(pairs);
      for (let offset = origin.source - 3n; offset <= end.source + 3n; offset += 1n) {
        expect(map.toTarget(offset), `source offset ${offset}`).toEqual(
          offset > end.source ? { kind: 'beyond' } : expected(pairs, end, offset, 'source', 'target'),
        );
      }
      for (let offset = origin.target - 3n; offset <= end.target + 3n; offset += 1n) {
        expect(map.toSource(offset), `target offset ${offset}`).toEqual(
          expected(pairs, end, offset, 'target', 'source'),
        );
      }
    }),
    { numRuns: 500 },
  );
});

test('no two runs could be one', () => {
  fc.assert(
    fc.property(steps, (story) => {
      const map = new OffsetMap({ source: 0n, target: 0n });
      for (const { sourceGap, targetGap, length } of story) {
        map.append({
          sourceStart: map.reached.source + BigInt(sourceGap),
          targetStart: map.reached.target + BigInt(targetGap),
          length: BigInt(length),
        });
      }
      const runs = [...map.runs()];
      for (const [at, run] of runs.entries()) {
        const next = runs[at + 1];
        if (next === undefined) continue;
        const sourceGap = next.sourceStart - (run.sourceStart + run.length);
        const targetGap = next.targetStart - (run.targetStart + run.length);
        expect(sourceGap + targetGap).toBeGreaterThan(0n);
      }
    }),
  );
});

test('a map without a record leads to where the mirror began, not to the same number', () => {
  const map = new OffsetMap({ source: 500n, target: 7n });
  expect(map.toTarget(500n)).toEqual({ kind: 'end', offset: 7n });
  expect(map.toTarget(3n)).toEqual({ kind: 'end', offset: 7n });
  expect(map.toTarget(501n)).toEqual({ kind: 'beyond' });
  expect(map.toSource(7n)).toEqual({ kind: 'end', offset: 500n });
  map.reachSource(510n);
  expect(map.toTarget(510n)).toEqual({ kind: 'end', offset: 7n });
  expect(map.toSource(7n)).toEqual({ kind: 'end', offset: 510n });
});

test('a place after the last record stays the same place when the map grows behind it', () => {
  fc.assert(
    fc.property(origins, steps, fc.nat({ max: 30 }), (origin, story, cut) => {
      const map = new OffsetMap(origin);
      const grow = (part: typeof story): void => {
        for (const { sourceGap, targetGap, length, emptyAfter } of part) {
          const { source, target } = map.reached;
          map.append({
            sourceStart: source + BigInt(sourceGap),
            targetStart: target + BigInt(targetGap),
            length: BigInt(length),
          });
          map.reachSource(map.reached.source + BigInt(emptyAfter));
        }
      };
      grow(story.slice(0, cut));
      const given: { readonly offset: bigint; readonly target: bigint }[] = [];
      for (let offset = origin.source; offset <= map.reached.source; offset += 1n) {
        const translated = map.toTarget(offset);
        if (translated.kind !== 'beyond') given.push({ offset, target: translated.offset });
      }
      grow(story.slice(cut));
      const targets = pairsOf(map).map(({ target }) => target);
      for (const { offset, target } of given) {
        const now = map.toTarget(offset);
        const least = map.leastOnTarget(offset);
        expect(now).toMatchObject({ offset: expect.any(BigInt) as bigint });
        const last = now.kind === 'beyond' ? 0n : now.offset;
        expect(least <= target && target <= last, `${least} ${target} ${last}`).toBe(true);
        expect(targets.filter((each) => each >= least && each < last)).toEqual([]);
        expect(least === origin.target || targets.includes(least - 1n)).toBe(true);
      }
    }),
  );
});

test('going back is a defect', () => {
  const map = new OffsetMap({ source: 10n, target: 10n });
  map.append({ sourceStart: 10n, targetStart: 10n, length: 5n });
  expect(() => map.append({ sourceStart: 14n, targetStart: 20n, length: 1n })).toThrow('TEAL-KERNEL-001');
  expect(() => map.append({ sourceStart: 20n, targetStart: 14n, length: 1n })).toThrow('TEAL-KERNEL-001');
  expect(() => map.append({ sourceStart: 20n, targetStart: 20n, length: 0n })).toThrow('TEAL-KERNEL-001');
  expect(() => map.reachSource(14n)).toThrow('TEAL-KERNEL-001');
});

test('a map of many runs stays exact', () => {
  const map = new OffsetMap({ source: 0n, target: 0n });
  const runs = 200_000n;
  for (let at = 0n; at < runs; at += 1n) map.append({ sourceStart: at * 11n, targetStart: at * 12n, length: 10n });
  expect(map.runCount).toBe(Number(runs));
  for (let at = 0n; at < runs; at += 997n) {
    expect(map.toTarget(at * 11n + 9n)).toEqual({ kind: 'record', offset: at * 12n + 9n });
    expect(map.toSource(at * 12n + 10n)).toEqual(
      at === runs - 1n ? { kind: 'end', offset: map.reached.source } : { kind: 'next', offset: (at + 1n) * 11n },
    );
  }
});

function expected(
  pairs: readonly OffsetPair[],
  end: OffsetPair,
  offset: bigint,
  from: 'source' | 'target',
  to: 'source' | 'target',
): Translated {
  const found = pairs.find((pair) => pair[from] >= offset);
  if (found === undefined) return { kind: 'end', offset: end[to] };
  return { kind: found[from] === offset ? 'record' : 'next', offset: found[to] };
}

function pairsOf(map: OffsetMap): OffsetPair[] {
  const pairs: OffsetPair[] = [];
  for (const run of map.runs()) {
    for (let i = 0n; i < run.length; i += 1n) pairs.push({ source: run.sourceStart + i, target: run.targetStart + i });
  }
  return pairs;
}
