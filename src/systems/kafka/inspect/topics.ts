import type {
  KafkaConfig,
  KafkaConfigSource,
  KafkaExtent,
  KafkaPartition,
  KafkaTopic,
} from '../../../model/kafka-facts.ts';
import { TealError } from '../../../kernel/errors.ts';
import { ifGiven } from '../library.ts';
import { namesAtOnce, slicesOf, type Asker } from './asker.ts';

/** All that the user may describe, in the order of their names. */
export async function readTopics({ connection, requests, any }: Asker): Promise<readonly KafkaTopic[]> {
  const { topics } = await connection.ask(any, requests.metadata, null, false, false);
  return topics
    .flatMap(({ name, isInternal, partitions }) =>
      name === null || name === undefined ? [] : [{ name, internal: isInternal, partitions: partitionsOf(partitions) }],
    )
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

interface AnsweredPartition {
  readonly partitionIndex: number;
  readonly leaderId: number;
  readonly replicaNodes: readonly number[];
  readonly isrNodes: readonly number[];
}

function partitionsOf(answered: readonly AnsweredPartition[]): readonly KafkaPartition[] {
  return answered
    .map(({ partitionIndex, leaderId, replicaNodes, isrNodes }) => ({
      index: partitionIndex,
      ...(leaderId < 0 ? {} : { leader: leaderId }),
      replicas: replicaNodes,
      inSync: isrNodes,
    }))
    .toSorted((a, b) => a.index - b.index);
}

const topicResource = 2;
const brokerResource = 4;

export type Configs = ReadonlyMap<string, KafkaConfig>;

export async function readTopicConfigs(
  { connection, requests, any }: Asker,
  topics: readonly KafkaTopic[],
): Promise<ReadonlyMap<string, Configs>> {
  const found = new Map<string, Configs>();
  for (const slice of slicesOf(topics, namesAtOnce)) {
    const wanted = slice.map(({ name }) => ({ resourceType: topicResource, resourceName: name }) as const);
    const { results } = await connection.ask(any, requests.describeConfigs, wanted, false, false);
    for (const { resourceName, configs } of results) found.set(resourceName, configsOf(configs));
  }
  return found;
}

export async function readBrokerConfigs({ connection, requests, any }: Asker): Promise<Configs> {
  const wanted = [{ resourceType: brokerResource, resourceName: String(any.id) }] as const;
  const { results } = await connection.ask(any, requests.describeConfigs, [...wanted], false, false);
  return configsOf(results[0]?.configs ?? []);
}

interface AnsweredConfig {
  readonly name: string;
  readonly value?: string | null | undefined;
  readonly configSource: number;
  readonly isSensitive: boolean;
}

function configsOf(answered: readonly AnsweredConfig[]): Configs {
  return new Map(
    answered.map(({ name, value, configSource, isSensitive }) => [
      name,
      { ...(isSensitive ? {} : ifGiven('value', value)), source: sourceOf(configSource) },
    ]),
  );
}

/** By the numbers of DescribeConfigs: 1 of the topic itself, 2 to 4 of a broker or of all of them, 5 Kafka's own. */
function sourceOf(source: number): KafkaConfigSource {
  if (source === 1) return 'topic';
  return source >= 2 && source <= 4 ? 'broker' : 'default';
}

const earliest = -2n;
const latest = -1n;
const uncommitted = 0;
const committed = 1;

/** Each partition asked of its leader, three times: what can be read begins, ends, and ends for readers of committed records. */
export async function readExtents(
  asker: Asker,
  topics: readonly KafkaTopic[],
): Promise<ReadonlyMap<string, readonly (KafkaExtent | undefined)[]>> {
  const starts = await readOffsets(asker, topics, earliest, uncommitted);
  // In this order, for the end only grows: what is stable is never past it.
  const stables = await readOffsets(asker, topics, latest, committed);
  const ends = await readOffsets(asker, topics, latest, uncommitted);
  return new Map(
    topics.map(({ name, partitions }) => [
      name,
      partitions.map(({ index }): KafkaExtent | undefined => {
        const key = keyOf(name, index);
        const [start, end, stable] = [starts.get(key), ends.get(key), stables.get(key)];
        return start === undefined || end === undefined || stable === undefined ? undefined : { start, end, stable };
      }),
    ]),
  );
}

function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

async function readOffsets(
  asker: Asker,
  topics: readonly KafkaTopic[],
  timestamp: bigint,
  isolation: number,
): Promise<ReadonlyMap<string, bigint>> {
  const found = new Map<string, bigint>();
  for (const broker of asker.brokers) {
    for (const slice of slicesOf(ledBy(topics, broker.id), namesAtOnce)) {
      const wanted = slice.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: -1, timestamp })),
      }));
      const answer = await asker.connection.ask(broker, asker.requests.listOffsets, -1, isolation, wanted);
      for (const { name, partitions } of answer.topics) {
        for (const { partitionIndex, offset } of partitions) found.set(keyOf(name, partitionIndex), offset);
      }
    }
  }
  return found;
}

export interface LedTopic {
  readonly name: string;
  readonly partitions: readonly number[];
}

/** What a broker leads: it alone answers for that. */
export function ledBy(topics: readonly KafkaTopic[], broker: number): readonly LedTopic[] {
  return topics.flatMap(({ name, partitions }) => {
    const led = partitions.filter(({ leader }) => leader === broker).map(({ index }) => index);
    return led.length === 0 ? [] : [{ name, partitions: led }];
  });
}

/** Of the replica of each partition that its leader has: of the others the same, but for what they lag. */
export async function readTopicBytes(
  { connection, requests, brokers }: Asker,
  topics: readonly KafkaTopic[],
): Promise<ReadonlyMap<string, bigint>> {
  const sums = new Map<string, bigint>();
  for (const broker of brokers) {
    for (const slice of slicesOf(ledBy(topics, broker.id), namesAtOnce)) {
      const wanted = slice.map(({ name, partitions }) => ({ name, partitions: [...partitions] }));
      const { results } = await connection.ask(broker, requests.describeLogDirs, wanted);
      for (const { topics: measured, errorCode } of results) {
        if (errorCode !== 0)
          throw new TealError('TEAL-SYSTEMS-401', `broker ${broker.id} has a log folder that is offline`);
        for (const { name, partitions } of measured) {
          // A replica that moves to another folder of the broker is there twice.
          const here = partitions.filter(({ isFutureKey }) => !isFutureKey);
          const bytes = here.reduce((sum, { partitionSize }) => sum + partitionSize, 0n);
          sums.set(name, (sums.get(name) ?? 0n) + bytes);
        }
      }
    }
  }
  // A broker does not refuse this question: to a user without the right it tells of nothing.
  if (sums.size === 0 && topics.length > 0) {
    throw new TealError('TEAL-SYSTEMS-010', 'DESCRIBE on the cluster shows the sizes of logs');
  }
  return sums;
}
