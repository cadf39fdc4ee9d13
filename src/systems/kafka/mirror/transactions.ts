import { waitFor } from '../../../kernel/clock.ts';
import { assert } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { KafkaBroker } from '../../../model/kafka-facts.ts';
import { writeBatch, type BatchToProduce } from '../../../wire/kafka/record-batch.ts';
import type { Cluster, LedPartition } from './cluster.ts';
import { answerOf, asFenced } from './refusals.ts';

/** Who writes, as the target knows it: given by its coordinator, one epoch higher each time, so that whoever had a lower one is refused. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

export interface TransactionsOptions {
  readonly cluster: Cluster;
  readonly transactionalId: string;
  /** How long the target leaves a transaction open whose writer is silent. */
  readonly transactionTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** How long the target may take to write the ends of a transaction into all its partitions before the next one can begin. */
const settleTimeoutMs = 60_000;
const settleEveryMs = 20;
/** For the replicas to take a batch: below the time after which the connection gives up the request. */
const produceTimeoutMs = 20_000;

/**
 * Transactions of one transactional id, one after the other, as before KIP-890: partitions are announced, then written. Sequence numbers make a batch that is sent twice be there
 * once. After an error nothing more is done with it but to dispose of it: what was decided then is known to the target alone.
 *
 * Every method may throw TEAL-SYSTEMS-650, when a later writer has this id.
 */
export class Transactions implements AsyncDisposable {
  readonly producer: ProducerIdentity;
  readonly #options: TransactionsOptions;
  readonly #coordinator: KafkaBroker;
  readonly #sequences = new Map<string, number>();
  #isOpen = false;

  private constructor(options: TransactionsOptions, coordinator: KafkaBroker, producer: ProducerIdentity) {
    this.#options = options;
    this.#coordinator = coordinator;
    this.producer = producer;
  }

  /**
   * Takes the id. A transaction that was open under it is aborted, and its end and that of the one before it stand in every partition when this resolves.
   *
   * Without `before` whoever had the id is fenced. With it, only who had it as this identity goes on: another one that took it meanwhile stays, and this is refused (KIP-360).
   */
  static async open(options: TransactionsOptions, before: ProducerIdentity | undefined): Promise<Transactions> {
    const { cluster, transactionalId, transactionTimeoutMs } = options;
    const { initProducerIdV4 } = cluster.connection.library;
    const coordinator = await cluster.coordinator(transactionalId);
    if (before !== undefined) await abortOpen(options, coordinator, before);
    const { producerId, producerEpoch } = await settled(options, async () =>
      cluster.connection.ask(
        coordinator,
        [initProducerIdV4.api],
        transactionalId,
        transactionTimeoutMs,
        before?.producerId ?? -1n,
        before?.producerEpoch ?? -1,
      ),
    );
    return new Transactions(options, coordinator, { producerId, producerEpoch });
  }

  /** A transaction that writes into these partitions. */
  async begin(places: readonly LedPartition[]): Promise<void> {
    assert(!this.#isOpen, 'a transaction is begun within another');
    const { cluster, transactionalId } = this.#options;
    const { addPartitionsToTxnV3 } = cluster.connection.library;
    const topics = places.map(({ topic, partition }) => ({ name: topic, partitions: [partition] }));
    const transaction = { transactionalId, ...this.producer, verifyOnly: false, topics };
    this.#isOpen = true;
    await settled(this.#options, async () =>
      cluster.connection.ask(this.#coordinator, [addPartitionsToTxnV3.api], [transaction]),
    );
  }

  /**
   * The offset that the target gave to the first record. May be called again before it resolves: batches are sent, numbered and taken in the order of the calls.
   * TEAL-SYSTEMS-654 where the target changed the times of the records.
   */
  async produce(place: LedPartition, batch: BatchToProduce): Promise<bigint> {
    assert(this.#isOpen, 'a batch is written outside of a transaction');
    const { cluster, transactionalId } = this.#options;
    const encoded = writeBatch(batch, { ...this.producer, baseSequence: this.#takeSequence(place, batch.count) });
    const { topic, partition } = place;
    const request = { transactionalId, topic, partition, batch: encoded, timeoutMs: produceTimeoutMs };
    try {
      const answer = await cluster.connection.ask(place.leader, [cluster.apis.produce], request);
      if (answer.hasLogAppendTime) {
        throw new TealError('TEAL-SYSTEMS-654', 'the topic has message.timestamp.type LogAppendTime', {
          topic,
          partition,
        });
      }
      return answer.baseOffset;
    } catch (error) {
      throw asFenced(error, transactionalId);
    }
  }

  /** When it resolves everything that the transaction wrote is decided to be there. When it throws nobody here knows. */
  async commit(): Promise<void> {
    await this.#end(true);
  }

  /** Undoes what was begun and not committed, so that nobody on the target waits for its timeout. Where that cannot be, the next writer or the timeout does it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOpen) await this.#end(false).catch(() => undefined);
  }

  async #end(isCommitted: boolean): Promise<void> {
    const { cluster, transactionalId } = this.#options;
    try {
      await askToEnd(cluster, this.#coordinator, transactionalId, this.producer, isCommitted);
      this.#isOpen = false;
    } catch (error) {
      throw asFenced(error, transactionalId);
    }
  }

  /** Numbers of 31 bits, for each partition from 0 on, that begin anew after the highest. */
  #takeSequence({ topic, partition }: LedPartition, count: number): number {
    const key = `${topic}/${partition}`;
    const sequence = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, (sequence + count) % 2 ** 31);
    return sequence;
  }
}

/**
 * Undoes what the same writer left open, where it did. The coordinator would do so too when the id is taken, but by fencing: the epoch that this writer knows would then be
 * one of the past, and it could no more be told from a writer that somebody else has replaced.
 */
async function abortOpen(
  options: TransactionsOptions,
  coordinator: KafkaBroker,
  before: ProducerIdentity,
): Promise<void> {
  const { cluster, transactionalId } = options;
  try {
    await settled(options, async () => askToEnd(cluster, coordinator, transactionalId, before, false));
  } catch (error) {
    // None was open.
    if (answerOf(error) !== 'INVALID_TXN_STATE') throw error;
  }
}

async function askToEnd(
  cluster: Cluster,
  coordinator: KafkaBroker,
  transactionalId: string,
  { producerId, producerEpoch }: ProducerIdentity,
  isCommitted: boolean,
): Promise<void> {
  const { endTxnV3 } = cluster.connection.library;
  await cluster.connection.ask(coordinator, [endTxnV3.api], transactionalId, producerId, producerEpoch, isCommitted);
}

/** Asks until the end of the transaction before stands everywhere, which the coordinator writes by itself. */
async function settled<T>(options: TransactionsOptions, ask: () => Promise<T>): Promise<T> {
  const { transactionalId, signal } = options;
  const waiting = {
    what: `the end of the transaction before, of ${transactionalId}`,
    timeoutMs: settleTimeoutMs,
    everyMs: settleEveryMs,
    signal,
  };
  const { answer } = await waitFor(waiting, async () => {
    try {
      return { answer: await ask() };
    } catch (error) {
      if (answerOf(error) === 'CONCURRENT_TRANSACTIONS') return undefined;
      throw asFenced(error, transactionalId);
    }
  });
  return answer;
}
