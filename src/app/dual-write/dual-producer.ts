import type { MessageToProduce, Producer } from '@platformatic/kafka';
import { isTealError, TealError } from '../../kernel/errors.ts';
import { waitFor } from '../../kernel/clock.ts';
import { Positions, type PlaceInLog } from '../../systems/kafka/dual/positions.ts';
import { writeSecondLog } from '../../systems/kafka/dual/second-log.ts';
import { asTealError } from '../../systems/kafka/errors.ts';
import { loadLibrary, type KafkaLibrary } from '../../systems/kafka/library.ts';
import { keyOf, openCluster } from '../../systems/kafka/mirror/cluster.ts';
import { passesByItself } from '../../systems/kafka/mirror/refusals.ts';
import { closeProducer, newProducer, type ProducerOptions } from '../../systems/kafka/producer.ts';
import type { KafkaComparison, KafkaMove } from '../../systems/kafka/roles.ts';
import { compareClusters } from '../../systems/kafka/verify/compare-clusters.ts';

export interface DualTopics {
  /** Address of the first cluster, `kafka://…`: what it has acknowledged is written. */
  readonly from: string;
  /** Of the second one. Both have the topics, with as many partitions; nobody else writes into them there. */
  readonly to: string;
  /** Of this dual write, the same in all processes: letters, digits, `_`. What is kept on the clusters begins with `teal.NAME.`. */
  readonly name: string;
  readonly topics: readonly string[];
}

export interface DualProducerOptions extends DualTopics {
  /** How long the second cluster may be away before `ended` rejects; default an hour. Records go on to the first one, and come later. */
  readonly patienceMs?: number;
  /** How long nothing may move before another process takes over from one that is gone; default 10 s. */
  readonly takeoverMs?: number;
  /** Told when this process begins to write into the second cluster, and when another one has taken over. */
  readonly onTurn?: (turn: 'carries' | 'waits') => void;
}

export interface DualRecord {
  readonly topic: string;
  /** Decides the partition as Java's clients do (murmur2). Without one, records go round. */
  readonly key?: Buffer | string | null;
  readonly value: Buffer | string | null;
  readonly headers?: Readonly<Record<string, Buffer | string>>;
  readonly partition?: number;
}

/** Where records are on the first cluster: the last one in each partition. */
export type Sent = readonly PlaceInLog[];

export interface DualProducerStatus {
  /** Offsets that the second cluster is behind; markers of transactions count. */
  readonly behind: bigint;
  /** Whether it is this process that writes into the second cluster. */
  readonly carries: boolean;
}

const sendTimeoutMs = 30_000;
const hourMs = 3_600_000;

/**
 * A producer for two clusters. `send` resolves when the first one has the records, on all replicas in sync; the second one gets them from the log of the first, each once and in its order, whatever dies in
 * between. Errors: TEAL-SYSTEMS-001, -002, -009 and others of a connection.
 */
export async function openDualProducer(options: DualProducerOptions): Promise<DualProducer> {
  const library = await loadLibrary();
  const partitions = new Map<string, number>();
  {
    await using cluster = await openCluster({ url: options.from, clientId: clientIdOf(options.name) });
    for (const [topic, led] of await cluster.partitionsOf(options.topics)) partitions.set(topic, led.length);
  }
  return new DualProducer(options, library, partitions);
}

export class DualProducer implements AsyncDisposable {
  /** Rejects when nothing comes to the second cluster by this process any more. What the first one has is not lost: it comes when a process opens it again. */
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();
  readonly #positions: Positions;
  #producer: Producer | undefined;
  readonly #options: ProducerOptions;
  readonly #library: KafkaLibrary;
  readonly #partitions: ReadonlyMap<string, number>;
  #carries = false;
  #turn = 0;

  constructor(options: DualProducerOptions, library: KafkaLibrary, partitions: ReadonlyMap<string, number>) {
    this.#library = library;
    this.#partitions = partitions;
    const { from: url, name } = options;
    const clientId = clientIdOf(name);
    this.#options = { url, clientId, timeoutMs: sendTimeoutMs, autocreateTopics: false };
    const move = moveOf(options);
    this.#positions = new Positions(move, this.#stop.signal);
    const { patienceMs = hourMs, takeoverMs = 10_000, onTurn } = options;
    this.ended = writeSecondLog(
      {
        move,
        positions: this.#positions,
        patienceMs,
        takeoverMs,
        onTurn: (turn) => {
          this.#carries = turn === 'carries';
          onTurn?.(turn);
        },
      },
      this.#stop.signal,
    );
    // `done` and whoever awaits `ended` hear it.
    this.ended.catch(() => undefined);
  }

  /**
   * Resolves when the first cluster has all of them; rejects where it may have some. One process at a time should send records of one key: that makes their order. Errors: TEAL-DUALWRITE-003, those of the cluster.
   */
  async send(records: readonly DualRecord[]): Promise<Sent> {
    const messages = records.map((record) => this.#messageOf(record));
    const counts = new Map<string, number>();
    for (const { topic, partition } of messages) {
      const key = keyOf(topic, partition);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    try {
      this.#producer ??= newProducer(this.#library, this.#options);
      const { offsets = [] } = await this.#producer.send({ messages });
      return offsets.map(({ topic, partition, offset }) => ({
        topic,
        partition,
        offset: offset + BigInt((counts.get(keyOf(topic, partition)) ?? 1) - 1),
      }));
    } catch (error) {
      // Its numbering of records may be off from here on: the next call has one of its own.
      await this.#close();
      throw asTealError(error, 'connected');
    }
  }

  /** Whether the second cluster has what was sent: `written`, or `waits` after so long; then it is not lost, and comes later. Rejects where `ended` does. */
  async done(sent: Sent, timeoutMs: number): Promise<'written' | 'waits'> {
    const look = async (): Promise<'written' | undefined> => {
      try {
        return (await this.#positions.has(sent)) ? 'written' : undefined;
      } catch (error) {
        if (passesByItself(error)) return undefined;
        throw error;
      }
    };
    const asked = { what: 'a second write', timeoutMs, everyMs: 20, signal: this.#stop.signal };
    const looking = waitFor(asked, look).catch((error: unknown) => {
      if (isTealError(error, 'TEAL-KERNEL-002')) return 'waits' as const;
      throw error;
    });
    return Promise.race([looking, this.ended.then(() => 'waits' as const)]);
  }

  async status(): Promise<DualProducerStatus> {
    return { behind: (await this.#positions.look()).behind, carries: this.#carries };
  }

  /** Ends the sending first: what was acknowledged is on the first cluster. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    this.#stop.abort(new Error('stopped'));
    await this.ended.catch(() => undefined);
    await this.#positions[Symbol.asyncDispose]();
  }

  #messageOf({ topic, key = null, value, headers, partition }: DualRecord): MessageOfDual {
    const count = this.#partitions.get(topic);
    const bytes = bytesOf(key);
    const chosen =
      partition ?? (bytes === null ? this.#next() : this.#library.murmur2(bytes) & 0x7fff_ffff) % (count ?? 1);
    if (count === undefined || chosen < 0 || chosen >= count) {
      throw new TealError('TEAL-DUALWRITE-003', `topic ${topic}, partition ${chosen}`, { topic, partition: chosen });
    }
    const named = Object.entries(headers ?? {}).map(([name, text]) => [Buffer.from(name), bytesOf(text)] as const);
    return {
      topic,
      partition: chosen,
      key: bytes as Buffer,
      value: bytesOf(value) as Buffer,
      headers: new Map(named as [Buffer, Buffer][]),
    };
  }

  async #close(): Promise<void> {
    const before = this.#producer;
    this.#producer = undefined;
    await closeProducer(before);
  }

  #next(): number {
    this.#turn = (this.#turn + 1) % 2 ** 30;
    return this.#turn;
  }
}

type MessageOfDual = MessageToProduce & { readonly partition: number };

export interface ReconcileTopicsOptions extends DualTopics {
  readonly onProgress?: (progress: { readonly records: bigint }) => void;
  readonly signal?: AbortSignal;
}

export interface TopicsConsistency extends Pick<KafkaComparison, 'equal' | 'topics'> {
  /** Of the topics, the part that is alike on both clusters, from 0 to 1. */
  readonly rate: number;
}

/**
 * Compares the topics of both clusters record by record, up to where the second one had come, while records go on. It does not ask what was sent. Nothing is repaired, for a log cannot be: what is not there yet comes by
 * itself, and what differs was written, or taken away, by somebody else. Errors: TEAL-SYSTEMS-651, those of connections.
 */
export async function reconcileTopics(options: ReconcileTopicsOptions): Promise<TopicsConsistency> {
  const { onProgress, signal = new AbortController().signal } = options;
  const { equal, topics } = await compareClusters(moveOf(options), {
    signal,
    ...(onProgress === undefined ? {} : { onProgress: ({ records }) => onProgress({ records }) }),
  });
  const alike = topics.filter(({ outcome }) => outcome === 'equal').length;
  return { equal, topics, rate: topics.length === 0 ? 1 : alike / topics.length };
}

function clientIdOf(name: string): string {
  return `teal-${name}-dual-write`;
}

function moveOf({ from, to, name, topics }: DualTopics): KafkaMove {
  return { urls: { blue: from, green: to }, migration: name, topics };
}

function bytesOf(text: Buffer | string | null): Buffer | null {
  return typeof text === 'string' ? Buffer.from(text) : text;
}
