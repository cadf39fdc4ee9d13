import { TealError } from '../../../kernel/errors.ts';
import { OffsetMap, type OffsetPair, type OffsetRun } from '../../../model/offset-map.ts';
import { BodyReader } from '../../../wire/kafka/body.ts';
import { BodyWriter } from '../../../wire/kafka/body-writer.ts';

/**
 * A stretch of one partition's offset map: what one record of the map's topic says. A transaction of the mirror writes the last block anew, longer by its runs, under the
 * same key; compaction leaves the longest. A full block is followed by the next, which begins where it ended.
 *
 * The last block is the mirror's progress too: what it says was decided by one commit together with the records it speaks of.
 */
export interface MapBlock {
  /** 0, 1, 2, … for each partition. */
  readonly number: number;
  /** 16 bytes each. A topic that was deleted and made again under its name has another one: this map says nothing of it. */
  readonly sourceTopicId: Buffer;
  readonly targetTopicId: Buffer;
  /** Where the blocks before end; of the first block, where the mirror began. */
  readonly from: OffsetPair;
  readonly runs: readonly OffsetRun[];
  /** Every record of the source below it is mapped. */
  readonly sourceReached: bigint;
}

/** A partition of the source. */
export interface MapOwner {
  readonly topic: string;
  readonly partition: number;
}

/** Some kilobytes: what a transaction with one record more writes anew. */
export const runsPerBlock = 256;

const version = 1;

/** The place after the last record of the block on the target, or where it began. */
export function targetReached(block: MapBlock): bigint {
  const last = block.runs.at(-1);
  return last === undefined ? block.from.target : last.targetStart + last.length;
}

export function firstBlock(ids: Pick<MapBlock, 'sourceTopicId' | 'targetTopicId'>, origin: OffsetPair): MapBlock {
  return { number: 0, ...ids, from: origin, runs: [], sourceReached: origin.source };
}

/**
 * The blocks that change when runs are added after the last: that one, longer, and new ones after it where it is full. The last of the answer is the new last.
 */
export function extendBlock(last: MapBlock, runs: readonly OffsetRun[], sourceReached: bigint): readonly MapBlock[] {
  const blocks: MapBlock[] = [];
  let block = last;
  let left = runs;
  for (;;) {
    const room = Math.max(0, runsPerBlock - block.runs.length);
    const taken = left.slice(0, room);
    left = left.slice(room);
    const end = left.length === 0 ? sourceReached : sourceEnd(taken.at(-1), block.sourceReached);
    const longer = { ...block, runs: [...block.runs, ...taken], sourceReached: end };
    if (taken.length > 0 || end > block.sourceReached || block !== last) blocks.push(longer);
    if (left.length === 0) return blocks;
    const from = { source: longer.sourceReached, target: targetReached(longer) };
    block = { ...longer, number: longer.number + 1, from, runs: [] };
  }
}

/*
  Key, version 1
    version => INT8
    topic => COMPACT_STRING
    partition => UVARINT
    block => UVARINT
*/
export function writeBlockKey(owner: MapOwner, number: number): Buffer {
  return new BodyWriter().int8(version).compactString(owner.topic).uvarint(owner.partition).uvarint(number).written();
}

export function readBlockKey(key: Buffer): MapOwner & { readonly number: number } {
  const body = new BodyReader(key, 'a key of an offset map');
  if (body.int8() !== version) throw unreadable('a key is of an unknown version');
  const read = { topic: body.compactString() ?? '', partition: body.uvarint(), number: body.uvarint() };
  if (body.left > 0) throw unreadable('a key has bytes left over');
  return read;
}

/*
  Value, version 1
    version => INT8
    source_topic_id => UUID
    target_topic_id => UUID
    from_source => UVARLONG
    from_target => UVARLONG
    [runs] => UVARINT count, then for each
      source_gap => UVARLONG         since the end of the run before; of the first, since from
      target_gap => UVARLONG
      length => UVARLONG
    source_after => UVARLONG         how far source_reached lies after the last run
*/
export function writeBlock(block: MapBlock): Buffer {
  const writer = new BodyWriter(64 + block.runs.length * 8)
    .int8(version)
    .bytes(block.sourceTopicId)
    .bytes(block.targetTopicId)
    .uvarlong(block.from.source)
    .uvarlong(block.from.target)
    .uvarint(block.runs.length);
  let { source, target } = block.from;
  for (const { sourceStart, targetStart, length } of block.runs) {
    writer
      .uvarlong(sourceStart - source)
      .uvarlong(targetStart - target)
      .uvarlong(length);
    source = sourceStart + length;
    target = targetStart + length;
  }
  return writer.uvarlong(block.sourceReached - source).written();
}

export function readBlock(number: number, value: Buffer): MapBlock {
  const body = new BodyReader(value, 'a block of an offset map');
  if (body.int8() !== version) throw unreadable('a block is of an unknown version');
  const ids = { sourceTopicId: body.bytes(16), targetTopicId: body.bytes(16) };
  const from = { source: body.uvarlong(), target: body.uvarlong() };
  const runs: OffsetRun[] = [];
  let { source, target } = from;
  for (let left = body.uvarint(); left > 0; left -= 1) {
    const sourceStart = source + body.uvarlong();
    const targetStart = target + body.uvarlong();
    const length = body.uvarlong();
    if (length === 0n) throw unreadable('a run is empty');
    runs.push({ sourceStart, targetStart, length });
    source = sourceStart + length;
    target = targetStart + length;
  }
  const sourceReached = source + body.uvarlong();
  if (body.left > 0) throw unreadable('a block has bytes left over');
  return { number, ...ids, from, runs, sourceReached };
}

/**
 * The blocks of one partition as records of the map's topic say, in the order of the log: a later one replaces an earlier one of its number, one without a value takes it
 * away. Answers them in order. TEAL-SYSTEMS-651 where one is missing between two, or does not begin where the one before ended.
 */
export function mergeBlocks(
  owner: MapOwner,
  records: Iterable<{ readonly key: Buffer | null; readonly value: Buffer | null }>,
): readonly MapBlock[] {
  const blocks = new Map<number, MapBlock>();
  for (const { key, value } of records) {
    if (key === null) continue;
    const { topic, partition, number } = readBlockKey(key);
    if (topic !== owner.topic || partition !== owner.partition) continue;
    if (value === null) blocks.delete(number);
    else blocks.set(number, readBlock(number, value));
  }
  const inOrder = [...blocks.values()].sort((a, b) => a.number - b.number);
  for (const [at, block] of inOrder.entries()) {
    const before = inOrder[at - 1];
    if (before === undefined) continue;
    const follows =
      block.number === before.number + 1 &&
      block.from.source === before.sourceReached &&
      block.from.target === targetReached(before) &&
      block.sourceTopicId.equals(before.sourceTopicId) &&
      block.targetTopicId.equals(before.targetTopicId);
    if (!follows) throw unreadable('a block does not follow the one before', { ...owner, number: block.number });
  }
  return inOrder;
}

/** The whole map of these blocks; undefined where there is none. */
export function mapOf(blocks: readonly MapBlock[]): OffsetMap | undefined {
  const [first] = blocks;
  if (first === undefined) return undefined;
  const map = new OffsetMap(first.from);
  for (const block of blocks) {
    for (const run of block.runs) map.append(run);
    map.reachSource(block.sourceReached);
  }
  return map;
}

function sourceEnd(run: OffsetRun | undefined, otherwise: bigint): bigint {
  return run === undefined ? otherwise : run.sourceStart + run.length;
}

function unreadable(detail: string, facts: Record<string, string | number> = {}): TealError {
  return new TealError('TEAL-SYSTEMS-651', detail, facts);
}
