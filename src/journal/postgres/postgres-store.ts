import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import type { Holder } from '../lock.ts';
import type { JournalAsker, JournalRow, JournalSession, PostgresPlace } from '../place.ts';
import type { RawRecord } from '../record.ts';
import type { ReadStore, WriteStore } from '../store.ts';
import { isLed, lead, ledSince, pause, readLeader, release, type Leader } from './leader.ts';
import { checkFormat, ensureSchema, isThere, schemaSql } from './schema.ts';

/**
 * A leader that has not had its session back for so long ends. Together with the time in which a lost session is noticed (7 s) it is less than what the server waits before it takes a session whose
 * machine is gone for dead (25 s): by then another may lead, and this one does nothing any more.
 */
const awayLimitMs = 15_000;
const tryAgainMs = 250;
const pageRows = 5_000;

/**
 * Leads the migration, and makes the tables if they are not there. Errors: TEAL-JOURNAL-002 a newer format, -003 another leads, -021 the server does not answer, -022 it refuses; TEAL-APP-040.
 */
export function postgresWriter(place: PostgresPlace, what?: string): WriteStore {
  const session = place.connect();
  try {
    place.bind(ensureSchema(session, place.schema));
    return new PostgresWriter(place, session, lead(session, place, what), what);
  } catch (error) {
    session[Symbol.dispose]();
    throw error;
  }
}

/** TEAL-JOURNAL-008 where nobody has ever led the migration; else the errors of the writer but -003. */
export function postgresReader(place: PostgresPlace): ReadStore {
  const session = lookingAt(place);
  if (!isThere(session, place.schema) || readLeader(session, place) === undefined) {
    throw new TealError('TEAL-JOURNAL-008', `${place.name} has none of ${place.migration}`, { journal: place.name });
  }
  checkFormat(session, place.schema);
  return {
    name: place.name,
    get holder(): Holder | undefined {
      const leader = readLeader(session, place);
      return leader?.held === true ? leader : undefined;
    },
    read: (afterSeq, limit) => readRows(session, place, afterSeq, limit),
    // The session is everybody's.
    [Symbol.dispose]: () => undefined,
  };
}

/** The first record's hash: no other journal has it. */
export function recordIdentity(place: PostgresPlace): string {
  const session = lookingAt(place);
  if (!isThere(session, place.schema)) return 'none';
  return [...readRows(session, place, 0, 1)][0]?.hash ?? 'empty';
}

/** Whether somebody leads now. */
export function hasLeader(place: PostgresPlace): boolean {
  return isLed(lookingAt(place), place);
}

/** Who leads, or who led last; undefined where nobody ever did. Its folder tells whether its processes are this machine's. */
export function leaderAt(place: PostgresPlace): Leader | undefined {
  const session = lookingAt(place);
  return isThere(session, place.schema) ? readLeader(session, place) : undefined;
}

/** From here on the processes of this place's folder carry the migration. To be called by whoever leads. Errors: TEAL-JOURNAL-020 leads no more. */
export function moveHome(place: PostgresPlace): void {
  const { schema, migration } = place;
  const session = lookingAt(place);
  const rows = session.ask(
    `update ${schemaSql(schema)}.leader set home = folder where migration = $1 and folder = $2 returning 1`,
    [migration, place.folder()],
  );
  if (rows.length === 0) throw ledSince(session, place);
}

/** Reading may be done twice: a session that was lost while nobody used it is no error. */
export function lookingAt(place: PostgresPlace): JournalAsker {
  return {
    ask: (sql, parameters) => {
      const session = place.look();
      try {
        return session.ask(sql, parameters);
      } catch (error) {
        if (!session.lost.aborted) throw error;
        return place.look().ask(sql, parameters);
      }
    },
  };
}

class PostgresWriter implements WriteStore {
  readonly name: string;
  readonly #place: PostgresPlace;
  readonly #what: string | undefined;
  readonly #lost = new AbortController();
  #session: JournalSession;
  #leader: Leader;
  #isClosed = false;

  constructor(place: PostgresPlace, session: JournalSession, leader: Leader, what: string | undefined) {
    this.name = place.name;
    this.#place = place;
    this.#what = what;
    this.#session = session;
    this.#leader = leader;
    this.#watch(session);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  read(afterSeq: number, limit?: number): Iterable<RawRecord> {
    return readRows(this.#session, this.#place, afterSeq, limit);
  }

  /**
   * A session that is lost in the middle leaves open whether the rows are there. To lead again bumps the epoch: from then on what the lost session had begun is there or never will be, and the table tells.
   */
  write(rows: readonly RawRecord[], synced: boolean): void {
    const untilMs = monotonicMs() + awayLimitMs;
    for (let inDoubt = false; ;) {
      try {
        this.#leadAgain();
        if (inDoubt && this.#has(rows)) return;
        this.#insert(rows, synced);
        return;
      } catch (error) {
        if (!isTealError(error, 'TEAL-JOURNAL-021') || monotonicMs() >= untilMs) throw this.#ending(error);
        inDoubt = true;
        pause(tryAgainMs);
      }
    }
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      if (!this.#lost.signal.aborted) release(this.#session, this.#place, this.#leader.epoch);
    } catch (error) {
      // Whoever loses the session has given the place back.
      if (!isTealError(error)) throw error;
    } finally {
      this.#session[Symbol.dispose]();
    }
  }

  /** One statement, one transaction: the leader's row keeps whoever wants to lead next waiting until it is over, and has no row for one that leads no more. */
  #insert(rows: readonly RawRecord[], synced: boolean): void {
    const { migration, schema } = this.#place;
    const at = schemaSql(schema);
    const text = (of: (row: RawRecord) => string | number): readonly string[] => rows.map((row) => String(of(row)));
    const [told] = this.#session.ask(
      `with mine as materialized (
         select case when $2 then '' else set_config('synchronous_commit', 'off', true) end
         from ${at}.leader where migration = $1 and epoch = $3 for share),
       added as (
         insert into ${at}.record (migration, seq, at, type, version, body, hash)
         select $1, r.seq, r.at, r.type, r.version, r.body, r.hash
         from mine, unnest($4::bigint[], $5::text[], $6::text[], $7::int[], $8::text[], $9::text[])
           as r (seq, at, type, version, body, hash) order by r.seq
         returning seq)
       select count(*) as count from added`,
      [
        migration,
        synced,
        this.#leader.epoch,
        text((row) => row.seq),
        text((row) => row.at),
        text((row) => row.type),
        text((row) => row.version),
        text((row) => row.body),
        text((row) => row.hash),
      ],
    );
    if (Number(told?.['count']) !== rows.length) throw ledSince(this.#session, this.#place);
  }

  /** All of one write are there or none. */
  #has(rows: readonly RawRecord[]): boolean {
    const last = rows.at(-1);
    if (last === undefined) return true;
    const found = [...this.read(last.seq - 1, 1)][0];
    if (found === undefined) return false;
    if (found.hash === last.hash) return true;
    throw ledSince(this.#session, this.#place);
  }

  #leadAgain(): void {
    if (!this.#session.lost.aborted) return;
    const session = this.#place.connect();
    try {
      this.#leader = lead(session, this.#place, this.#what, this.#leader.epoch);
    } catch (error) {
      session[Symbol.dispose]();
      // Whoever has the lock leads, or will in a moment.
      if (!isTealError(error, 'TEAL-JOURNAL-003')) throw error;
      throw new TealError('TEAL-JOURNAL-020', error.message.replace(`${error.code}: `, ''), error.facts);
    }
    this.#session[Symbol.dispose]();
    this.#session = session;
    this.#watch(session);
  }

  /** A session that is lost while nothing is written is had back at once, or another leads. */
  #watch(session: JournalSession): void {
    session.lost.addEventListener('abort', () => void this.#comeBack(session), { once: true });
  }

  async #comeBack(from: JournalSession): Promise<void> {
    const untilMs = monotonicMs() + awayLimitMs;
    while (!this.#isClosed && !this.#lost.signal.aborted && this.#session === from) {
      try {
        this.#leadAgain();
      } catch (error) {
        if (!isTealError(error, 'TEAL-JOURNAL-021') || monotonicMs() >= untilMs) {
          this.#ending(error);
          return;
        }
        await sleep(tryAgainMs);
      }
    }
  }

  /** What keeps this process from ever writing again ends it; a server that refuses (no room) may take the next record. */
  #ending(error: unknown): unknown {
    if (isTealError(error, 'TEAL-JOURNAL-020') || isTealError(error, 'TEAL-JOURNAL-021')) {
      this.#lost.abort(error);
      return error;
    }
    if (!isTealError(error, 'TEAL-JOURNAL-022')) return error;
    return new TealError('TEAL-JOURNAL-007', `${this.name} refused a record`, { path: this.name }, error);
  }
}

function* readRows(
  session: JournalAsker,
  { schema, migration }: PostgresPlace,
  afterSeq: number,
  limit = Infinity,
): Generator<RawRecord> {
  let after = afterSeq;
  let left = limit;
  while (left > 0) {
    const rows = session.ask(
      `select seq, at, type, version, body, hash from ${schemaSql(schema)}.record
       where migration = $1 and seq > $2 order by seq limit $3`,
      [migration, after, Math.min(left, pageRows)],
    );
    for (const row of rows) yield rawOf(row);
    if (rows.length < Math.min(left, pageRows)) return;
    left -= rows.length;
    after = Number(rows.at(-1)?.['seq']);
  }
}

function rawOf({ seq, at, type, version, body, hash }: JournalRow): RawRecord {
  return {
    seq: Number(seq),
    at: at ?? '',
    type: type ?? '',
    version: Number(version),
    body: body ?? '',
    hash: hash ?? '',
  };
}
