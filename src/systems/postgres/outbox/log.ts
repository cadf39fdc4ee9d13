import { assert } from '../../../kernel/assert.ts';
import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { Position } from '../../../model/position.ts';
import type { StreamEvent } from '../../../model/change.ts';
import type { ChangeRecord, ChangeStream } from '../../../ports/change-source.ts';
import type { LogBatch, OutboxEvent, OutboxLog, TakeLimit } from '../../../ports/outbox.ts';
import { PgoutputDecoder } from '../change-decoder.ts';
import type { PgConnection } from '../connection.ts';
import { KeptSession } from '../kept-session.ts';
import { slotStatus } from '../slot.ts';
import { postgresSource } from '../source.ts';
import { outboxEventOf } from './log-events.ts';
import { readPlace, writePlace, type LogPlace } from './log-place.ts';
import { isPublished, makeLog, placeOf } from './log-setup.ts';
import { backlogRows, type OutboxStoreOptions } from './store.ts';

const checkEveryMs = 10_000;

/** An event, and the place once it and all before it are settled. */
interface Ready {
  readonly event: OutboxEvent;
  place: LogPlace;
}

/**
 * See the port. The log is a slot of its own with a publication of the outbox's inserts, both made when there was none yet. The rows that were in the table at that moment come first, from the table; from
 * then on the log alone says what is to be delivered.
 */
export function postgresOutboxLog(options: OutboxStoreOptions): OutboxLog {
  return new PostgresOutboxLog(options);
}

class PostgresOutboxLog implements OutboxLog {
  readonly #options: OutboxStoreOptions;
  readonly #session: KeptSession;
  readonly #ended = new AbortController();
  /** What was settled: kept in the row of the relay, or about to be told as kept. */
  #place: LogPlace | undefined;
  #opened: OpenedLog | undefined;
  #isTaken = false;
  #nextCheckMs = 0;

  constructor(options: OutboxStoreOptions) {
    this.#options = options;
    this.#session = new KeptSession({ url: options.url, applicationName: 'teal outbox log' });
  }

  async take(limit: TakeLimit, waitMs: number, stop: AbortSignal): Promise<LogBatch> {
    // Not all of what was taken was settled: from there again.
    if (this.#isTaken) await this.#close();
    try {
      const place = (this.#place ??= await this.#begin(stop));
      if (place.backlog !== undefined) {
        const rows = await this.#backlog(place.backlog, limit);
        if (rows.length > 0) {
          this.#isTaken = true;
          return { events: rows, placeAfter: () => writePlace(place) };
        }
        const { backlog: _, ...rest } = place;
        this.#place = rest;
      }
      this.#opened ??= await this.#open(this.#place, stop);
      await this.#check(this.#place, stop);
      const ready = await this.#opened.take(limit, waitMs, stop);
      this.#isTaken = ready.length > 0;
      return { events: ready.map(({ event }) => event), placeAfter: (count) => placeOfLast(ready.slice(0, count)) };
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  settledUpTo(place: string): void {
    this.#place = readPlace(place);
    this.#isTaken = this.#opened?.settled(place) === false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new Error('the relay is over'));
    await this.#close();
    await this.#session[Symbol.asyncDispose]();
  }

  async #close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#isTaken = false;
    await opened?.[Symbol.asyncDispose]();
  }

  async #begin(stop: AbortSignal): Promise<LogPlace> {
    const place = await this.#session.use(async (connection) => placeOf(connection, this.#options.table), stop);
    return place ?? makeLog(this.#options, stop);
  }

  async #backlog(shows: string, limit: TakeLimit): Promise<readonly OutboxEvent[]> {
    return this.#session.use(async (connection) => backlogRows(connection, this.#options.table, shows, limit));
  }

  /** From time to time: a publication that has lost the table, or is gone (which from 18 on ends no stream), leaves events out without a word. */
  async #check({ slot }: LogPlace, stop: AbortSignal): Promise<void> {
    if (monotonicMs() < this.#nextCheckMs) return;
    await this.#session.use(async (connection) => refuseUnpublished(connection, slot, this.#options), stop);
    this.#nextCheckMs = monotonicMs() + checkEveryMs;
  }

  /** Whoever else reads the slot is a relay that has lost its lease, and has not noticed yet. */
  async #open(place: LogPlace, stop: AbortSignal): Promise<OpenedLog> {
    const { url } = this.#options;
    const { slot } = place;
    const confirmed = await this.#session.use(async (connection) => {
      const upTo = await readableFrom(connection, slot);
      await refuseUnpublished(connection, slot, this.#options);
      return upTo;
    }, stop);
    const after = confirmed > place.after ? confirmed : place.after;
    const source = postgresSource({ url, applicationName: 'teal outbox log', slot, publication: slot });
    const stream = await source.start({ after }, this.#ended.signal);
    if (stream.identity.split('/')[0] !== place.system) {
      await stream[Symbol.asyncDispose]();
      throw new TealError('TEAL-OUTBOX-060', 'the place is of another server', { slot });
    }
    return new OpenedLog(stream, { ...place, after }, this.#options);
  }
}

/** TEAL-OUTBOX-061. */
async function refuseUnpublished(
  connection: PgConnection,
  publication: string,
  { table }: OutboxStoreOptions,
): Promise<void> {
  if (await isPublished(connection, publication, table)) return;
  throw new TealError('TEAL-OUTBOX-061', 'the publication does not have the outbox', { publication });
}

/** What the server has been told is delivered. TEAL-OUTBOX-060. */
async function readableFrom(connection: PgConnection, slot: string): Promise<Position> {
  const status = await slotStatus(connection, slot);
  if (status.state === 'absent') throw new TealError('TEAL-OUTBOX-060', 'the slot is not there', { slot });
  if (status.state !== 'usable' || status.confirmed === undefined) {
    throw new TealError('TEAL-OUTBOX-060', 'the slot cannot be read', { slot, reason: status.reason });
  }
  if (status.activePid !== undefined) {
    await connection.query(
      'select pg_catalog.pg_terminate_backend(active_pid) from pg_catalog.pg_replication_slots where slot_name = $1 and active',
      [slot],
    );
  }
  return status.confirmed;
}

function placeOfLast(ready: readonly Ready[]): string {
  const last = ready.at(-1);
  assert(last !== undefined, 'a place is asked for after one event at least');
  return writePlace(last.place);
}

/** One reading of the log, from a place on. */
class OpenedLog implements AsyncDisposable {
  readonly #stream: ChangeStream;
  readonly #options: OutboxStoreOptions;
  readonly #decoder = new PgoutputDecoder();
  readonly #base: Omit<LogPlace, 'inside' | 'after'>;
  /** Where the reading began inside of a transaction. */
  readonly #begun: LogPlace['inside'];
  #ready: Ready[] = [];
  /** Taken and not settled; the last of them. */
  #last: Ready | undefined;
  #reading: Promise<readonly ChangeRecord[]> | undefined;
  #after: Position;
  #transaction: { readonly commitsAt: Position; readonly committedMs: number; seen: number } | undefined;
  /** Up to here there is nothing but what is in `#ready`, or was taken. */
  #passed: Position | undefined;

  constructor(stream: ChangeStream, { system, slot, after, inside }: LogPlace, options: OutboxStoreOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#base = { system, slot };
    this.#begun = inside;
    this.#after = after;
  }

  async take(limit: TakeLimit, waitMs: number, stop: AbortSignal): Promise<readonly Ready[]> {
    const over = new AbortController();
    try {
      const timeout = sleep(waitMs, AbortSignal.any([over.signal, stop])).then(() => undefined);
      // It is looked at below; what has come first must not leave it unheard.
      timeout.catch(() => undefined);
      while (this.#ready.length === 0) {
        this.#reading ??= heard(this.#stream.next());
        const records = await Promise.race([this.#reading, timeout]);
        if (records === undefined) break;
        this.#reading = undefined;
        for (const record of records) this.#read(record);
        this.#acknowledge();
      }
    } finally {
      over.abort();
    }
    const taken = this.#ready.splice(0, countWithin(this.#ready, limit));
    this.#last = taken.at(-1);
    return taken;
  }

  /** Answers whether all that was taken is settled. */
  settled(place: string): boolean {
    if (this.#last === undefined || writePlace(this.#last.place) !== place) return false;
    const { after } = this.#last.place;
    this.#last = undefined;
    this.#stream.acknowledge(after);
    this.#acknowledge();
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }

  /** What came since the last event, of whatever tables, need not be kept for this reader. */
  #acknowledge(): void {
    if (this.#ready.length === 0 && this.#last === undefined && this.#passed !== undefined)
      this.#stream.acknowledge(this.#passed);
  }

  #read(record: ChangeRecord): void {
    if (record.kind === 'mark') {
      this.#passed = record.end;
      return;
    }
    const event = this.#decoder.decode(record.payload);
    if (event !== undefined) this.#readEvent(event);
  }

  #readEvent(event: StreamEvent): void {
    if (event.kind === 'begin') {
      const { commitsAt, committedAtUs } = event;
      this.#transaction = { commitsAt, committedMs: Number(committedAtUs / 1_000n), seen: 0 };
    } else if (event.kind === 'commit') {
      this.#committed(event.end);
    } else {
      this.#readInside(event);
    }
  }

  #committed(end: Position): void {
    this.#transaction = undefined;
    this.#after = end;
    this.#passed = end;
    const last = this.#ready.at(-1);
    // If it has not been taken already: then its place stays one inside of the transaction, which is as good.
    if (last?.place.inside !== undefined) last.place = { ...this.#base, after: end };
  }

  #readInside(event: StreamEvent): void {
    const transaction = this.#transaction;
    assert(transaction !== undefined, 'a change is inside of a transaction');
    const { commitsAt, committedMs, seen } = transaction;
    const found = outboxEventOf(event, this.#options.table, { commitsAt, committedMs, index: seen });
    if (found === undefined) return;
    transaction.seen += 1;
    if (commitsAt === this.#begun?.commitsAt && transaction.seen <= this.#begun.done) return;
    const inside = { commitsAt, done: transaction.seen };
    this.#ready.push({ event: found, place: { ...this.#base, after: this.#after, inside } });
  }
}

/** Its failure is looked at later, or never, when nobody takes any more. */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** So many of the first as the limit has room for, one at least. */
function countWithin(ready: readonly Ready[], { events, bytes }: TakeLimit): number {
  let sum = 0;
  for (const [at, { event }] of ready.entries()) {
    sum += event.payload?.length ?? 0;
    if (at >= events || (at > 0 && sum > bytes)) return at;
  }
  return ready.length;
}
