import { orAborted } from '../../kernel/abort.ts';
import { must } from '../../kernel/assert.ts';
import { isoNow, monotonicMs, sleep, waitFor, within } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import type { TableName } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import { untilAborted } from '../../kernel/kept-session.ts';
import { connect, type MysqlConnection, type MysqlFlavour } from './connection.ts';
import { waitsForName } from './named-lock.ts';
import { quoteTable } from './quote.ts';
import { positionOf, type ToldPlace } from './position.ts';
import { beginAll, placeNow } from './snapshot-moment.ts';
import { beginInWindow, type WindowOptions } from './snapshot-window.ts';
import type { WindowRows } from './window-rows.ts';

export interface SnapshotSessionsOptions {
  readonly url: string;
  readonly applicationName: string;
  /** How many can read at the same time. There are never more: the server lets nobody join a snapshot later. */
  readonly sessions: number;
  /** Each session keeps these from being altered, emptied or dropped as long as it lives. */
  readonly tables?: readonly TableName[];
  /** Longest wait for a moment without long statements and for the lock, where one is needed; default 60 000. */
  readonly lockTimeoutMs?: number;
  /** How often it is tried without a lock; default 20. */
  readonly attemptsWithoutLock?: number;
  /** How it is known that they see the same; default: by the place in the binlog. */
  readonly meet?: OpenMeeting;
  /** Where the lock is not to be had, they begin without one, and what was committed meanwhile is read from the log. Not with `meet`. Default: the lock's error. */
  readonly window?: WindowOptions;
  /** Told once, when it is there. */
  readonly onTaken?: (taken: TakenSnapshot) => void;
}

/** How sessions come to see the same, and where that is. */
export interface Meeting extends AsyncDisposable {
  /** Begins the sessions anew; whether they are known to see the same. `isQuiet`: nothing commits meanwhile, so they do. */
  begin(sessions: readonly MysqlConnection[], isQuiet: boolean, signal: AbortSignal): Promise<boolean>;
  /** Of those that were begun last. Nothing is locked for it. */
  place(): Promise<Position>;
}

/** `looker` is a session in no transaction. */
export type OpenMeeting = (looker: MysqlConnection, signal: AbortSignal) => Promise<Meeting>;

export interface TakenSnapshot {
  readonly position: Position;
  /** How the sessions came to one place: without a lock, while commits waited, while all writes waited, or each by itself, with `rows` for what lies between. */
  readonly how: 'agreed' | 'commits blocked' | 'writes blocked' | 'window';
  /** With it alone the sessions show one state, that of the position: what was committed while they were begun, of the tables of `WindowOptions`. */
  readonly rows?: WindowRows;
  /** How long others had to wait; 0 without a lock. */
  readonly blockedMs: number;
  /** Of this way. */
  readonly attempts: number;
}

/** Each takes some milliseconds. A server on which something commits within each of them needs the lock. */
const attemptsToAgree = 20;
const defaultLockTimeoutMs = 60_000;
/** Others wait behind whoever waits for the lock: never long at a time. */
const lockAttemptSeconds = 2;
/** The longest that a lock is held, whatever the network does. */
const longestBlockMs = 5_000;
/** A statement that has run for so long is expected to run on. */
const longStatementSeconds = 2;
const pauseMs = 500;
const tablesPerStatement = 50;

/**
 * Opens sessions that all see what had committed before one place of the binlog, and nothing else (design: correctness.md §4.1). First without a lock, until nothing commits while they
 * are opened. On a server that commits all the time they are opened under a
 * brief lock: MariaDB's BACKUP STAGE BLOCK_COMMIT waits for no SELECT and lets all but commits go on. MySQL has FLUSH TABLES WITH READ LOCK alone, which is only tried while
 * no statement runs for long: where one does after all, who comes to its table later waits until its end, although the lock was given up (manual: "FLUSH Statement").
 * Where no lock is to be had they begin without one, and are one snapshot only together with what was committed meanwhile (see snapshot-window.ts).
 *
 * A table that is replaced later (TRUNCATE, ALTER) can be read no more, and the server says so (error 1412). The tables given are locked against that before and after.
 *
 * Errors: without `window` TEAL-SYSTEMS-008 the lock, or a moment for it, was not had in time, -010 it is not permitted; with it those of `beginInWindow`; TEAL-SYNC-132 the server keeps no log.
 */
export async function takeSnapshot(options: SnapshotSessionsOptions, signal: AbortSignal): Promise<SnapshotSessions> {
  const { url, tables = [] } = options;
  await using locker = await connect({ url, applicationName: `${options.applicationName} lock`, signal });
  await locker.query('start transaction read only');
  await lockTables(locker, tables);
  const sessions = await openAll(options, signal);
  try {
    const taken = await beginTogether(options, sessions, signal);
    for (const session of sessions) await untilAborted(session, signal, async () => lockTables(session, tables));
    options.onTaken?.(taken);
    return new SnapshotSessions(taken, sessions);
  } catch (error) {
    await closeAll(sessions);
    throw error;
  }
}

async function openAll(options: SnapshotSessionsOptions, signal: AbortSignal): Promise<readonly MysqlConnection[]> {
  const { url, applicationName } = options;
  const opening = Array.from({ length: options.sessions }, async () => connect({ url, applicationName, signal }));
  const opened = await Promise.allSettled(opening);
  const sessions = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    for (const one of opened) if (one.status === 'rejected') throw one.reason;
    for (const session of sessions) await prepare(session);
    return sessions;
  } catch (error) {
    await closeAll(sessions);
    throw error;
  }
}

async function prepare(session: MysqlConnection): Promise<void> {
  await session.query('set session transaction isolation level repeatable read');
  if (session.flavour !== 'mariadb') return;
  // A session that waits for its turn must not be ended for it.
  await session.query('set @@session.idle_transaction_timeout = 0, @@session.idle_readonly_transaction_timeout = 0');
}

async function closeAll(sessions: readonly MysqlConnection[]): Promise<void> {
  await Promise.all(sessions.map(async (session) => session.close()));
}

/** Opening a table in a transaction locks its definition until the transaction ends, whatever is read of it (manual: "Metadata Locking"). */
async function lockTables(session: MysqlConnection, tables: readonly TableName[]): Promise<void> {
  for (let at = 0; at < tables.length; at += tablesPerStatement) {
    const some = tables.slice(at, at + tablesPerStatement);
    await session.query(some.map((table) => `(select 1 from ${quoteTable(table)} limit 0)`).join(' union all '));
  }
}

async function beginTogether(
  options: SnapshotSessionsOptions,
  sessions: readonly MysqlConnection[],
  signal: AbortSignal,
): Promise<TakenSnapshot> {
  const { url, applicationName, meet = meetInBinlog } = options;
  await using looker = await connect({ url, applicationName: `${applicationName} lock`, signal });
  await using meeting = await meet(looker, signal);
  const most = options.attemptsWithoutLock ?? attemptsToAgree;
  for (let attempts = 1; attempts <= most; attempts += 1) {
    if (await untilAborted(looker, signal, async () => meeting.begin(sessions, false, signal))) {
      return { position: await meeting.place(), how: 'agreed', blockedMs: 0, attempts };
    }
  }
  try {
    return await beginUnderLock(options, meeting, looker, sessions, signal);
  } catch (error) {
    const { window } = options;
    const isUsable = [looker, ...sessions].every(({ ended }) => !ended.aborted);
    if (window === undefined || options.meet !== undefined || !isUsable || !isWithoutLock(error)) throw error;
    return { ...(await beginInWindow(url, window, looker, sessions, signal)), how: 'window', blockedMs: 0 };
  }
}

/** The lock is not permitted (managed servers say that the login was refused), or was not had in time. */
function isWithoutLock(error: unknown): boolean {
  return (
    isTealError(error, 'TEAL-SYSTEMS-010') ||
    isTealError(error, 'TEAL-SYSTEMS-008') ||
    isTealError(error, 'TEAL-SYSTEMS-002')
  );
}

async function meetInBinlog(looker: MysqlConnection): Promise<Meeting> {
  let place: ToldPlace | undefined;
  return {
    async begin(sessions, isQuiet, signal) {
      if (isQuiet) {
        await beginAll(sessions, signal);
        place = await placeNow(looker);
      } else {
        place = await beginWithoutLock(looker, sessions, signal);
      }
      return place !== undefined;
    },
    place: async () => positionOf(looker.flavour, must(place, 'a place in the binlog')),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** The place, if all snapshots are known to be at it: all that is before it in the binlog could be seen before they were opened, and nothing was behind it afterwards. */
async function beginWithoutLock(
  looker: MysqlConnection,
  sessions: readonly MysqlConnection[],
  signal: AbortSignal,
): Promise<ToldPlace | undefined> {
  const before = await placeNow(looker);
  if (!(await isSeenUpTo(looker, before))) return undefined;
  await beginAll(sessions, signal);
  const after = await placeNow(looker);
  return before.file === after.file && before.offset === after.offset ? after : undefined;
}

/**
 * Whether all that is in the binlog before a place can be seen. False when it is not known.
 *
 * MySQL: a transaction owns its GTID from before it is written to the binlog until after its rows can be seen (rpl_gtid_state.cc: update_commit_group); only where the server has GTIDs.
 * MariaDB: a session without a snapshot is told how far commits have come; that is changed with their rows, under one lock (log.cc: LOCK_commit_ordered). What a session *with* a
 * snapshot is told must not be trusted: all sessions are told by way of the same variables of the server, and one that asks at the same moment changes the answer.
 */
async function isSeenUpTo(looker: MysqlConnection, place: ToldPlace): Promise<boolean> {
  if (looker.flavour === 'mysql') {
    const { rows } = await looker.query('select @@global.gtid_owned as owned');
    return place.gtids !== undefined && rows[0]?.['owned'] === '';
  }
  const { rows } = await looker.query(`show session status like 'binlog_snapshot_%'`);
  const told = new Map(rows.map((row) => [row['Variable_name']?.toLowerCase(), row['Value']]));
  return (
    told.get('binlog_snapshot_file') === place.file && Number(told.get('binlog_snapshot_position')) === place.offset
  );
}

async function beginUnderLock(
  options: SnapshotSessionsOptions,
  meeting: Meeting,
  control: MysqlConnection,
  sessions: readonly MysqlConnection[],
  signal: AbortSignal,
): Promise<TakenSnapshot> {
  const lock = locks[control.flavour];
  const attempts = await untilAborted(control, signal, async () => takeLock(control, options, signal));
  const since = monotonicMs();
  // Whatever happens, the end of this session is the end of the lock.
  const late = (): TealError =>
    new TealError('TEAL-SYSTEMS-008', `not all snapshots were opened in ${longestBlockMs} ms`);
  await within(longestBlockMs, late, async (inTime) => {
    const soon = AbortSignal.any([signal, inTime]);
    await untilAborted(control, soon, async () => {
      await meeting.begin(sessions, true, soon);
      await control.query(lock.release);
    });
  });
  const blockedMs = Math.round(monotonicMs() - since);
  const position = await meeting.place();
  return { position, how: lock.how, blockedMs, attempts };
}

const locks: Readonly<
  Record<
    MysqlFlavour,
    { readonly take: readonly string[]; readonly release: string; readonly how: TakenSnapshot['how'] }
  >
> = {
  mariadb: {
    take: ['backup stage start', 'backup stage block_commit'],
    release: 'backup stage end',
    how: 'commits blocked',
  },
  mysql: { take: ['flush tables with read lock'], release: 'unlock tables', how: 'writes blocked' },
};

/** How often it had to be tried. Between the attempts everybody who waited behind them has his turn. */
async function takeLock(
  control: MysqlConnection,
  options: SnapshotSessionsOptions,
  signal: AbortSignal,
): Promise<number> {
  const deadline = monotonicMs() + (options.lockTimeoutMs ?? defaultLockTimeoutMs);
  const { take, release } = locks[control.flavour];
  await control.query(`set @@session.lock_wait_timeout = ${lockAttemptSeconds}`);
  for (let attempt = 1; ; attempt += 1) {
    if (control.flavour === 'mysql') await untilNoLongStatement(control, deadline - monotonicMs(), signal);
    try {
      for (const sql of take) await control.query(sql);
      return attempt;
    } catch (error) {
      if (!isTealError(error, 'TEAL-SYSTEMS-008')) throw error;
      // BACKUP STAGE END where none has begun is an error, and nothing else.
      await control.query(release).catch(() => undefined);
      if (monotonicMs() >= deadline) throw error;
    }
    await sleep(pauseMs, signal);
  }
}

/** FLUSH TABLES WITH READ LOCK waits for each statement that runs, and all writes wait behind it. Needs PROCESS to see the statements of others. */
async function untilNoLongStatement(control: MysqlConnection, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const what = `statements that run for more than ${longStatementSeconds} s`;
  try {
    await waitFor({ what, timeoutMs, everyMs: pauseMs, signal }, async () => {
      const { rows } = await control.query(
        `select count(*) as n from information_schema.processlist
         where command in ('Query', 'Execute') and time >= ? and id <> connection_id() and user <> 'system user' and not ${waitsForName}`,
        [longStatementSeconds],
      );
      return rows[0]?.['n'] === '0' ? true : undefined;
    });
  } catch (error) {
    if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
    throw new TealError('TEAL-SYSTEMS-008', `${what} are in the way of the snapshot's lock`, {}, error);
  }
}

/**
 * Sessions that see one snapshot, lent one at a time each. When all of them have ended, whoever asks hears TEAL-SYNC-203. Disposal ends them.
 */
export class SnapshotSessions implements AsyncDisposable {
  readonly taken: TakenSnapshot;
  readonly takenAt: string = isoNow();
  readonly #all: Set<MysqlConnection>;
  readonly #free: MysqlConnection[];
  #waiting: (() => void)[] = [];

  constructor(taken: TakenSnapshot, sessions: readonly MysqlConnection[]) {
    this.taken = taken;
    this.#all = new Set(sessions);
    this.#free = [...sessions];
  }

  /** How many sessions live. */
  get alive(): number {
    return [...this.#all].filter((session) => !session.ended.aborted).length;
  }

  /** How many of them nobody has. */
  get free(): number {
    return this.#free.filter((session) => !session.ended.aborted).length;
  }

  /** Waits for one where all are lent. */
  async borrow(signal: AbortSignal): Promise<MysqlConnection> {
    for (;;) {
      signal.throwIfAborted();
      const session = this.#free.pop();
      if (session === undefined) {
        if (this.alive === 0) throw new TealError('TEAL-SYNC-203', 'all sessions of the snapshot have ended');
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#waiting.push(resolve);
        await orAborted(promise, signal);
      } else if (!session.ended.aborted) {
        return session;
      }
    }
  }

  /** A session that has ended is not lent again. */
  async giveBack(session: MysqlConnection): Promise<void> {
    if (session.ended.aborted || !this.#all.has(session)) {
      this.#all.delete(session);
      await session.close();
    } else {
      this.#free.push(session);
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** At once, whatever they do. */
  endAll(): void {
    for (const session of this.#all) session.abandon(new TealError('TEAL-SYNC-203', 'the snapshot was let go'));
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endAll();
    await closeAll([...this.#all]);
  }
}
