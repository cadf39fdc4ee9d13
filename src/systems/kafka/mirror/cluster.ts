import { isTealError, TealError } from '../../../kernel/errors.ts';
import { must } from '../../../kernel/assert.ts';
import type { KafkaBroker } from '../../../model/kafka-facts.ts';
import type { FetchAnswer, FetchRequest } from '../../../wire/kafka/fetch.ts';
import { connect, type ConnectOptions, type KafkaConnection, type Versions } from '../connection.ts';
import { recordApisOf, type RecordApis } from './apis.ts';

/** A partition of a cluster and who leads it, as it was when it was asked. */
export interface LedPartition {
  readonly topic: string;
  /** 16 bytes. */
  readonly topicId: Buffer;
  readonly partition: number;
  /** Of the topic. */
  readonly partitionCount: number;
  readonly replicas: number;
  readonly leader: KafkaBroker;
}

/** The log's first offset that it still has; the one after its last (the high watermark: also what open transactions have written lies below it); the end of what is decided. */
export type LogPlace = 'earliest' | 'latest' | 'stable';

/** What a mirror asks of a cluster, by way of one connection. */
export class Cluster {
  readonly connection: KafkaConnection;
  readonly apis: RecordApis;

  constructor(connection: KafkaConnection) {
    this.connection = connection;
    this.apis = recordApisOf(connection.library);
  }

  /** TEAL-SYSTEMS-653 where the topic has no such partition; -401 where there is no topic, or nobody leads the partition. */
  async partition(topic: string, partition: number): Promise<LedPartition> {
    const { connection } = this;
    const metadata = await this.askAny([connection.library.metadataV12.api], [topic], false, false);
    const found = must(metadata.topics[0], 'the topic that was asked for');
    const led = found.partitions.find(({ partitionIndex }) => partitionIndex === partition);
    if (led === undefined) {
      throw new TealError('TEAL-SYSTEMS-653', 'the topic has no such partition', { topic, partition });
    }
    const leader = metadata.brokers.find(({ nodeId }) => nodeId === led.leaderId);
    if (leader === undefined) return nobodyLeads(topic, partition);
    return {
      topic,
      topicId: Buffer.from(found.topicId.replaceAll('-', ''), 'hex'),
      partition,
      partitionCount: found.partitions.length,
      replicas: led.replicaNodes.length,
      leader: { id: leader.nodeId, host: leader.host, port: leader.port },
    };
  }

  /** Who decides the transactions of this id, or keeps the offsets of this group. */
  async coordinator(id: string, of: 'transactions' | 'group' = 'transactions'): Promise<KafkaBroker> {
    const { connection } = this;
    const { findCoordinatorV4, FindCoordinatorKeyTypes } = connection.library;
    const kind = of === 'group' ? FindCoordinatorKeyTypes.GROUP : FindCoordinatorKeyTypes.TRANSACTION;
    const { coordinators } = await this.askAny([findCoordinatorV4.api], kind, [id]);
    const { nodeId, host, port } = must(coordinators[0], 'a coordinator');
    return { id: nodeId, host, port };
  }

  /** Of these topics, those that are there, each with its partitions in their order. TEAL-SYSTEMS-401 where nobody leads one of them. */
  async partitionsOf(topics: readonly string[]): Promise<ReadonlyMap<string, readonly LedPartition[]>> {
    const { connection } = this;
    const wanted = new Set(topics);
    // All are asked for: an answer about one that is not there would be a refusal of the whole.
    const metadata = await this.askAny([connection.library.metadataV12.api], null, false, false);
    const brokers = new Map(metadata.brokers.map(({ nodeId, host, port }) => [nodeId, { id: nodeId, host, port }]));
    const found = new Map<string, readonly LedPartition[]>();
    for (const { name, topicId, partitions } of metadata.topics) {
      if (name === null || name === undefined || !wanted.has(name)) continue;
      const id = Buffer.from(topicId.replaceAll('-', ''), 'hex');
      const led = partitions
        .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
        .map(({ partitionIndex, leaderId, replicaNodes }) => ({
          topic: name,
          topicId: id,
          partition: partitionIndex,
          partitionCount: partitions.length,
          replicas: replicaNodes.length,
          leader: brokers.get(leaderId) ?? nobodyLeads(name, partitionIndex),
        }));
      found.set(name, led);
    }
    return found;
  }

  async topicsBeginning(prefix: string): Promise<readonly string[]> {
    const { topics } = await this.askAny([this.connection.library.metadataV12.api], null, false, false);
    return topics.flatMap(({ name }) => (name?.startsWith(prefix) === true ? [name] : [])).toSorted();
  }

  async offsetOf(led: LedPartition, which: LogPlace): Promise<bigint> {
    return must((await this.offsetsOf([led], which))[0], 'the partition that was asked for');
  }

  /** In the order of the partitions, each asked of its leader. */
  async offsetsOf(places: readonly LedPartition[], which: LogPlace): Promise<readonly bigint[]> {
    const found = new Map<string, bigint>();
    const byLeader = Map.groupBy(places, ({ leader }) => leader.id);
    await Promise.all([...byLeader.values()].map(async (led) => this.#askOffsets(led, which, found)));
    return places.map((place) => must(found.get(keyOf(place.topic, place.partition)), 'an offset that was asked for'));
  }

  async #askOffsets(led: readonly LedPartition[], which: LogPlace, into: Map<string, bigint>): Promise<void> {
    const [first] = led;
    if (first === undefined) return;
    const { library } = this.connection;
    const { READ_COMMITTED, READ_UNCOMMITTED } = library.FetchIsolationLevels;
    const timestamp = which === 'earliest' ? -2n : -1n;
    const wanted = [...Map.groupBy(led, ({ topic }) => topic)].map(([name, partitions]) => ({
      name,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: -1,
        timestamp,
      })),
    }));
    const { topics } = await this.connection.ask(
      first.leader,
      [library.listOffsetsV7.api],
      -1,
      which === 'stable' ? READ_COMMITTED : READ_UNCOMMITTED,
      wanted,
    );
    for (const { name, partitions } of topics) {
      for (const { partitionIndex, offset } of partitions) into.set(keyOf(name, partitionIndex), offset);
    }
  }

  async fetch(led: LedPartition, asked: Omit<FetchRequest, 'topicId' | 'partition'>): Promise<FetchAnswer> {
    const request = { ...asked, topicId: led.topicId, partition: led.partition };
    return this.connection.ask(led.leader, [this.apis.fetch], request);
  }

  /** What every broker can answer: the first one that can be reached does. */
  async askAny<Arguments extends unknown[], Answer>(
    versions: Versions<Arguments, Answer>,
    ...request: Arguments
  ): Promise<Answer> {
    let unreached: unknown;
    for (const broker of this.connection.brokers) {
      try {
        return await this.connection.ask(broker, versions, ...request);
      } catch (error) {
        if (!isTealError(error, 'TEAL-SYSTEMS-001') && !isTealError(error, 'TEAL-SYSTEMS-006')) throw error;
        unreached ??= error;
      }
    }
    throw unreached ?? new TealError('TEAL-SYSTEMS-001', 'the cluster names no broker');
  }
}

export async function openCluster(options: ConnectOptions): Promise<Cluster & AsyncDisposable> {
  const connection = await connect(options);
  return Object.assign(new Cluster(connection), { [Symbol.asyncDispose]: async () => connection.close() });
}

export function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

function nobodyLeads(topic: string, partition: number): never {
  const facts = { topic, partition, answer: 'LEADER_NOT_AVAILABLE' };
  throw new TealError('TEAL-SYSTEMS-401', 'nobody leads the partition', facts);
}
