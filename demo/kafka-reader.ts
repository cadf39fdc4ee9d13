import { Consumer, stringDeserializers, type Message } from '@platformatic/kafka';
import { monotonicMs, sleep, within } from '../src/kernel/clock.ts';
import type { Side } from '../src/model/catalog.ts';
import type { GroupEvent } from '../src/testing/checker/log-history.ts';
import { clientOptions, type ClusterOfClients } from './kafka-client.ts';

export interface ReaderOptions {
  readonly clusters: Readonly<Record<Side, ClusterOfClients>>;
  readonly group: string;
  readonly topics: readonly string[];
  readonly onTrouble?: (what: string) => void;
}

type Client = Consumer<string, string, string, string>;
type Read = Message<string, string, string, string>;

const commitEveryMs = 200;
const closeMs = 10_000;
const againMs = 500;

/** The one consumer of a group. It commits what it has noted, and nothing else; where it breaks off it comes again. */
export class KafkaReader {
  readonly events: GroupEvent[] = [];
  longestGapMs = 0;
  readonly #options: ReaderOptions;
  #lastMs: number | undefined;
  #running: { readonly side: Side; readonly stop: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  get hasRead(): boolean {
    return this.#lastMs !== undefined;
  }

  /** Resolves when it was told; it goes on by itself. */
  async start(side: Side): Promise<void> {
    if (this.#running?.side === side) return;
    await this.stop();
    const stop = new AbortController();
    this.#running = { side, stop, ended: this.#follow(side, stop.signal) };
  }

  /** Resolves when it has left, and has committed what it could. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.stop.abort();
    await running?.ended;
  }

  async #follow(side: Side, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#live(side, signal);
      } catch (error) {
        this.#options.onTrouble?.(`group ${this.#options.group}: ${String(error)}`);
        await sleep(againMs, signal).catch(() => undefined);
      }
    }
  }

  async #live(side: Side, signal: AbortSignal): Promise<void> {
    const { clusters, group, topics } = this.#options;
    const consumer: Client = new Consumer({
      ...clientOptions(clusters[side], `demo-${group}`),
      retries: 5,
      groupId: group,
      deserializers: stringDeserializers,
      autocommit: false,
      isolationLevel: 1,
      maxWaitTime: 100,
      sessionTimeout: 30_000,
      heartbeatInterval: 1_000,
    });
    try {
      const stream = await consumer.consume({ topics: [...topics], mode: 'committed', fallbackMode: 'earliest' });
      this.events.push({ did: 'began', side });
      const close = (): void => void stream.close().catch(() => undefined);
      if (signal.aborted) close();
      else signal.addEventListener('abort', close, { once: true });
      await this.#read(consumer, stream);
    } finally {
      const late = (): Error => new Error('a consumer did not close');
      await within(closeMs, late, async () => consumer.close(true)).catch(() => undefined);
    }
  }

  async #read(consumer: Client, stream: AsyncIterable<Read>): Promise<void> {
    const last = new Map<string, Read>();
    let committedMs = monotonicMs();
    for await (const message of stream) {
      this.#note(message);
      last.set(`${message.topic}/${message.partition}`, message);
      if (monotonicMs() - committedMs < commitEveryMs) continue;
      committedMs = monotonicMs();
      await this.#commit(consumer, last);
    }
    await this.#commit(consumer, last);
  }

  #note({ key, value }: Read): void {
    // The payload of an event is JSON: a text in quotes.
    const [producer = '', number = ''] = value.replaceAll('"', '').split(':');
    this.events.push({ did: 'read', record: { producer, key, number: Number(number) } });
    const now = monotonicMs();
    if (this.#lastMs !== undefined) this.longestGapMs = Math.max(this.longestGapMs, now - this.#lastMs);
    this.#lastMs = now;
  }

  async #commit(consumer: Client, last: Map<string, Read>): Promise<void> {
    if (last.size === 0) return;
    const offsets = [...last.values()].map(({ topic, partition, offset }) => ({
      topic,
      partition,
      offset: offset + 1n,
      leaderEpoch: -1,
    }));
    last.clear();
    await consumer.commit({ offsets });
    this.events.push({ did: 'committed' });
  }
}
