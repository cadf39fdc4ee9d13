import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameReader } from '../../src/wire/postgres/frames.ts';
import { mutated, pieces } from './mutate.ts';
import { corpusOf, hold } from './target.ts';
import { fuzzTargets } from './targets.ts';

/** The short form of `make fuzz`: TEAL_FUZZ_SEED repeats a run. */
const seed = Number(process.env['TEAL_FUZZ_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));
const runs = 250;

const number = fc.nat({ max: 0xffff });
const mutations = fc.array(fc.record({ what: fc.nat({ max: 9 }), at: number, value: number }), { maxLength: 5 });
const cuts = fc.array(number, { maxLength: 4 });

describe(`malformed input (TEAL_FUZZ_SEED=${seed})`, () => {
  test.each(fuzzTargets)('$name', { timeout: 300_000 }, async (target) => {
    const corpus = corpusOf(target);
    const whole = corpus[0] ?? Buffer.alloc(0);
    for (const input of corpus) await hold(target, input, [3, 7, 100]);
    await fc.assert(
      fc.asyncProperty(number, number, mutations, cuts, async (chosen, other, changes, places) => {
        const from = corpus[chosen % corpus.length] ?? whole;
        const changed = mutated(from, changes, corpus[other % corpus.length] ?? whole);
        await hold(target, target.mend?.(changed) ?? changed, places);
      }),
      { seed, numRuns: runs },
    );
  });

  test.each(fuzzTargets)('$name, cut at every place of its corpus', { timeout: 300_000 }, async (target) => {
    for (const input of corpusOf(target)) {
      const step = Math.max(1, Math.floor(input.length / 60));
      for (let at = seed % step; at <= input.length; at += step) await hold(target, input.subarray(0, at), [at >> 1]);
    }
  });
});

test('the changes change, and the pieces are the whole', () => {
  const changes = fc.array(fc.record({ what: fc.nat(), at: fc.nat(), value: fc.nat() }), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 50 }),
      changes,
      fc.array(fc.nat(), { maxLength: 5 }),
      (bytes, list, places) => {
        const input = Buffer.from(bytes);
        expect(Buffer.concat(pieces(input, places))).toEqual(input);
        expect(mutated(input, list, Buffer.from('other')).length).toBeLessThanOrEqual(64 << 10);
        expect(input).toEqual(Buffer.from(bytes));
      },
    ),
    { seed },
  );
});

test('a frame that announces 1 GiB takes no more memory than what has arrived', () => {
  const reader = new FrameReader();
  const before = process.memoryUsage().arrayBuffers;
  expect([...reader.push(Buffer.from([0x64, 0x3f, 0xff, 0xff, 0xff]))]).toEqual([]);
  for (let sent = 0; sent < 10; sent += 1) expect([...reader.push(Buffer.alloc(64 << 10))]).toEqual([]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
});
