import { isTealError, TealError } from '../../../kernel/errors.ts';
import { must } from '../../../kernel/assert.ts';
import type { KafkaBroker } from '../../../model/kafka-facts.ts';
import type { FetchAnswer, FetchRequest } from '../../../wire/kafka/fetch.ts';
import type { KafkaConnection, Versions } from '../connection.ts';
import { recordApisOf, type RecordApis } from './apis.ts';

/** A partition of a cluster and who leads it, as it was when it was asked. */
export interface LedPartition {
  readonly topic: string;
  /** 16 bytes. */
  readonly topicId: Buffer;
  readonly partition: number;
  /** Of the topic. */
  readonly partitionCount: number;
  readonly leader: KafkaBroker;
}

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
    const metadata = await this.#askAny([connection.library.metadataV12.api], [topic], false, false);
    const found = must(metadata.topics[0], 'the topic that was asked for');
    const led = found.partitions.find(({ partitionIndex }) => partitionIndex === partition);
    if (led === undefined) {
      throw new TealError('TEAL-SYSTEMS-653', 'the topic has no such partition', { topic, partition });
    }
    const leader = metadata.brokers.find(({ nodeId }) => nodeId === led.leaderId);
    if (leader === undefined) {
      const facts = { topic, partition, answer: 'LEADER_NOT_AVAILABLE' };
      throw new TealError('TEAL-SYSTEMS-401', 'nobody leads the partition', facts);
    }
    return {
      topic,
      topicId: Buffer.from(found.topicId.replaceAll('-', ''), 'hex'),
      partition,
      partitionCount: found.partitions.length,
      leader: { id: leader.nodeId, host: leader.host, port: leader.port },
    };
  }

  /** Who decides the transactions of this id. */
  async coordinator(transactionalId: string): Promise<KafkaBroker> {
    const { connection } = this;
    const { findCoordinatorV4, FindCoordinatorKeyTypes } = connection.library;
    const kind = FindCoordinatorKeyTypes.TRANSACTION;
    const { coordinators } = await this.#askAny([findCoordinatorV4.api], kind, [transactionalId]);
    const { nodeId, host, port } = must(coordinators[0], 'a coordinator');
    return { id: nodeId, host, port };
  }

  /** The first offset that the log still has, or the one after its last (the high watermark: also what open transactions have written lies below it). */
  async offsetOf(led: LedPartition, which: 'earliest' | 'latest'): Promise<bigint> {
    const { connection } = this;
    const asked = {
      partitionIndex: led.partition,
      currentLeaderEpoch: -1,
      timestamp: which === 'earliest' ? -2n : -1n,
    };
    const { topics } = await connection.ask(
      led.leader,
      [connection.library.listOffsetsV7.api],
      -1,
      connection.library.FetchIsolationLevels.READ_UNCOMMITTED,
      [{ name: led.topic, partitions: [asked] }],
    );
    return must(topics[0]?.partitions[0], 'the partition that was asked for').offset;
  }

  async fetch(led: LedPartition, asked: Omit<FetchRequest, 'topicId' | 'partition'>): Promise<FetchAnswer> {
    const request = { ...asked, topicId: led.topicId, partition: led.partition };
    return this.connection.ask(led.leader, [this.apis.fetch], request);
  }

  /** What every broker can answer: the first one that can be reached does. */
  async #askAny<Arguments extends unknown[], Answer>(
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
