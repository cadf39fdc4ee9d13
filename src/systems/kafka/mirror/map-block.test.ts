import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OffsetMap, type OffsetRun } from '../../../model/offset-map.ts';
import {
  extendBlock,
  firstBlock,
  mapOf,
  mergeBlocks,
  readBlock,
  readBlockKey,
  runsPerBlock,
  targetReached,
  writeBlock,
  writeBlockKey,
  type MapBlock,
} from './map-block.ts';

const ids = { sourceTopicId: Buffer.alloc(16, 1), targetTopicId: Buffer.alloc(16, 2) };
const owner = { topic: 'orders', partition: 3 };

const run = fc.tuple(fc.bigInt(0n, 1n << 40n), fc.bigInt(0n, 300n), fc.bigInt(1n, 5000n));
/** What one transaction adds: runs by their gaps and lengths (few, or some of them very often), and what lies after them on the source. */
const transaction = fc.record({
  runs: fc
    .tuple(fc.array(run, { maxLength: 5 }), fc.constantFrom(1, 1, 3, 90, 200))
    .map(([runs, times]) => Array.from({ length: times }, () => runs).flat()),
  after: fc.bigInt(0n, 4n),
});
const story = fc.record({
  source: fc.bigInt(0n, 1n << 60n),
  target: fc.bigInt(0n, 1n << 60n),
  transactions: fc.array(transaction, { maxLength: 6 }),
});

interface Written {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The records that a mirror writes, transaction by transaction, and the map as it should be after each. */
function* play({ source, target, transactions }: typeof story extends fc.Arbitrary<infer T> ? T : never): Generator<{
  readonly written: readonly Written[];
  readonly last: MapBlock;
  readonly map: OffsetMap;
}> {
  const map = new OffsetMap({ source, target });
  let last = firstBlock(ids, { source, target });
  yield { written: [written(last)], last, map };
  for (const { runs, after } of transactions) {
    const added: OffsetRun[] = [];
    for (const [sourceGap, targetGap, length] of runs) {
      const run = {
        sourceStart: map.reached.source + sourceGap,
        targetStart: map.reached.target + targetGap + 1n,
        length,
      };
      map.append(run);
      added.push(run);
    }
    map.reachSource(map.reached.source + after);
    const blocks = extendBlock(last, added, map.reached.source);
    last = blocks.at(-1) ?? last;
    yield { written: blocks.map(written), last, map };
  }
}

function written(block: MapBlock): Written {
  return { key: writeBlockKey(owner, block.number), value: writeBlock(block) };
}

test('after every transaction the topic says the whole map, before compaction and after', () => {
  fc.assert(
    fc.property(story, (told) => {
      const log: Written[] = [];
      for (const { written: records, last, map } of play(told)) {
        log.push(...records);
        const blocks = mergeBlocks(owner, log);
        expect(blocks.at(-1)).toEqual(last);
        expect(blocks.every((block) => block.runs.length <= runsPerBlock)).toBe(true);
        expect({ source: last.sourceReached, target: targetReached(last) }).toEqual(map.reached);
        const expected = [...map.runs()];
        for (const said of [blocks, mergeBlocks(owner, compacted(log))]) {
          expect(mapOf(said)?.reached).toEqual(map.reached);
          expect(mapOf(said)?.origin).toEqual(map.origin);
          expect(isDeepStrictEqual([...(mapOf(said)?.runs() ?? [])], expected)).toBe(true);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test('what was written reads back', () => {
  fc.assert(
    fc.property(story, (told) => {
      for (const { last } of play(told)) expect(readBlock(last.number, writeBlock(last))).toEqual(last);
    }),
    { numRuns: 50 },
  );
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), fc.nat(), (topic, partition, number) => {
      expect(readBlockKey(writeBlockKey({ topic, partition }, number))).toEqual({ topic, partition, number });
    }),
  );
});

test('the bytes of version 1 stay what they are', () => {
  const block: MapBlock = {
    number: 7,
    ...ids,
    from: { source: 1000n, target: 5n },
    runs: [
      { sourceStart: 1000n, targetStart: 5n, length: 300n },
      { sourceStart: 1302n, targetStart: 306n, length: 1n },
    ],
    sourceReached: 1304n,
  };
  expect(writeBlockKey(owner, 7).toString('hex')).toBe('01076f72646572730307');
  expect(writeBlock(block).toString('hex')).toBe(`01${'01'.repeat(16)}${'02'.repeat(16)}e80705020000ac0202010101`);
});

test('nothing to add writes nothing; a source that goes on without records is written', () => {
  const block = firstBlock(ids, { source: 10n, target: 0n });
  expect(extendBlock(block, [], 10n)).toEqual([]);
  expect(extendBlock(block, [], 12n)).toEqual([{ ...block, sourceReached: 12n }]);
});

test('blocks of other partitions are passed over, and blocks that were taken away are gone', () => {
  const block = firstBlock(ids, { source: 0n, target: 0n });
  const other = { key: writeBlockKey({ topic: 'orders', partition: 4 }, 0), value: writeBlock(block) };
  expect(mergeBlocks(owner, [other, { key: null, value: other.value }])).toEqual([]);
  const own = written(block);
  expect(mergeBlocks(owner, [other, own])).toEqual([block]);
  expect(mergeBlocks(owner, [own, { key: own.key, value: null }])).toEqual([]);
});

test('a map with a hole is refused; one without its beginning is a shorter map', () => {
  const log: Written[] = [];
  const runs = Array.from({ length: runsPerBlock * 3 }, () => [0n, 0n, 1n] as [bigint, bigint, bigint]);
  for (const { written: records } of play({ source: 0n, target: 0n, transactions: [{ runs, after: 0n }] })) {
    log.push(...records);
  }
  const blocks = mergeBlocks(owner, log);
  expect(blocks.map((block) => block.number)).toEqual([0, 1, 2]);
  const without = (number: number) => log.filter(({ key }) => readBlockKey(key).number !== number);
  expect(() => mergeBlocks(owner, without(1))).toThrow('TEAL-SYSTEMS-651');
  expect(mapOf(mergeBlocks(owner, without(0)))?.origin).toEqual(blocks[1]?.from);
  expect(mapOf([])).toBeUndefined();
});

test('bytes that are no block are refused, whatever is missing', () => {
  const value = writeBlock({ ...firstBlock(ids, { source: 9n, target: 9n }), sourceReached: 10n });
  for (let cut = 0; cut < value.length; cut += 1) {
    expect(() => readBlock(0, value.subarray(0, cut))).toThrow(/TEAL-(WIRE-001|SYSTEMS-651)/);
  }
  expect(() => readBlock(0, Buffer.concat([value, Buffer.of(0)]))).toThrow('TEAL-SYSTEMS-651');
  expect(() => readBlock(0, Buffer.concat([Buffer.of(2), value.subarray(1)]))).toThrow('TEAL-SYSTEMS-651');
  expect(() => readBlockKey(Buffer.of(2, 1, 0, 0))).toThrow('TEAL-SYSTEMS-651');
});

/** The last of each key stays, where it stood. */
function compacted(log: readonly Written[]): readonly Written[] {
  return log.filter((record, at) => !log.slice(at + 1).some((later) => later.key.equals(record.key)));
}
