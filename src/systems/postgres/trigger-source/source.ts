import { assert } from '../../../kernel/assert.ts';
import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { Position } from '../../../model/position.ts';
import type { ChangeRecord, ChangeSource, ChangeStream, StreamStart } from '../../../ports/change-source.ts';
import { connect, type PgConnection } from '../connection.ts';
import { asTealError } from '../errors.ts';
import { lsnOfPosition } from '../position.ts';
import { Cleaner } from './cleaner.ts';
import { historyOf } from './history.ts';
import { readerLock, refuseGaps } from './recorder.ts';
import { RecordWriter } from './record-writer.ts';
import { keptRange, makeTick, tickAfter, type Tick } from './ticks.ts';
import { groupsOf, piecesOf, transactionsOf, type NotedTransaction } from './transactions.ts';

export interface TriggerSourceOptions {
  readonly url: string;
  readonly applicationName: string;
  /** Pause when nothing new was recorded; default 100. */
  readonly pollMs?: number;
  /** Where not triggers alone write the record: brings what has changed since the last time into it (polling/poll.ts), every so often. */
  readonly gather?: { readonly everyMs: number; readonly work: (connection: PgConnection) => Promise<void> };
  /** Pause between two rounds of forgetting what was acknowledged; default 1 000. */
  readonly cleanPauseMs?: number;
  /** Pause between two looks at the triggers; default 5 000. */
  readonly checkPauseMs?: number;
  /** A question that is not answered for so long means that the connection is dead (TEAL-SYSTEMS-028); default 120 000. */
  readonly silenceTimeoutMs?: number;
}

/**
 * What triggers of a PostgreSQL database recorded (recorder.ts), for a source whose log may not be read. It brings what the log would bring, in the messages of pgoutput, so that
 * decoder, spool and applier are the same; see ticks.ts for the order. Every transaction comes that changed a recorded table; of Teal's own only the rows of its own tables.
 */
export function triggerSource(options: TriggerSourceOptions): ChangeSource {
  return { start: async (from, signal) => start(options, from, signal) };
}

async function start(options: TriggerSourceOptions, from: StreamStart, signal: AbortSignal): Promise<ChangeStream> {
  const { url, applicationName } = options;
  const reader = await connect({ url, applicationName, signal });
  try {
    await refuseEncoding(reader);
    const identity = await historyOf(reader, from.identity);
    await takeReaderLock(reader);
    await refuseHole(reader, from.after);
    await refuseGaps(reader);
    const cleaner = await connect({ url, applicationName: `${applicationName} cleaner`, signal });
    return new TriggerChangeStream({ reader, cleaner }, identity, options, from, signal);
  } catch (error) {
    await reader.close();
    signal.throwIfAborted();
    throw error;
  }
}

/** Texts of no known encoding would be changed on their way. */
async function refuseEncoding(connection: PgConnection): Promise<void> {
  const { rows } = await connection.query('show server_encoding');
  if (rows[0]?.['server_encoding'] === 'SQL_ASCII') {
    throw new TealError('TEAL-SYSTEMS-045', 'the encoding of the database is SQL_ASCII');
  }
}

async function takeReaderLock(connection: PgConnection): Promise<void> {
  const { rows } = await connection.query(`select pg_try_advisory_lock(${readerLock}) as mine`);
  if (rows[0]?.['mine'] !== 't') throw new TealError('TEAL-SYSTEMS-042', 'another session reads the record of changes');
}

async function refuseHole(connection: PgConnection, after: Position): Promise<void> {
  const { begins, ends } = await keptRange(connection);
  const at = lsnOfPosition(after);
  if (at < begins) {
    throw new TealError('TEAL-SYSTEMS-044', 'what follows was forgotten', { received: at, begins });
  }
  if (at > ends)
    throw new TealError('TEAL-SYSTEMS-040', 'the record ends before what was received', { received: at, ends });
}

/** Nothing but ends of transactions is ever given away. */
function refuseInside(after: bigint, begins: bigint): void {
  if (begins >= after) return;
  throw new TealError('TEAL-SYSTEMS-040', 'the record does not know the position that was received', {
    received: after,
    begins,
  });
}

class TriggerChangeStream implements ChangeStream {
  readonly identity: string;
  readonly #reader: PgConnection;
  readonly #cleanerSession: PgConnection;
  readonly #options: TriggerSourceOptions;
  readonly #signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #onAbort = (): void => this.#end(asTealError(this.#signal.reason, 'connected'));
  readonly #timer: NodeJS.Timeout;
  readonly #records: AsyncGenerator<readonly ChangeRecord[]>;
  readonly #writer = new RecordWriter();
  readonly #cleaning: Promise<void>;
  #given: bigint;
  #acknowledged: bigint;
  #askedAt: number | undefined;
  #checkedAt = monotonicMs();
  #gatheredAt = Number.NEGATIVE_INFINITY;

  constructor(
    sessions: { readonly reader: PgConnection; readonly cleaner: PgConnection },
    identity: string,
    options: TriggerSourceOptions,
    { after, acknowledged = after }: StreamStart,
    signal: AbortSignal,
  ) {
    this.identity = identity;
    this.#reader = sessions.reader;
    this.#cleanerSession = sessions.cleaner;
    this.#options = options;
    this.#signal = signal;
    this.#given = lsnOfPosition(after);
    this.#acknowledged = lsnOfPosition(acknowledged);
    this.#records = this.#read(this.#given);
    this.#timer = setInterval(() => this.#watch(), 1_000);
    // Whoever waits for records is told.
    this.#cleaning = this.#clean().catch((error: unknown) => this.#end(asTealError(error, 'connected')));
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  async next(): Promise<readonly ChangeRecord[]> {
    try {
      for (;;) {
        const step = await this.#records.next();
        if (step.done === true) throw new TealError('TEAL-SYSTEMS-006', 'the stream has ended');
        const records = step.value;
        const last = records.findLast((record) => record.kind === 'commit');
        if (last !== undefined) this.#given = lsnOfPosition(last.end);
        if (records.length > 0) return records;
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#end(asTealError(error, 'connected'));
      throw error;
    }
  }

  acknowledge(position: Position): void {
    const at = lsnOfPosition(position);
    assert(at <= this.#given, 'only what was received is acknowledged');
    if (at > this.#acknowledged) this.#acknowledged = at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(new TealError('TEAL-SYSTEMS-006', 'the stream was closed'));
    await Promise.allSettled([this.#cleaning, this.#reader.close(), this.#cleanerSession.close()]);
  }

  async *#read(after: bigint): AsyncGenerator<readonly ChangeRecord[]> {
    for (let at = after; ;) {
      const tick = await this.#ask(this.#nextTick(at));
      if (monotonicMs() - this.#checkedAt > (this.#options.checkPauseMs ?? 5_000)) {
        await this.#ask(refuseGaps(this.#reader));
        this.#checkedAt = monotonicMs();
      }
      if (tick === undefined) await sleep(this.#options.pollMs ?? 100, this.#stop.signal);
      else {
        yield* this.#readTick(tick, at);
        at = tick.ends;
      }
    }
  }

  async #nextTick(at: bigint): Promise<Tick | undefined> {
    const made = await tickAfter(this.#reader, at);
    if (made !== undefined) return made;
    await this.#gather();
    await makeTick(this.#reader);
    return tickAfter(this.#reader, at);
  }

  async #gather(): Promise<void> {
    const { gather } = this.#options;
    if (gather === undefined || monotonicMs() - this.#gatheredAt < gather.everyMs) return;
    await gather.work(this.#reader);
    this.#gatheredAt = monotonicMs();
  }

  async *#readTick(tick: Tick, after: bigint): AsyncGenerator<readonly ChangeRecord[]> {
    let at = tick.starts;
    for (let number = tick.first - 1n; ;) {
      const transactions = await this.#ask(transactionsOf(this.#reader, tick, number));
      const last = transactions.at(-1);
      if (last === undefined) break;
      number = last.number;
      const ends = transactions.map((transaction) => (at += BigInt(transaction.bytes)));
      const first = ends.findIndex((end) => end > after);
      if (first === -1) continue;
      refuseInside(after, (ends[first] ?? 0n) - BigInt(transactions[first]?.bytes ?? 0));
      const endOf = new Map(transactions.map((transaction, place) => [transaction, ends[place] ?? 0n]));
      for (const group of groupsOf(transactions.slice(first))) yield* this.#readGroup(group, endOf);
    }
    // What was recorded cannot be less or more than when the tick was made.
    if (at !== tick.ends) {
      throw new TealError('TEAL-SYSTEMS-040', 'a part of the record is missing', {
        tick: tick.number,
        at,
        ends: tick.ends,
      });
    }
  }

  async *#readGroup(
    group: readonly NotedTransaction[],
    endOf: ReadonlyMap<NotedTransaction, bigint>,
  ): AsyncGenerator<readonly ChangeRecord[]> {
    const pieces = piecesOf(this.#reader, group);
    let records: ChangeRecord[] = [];
    let open: NotedTransaction | undefined;
    for (;;) {
      const step = await this.#ask(pieces.next());
      const piece = step.done === true ? undefined : step.value;
      if (open !== undefined && open !== piece?.transaction)
        records.push(this.#writer.commit(open, endOf.get(open) ?? 0n));
      if (piece === undefined) break;
      await this.#ask(this.#writer.learn(this.#reader, piece.changes));
      if (open !== piece.transaction) {
        open = piece.transaction;
        records.push(...this.#writer.begin(open, endOf.get(open) ?? 0n));
      }
      for (const record of this.#writer.changes(piece.changes)) records.push(record);
      // A large transaction comes in pieces.
      if (group.length === 1) {
        yield records;
        records = [];
      }
    }
    yield records;
  }

  /** Forgets what was acknowledged, until the stream ends. */
  async #clean(): Promise<void> {
    const cleaner = new Cleaner();
    try {
      for (;;) {
        const more = await cleaner.forget(this.#cleanerSession, this.#acknowledged);
        if (!more) await sleep(this.#options.cleanPauseMs ?? 1_000, this.#stop.signal);
      }
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      throw error;
    }
  }

  async #ask<T>(work: Promise<T>): Promise<T> {
    this.#askedAt = monotonicMs();
    try {
      return await work;
    } finally {
      this.#askedAt = undefined;
    }
  }

  #watch(): void {
    const silenceMs = this.#askedAt === undefined ? 0 : monotonicMs() - this.#askedAt;
    if (silenceMs <= (this.#options.silenceTimeoutMs ?? 120_000)) return;
    this.#end(new TealError('TEAL-SYSTEMS-028', 'the source does not answer', { silenceMs: Math.round(silenceMs) }));
  }

  #end(reason: TealError): void {
    clearInterval(this.#timer);
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#stop.abort(reason);
    this.#reader.abandon(reason);
    this.#cleanerSession.abandon(reason);
  }
}
