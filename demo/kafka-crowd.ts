import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { waitFor } from '../src/kernel/clock.ts';
import type { Side } from '../src/model/catalog.ts';
import {
  hasReadAll,
  judgeGroup,
  type GroupEvent,
  type LogVerdict,
  type Sending,
} from '../src/testing/checker/log-history.ts';
import { KafkaReader } from './kafka-reader.ts';
import { KafkaWriter, type WriterOptions, type WriterWorld } from './kafka-writer.ts';

export interface CrowdOptions extends WriterWorld {
  readonly writers: readonly WriterOptions[];
  /** Topics by group. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

export interface GroupReport extends LogVerdict {
  readonly longestGapMs: number;
  /** What it did, in its order. */
  readonly events: readonly GroupEvent[];
}

export interface CrowdReport {
  /** Of each writer every act. */
  readonly sendings: Readonly<Record<string, readonly Sending[]>>;
  readonly groups: Readonly<Record<string, GroupReport>>;
  readonly longestWriteMs: number;
  /** Acts that were refused or taken back: nothing of them is anywhere. */
  readonly refused: number;
  /** Acts that were neither refused nor acknowledged: nobody knows. */
  readonly unclear: number;
}

const drainMs = 60_000;

/**
 * Producers and groups of consumers that go on while a cluster is moved under them, and the desk that leads them: a service as `traffic.router: webhook` asks it, and `/groups` for
 * programs that end and start consumers. What it has seen is judged at the end.
 */
export class KafkaCrowd implements AsyncDisposable {
  readonly options: CrowdOptions;
  readonly #writers: readonly KafkaWriter[];
  readonly #readers = new Map<string, KafkaReader>();
  readonly #desk: Server;
  readonly #stop = new AbortController();
  #writing: Promise<unknown> = Promise.resolve();
  /** By topic, of those that are led elsewhere. */
  readonly #sides = new Map<string, Side>();
  readonly #held = new Set<string>();

  private constructor(options: CrowdOptions) {
    this.options = options;
    this.#writers = options.writers.map((writer) => {
      const { topic } = writer;
      return new KafkaWriter(options, writer, {
        side: () => this.#sides.get(topic) ?? 'blue',
        isHeld: () => this.#held.has(topic),
      });
    });
    for (const [group, topics] of Object.entries(options.groups)) {
      this.#readers.set(group, new KafkaReader({ ...options, group, topics }));
    }
    this.#desk = createServer((request, response) => {
      this.#answer(request).then(
        (said) => response.end(said),
        (error: unknown) => {
          response.statusCode = 500;
          response.end(String(error));
        },
      );
    });
  }

  /** Everybody at work on blue: each group has read something. */
  static async start(options: CrowdOptions): Promise<KafkaCrowd> {
    const crowd = new KafkaCrowd(options);
    crowd.#desk.listen(0, '127.0.0.1');
    await once(crowd.#desk, 'listening');
    await Promise.all([...crowd.#readers.values()].map(async (reader) => reader.start('blue')));
    crowd.#writing = Promise.all(crowd.#writers.map(async (writer) => writer.run(crowd.#stop.signal)));
    // Heard when they are waited for.
    crowd.#writing.catch(() => undefined);
    try {
      const readers = [...crowd.#readers.values()];
      await waitFor({ what: 'every group to read', timeoutMs: drainMs }, () =>
        readers.every(({ hasRead }) => hasRead) ? true : undefined,
      );
      return crowd;
    } catch (error) {
      await crowd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The desk's address. */
  get url(): string {
    const address = this.#desk.address();
    return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}/`;
  }

  /** Whether the desk holds the writers that hear of it. */
  get isHeld(): boolean {
    return this.#held.size > 0;
  }

  /** Ends the writers, lets the groups read what there is, and judges. */
  async finish(): Promise<CrowdReport> {
    this.#stop.abort();
    await this.#writing;
    const all = this.#writers.flatMap(({ sendings }) => sendings);
    const groups: Record<string, GroupReport> = {};
    for (const [group, reader] of this.#readers) {
      const topics = this.options.groups[group] ?? [];
      const sendings = all.filter(({ topic }) => topics.includes(topic));
      const waiting = { what: `group ${group} to read what was written`, timeoutMs: drainMs, everyMs: 300 };
      // What does not come is lost: the judgement says how much.
      await waitFor(waiting, () => (hasReadAll(sendings, reader.events) ? true : undefined)).catch(() => undefined);
      await reader.stop();
      const { events, longestGapMs } = reader;
      groups[group] = { ...judgeGroup(sendings, events), longestGapMs: Math.round(longestGapMs), events };
    }
    const count = (outcome: Sending['outcome']): number => all.filter((each) => each.outcome === outcome).length;
    return {
      sendings: Object.fromEntries(this.#writers.map(({ options: { name }, sendings }) => [name, sendings])),
      groups,
      longestWriteMs: Math.round(Math.max(0, ...this.#writers.map(({ longestMs }) => longestMs))),
      refused: count('fail'),
      unclear: count('info'),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#writing.catch(() => undefined);
    await Promise.allSettled([...this.#readers.values()].map(async (reader) => reader.stop()));
    this.#desk.closeAllConnections();
    this.#desk.close();
  }

  async #answer(request: IncomingMessage): Promise<string> {
    const url = new URL(request.url ?? '/', this.url);
    if (url.pathname === '/groups') return this.#lead(url.searchParams);
    const body = JSON.parse(await text(request)) as {
      readonly action: string;
      readonly side?: Side;
      readonly topics?: readonly string[];
    };
    const { action, side = 'blue', topics = this.options.writers.map(({ topic }) => topic) } = body;
    const led = this.#writers.filter(({ options: { topic } }) => topics.includes(topic));
    switch (action) {
      case 'point':
        for (const topic of topics) this.#sides.set(topic, side);
        break;
      case 'hold':
        for (const topic of topics) this.#held.add(topic);
        await waitFor({ what: 'writers to pause', timeoutMs: 5_000, everyMs: 5 }, () =>
          led.every(({ isIdle }) => isIdle) ? true : undefined,
        );
        break;
      case 'release':
        for (const topic of topics) this.#held.delete(topic);
        break;
      default:
    }
    const places = new Set(topics.map((topic) => this.#sides.get(topic) ?? 'blue'));
    const [first = 'blue'] = places;
    return JSON.stringify({
      pointsTo: places.size === 1 ? first : 'unknown',
      holding: topics.some((topic) => this.#held.has(topic)),
    });
  }

  async #lead(asked: URLSearchParams): Promise<string> {
    const reader = this.#readers.get(asked.get('group') ?? '');
    if (reader === undefined) throw new Error('no such group');
    if (asked.get('do') === 'stop') await reader.stop();
    else await reader.start(asked.get('side') === 'green' ? 'green' : 'blue');
    return 'done';
  }
}
