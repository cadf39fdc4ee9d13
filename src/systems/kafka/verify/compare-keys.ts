import { hash } from 'node:crypto';
import { readContent } from '../../../wire/kafka/record.ts';
import { readCommitted, type ReadLimits } from '../mirror/read-committed.ts';
import { digestOf } from '../record-digest.ts';
import type { Comparing, LogPart } from './compare-records.ts';

/** Of the keys in memory at once, of each side. With more, the keys are taken in several passes over the logs. */
const mostKeys = 1_000_000;

/**
 * The latest record of each key, as a reader of a compacted log ends with it. A key whose latest record is a tombstone counts as absent: compaction takes it away on each side at a time of its own.
 * Memory: two digests a key and side; with very many keys the logs are read several times. Answers how many keys of the live side were compared.
 */
export async function compareKeys(live: LogPart, other: LogPart, comparing: Comparing): Promise<bigint> {
  for (let passes = 1; ; passes *= 2) {
    const count = await inPasses(live, other, comparing, passes);
    if (count !== undefined) return count;
  }
}

/** Undefined where there are more keys than fit. */
async function inPasses(
  live: LogPart,
  other: LogPart,
  { map, findings, limits, tell }: Comparing,
  passes: number,
): Promise<bigint | undefined> {
  const found: { readonly key: string; readonly offset: bigint }[] = [];
  const sums: Buffer[] = [];
  let count = 0n;
  for (let pass = 0; pass < passes; pass += 1) {
    const here = await latestOf({ ...live, start: atLeast(live.start, map.origin.source) }, limits, pass, passes);
    if (here === undefined) return undefined;
    const there = await latestOf({ ...other, start: atLeast(other.start, map.origin.target) }, limits, pass, passes);
    if (there === undefined) return undefined;
    for (const [key, { digest, offset }] of here) {
      if (there.get(key)?.digest !== digest) found.push({ key, offset });
      there.delete(key);
      sums.push(hash('sha256', Buffer.from(key + digest, 'latin1'), 'buffer'));
    }
    for (const [key, { offset }] of there) found.push({ key, offset: -1n - offset });
    count += BigInt(here.size);
    tell(count);
  }
  const { partition } = live.place;
  for (const { offset } of found) {
    findings.differs(
      partition,
      offset < 0n
        ? `the other side has, at ${-1n - offset}, the latest record of a key that is not there or gone here`
        : `the record at ${offset}, the latest of its key, is not the latest on the other side`,
    );
  }
  // In the order of the digests: passes give the keys another one.
  for (const sum of sums.toSorted((a, b) => a.compare(b))) findings.counts(0n, sum);
  findings.counts(count, Buffer.alloc(0));
  return count;
}

interface Latest {
  readonly digest: string;
  readonly offset: bigint;
}

async function latestOf(
  { cluster, place, start, end }: LogPart,
  limits: ReadLimits,
  pass: number,
  passes: number,
): Promise<Map<string, Latest> | undefined> {
  const latest = new Map<string, Latest>();
  for await (const record of readCommitted(cluster, place, { from: start, end }, limits)) {
    const { key, value } = readContent(record.content);
    if (key === null) continue;
    const id = hash('sha256', key, 'buffer').subarray(0, 16);
    if (id.readUInt32BE(12) % passes !== pass) continue;
    if (value === null) latest.delete(id.toString('latin1'));
    else latest.set(id.toString('latin1'), { digest: digestOf(record), offset: record.offset });
    if (latest.size > mostKeys) return undefined;
  }
  return latest;
}

function atLeast(offset: bigint, least: bigint): bigint {
  return offset > least ? offset : least;
}
