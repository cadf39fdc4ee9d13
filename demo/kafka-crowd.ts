import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { Consumer, Producer, stringDeserializers, stringSerializers, type Message } from '@platformatic/kafka';
import { monotonicMs, sleep, waitFor } from '../src/kernel/clock.ts';
import { asTealError } from '../src/systems/kafka/errors.ts';
import { ReadBook, type Judged, type Written } from './kafka-books.ts';

type Side = 'blue' | 'green';

/** How clients reach a cluster. */
export interface ClusterOfClients {
  readonly bootstrap: string;
  readonly user?: { readonly username: string; readonly password: string };
}

export interface WriterOptions {
  readonly name: string;
  readonly topic: string;
  /** Writes three records in each of its transactions. */
  readonly transactional?: boolean;
  /** Default: that of the cluster's clients. */
  readonly user?: { readonly username: string; readonly password: string };
  /** Does not hear of the desk, neither that it holds clients nor that it leads them elsewhere: it writes until it is refused, and then asks where to go. */
  readonly unheld?: boolean;
}

export interface CrowdOptions {
  readonly clusters: Readonly<Record<Side, ClusterOfClients>>;
  readonly writers: readonly WriterOptions[];
  /** Topics by group. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Between two records of a writer. */
  readonly pauseMs: number;
  readonly keysEach: number;
  /** Told what went wrong otherwise than by a refusal. */
  readonly onTrouble?: (what: string) => void;
}

export interface CrowdReport {
  readonly written: Written;
  readonly groups: Readonly<Record<string, Judged & { readonly longestGapMs: number }>>;
  readonly longestWriteMs: number;
  /** Refused, and written again elsewhere. */
  readonly refused: number;
  /** Neither refused nor acknowledged: nobody knows. Each is one that may be there twice. */
  readonly unclear: number;
}

/** Answers after which a record is certainly not in the log. */
const refusals: ReadonlySet<unknown> = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'NOT_ENOUGH_REPLICAS',
]);

const commitEveryMs = 200;
const drainMs = 60_000;

function optionsOf({ bootstrap, user }: ClusterOfClients, clientId: string) {
  return {
    clientId,
    bootstrapBrokers: [bootstrap],
    retries: 0,
    ...(user === undefined ? {} : { sasl: { mechanism: 'PLAIN' as const, ...user } }),
  };
}

/**
 * Producers and groups of consumers that go on while a cluster is moved under them, and the desk that leads them: a service as `traffic.router: webhook` asks it, and `/groups` for
 * programs that end and start consumers. What it has seen is judged at the end.
 */
export class KafkaCrowd implements AsyncDisposable {
  readonly #options: CrowdOptions;
  readonly #writers: readonly Writer[];
  readonly #readers = new Map<string, Reader>();
  readonly #desk: Server;
  readonly #stop = new AbortController();
  #writing: Promise<unknown> = Promise.resolve();
  #side: Side = 'blue';
  #isHeld = false;

  private constructor(options: CrowdOptions) {
    this.#options = options;
    const where = { side: () => this.#side, isHeld: () => this.#isHeld };
    this.#writers = options.writers.map((writer) => new Writer(options, writer, where));
    for (const [group, topics] of Object.entries(options.groups)) {
      this.#readers.set(group, new Reader(options, group, topics));
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
        readers.every(({ book }) => book.hasRead) ? true : undefined,
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

  get written(): number {
    return this.#writers.reduce((sum, { count }) => sum + count, 0);
  }

  /** Ends the writers, lets the groups read what there is, and judges. */
  async finish(): Promise<CrowdReport> {
    this.#stop.abort();
    await this.#writing;
    const written = Object.fromEntries(this.#writers.map(({ name, count }) => [name, count]));
    const ofGroup = (group: string): Written => {
      const topics = this.#options.groups[group] ?? [];
      return Object.fromEntries(
        this.#options.writers
          .filter(({ topic }) => topics.includes(topic))
          .map(({ name }) => [name, written[name] ?? 0]),
      );
    };
    for (const [group, { book }] of this.#readers) {
      const waiting = { what: `group ${group} to read what was written`, timeoutMs: drainMs };
      // What does not come is lost: the judgement says how much.
      await waitFor(waiting, () => (book.judge(ofGroup(group)).lost === 0 ? true : undefined)).catch(() => undefined);
    }
    await Promise.all([...this.#readers.values()].map(async (reader) => reader.stop()));
    const groups = Object.fromEntries(
      [...this.#readers].map(([group, { book }]) => [
        group,
        { ...book.judge(ofGroup(group)), longestGapMs: Math.round(book.longestGapMs) },
      ]),
    );
    return {
      written,
      groups,
      longestWriteMs: Math.round(Math.max(0, ...this.#writers.map(({ longestMs }) => longestMs))),
      refused: this.#writers.reduce((sum, { refused }) => sum + refused, 0),
      unclear: this.#writers.reduce((sum, { unclear }) => sum + unclear, 0),
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
    const { action, side } = JSON.parse(await text(request)) as { readonly action: string; readonly side?: Side };
    switch (action) {
      case 'point':
        this.#side = side ?? this.#side;
        break;
      case 'hold':
        this.#isHeld = true;
        await waitFor({ what: 'writers to pause', timeoutMs: 5_000, everyMs: 5 }, () =>
          this.#writers.every(({ isIdle }) => isIdle) ? true : undefined,
        );
        break;
      case 'release':
        this.#isHeld = false;
        break;
      default:
    }
    return JSON.stringify({ pointsTo: this.#side, holding: this.#isHeld });
  }

  async #lead(asked: URLSearchParams): Promise<string> {
    const reader = this.#readers.get(asked.get('group') ?? '');
    if (reader === undefined) throw new Error('no such group');
    if (asked.get('do') === 'stop') await reader.stop();
    else await reader.start(asked.get('side') === 'green' ? 'green' : 'blue');
    return 'done';
  }
}

interface Where {
  readonly side: () => Side;
  readonly isHeld: () => boolean;
}

class Writer {
  readonly name: string;
  count = 0;
  longestMs = 0;
  refused = 0;
  unclear = 0;
  readonly #crowd: CrowdOptions;
  readonly #options: WriterOptions;
  readonly #where: Where;
  #producer: Producer<string, string, string, string> | undefined;
  #side: Side | undefined;
  #busy = false;
  #isCommitting = false;

  constructor(crowd: CrowdOptions, options: WriterOptions, where: Where) {
    this.name = options.name;
    this.#crowd = crowd;
    this.#options = options;
    this.#where = where;
  }

  /** Of those that are held: nothing of theirs is on its way. */
  get isIdle(): boolean {
    return this.#options.unheld === true || !this.#busy;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = monotonicMs();
      const numbers = this.#options.transactional === true ? [1, 2, 3] : [1];
      if (
        !(await this.#write(
          numbers.map((each) => this.count + each),
          signal,
        ))
      )
        break;
      this.count += numbers.length;
      this.longestMs = Math.max(this.longestMs, monotonicMs() - began);
      await sleep(this.#crowd.pauseMs, signal).catch(() => undefined);
    }
    await this.#producer?.close();
  }

  /** Until it is acknowledged; false where the end came first, and it is not. */
  async #write(numbers: readonly number[], signal: AbortSignal): Promise<boolean> {
    const { topic } = this.#options;
    const messages = numbers.map((number) => ({
      topic,
      key: `${this.name}-${number % this.#crowd.keysEach}`,
      value: `${this.name}:${number}`,
    }));
    while (!signal.aborted) {
      if (this.#where.isHeld() && this.#options.unheld !== true) {
        await sleep(2);
        continue;
      }
      this.#busy = true;
      try {
        await this.#send(messages);
        return true;
      } catch (error) {
        await this.#trouble(error);
      } finally {
        this.#busy = false;
      }
      await sleep(20);
    }
    return false;
  }

  async #send(messages: { topic: string; key: string; value: string }[]): Promise<void> {
    const producer = await this.#reach();
    this.#isCommitting = false;
    if (this.#options.transactional !== true) {
      await producer.send({ messages });
      return;
    }
    const transaction = await producer.beginTransaction();
    try {
      await transaction.send({ messages });
    } catch (error) {
      // Nobody shall wait for it: what was refused in one partition may be in another.
      await transaction.abort().catch(() => undefined);
      throw error;
    }
    this.#isCommitting = true;
    await transaction.commit();
  }

  get #login(): Pick<ClusterOfClients, 'user'> {
    const { user } = this.#options;
    return user === undefined ? {} : { user };
  }

  /** On the side that the desk names. */
  async #reach(): Promise<Producer<string, string, string, string>> {
    const side = this.#where.side();
    if (this.#side !== side && this.#options.unheld !== true) {
      const old = this.#producer;
      this.#producer = undefined;
      await old?.close();
    }
    if (this.#producer === undefined) [this.#side, this.#producer] = [side, this.#open(side)];
    return this.#producer;
  }

  #open(side: Side): Producer<string, string, string, string> {
    return new Producer({
      ...optionsOf({ ...this.#crowd.clusters[side], ...this.#login }, `demo-${this.name}`),
      serializers: stringSerializers,
      idempotent: true,
      acks: -1,
      ...(this.#options.transactional === true ? { transactionalId: this.name } : {}),
    });
  }

  /** A new producer each time: what the old one knows of its numbers holds for a log that it may not see again. */
  async #trouble(thrown: unknown): Promise<void> {
    const told = asTealError(thrown, 'connected');
    // What was not to be committed yet is undone by whoever takes the id next.
    const isUndone = this.#options.transactional === true && !this.#isCommitting;
    if (isUndone || refusals.has(told.facts['answer'])) this.refused += 1;
    else {
      this.unclear += 1;
      this.#crowd.onTrouble?.(`${this.name}: ${told.message}`);
    }
    const old = this.#producer;
    this.#producer = undefined;
    await old?.close(true).catch(() => undefined);
  }
}

type Read = Message<string, string, string, string>;

/** One consumer of a group. It commits what it has noted, and nothing else. */
class Reader {
  readonly book = new ReadBook();
  readonly #crowd: CrowdOptions;
  readonly #group: string;
  readonly #topics: readonly string[];
  #running: { readonly side: Side; readonly end: () => Promise<void> } | undefined;

  constructor(crowd: CrowdOptions, group: string, topics: readonly string[]) {
    this.#crowd = crowd;
    this.#group = group;
    this.#topics = topics;
  }

  async start(side: Side): Promise<void> {
    if (this.#running?.side === side) return;
    await this.stop();
    const consumer = new Consumer({
      ...optionsOf(this.#crowd.clusters[side], `demo-${this.#group}`),
      retries: 5,
      groupId: this.#group,
      deserializers: stringDeserializers,
      autocommit: false,
      isolationLevel: 1,
      maxWaitTime: 100,
      sessionTimeout: 30_000,
      heartbeatInterval: 1_000,
    });
    const stream = await consumer.consume({ topics: [...this.#topics], mode: 'committed', fallbackMode: 'earliest' });
    const reading = this.#read(consumer, stream);
    reading.catch((error: unknown) => this.#crowd.onTrouble?.(`group ${this.#group}: ${String(error)}`));
    this.#running = {
      side,
      end: async () => {
        await stream.close();
        await reading;
        await consumer.close(true);
      },
    };
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.end();
  }

  async #read(consumer: Consumer<string, string, string, string>, stream: AsyncIterable<Read>): Promise<void> {
    const last = new Map<string, Read>();
    let committedMs = monotonicMs();
    for await (const message of stream) {
      this.book.note(message.key, message.value, monotonicMs());
      last.set(`${message.topic}/${message.partition}`, message);
      if (monotonicMs() - committedMs < commitEveryMs) continue;
      committedMs = monotonicMs();
      await commit(consumer, last);
    }
    await commit(consumer, last);
  }
}

async function commit(consumer: Consumer<string, string, string, string>, last: Map<string, Read>): Promise<void> {
  if (last.size === 0) return;
  const offsets = [...last.values()].map(({ topic, partition, offset }) => ({
    topic,
    partition,
    offset: offset + 1n,
    leaderEpoch: -1,
  }));
  last.clear();
  await consumer.commit({ offsets });
}
