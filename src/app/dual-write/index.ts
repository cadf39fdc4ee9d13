/**
 * `teal/dual-write`: for an application that must write to two systems for a while. The change is noted in the transaction of the first write, and made in the second system from that note: in order for
 * each key, tried again with a bound, so that nothing is lost between the two. `reconcile` proves it, and repairs. docs/guide/dual-write.md.
 *
 *     import { openDualWrite } from 'teal/dual-write';
 *
 *     await using dual = await openDualWrite({ from: blueUrl, second: async ({ key, argument }) => saveInGreen(key, argument) });
 *     const note = dual.note({ entity: 'customer', key: '17', operation: 'save', argument: customer });
 *     await blue.query('begin'); …; await blue.query(...note.statement); await blue.query('commit');
 *     await dual.done(note.id, 2_000); // 'written', 'waits' or 'failed'
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { sleep, waitFor } from '../../kernel/clock.ts';
import { isTealError } from '../../kernel/errors.ts';
import { looksAway, handlerTarget, type SecondWrite, type WriteSecond } from '../../dual-write/handler-target.ts';
import { reconcile as reconcileSides, type Consistency } from '../../dual-write/reconcile.ts';
import { defaultLimits, type RelayLimits } from '../../outbox/limits.ts';
import { pollingQueue } from '../../outbox/queue.ts';
import { runRelay, type RelayEvent } from '../../outbox/relay.ts';
import type { OutboxDesk, OutboxLook, OutboxStore } from '../../ports/outbox.ts';
import { outboxSystemOf, tableOf } from '../outbox/address.ts';
import { outboxInsert, type Statement } from '../outbox/insert.ts';
import { openDesk, openStore } from '../outbox/open.ts';
import { openTwoSides } from './two-sides.ts';

export { TealError, isTealError, type ErrorCode, type ErrorEntry, type ErrorFacts } from '../../kernel/errors.ts';
export {
  openDualProducer,
  reconcileTopics,
  type DualProducer,
  type DualProducerOptions,
  type DualProducerStatus,
  type DualRecord,
  type DualTopics,
  type ReconcileTopicsOptions,
  type Sent,
  type TopicsConsistency,
} from './dual-producer.ts';
export {
  looksAway,
  type Consistency,
  type OutboxLook as DualWriteStatus,
  type RelayEvent,
  type SecondWrite,
  type WriteSecond,
};

export interface NotedOptions {
  /** Address of the first system's database, which has the notes: `postgres://…`, `mysql://…`. */
  readonly from: string;
  /** Of the notes, `schema.name`; default `dual_writes`. Two tables stand beside it. It is made where it is missing. */
  readonly table?: string;
}

export interface DualWriteOptions extends NotedOptions {
  readonly second: WriteSecond;
  /** For one second write; default 10 000. Its signal is aborted then. */
  readonly timeoutMs?: number;
  /** Second writes that may run side by side, never two of one key; default 8. */
  readonly lanes?: number;
  /** Default: `looksAway`. */
  readonly isAway?: (error: unknown) => boolean;
  readonly limits?: Partial<RelayLimits>;
  readonly onEvent?: (event: RelayEvent) => void;
}

export interface Change {
  readonly entity: string;
  readonly key: string;
  readonly operation: string;
  /** Anything that JSON can say. */
  readonly argument: unknown;
}

export interface Note {
  readonly id: string;
  /** To be run in the transaction of the first write: `client.query(...note.statement)`. Hold a lock on what changes until the commit (its row, as a rule): that makes the order. */
  readonly statement: Statement;
}

/** `failed`: a dead letter, or behind one of its key. `waits` is not known to have failed, and is not lost. */
export type SecondState = 'written' | 'waits' | 'failed';

const defaultTable = 'dual_writes';
/** Changes wait for nobody but this relay. */
const dualLimits: RelayLimits = { ...defaultLimits, pollMs: 100 };

/** Makes the tables of the notes and begins to make second writes, of this process and of those that ended. A second process waits beside the first, as a relay does. */
export async function openDualWrite(options: DualWriteOptions): Promise<DualWrite> {
  const place = { url: options.from, table: tableOf(options.from, options.table ?? defaultTable) };
  const desk = await openDesk(place);
  try {
    await desk.install();
    return new DualWrite(options, desk, await openStore(place));
  } catch (error) {
    await desk[Symbol.asyncDispose]();
    throw error;
  }
}

export class DualWrite implements AsyncDisposable {
  /** Rejects when second writes are not made any more: TEAL-OUTBOX-003, and what trying again does not help. */
  readonly ended: Promise<void>;
  readonly #options: DualWriteOptions;
  readonly #desk: OutboxDesk;
  readonly #store: OutboxStore;
  readonly #stop = new AbortController();
  #nudged = new AbortController();

  constructor(options: DualWriteOptions, desk: OutboxDesk, store: OutboxStore) {
    this.#options = options;
    this.#desk = desk;
    this.#store = store;
    this.ended = this.#run();
    // `done` and whoever awaits `ended` hear it.
    this.ended.catch(() => undefined);
  }

  note({ entity, key, operation, argument }: Change): Note {
    const id = randomUUID();
    const { from, table = defaultTable } = this.#options;
    const event = { id, aggregateType: entity, aggregateId: key, type: operation, payload: argument };
    return { id, statement: outboxInsert(outboxSystemOf(from), event, table) };
  }

  /** After the commit: how the second write has ended, or `waits` after so long. Rejects where `ended` does. */
  async done(id: string, timeoutMs: number): Promise<SecondState> {
    this.#nudged.abort();
    const states = { gone: 'written', letter: 'failed' } as const;
    const look = async (): Promise<SecondState | undefined> => {
      const state = await this.#desk.stateOf(id);
      return state === 'waits' ? undefined : states[state];
    };
    try {
      const waiting = waitFor({ what: 'a second write', timeoutMs, everyMs: 10, signal: this.#stop.signal }, look);
      return await Promise.race([waiting, this.ended.then(() => 'waits' as const)]);
    } catch (error) {
      if (isTealError(error, 'TEAL-KERNEL-002')) return 'waits';
      throw error;
    }
  }

  async status(): Promise<OutboxLook> {
    return this.#desk.look();
  }

  /** Has failed changes made again, all that wait behind them too. */
  async retry(ids: readonly string[] | 'all'): Promise<number> {
    return this.#desk.retry(ids);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('stopped'));
    await this.ended.catch(() => undefined);
    await this.#store[Symbol.asyncDispose]();
    await this.#desk[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const { second, timeoutMs = 10_000, lanes = 8, isAway = looksAway, onEvent } = this.#options;
    const limits = { ...dualLimits, ...this.#options.limits };
    await using target = handlerTarget({ second, timeoutMs, lanes, isAway });
    await runRelay({
      store: this.#store,
      target,
      limits,
      openQueue: () => pollingQueue(this.#store, limits, async (ms, stop) => this.#pause(ms, stop)),
      holder: { name: randomUUID(), host: hostname(), pid: process.pid },
      stop: this.#stop.signal,
      tell: onEvent ?? (() => undefined),
    });
  }

  /** Ends when somebody waits for a write. */
  async #pause(ms: number, stop: AbortSignal): Promise<void> {
    if (!this.#nudged.signal.aborted) {
      await sleep(ms, AbortSignal.any([stop, this.#nudged.signal])).catch(() => undefined);
    }
    this.#nudged = new AbortController();
    stop.throwIfAborted();
  }
}

export interface ReconcileRunOptions extends NotedOptions {
  /** Address of the second system's database: `postgres://…`, `mysql://…`. */
  readonly to: string;
  /** `schema.name`, or a name in schema `public` or in the database of a MySQL address; as the first system calls them. */
  readonly tables: readonly string[];
  /** Schemas of the first system (of MySQL its databases) that the second calls otherwise: `{ shop: 'public' }`. */
  readonly schemas?: Readonly<Record<string, string>>;
  /** Default true: rows that differ are made as the first system has them. */
  readonly repair?: boolean;
  /** Rows of a table that are looked at one by one; default 10 000. */
  readonly keep?: number;
  /** How long a round waits for second writes that are under way; default 60 000. TEAL-KERNEL-002. */
  readonly patienceMs?: number;
  /** After each row that was looked at again: the consistency rate, live. */
  readonly onProgress?: (consistency: Consistency) => void;
  readonly signal?: AbortSignal;
}

/**
 * Compares the tables of both systems whole while writes go on, and repairs the second one where it differs and no noted write explains it. What it tells is about this round; `rate` is the one before its repairs.
 * Errors: TEAL-DUALWRITE-001, -010 columns whose values are written otherwise in the second system, TEAL-OUTBOX-001 and -002, those of a session.
 */
export async function reconcile(options: ReconcileRunOptions): Promise<Consistency> {
  const { from, to, schemas = {}, patienceMs = 60_000, onProgress } = options;
  const signal = options.signal ?? new AbortController().signal;
  const tables = options.tables.map((table) => tableOf(from, table));
  outboxSystemOf(to);
  await using desk = await openDesk({ url: from, table: tableOf(from, options.table ?? defaultTable) });
  await using sides = await openTwoSides({ from, to, schemas, tables, signal });
  return await reconcileSides({
    live: sides.live.access,
    other: sides.other.access,
    liveProbe: sides.live.probe,
    otherProbe: sides.other.probe,
    caughtUp: async (until) => caughtUp(desk, patienceMs, until),
    tables,
    ...(options.repair === false ? {} : { repairer: sides.other.repairer }),
    keep: options.keep ?? 10_000,
    ...(onProgress === undefined ? {} : { onProgress }),
    signal,
  });
}

async function caughtUp(desk: OutboxDesk, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { last } = await desk.span();
  if (last === undefined) return;
  await waitFor({ what: 'second writes that are under way', timeoutMs, signal }, async () => {
    const { first } = await desk.span();
    return first === undefined || first > last ? true : undefined;
  });
}
