import { assert } from '../../../kernel/assert.ts';
import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { Position } from '../../../model/position.ts';
import type { ChangeRecord, ChangeSource, ChangeStream, StreamStart } from '../../../ports/change-source.ts';
import { encodeBegin, encodeCommit } from '../change-payload.ts';
import { connect, type MysqlConnection } from '../connection.ts';
import { asTealError } from '../errors.ts';
import { lockHolder, lockName, tryLock } from '../named-lock.ts';
import { changesOf, payloadsOf, type NotedChange } from './changes.ts';
import { forgetTicks } from './cleaner.ts';
import { refuseGaps } from './gaps.ts';
import { historyOf } from './history.ts';
import { readerLock } from './names.ts';
import { encodeRecordedTable, type RecordedTable } from './payload.ts';
import { justBehind, placeOfPosition, positionOfPlace, type RecordPlace } from './position.ts';
import { readRecorded, signTables } from './recorder.ts';
import { keptRange, makeTick, tickAfter, type Tick } from './ticks.ts';

export interface TriggerSourceOptions {
  readonly url: string;
  readonly applicationName: string;
  /** Pause when nothing new was recorded; default 100. */
  readonly pollMs?: number;
  /** Where not triggers alone write the record: brings what has changed since the last time into it (../polling/poll.ts), every so often. */
  readonly gather?: { readonly everyMs: number; readonly work: (connection: MysqlConnection) => Promise<void> };
  /** Pause between two rounds of forgetting what was acknowledged; default 1 000. */
  readonly cleanPauseMs?: number;
  /** Pause between two looks at the tables and their triggers; default 5 000. */
  readonly checkPauseMs?: number;
  /** A question that is not answered for so long means that the connection is dead (TEAL-SYSTEMS-028); default 120 000. */
  readonly silenceTimeoutMs?: number;
}

/**
 * What triggers of MySQL or MariaDB recorded (recorder.ts), for a source without a binlog; see ticks.ts for the order. A tick comes as one transaction, but that rows which say who owns the data come by
 * themselves: they are written while the side is closed to clients, so that what has a lower number had ended before and what has a higher one began after. Of Teal's own writes only these come.
 */
export function triggerSource(options: TriggerSourceOptions): ChangeSource {
  return { start: async (from, signal) => start(options, from, signal) };
}

/** Errors beside those of a session: TEAL-SYSTEMS-023, -040, -042, -044, and those of `refuseGaps`; in the stream the last as well. */
async function start(options: TriggerSourceOptions, from: StreamStart, signal: AbortSignal): Promise<ChangeStream> {
  const { url, applicationName } = options;
  const reader = await connect({ url, applicationName, signal });
  try {
    const identity = await historyOf(reader, from.identity);
    await takeReaderLock(reader);
    await refuseHole(reader, from.after);
    await refuseGaps(reader);
    await refuseTurnedNumbers(reader);
    const tables = await readRecorded(reader);
    const cleaner = await connect({ url, applicationName: `${applicationName} cleaner`, signal });
    return new TriggerChangeStream({ reader, cleaner }, identity, tables, options, from, signal);
  } catch (error) {
    await reader.close();
    signal.throwIfAborted();
    throw error;
  }
}

async function takeReaderLock(connection: MysqlConnection): Promise<void> {
  const name = lockName(readerLock);
  // A moment: the session of a reader that has just ended may not have ended on the server.
  if (await tryLock(connection, name, 1)) return;
  const holder = await lockHolder(connection, name);
  throw new TealError('TEAL-SYSTEMS-042', 'another session reads the record of changes', { holder });
}

async function refuseHole(connection: MysqlConnection, after: Position): Promise<void> {
  const { begins, ends } = await keptRange(connection);
  const at = placeOfPosition(after);
  if (at.bytes < begins.bytes) {
    throw new TealError('TEAL-SYSTEMS-044', 'what follows was forgotten', { received: at.bytes, begins: begins.bytes });
  }
  if (at.bytes > ends.bytes) {
    const facts = { received: at.bytes, ends: ends.bytes };
    throw new TealError('TEAL-SYSTEMS-040', 'the record ends before what was received', facts);
  }
}

/** A server that is started anew counts on from its clock: one that was put back gives out numbers again that are below those of changes which are there. Each start of it ends the sessions that read here. */
async function refuseTurnedNumbers(connection: MysqlConnection): Promise<void> {
  const { rows } = await connection.query(
    'select coalesce((select max(number) from teal.changes), 0) < uuid_short() as rises',
  );
  if (rows[0]?.['rises'] === '1') return;
  throw new TealError('TEAL-SYSTEMS-344', 'numbers of changes do not rise any more');
}

class TriggerChangeStream implements ChangeStream {
  readonly identity: string;
  readonly #reader: MysqlConnection;
  readonly #cleanerSession: MysqlConnection;
  readonly #tables: ReadonlyMap<number, RecordedTable>;
  readonly #options: TriggerSourceOptions;
  readonly #signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #onAbort = (): void => this.#end(asTealError(this.#signal.reason, 'connected'));
  readonly #timer: NodeJS.Timeout;
  readonly #records: AsyncGenerator<readonly ChangeRecord[]>;
  readonly #cleaning: Promise<void>;
  readonly #described = new Set<number>();
  #given: Position;
  #acknowledged: Position;
  #askedAt: number | undefined;
  #checkedAt = monotonicMs();
  #gatheredAt = Number.NEGATIVE_INFINITY;

  constructor(
    sessions: { readonly reader: MysqlConnection; readonly cleaner: MysqlConnection },
    identity: string,
    tables: ReadonlyMap<number, RecordedTable>,
    options: TriggerSourceOptions,
    { after, acknowledged = after }: StreamStart,
    signal: AbortSignal,
  ) {
    this.identity = identity;
    this.#reader = sessions.reader;
    this.#cleanerSession = sessions.cleaner;
    this.#tables = tables;
    this.#options = options;
    this.#signal = signal;
    this.#given = after;
    this.#acknowledged = acknowledged;
    this.#records = this.#read(placeOfPosition(after));
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
        if (last !== undefined) this.#given = last.end;
        if (records.length > 0) return records;
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#end(asTealError(error, 'connected'));
      throw error;
    }
  }

  acknowledge(position: Position): void {
    assert(position <= this.#given, 'only what was received is acknowledged');
    if (position > this.#acknowledged) this.#acknowledged = position;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(new TealError('TEAL-SYSTEMS-006', 'the stream was closed'));
    await Promise.allSettled([this.#cleaning, this.#reader.close(), this.#cleanerSession.close()]);
  }

  async *#read(after: RecordPlace): AsyncGenerator<readonly ChangeRecord[]> {
    for (let at = after; ;) {
      await this.#gather();
      const tick = await this.#ask(this.#nextTick(at));
      if (monotonicMs() - this.#checkedAt > (this.#options.checkPauseMs ?? 5_000)) {
        await this.#ask(refuseGaps(this.#reader));
        this.#checkedAt = monotonicMs();
      }
      if (tick === undefined) await sleep(this.#options.pollMs ?? 100, this.#stop.signal);
      else {
        yield* this.#readTick(tick, at.bytes);
        at = { tick: tick.number, bytes: tick.ends };
      }
    }
  }

  async #nextTick(at: RecordPlace): Promise<Tick | undefined> {
    const made = await tickAfter(this.#reader, at);
    if (made !== undefined) return made;
    await makeTick(this.#reader);
    return tickAfter(this.#reader, at);
  }

  /** It may read for long, and its own session watches over that. */
  async #gather(): Promise<void> {
    const { gather } = this.#options;
    if (gather === undefined || monotonicMs() - this.#gatheredAt < gather.everyMs) return;
    await gather.work(this.#reader);
    this.#gatheredAt = monotonicMs();
  }

  /** `after`: what ended there or before was received. */
  async *#readTick(tick: Tick, after: bigint): AsyncGenerator<readonly ChangeRecord[]> {
    const piece = new Piece(tick);
    const groups = changesOf(this.#reader, tick);
    for (;;) {
      const group = await this.#ask(groups.next());
      if (group.done === true) break;
      const notes = group.value.filter((note) => !piece.passes(note, after));
      const payloads = await this.#ask(payloadsOf(this.#reader, tick, notes, this.#tables));
      const records: ChangeRecord[] = [];
      for (const [place, note] of notes.entries()) {
        const payload = payloads[place];
        if (payload === undefined) continue;
        // A sign is a transaction by itself; all else is one until the next sign.
        const isSign = signTables.has(note.rel);
        if (isSign) records.push(...piece.end());
        records.push(...piece.take(note), ...this.#describe(note.rel));
        records.push({ kind: 'change', payload });
        if (isSign) records.push(...piece.end());
      }
      yield records;
    }
    yield [...piece.end()];
    // What was recorded cannot be less or more than when the tick was made.
    if (piece.at === tick.ends) return;
    const facts = { tick: tick.number, at: piece.at, ends: tick.ends };
    throw new TealError('TEAL-SYSTEMS-040', 'a part of the record is missing', facts);
  }

  *#describe(rel: number): Generator<ChangeRecord> {
    const table = this.#tables.get(rel);
    if (table === undefined || this.#described.has(rel)) return;
    this.#described.add(rel);
    yield { kind: 'schema', key: String(rel), payload: encodeRecordedTable(rel, table) };
  }

  /** Forgets what was acknowledged, until the stream ends. */
  async #clean(): Promise<void> {
    try {
      for (;;) {
        const upTo = placeOfPosition(this.#acknowledged).bytes;
        const more = await forgetTicks(this.#cleanerSession, this.#tables, upTo);
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

/** Where the reading of a tick is, and the transaction that it is in. */
class Piece {
  readonly #tick: Tick;
  #at: bigint;
  #isOpen = false;

  constructor(tick: Tick) {
    this.#tick = tick;
    this.#at = tick.starts;
  }

  get at(): bigint {
    return this.#at;
  }

  /** Whether a change was received already. Nothing but ends of transactions is ever given away: TEAL-SYSTEMS-040. */
  passes({ bytes }: NotedChange, after: bigint): boolean {
    if (this.#at >= after) return false;
    this.#at += bytes;
    if (this.#at <= after) return true;
    throw new TealError('TEAL-SYSTEMS-040', 'the record does not know the position that was received', {
      received: after,
    });
  }

  *take({ number, bytes }: NotedChange): Generator<ChangeRecord> {
    if (!this.#isOpen) {
      this.#isOpen = true;
      const payload = encodeBegin(this.#tick.madeAtUs, Number(number & 0xffff_ffffn), justBehind(this.#here()));
      yield { kind: 'begin', payload };
    }
    this.#at += bytes;
  }

  *end(): Generator<ChangeRecord> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const end = positionOfPlace(this.#here());
    yield { kind: 'commit', end, payload: encodeCommit(end) };
  }

  #here(): RecordPlace {
    return { tick: this.#tick.number, bytes: this.#at };
  }
}
