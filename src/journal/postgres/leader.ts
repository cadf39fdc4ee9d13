import { hostname } from 'node:os';
import { isoNow, monotonicMs } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import type { Holder } from '../lock.ts';
import type { JournalRow, JournalAsker, PostgresPlace } from '../place.ts';
import { schemaSql } from './schema.ts';

/** Who leads a migration, as the database has it. */
export interface Leader extends Holder {
  /** Each time somebody begins to lead it is one more. */
  readonly epoch: string;
  /** The leader's state folder: another one has processes of its own. */
  readonly folder: string;
  /** False when it has given its place back. */
  readonly held: boolean;
  readonly backend: string;
  /** The folder whose processes carry the migration: that of the last controller which moved it on. A command that only writes something down leads, and leaves it. */
  readonly home?: string;
}

/** A server sees the end of a process that was killed a moment later. */
const patienceMs = 1_000;
const lookEveryMs = 50;
const lockKey = `pg_catalog.hashtextextended('teal journal ' || $1, 0)`;
/** The two halves of the key, as `pg_locks` shows it. */
const lockRow = `locktype = 'advisory' and granted and objsubid = 1
  and database = (select oid from pg_catalog.pg_database where datname = current_database())
  and (classid::bigint << 32 | objid::bigint) = ${lockKey}`;

/**
 * Takes the one leader's place on this session: a lock of the session says who may lead, and the epoch in the leader's row, which every record proves, keeps out one that has lost its session and does not know it.
 * `after` is the epoch of one that leads already and comes back on a new session. Errors: TEAL-JOURNAL-003 another leads, -020 another has led since.
 */
export function lead(session: JournalAsker, place: PostgresPlace, what?: string, after?: string): Leader {
  const mine = after === undefined ? undefined : readLeader(session, place);
  if (!takeLock(session, place, mine?.epoch === after ? mine?.backend : undefined)) throw ledByAnother(session, place);
  const at = schemaSql(place.schema);
  const values = [place.migration, process.pid, hostname(), isoNow(), what ?? null, place.folder()];
  const rows = session.ask(
    `insert into ${at}.leader as leader (migration, epoch, held, pid, host, since, what, folder, backend)
       values ($1, 1, true, $2, $3, $4, $5, $6, pg_backend_pid())
     on conflict (migration) do update set (epoch, held, pid, host, since, what, folder, backend) =
       (leader.epoch + 1, true, excluded.pid, excluded.host, excluded.since, excluded.what, excluded.folder, excluded.backend)
       ${after === undefined ? '' : 'where leader.epoch = $7'}
     returning leader.*`,
    after === undefined ? values : [...values, after],
  );
  const leader = leaderOf(rows[0]);
  if (leader === undefined) throw ledSince(session, place);
  return leader;
}

/** Gives the place back: the next one has it at once. */
export function release(session: JournalAsker, place: PostgresPlace, epoch: string): void {
  const at = schemaSql(place.schema);
  session.ask(`update ${at}.leader set held = false where migration = $1 and epoch = $2`, [place.migration, epoch]);
  session.ask(`select pg_catalog.pg_advisory_unlock(${lockKey})`, [keyText(place)]);
}

/** Undefined where nobody ever led. */
export function readLeader(session: JournalAsker, { schema, migration }: PostgresPlace): Leader | undefined {
  return leaderOf(session.ask(`select * from ${schemaSql(schema)}.leader where migration = $1`, [migration])[0]);
}

/** Whether a session leads now, whoever it is. */
export function isLed(session: JournalAsker, place: PostgresPlace): boolean {
  return session.ask(`select from pg_catalog.pg_locks where ${lockRow}`, [keyText(place)]).length > 0;
}

export function ledSince(session: JournalAsker, place: PostgresPlace): TealError {
  const leader = readLeader(session, place);
  const who = leader === undefined ? 'nobody' : `process ${leader.pid} on ${leader.host}`;
  return new TealError('TEAL-JOURNAL-020', `${who} leads ${place.migration} in ${place.name}`, {
    journal: place.name,
    pid: leader?.pid,
    host: leader?.host,
  });
}

/** `own`: the server's process of this controller's lost session, which may not know yet that nobody is there. */
function takeLock(session: JournalAsker, place: PostgresPlace, own: string | undefined): boolean {
  if (own !== undefined) {
    session.ask(`select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_locks where ${lockRow} and pid = $2`, [
      keyText(place),
      own,
    ]);
  }
  const untilMs = monotonicMs() + patienceMs;
  for (;;) {
    const [row] = session.ask(`select pg_catalog.pg_try_advisory_lock(${lockKey}) as mine`, [keyText(place)]);
    if (row?.['mine'] === 't') return true;
    if (monotonicMs() >= untilMs) return false;
    pause(lookEveryMs);
  }
}

function keyText({ schema, migration }: PostgresPlace): string {
  return `${schema} ${migration}`;
}

/** The journal's callers wait for it, as they wait for a disk. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function ledByAnother(session: JournalAsker, place: PostgresPlace): TealError {
  const leader = readLeader(session, place);
  // One that has just come has the lock before its row says so.
  const known = leader?.held === true ? leader : undefined;
  const who = known === undefined ? 'another process' : `process ${known.pid} on ${known.host}`;
  return new TealError(
    'TEAL-JOURNAL-003',
    `${who} leads ${place.migration} in ${place.name}${known === undefined ? '' : ` since ${known.sinceIso}`}`,
    { journal: place.name, pid: known?.pid, host: known?.host, since: known?.sinceIso, what: known?.what },
  );
}

function leaderOf(row: JournalRow | undefined): Leader | undefined {
  if (row === undefined) return undefined;
  const { epoch, held, pid, host, since, what, folder, backend, home } = row;
  return Object.freeze({
    epoch: epoch ?? '',
    held: held === 't',
    pid: Number(pid),
    host: host ?? '',
    sinceIso: since ?? '',
    ...(typeof what === 'string' ? { what } : {}),
    folder: folder ?? '',
    backend: backend ?? '',
    ...(typeof home === 'string' ? { home } : {}),
  });
}
