import { otherSide, type Side } from '../../../model/catalog.ts';
import type { OffsetMap } from '../../../model/offset-map.ts';
import { openSides, type OpenSides } from '../both-sides.ts';
import { newestOwner, ownerOf, type ControlState } from '../control/control-state.ts';
import { offsetsOf } from '../fence/at-rest.ts';
import { askerOf } from '../inspect/asker.ts';
import { readTopicConfigs } from '../inspect/topics.ts';
import { Repeats } from '../follow/repeats.ts';
import { keyOf, type LedPartition } from '../mirror/cluster.ts';
import type { ReadLimits } from '../mirror/read-committed.ts';
import { joinMaps, readAllMaps, type EpochMaps } from '../mirror/read-maps.ts';
import type { CompareOptions, ComparedTopic, KafkaComparison, KafkaMove, KafkaOffsets } from '../roles.ts';
import type { Configs } from '../topics/held-back.ts';
import { compareKeys } from './compare-keys.ts';
import { compareRecords } from './compare-records.ts';
import { Findings } from './findings.ts';

/** How long somebody's transaction may hold back what is read. */
const openTransactionsMs = 120_000;

/**
 * Both sides record by record, by way of the map of offsets: every committed record of the side that owns a topic that the mirror has reached is on the other side, at the offset that the map says, byte for byte and
 * with its time, and nothing lies between. Where a side is compacted: the latest record of every key. Clients may write meanwhile: each partition is compared up to where the mirror had
 * come when it was begun. Errors: TEAL-SYSTEMS-651, and those of connections.
 */
export async function compareClusters(move: KafkaMove, options: CompareOptions): Promise<KafkaComparison> {
  const { signal } = options;
  await using sides = await openSides(move, 'compare', signal);
  const states = { blue: await sides.blue.control.state(signal), green: await sides.green.control.state(signal) };
  const limits = { openTransactionsMs, signal };
  const clusters = { blue: sides.blue.cluster, green: sides.green.cluster };
  const epochs = await readAllMaps(clusters, move.migration, newestOwner(states).epoch, limits);
  const job = await jobOf(move, options, { sides, states, epochs, limits });
  const topics: ComparedTopic[] = [];
  for (const topic of move.topics) topics.push(await compareTopic(job, topic));
  const positionsOn = (side: Side): KafkaOffsets =>
    offsetsOf(
      job.compared.map(({ place }) => place),
      job.compared.map(({ ends }) => ends[side]),
    );
  return {
    equal: topics.every(({ outcome }) => outcome === 'equal'),
    topics,
    positions: { blue: positionsOn('blue'), green: positionsOn('green') },
    remarks: [...(await remarksOf(job)), ...topics.flatMap(repeatedRemark)],
  };
}

interface Opened {
  readonly sides: OpenSides;
  readonly states: Readonly<Record<Side, ControlState>>;
  readonly epochs: readonly EpochMaps[];
  readonly limits: ReadLimits;
}

interface Compared {
  readonly place: LedPartition;
  /** Up to where each side was compared, exclusive. */
  readonly ends: Readonly<Record<Side, bigint>>;
}

interface Job extends Opened {
  readonly move: KafkaMove;
  readonly options: CompareOptions;
  readonly places: Readonly<Record<Side, ReadonlyMap<string, readonly LedPartition[]>>>;
  readonly configs: Readonly<Record<Side, ReadonlyMap<string, Configs>>>;
  readonly compared: Compared[];
  records: bigint;
}

async function jobOf(move: KafkaMove, options: CompareOptions, opened: Opened): Promise<Job> {
  const { sides } = opened;
  const places = {
    blue: await sides.blue.cluster.partitionsOf(move.topics),
    green: await sides.green.cluster.partitionsOf(move.topics),
  };
  const configsOf = async (side: Side): Promise<ReadonlyMap<string, Configs>> => {
    const names = [...places[side].keys()];
    const named = names.map((name) => ({ name, internal: false, partitions: [] }));
    return readTopicConfigs(askerOf(sides[side].cluster.connection), named);
  };
  const configs = { blue: await configsOf('blue'), green: await configsOf('green') };
  return { ...opened, move, options, places, configs, compared: [], records: 0n };
}

async function compareTopic(job: Job, topic: string): Promise<ComparedTopic> {
  const live = ownerOf(topic, job.states).owner;
  const [here, there] = [job.places[live].get(topic) ?? [], job.places[otherSide(live)].get(topic) ?? []];
  const isCompacted = (['blue', 'green'] as const).some(
    (side) => job.configs[side].get(topic)?.get('cleanup.policy')?.value?.includes('compact') === true,
  );
  const findings = new Findings(topic);
  if (here.length === 0) findings.differs(-1, `it is not on ${live}`);
  else if (here.length !== there.length) {
    findings.differs(-1, `it has ${here.length} partitions on ${live} and ${there.length} on the other side`);
  } else {
    for (const [at, place] of here.entries()) {
      await comparePartition(job, { live, place, other: there[at] ?? place, findings, isCompacted });
    }
  }
  return { topic, live, partitions: here.length, by: isCompacted ? 'keys' : 'records', ...findings.told() };
}

interface PartitionPair {
  readonly live: Side;
  readonly place: LedPartition;
  readonly other: LedPartition;
  readonly findings: Findings;
  readonly isCompacted: boolean;
}

async function comparePartition(job: Job, { live, place, other, findings, isCompacted }: PartitionPair): Promise<void> {
  const [from, to] = [job.sides[live].cluster, job.sides[otherSide(live)].cluster];
  const map = joinMaps(live, place, job.epochs, job.states);
  if (map === undefined) {
    findings.differs(place.partition, 'no mirror has begun there');
    return;
  }
  const stable = await from.offsetOf(place, 'stable');
  const end = stable < map.reached.source ? stable : map.reached.source;
  const ends = { here: end, there: endThere(map, end) };
  const compare = isCompacted ? compareKeys : compareRecords;
  const tell = (records: bigint): void =>
    job.options.onProgress?.({
      records: job.records + records,
      partitions: job.compared.length,
      of: [...job.places[live].values()].flat().length,
    });
  const starts = { here: await from.offsetOf(place, 'earliest'), there: await to.offsetOf(other, 'earliest') };
  const count = await compare(
    { cluster: from, place, start: starts.here, end: ends.here },
    { cluster: to, place: other, start: starts.there, end: ends.there },
    { map, findings, limits: job.limits, tell, ...repeatsOf(job, live === 'blue' ? place : other) },
  );
  job.records += count;
  const [here, there] = [ends.here, ends.there];
  job.compared.push({ place, ends: live === 'blue' ? { blue: here, green: there } : { blue: there, green: here } });
  tell(0n);
}

/** Blue to green by somebody else, until the first cut. `place`: on blue. */
function repeatsOf(
  { move, sides, epochs, limits }: Job,
  place: LedPartition,
): Pick<Parameters<typeof compareRecords>[2], 'isRepeat'> {
  const key = keyOf(place.topic, place.partition);
  const [first, back] = [mapFrom('blue', epochs, key), mapFrom('green', epochs, key)];
  if (move.foreign !== true || first === undefined) return {};
  const repeats = new Repeats({ cluster: sides.blue.cluster, place, start: first.origin.source }, limits);
  return {
    isRepeat: async (copy) => {
      // From there on clients have written, or Teal's own mirror.
      if (back !== undefined && copy.offset >= back.origin.source) return false;
      const next = first.toSource(copy.offset);
      if (next.kind === 'beyond' || next.kind === 'record') return false;
      if ((await repeats.of(copy, next.offset)) !== undefined) return true;
      // Retention has taken what it stands for; whoever followed has seen it.
      return (await sides.blue.cluster.offsetOf(place, 'earliest')) > first.origin.source;
    },
  };
}

function mapFrom(source: Side, epochs: readonly EpochMaps[], key: string): OffsetMap | undefined {
  return epochs.find((epoch) => epoch.source === source)?.maps.get(key);
}

function repeatedRemark({ topic, repeated }: ComparedTopic): readonly string[] {
  return repeated === 0n ? [] : [`${topic}: ${repeated} records of green came a second time, by Kafka Connect`];
}

/** All that came from below this end lies below the answer. */
function endThere(map: OffsetMap, end: bigint): bigint {
  const translated = map.toTarget(end);
  return translated.kind === 'beyond' ? map.reached.target : translated.offset;
}

/** What the two sides say differently of a topic that nothing is held back of. */
async function remarksOf({ move, configs, sides, limits }: Job): Promise<readonly string[]> {
  const { held } = await sides.green.control.state(limits.signal);
  return move.topics
    .filter((topic) => !held.has(topic))
    .flatMap((topic) => {
      const [blue, green] = [configs.blue.get(topic), configs.green.get(topic)];
      return [...(blue ?? [])].flatMap(([name, { value, source }]) => {
        const there = green?.get(name)?.value;
        if (source !== 'topic' || there === undefined || value === there) return [];
        return [`${topic}: ${name} is ${value ?? 'a secret'} on blue and ${there} on green`];
      });
    });
}
