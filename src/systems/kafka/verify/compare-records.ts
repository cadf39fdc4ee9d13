import type { OffsetMap } from '../../../model/offset-map.ts';
import type { CarriedRecord } from '../../../wire/kafka/record.ts';
import type { Cluster, LedPartition } from '../mirror/cluster.ts';
import { readCommitted, type ReadLimits } from '../mirror/read-committed.ts';
import type { Findings } from './findings.ts';

/** A part of a log: from `start` up to `end`, exclusive. */
export interface LogPart {
  readonly cluster: Cluster;
  readonly place: LedPartition;
  readonly start: bigint;
  readonly end: bigint;
}

export interface Comparing {
  /** From the live side to the other. */
  readonly map: OffsetMap;
  readonly findings: Findings;
  readonly limits: ReadLimits;
  readonly tell: (records: bigint) => void;
  /** Of what somebody else carried: whether a record of green that nothing was mirrored to stands there a second time. */
  readonly isRepeat?: (copy: CarriedRecord) => Promise<boolean>;
}

const tellEvery = 65_536n;

/**
 * Both logs at once, in their order. Records that retention took on one side are left out on both. Answers how many of the live side were compared.
 */
export async function compareRecords(
  live: LogPart,
  other: LogPart,
  { map, findings, limits, tell, isRepeat }: Comparing,
): Promise<bigint> {
  const { partition } = live.place;
  // Where the other side no longer has what this side has, and the other way round.
  const [first, firstThere] = startsOf(map, live.start, other.start);
  const there = readCommitted(other.cluster, other.place, { from: firstThere, end: other.end }, limits);
  let copy = await nextOf(there);
  const passStray = async (stray: CarriedRecord): Promise<void> => {
    if ((await isRepeat?.(stray)) === true) findings.repeats();
    else findings.differs(partition, `the other side has a record at ${stray.offset} that nothing was mirrored to`);
  };
  let count = 0n;
  for await (const record of readCommitted(live.cluster, live.place, { from: first, end: live.end }, limits)) {
    const translated = map.toTarget(record.offset);
    if (translated.kind !== 'record') {
      if ((await isRepeat?.(record)) === true) findings.repeats();
      else findings.differs(partition, `the record at ${record.offset} was not mirrored`);
      continue;
    }
    while (copy !== undefined && copy.offset < translated.offset) {
      await passStray(copy);
      copy = await nextOf(there);
    }
    if (copy === undefined || copy.offset > translated.offset) {
      findings.differs(partition, `the record at ${record.offset} is not on the other side at ${translated.offset}`);
    } else {
      if (!isSame(record, copy)) {
        findings.differs(
          partition,
          `the record at ${record.offset} is another one at ${copy.offset} of the other side`,
        );
      }
      copy = await nextOf(there);
    }
    digest(findings, record);
    count += 1n;
    if (count % tellEvery === 0n) tell(count);
  }
  for (; copy !== undefined; copy = await nextOf(there)) {
    await passStray(copy);
  }
  return count;
}

function startsOf(map: OffsetMap, live: bigint, other: bigint): readonly [bigint, bigint] {
  const begins = live > map.origin.source ? live : map.origin.source;
  const there = map.toTarget(begins);
  const firstThere = there.kind === 'beyond' ? map.reached.target : there.offset;
  if (firstThere >= other) return [begins, firstThere];
  const here = map.toSource(other);
  return [here.kind === 'beyond' ? map.reached.source : here.offset, other];
}

async function nextOf(records: AsyncGenerator<CarriedRecord>): Promise<CarriedRecord | undefined> {
  const { value, done } = await records.next();
  return done === true ? undefined : value;
}

function isSame(a: CarriedRecord, b: CarriedRecord): boolean {
  return a.timestamp === b.timestamp && a.content.equals(b.content);
}

const head = Buffer.alloc(12);

/** Time and length before the content, so that no two lists of records have the same bytes. */
function digest(findings: Findings, { timestamp, content }: CarriedRecord): void {
  head.writeBigInt64BE(timestamp);
  head.writeUInt32BE(content.length, 8);
  findings.counts(1n, head);
  findings.counts(0n, content);
}
