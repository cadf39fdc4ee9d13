import { Producer, stringSerializers } from '@platformatic/kafka';
import { monotonicMs, sleep } from '../src/kernel/clock.ts';
import type { Side } from '../src/model/catalog.ts';
import { asTealError } from '../src/systems/kafka/errors.ts';
import type { LogRecord, Sending } from '../src/testing/checker/log-history.ts';
import { clientOptions, type ClusterOfClients } from './kafka-client.ts';

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

/** What all writers of a crowd have in common. */
export interface WriterWorld {
  readonly clusters: Readonly<Record<Side, ClusterOfClients>>;
  /** Between two acts of a writer. */
  readonly pauseMs: number;
  readonly keysEach: number;
  /** Told what went wrong otherwise than by a refusal. */
  readonly onTrouble?: (what: string) => void;
}

/** Where the desk has the clients. */
export interface Where {
  readonly side: () => Side;
  readonly isHeld: () => boolean;
}

/** Answers after which a record is certainly not in the log. */
const refusals: ReadonlySet<unknown> = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'NOT_ENOUGH_REPLICAS',
]);

/** What the library asks for otherwise (producer 0 in its epoch 0) is another one's: a client that comes again under its id may then get an epoch that was used (OUT_OF_ORDER_SEQUENCE_NUMBER, for good). */
const nobody = { producerId: -1n, producerEpoch: -1 } as const;
const afterRefusalMs = 20;
/** A transaction that is undone leaves a mark in its partitions: who tries again at once lets none of them come to rest, which a fence waits for (TEAL-SYSTEMS-663). */
const afterUndoneMs = 1_000;
/** Where nobody answers there is no hurry. */
const afterTroubleMs = 250;
/** A transaction that its writer has left behind would hold up readers: it writes on until one has come to its end, so often at most. */
const lastActs = 40;

/** One producer. What it was not told to be there it does not send again: each act has numbers of its own. */
export class KafkaWriter {
  readonly options: WriterOptions;
  readonly sendings: Sending[] = [];
  /** From when it wanted to write until that was acknowledged. */
  longestMs = 0;
  readonly #world: WriterWorld;
  readonly #where: Where;
  #producer: Producer<string, string, string, string> | undefined;
  #side: Side | undefined;
  #next = 1;
  #busy = false;
  #isCommitting = false;

  constructor(world: WriterWorld, options: WriterOptions, where: Where) {
    this.#world = world;
    this.options = options;
    this.#where = where;
  }

  /** Of those that are held: nothing of theirs is on its way. */
  get isIdle(): boolean {
    return this.options.unheld === true || !this.#busy;
  }

  async run(signal: AbortSignal): Promise<void> {
    let since = monotonicMs();
    for (let left = lastActs; !signal.aborted || (this.#isUnsettled && left > 0);) {
      if (signal.aborted) left -= 1;
      else if (await this.#waited()) continue;
      const outcome = await this.#act();
      if (outcome === 'ok') {
        this.longestMs = Math.max(this.longestMs, monotonicMs() - since);
        await sleep(this.#world.pauseMs, signal).catch(() => undefined);
        since = monotonicMs();
      } else await sleep(this.#pauseAfter(outcome));
    }
    await this.#producer?.close();
  }

  #pauseAfter(outcome: 'fail' | 'info'): number {
    if (this.options.transactional === true) return afterUndoneMs;
    return outcome === 'fail' ? afterRefusalMs : afterTroubleMs;
  }

  get #isUnsettled(): boolean {
    return this.options.transactional === true && (this.sendings.at(-1)?.outcome ?? 'ok') !== 'ok';
  }

  async #waited(): Promise<boolean> {
    if (!this.#where.isHeld() || this.options.unheld === true) return false;
    await sleep(2);
    return true;
  }

  async #act(): Promise<Sending['outcome']> {
    const { name, topic, transactional } = this.options;
    const records = Array.from({ length: transactional === true ? 3 : 1 }, (): LogRecord => {
      const number = this.#next;
      this.#next += 1;
      return { producer: name, key: `${name}-${number % this.#world.keysEach}`, number };
    });
    const fromMs = monotonicMs();
    let outcome: Sending['outcome'] = 'ok';
    this.#busy = true;
    try {
      await this.#send(records);
    } catch (error) {
      outcome = await this.#trouble(error);
    } finally {
      this.#busy = false;
    }
    this.sendings.push({ topic, records, outcome, fromMs, untilMs: monotonicMs() });
    return outcome;
  }

  async #send(records: readonly LogRecord[]): Promise<void> {
    const { topic, transactional } = this.options;
    const messages = records.map(({ key, producer, number }) => ({ topic, key, value: `${producer}:${number}` }));
    this.#isCommitting = false;
    const client = await this.#reach();
    if (transactional !== true) {
      await client.send({ messages });
      return;
    }
    const transaction = await client.beginTransaction(nobody);
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

  /** On the side that the desk names. */
  async #reach(): Promise<Producer<string, string, string, string>> {
    const side = this.#where.side();
    if (this.#side !== side && this.options.unheld !== true) {
      const old = this.#producer;
      this.#producer = undefined;
      await old?.close();
    }
    if (this.#producer === undefined) [this.#side, this.#producer] = [side, this.#open(side)];
    return this.#producer;
  }

  #open(side: Side): Producer<string, string, string, string> {
    const { name, user, transactional } = this.options;
    return new Producer({
      ...clientOptions({ ...this.#world.clusters[side], ...(user === undefined ? {} : { user }) }, `demo-${name}`),
      serializers: stringSerializers,
      idempotent: true,
      acks: -1,
      ...(transactional === true ? { transactionalId: name } : {}),
    });
  }

  /** A new producer each time: what the old one knows of its numbers holds for a log that it may not see again. */
  async #trouble(thrown: unknown): Promise<'fail' | 'info'> {
    const told = asTealError(thrown, 'connected');
    // What was not to be committed yet is undone by whoever takes the id next.
    const isUndone = this.options.transactional === true && !this.#isCommitting;
    const isRefused = refusals.has(told.facts['answer']);
    if (!isRefused) this.#world.onTrouble?.(`${this.options.name}: ${told.message}`);
    const old = this.#producer;
    this.#producer = undefined;
    await old?.close(true).catch(() => undefined);
    return isRefused || isUndone ? 'fail' : 'info';
  }
}
