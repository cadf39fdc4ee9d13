import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { isTealError, TealError } from '../../kernel/errors.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import type { Side } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import type { Fence, FenceRows, FenceState, FenceTold, OwnerRow, RaiseOptions } from '../../ports/fence.ts';
import type { SchemaMark } from '../../ports/schemas.ts';
import type { MysqlConnection } from './connection.ts';
import { Durability } from './durability.ts';
import { serverNumberOf } from './errors.ts';
import type { KeptSession } from './kept-session.ts';
import { lockName, waitsForName, withNamedLock } from './named-lock.ts';
import { readOpenWriters } from './outlast-writers.ts';
import { isTealTableThere } from './teal-schema.ts';
import { readBypasses } from './write-bypasses.ts';

/** The server's error for a client's write while the fence is raised (ER_OPTION_PREVENTS_STATEMENT): proxies know a statement that had no effect by it. */
export const fenceErrorNumber = 1290;

/** What brings changes into a record of them, by looking at the tables. */
export interface Gathering {
  /** A named lock that whoever does so holds. The fence has it while it closes: it would wait for what others read, and all writes behind it. */
  readonly lock: string;
  /** Called when the side is closed, before the token, with the lock. */
  readonly work: (connection: MysqlConnection) => Promise<void>;
}

export interface MysqlFenceOptions {
  readonly session: KeptSession;
  /** The head of the server's log: whatever is committed before the call ends at or before it. */
  readonly position: (connection: MysqlConnection) => Promise<Position>;
  /** What has changed since the schema was marked: names of objects. Called while nothing can change. */
  readonly changed?: (connection: MysqlConnection, allowed: SchemaMark) => Promise<readonly string[]>;
  /** Refuses to close, by an error: asked when nothing can be written any more, before the token. */
  readonly beforeToken?: (connection: MysqlConnection) => Promise<void>;
  /** Where not everything has its place in the record of the side by itself. */
  readonly gather?: Gathering;
  /**
   * Where nobody holds the clients: a server on which some transaction has always written something is closed all the same, once no better moment has come in half of the time.
   * The COMMIT of such a one is refused as every write is from then on (1290), and the server rolls it back: nothing of it has happened. Default: it is waited for, or not closed.
   */
  readonly refusesOpenWriters?: boolean;
}

/**
 * Held by every session that switches the fence, and for a moment by who asks how things are: a statement of a controller that was killed may have its effect for long after
 * it, and its session lets go when that is over.
 */
const fenceLock = lockName('fence');
const fenceLockSeconds = 60;
/** A statement that runs for so long already would hold up FLUSH TABLES WITH READ LOCK, and that all others: the fence is not tried before it has ended. */
const longStatementSeconds = 1;
const lookAgainMs = 120;
/** ER_LOCK_WAIT_TIMEOUT. */
const lockNotHad = 1205;

/**
 * What `teal.meta` says of the fence. The rows decide, `read_only` follows: `opening` is written with the owner row and stands until the server takes writes, so that whoever
 * asks after a crash in between finishes it. `closing` is written before the server is closed, `closed` with the token: a server that somebody else made read-only is not opened.
 */
type Wanted = 'open' | 'closing' | 'closed' | 'opening';

/**
 * The fence of MySQL and MariaDB: `read_only` for the whole server (correctness.md §4.5).
 *
 * Sound because an account without a privilege to pass it can neither begin a write nor commit one while it is on. Without a failed client because it is switched on under
 * FLUSH TABLES WITH READ LOCK, which lets no commit through, at a moment when no transaction has written: one that has would fail at its COMMIT. The token comes after it, written
 * by a session that passes. Carriers pass too: they have the privilege.
 *
 * It holds for every database of the server, and no longer than the server runs, but on MySQL, where it is kept over a restart (SET PERSIST). MariaDB forgets it: the side then says
 * `partly`. Put `read_only=1` into its configuration where that may happen.
 */
export class MysqlFence implements Fence {
  readonly #options: MysqlFenceOptions;

  constructor(options: MysqlFenceOptions) {
    this.#options = options;
  }

  told(side: Side, lockTimeoutMs: number): FenceTold {
    return {
      raising: {
        does: `closes ${side} to writes (read_only, for the whole server) at a moment when no transaction has written, and writes the token`,
        locks: `FLUSH TABLES WITH READ LOCK on ${side} for some milliseconds; tried for at most ${lockTimeoutMs} ms, and not while a statement runs for long; reads pass`,
        costs: 'commits that come in that moment wait for it',
      },
      lowering: { locks: 'nothing', costs: 'one transaction' },
    };
  }

  async install(closed: boolean): Promise<void> {
    await this.#alone(undefined, async (connection) => {
      const found = await readWanted(connection);
      if (found === undefined) {
        const before = (await isReadOnly(connection)) ? '1' : '0';
        const values = [closed ? 'closed' : 'open', before];
        await connection.query(`insert into teal.meta (name, value) values ('fence', ?), ('fence_before', ?)`, values);
      } else if (found === 'opening' || (found === 'closed') !== closed) {
        await writeWanted(connection, closed ? 'closed' : 'opening');
      }
      if (closed) await close(connection);
      else if (found !== undefined && found !== 'open') await finishOpening(connection);
    });
  }

  async raise(options: RaiseOptions): Promise<Position> {
    return this.#alone(options.signal, async (connection) => {
      await refusePrepared(connection);
      await refuseBypasses(connection);
      const { gather } = this.#options;
      if (gather === undefined) return this.#raise(connection, options);
      return withNamedLock(connection, gather.lock, fenceLockSeconds, async () => this.#raise(connection, options));
    });
  }

  async lower(owner?: OwnerRow, signal?: AbortSignal): Promise<void> {
    await this.#alone(signal, async (connection) => {
      const found = await readWanted(connection);
      if (owner !== undefined && (await hasOwner(connection, owner))) {
        if (found === 'opening') await finishOpening(connection);
        return;
      }
      const isClosed = found === 'closed' || found === 'closing';
      await connection.transaction(async () => {
        if (isClosed) await writeWanted(connection, 'opening');
        if (owner !== undefined) await writeOwner(connection, owner);
        else if (found === 'closed') await writeReopened(connection);
      });
      // Before anybody acts on it: a server that loses the decision in a crash would take it back.
      if (owner !== undefined) await new Durability(connection).forceWithBinlog();
      failpoint('systems.mysql.fence.decided');
      if (isClosed || found === 'opening') await finishOpening(connection);
    });
  }

  async probe(signal?: AbortSignal): Promise<FenceState> {
    return this.#options.session.use(async (connection) => {
      if (!(await isTealTableThere(connection, 'cut'))) return { fence: 'absent', tokens: [] };
      return withNamedLock(connection, fenceLock, fenceLockSeconds, async () => {
        if ((await readWanted(connection)) === 'opening') await finishOpening(connection);
        return readState(connection);
      });
    }, signal);
  }

  async written(signal?: AbortSignal): Promise<FenceRows> {
    // No look of this fence is at tables.
    const { tokens, owner } = await this.probe(signal);
    return { tokens, ...(owner === undefined ? {} : { owner }) };
  }

  async remove(): Promise<void> {
    await this.#options.session.use(async (connection) => {
      if (!(await isTealTableThere(connection, 'meta'))) return;
      await withNamedLock(connection, fenceLock, fenceLockSeconds, async () => {
        const { rows } = await connection.query(`select value from teal.meta where name = 'fence_before'`);
        const found = await readWanted(connection);
        // What is open now has become so by a decision; what was closed before Teal came stays closed.
        if (found !== undefined && found !== 'open' && rows[0]?.['value'] !== '1') await open(connection);
        await connection.query(`delete from teal.meta where name in ('fence', 'fence_before')`);
      });
    });
  }

  /** With what must be held. */
  async #raise(connection: MysqlConnection, options: RaiseOptions): Promise<Position> {
    const deadlineMs = monotonicMs() + options.lockTimeoutMs;
    const before = await readWanted(connection);
    await writeWanted(connection, 'closing');
    try {
      await this.#closeQuietly(connection, options, deadlineMs);
    } catch (error) {
      // Where it is closed all the same, `lower` must know that it was Teal.
      const isOpen = !connection.ended.aborted && !(await isReadOnly(connection));
      if (isOpen && before !== undefined) await writeWanted(connection, before);
      throw error;
    }
    failpoint('systems.mysql.fence.closed');
    await this.#options.gather?.work(connection);
    await connection.transaction(async () => {
      await writeToken(connection, options.token, 'fence', options.cut, options.epoch);
      await writeWanted(connection, 'closed');
    });
    await new Durability(connection).forceWithBinlog();
    return this.#options.position(connection);
  }

  async #alone<T>(signal: AbortSignal | undefined, work: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    return this.#options.session.use(
      async (connection) => withNamedLock(connection, fenceLock, fenceLockSeconds, async () => work(connection)),
      signal,
    );
  }

  /**
   * Switches `read_only` on at a moment when no client's transaction has written. Clients have been drained, mostly there is none: then nothing but a few statements is done under
   * the lock. Transactions are looked at there first, for the server shows them as they were if it was asked a moment ago.
   */
  async #closeQuietly(connection: MysqlConnection, options: RaiseOptions, deadlineMs: number): Promise<void> {
    const { signal } = options;
    const refuses = this.#options.refusesOpenWriters === true;
    const quietUntilMs = deadlineMs - (refuses ? options.lockTimeoutMs / 2 : 0);
    await untilNone(deadlineMs, signal, async () => readLongStatements(connection));
    while (!(await this.#closeAtOnce(connection, options, deadlineMs, refuses && monotonicMs() >= quietUntilMs))) {
      const writers = await lookUntilNone(quietUntilMs, signal, async () => readWriters(connection, signal));
      if (writers.length > 0 && !refuses) throw notHad(writers);
      await untilNone(deadlineMs, signal, async () => readLongStatements(connection));
      await sleep(Math.min(lookAgainMs, Math.max(0, quietUntilMs - monotonicMs())), signal);
    }
    await persist(connection, true);
  }

  /** False, with nothing held, when a transaction has written between the look and the lock, unless that is no reason (`evenOverWriters`). */
  async #closeAtOnce(
    connection: MysqlConnection,
    options: RaiseOptions,
    deadlineMs: number,
    evenOverWriters: boolean,
  ): Promise<boolean> {
    const seconds = Math.max(1, Math.floor((deadlineMs - monotonicMs()) / 1_000));
    await connection.query('set @teal_lock_wait = @@session.lock_wait_timeout');
    await connection.query(`set session lock_wait_timeout = ${seconds}`);
    try {
      await connection.query('flush tables with read lock');
      const writers = evenOverWriters ? [] : await readWriters(connection, options.signal);
      if (writers.length > 0) {
        if (monotonicMs() >= deadlineMs) throw notHad(writers);
        return false;
      }
      if (options.schema !== undefined) await this.#refuseChanged(connection, options.schema);
      await this.#options.beforeToken?.(connection);
      await connection.query('set global read_only = on');
      return true;
    } catch (error) {
      throw serverNumberOf(error) === lockNotHad ? notHad(await readLongStatements(connection), error) : error;
    } finally {
      if (!connection.ended.aborted) {
        await connection.query('unlock tables');
        await connection.query('set session lock_wait_timeout = @teal_lock_wait');
      }
    }
  }

  async #refuseChanged(connection: MysqlConnection, allowed: SchemaMark): Promise<void> {
    const changed = (await this.#options.changed?.(connection, allowed)) ?? [];
    if (changed.length === 0) return;
    const named = changed.slice(0, 20);
    throw new TealError('TEAL-SYSTEMS-502', `changed meanwhile: ${named.join(', ')}`, {
      changed: changed.length,
      objects: named,
    });
  }
}

async function untilNone(
  deadlineMs: number,
  signal: AbortSignal | undefined,
  look: () => Promise<readonly string[]>,
): Promise<void> {
  const found = await lookUntilNone(deadlineMs, signal, look);
  if (found.length > 0) throw notHad(found);
}

/** What was found last: nothing, unless the time is over. */
async function lookUntilNone(
  deadlineMs: number,
  signal: AbortSignal | undefined,
  look: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  for (;;) {
    const found = await look();
    if (found.length === 0 || monotonicMs() >= deadlineMs) return found;
    await sleep(Math.min(lookAgainMs, Math.max(1, deadlineMs - monotonicMs())), signal);
  }
}

function notHad(holders: readonly string[], cause?: unknown): TealError {
  const named = holders.slice(0, 10);
  const text = `the global read lock was not had in time${named.length === 0 ? '' : `: ${named.join('; ')}`}`;
  return new TealError('TEAL-SYSTEMS-008', text, { holders: named }, cause);
}

/** Transactions of clients that have written and are open; sentences. Teal's own pass the fence, whether they end before it or after. */
async function readWriters(connection: MysqlConnection, signal?: AbortSignal): Promise<readonly string[]> {
  const writers = await readOpenWriters(connection, signal);
  return writers
    .filter((writer) => !writer.own)
    .map(({ sessionId, account }) => `session ${sessionId} of ${account} has written and is in its transaction`);
}

async function readLongStatements(connection: MysqlConnection): Promise<readonly string[]> {
  const { rows } = await connection.query(
    `select id as id, user as account, time as seconds from information_schema.processlist
     where command in ('Query', 'Execute') and time >= ? and id <> connection_id() and user <> 'system user'
       and coalesce(state, '') not in ('Waiting for table flush', 'Waiting for global read lock', 'Waiting for backup lock')
       and coalesce(info, '') <> '' and not ${waitsForName}`,
    [longStatementSeconds],
  );
  return rows.map((row) => `a statement of session ${row['id']} (${row['account']}) runs for ${row['seconds']} s`);
}

/** A transaction that was prepared by a client (XA) may commit from another session, after the token. */
async function refusePrepared(connection: MysqlConnection): Promise<void> {
  const { rows } = await connection.query('xa recover');
  const prepared = rows.length;
  if (prepared > 0) throw new TealError('TEAL-SYSTEMS-500', `${prepared} prepared transactions are open`, { prepared });
}

async function refuseBypasses(connection: MysqlConnection): Promise<void> {
  const found = await readBypasses(connection);
  if (found.length === 0) return;
  const named = found.slice(0, 10);
  throw new TealError('TEAL-SYSTEMS-503', named.join('; '), { bypasses: found.length, named });
}

async function readState(connection: MysqlConnection): Promise<FenceState> {
  const wanted = await readWanted(connection);
  const isClosed = await isReadOnly(connection);
  const tokens = await connection.query('select token from teal.cut order by at, kind, token');
  const owners = await connection.query('select epoch, owner, cut from teal.owner order by epoch desc limit 1');
  const [row] = owners.rows;
  const owner: OwnerRow | undefined =
    row === undefined
      ? undefined
      : { epoch: Number(row['epoch']), owner: (row['owner'] ?? 'blue') as Side, cut: row['cut'] ?? '' };
  return {
    fence: fenceWord(wanted, isClosed),
    tokens: tokens.rows.map((each) => each['token'] ?? ''),
    ...(owner === undefined ? {} : { owner }),
  };
}

function fenceWord(wanted: Wanted | undefined, isClosed: boolean): FenceState['fence'] {
  if (wanted === undefined) return 'absent';
  if (isClosed) return 'raised';
  // Somebody else has opened it, or the server was started anew.
  return wanted === 'closed' ? 'partly' : 'installed';
}

async function readWanted(connection: MysqlConnection): Promise<Wanted | undefined> {
  const { rows } = await connection.query(`select value from teal.meta where name = 'fence'`);
  const value = rows[0]?.['value'];
  return value === undefined || value === null ? undefined : (value as Wanted);
}

async function writeWanted(connection: MysqlConnection, wanted: Wanted): Promise<void> {
  await connection.query(
    `insert into teal.meta (name, value) values ('fence', ?) on duplicate key update value = values(value)`,
    [wanted],
  );
}

/** Closed is closed for clients: `super_read_only` of MySQL would stop the carriers too, and is no more than this. */
async function isReadOnly(connection: MysqlConnection): Promise<boolean> {
  const { rows } = await connection.query('select @@global.read_only as closed');
  const word = (rows[0]?.['closed'] ?? '0').toUpperCase();
  return word !== '0' && word !== 'OFF';
}

async function close(connection: MysqlConnection): Promise<void> {
  if (connection.flavour === 'mysql') await connection.query('set global super_read_only = off');
  await connection.query('set global read_only = on');
  await persist(connection, true);
}

async function open(connection: MysqlConnection): Promise<void> {
  await connection.query('set global read_only = off');
  await persist(connection, false);
}

async function finishOpening(connection: MysqlConnection): Promise<void> {
  await open(connection);
  await writeWanted(connection, 'open');
}

/** MySQL keeps settings over a restart (manual: "Persisted System Variables"); MariaDB has no such thing. A server that keeps none is no error: its restart is seen as `partly`. */
async function persist(connection: MysqlConnection, closed: boolean): Promise<void> {
  if (connection.flavour !== 'mysql') return;
  try {
    await connection.query(closed ? 'set persist read_only = on' : 'reset persist if exists read_only');
  } catch (error) {
    if (!isTealError(error, 'TEAL-SYSTEMS-007') && !isTealError(error, 'TEAL-SYSTEMS-010')) throw error;
  }
}

async function writeToken(
  connection: MysqlConnection,
  token: string,
  kind: 'fence' | 'reopened',
  cut: string,
  epoch: number,
): Promise<void> {
  await connection.query(
    'insert into teal.cut (token, kind, cut, epoch, at) values (?, ?, ?, ?, current_timestamp(6))',
    [token, kind, cut, epoch],
  );
}

/** Tells the flow that reads this side that clients write here again. Only called where the fence was raised: the newest fence's row is its own. */
async function writeReopened(connection: MysqlConnection): Promise<void> {
  const { rows } = await connection.query(
    `select token, cut, epoch from teal.cut where kind = 'fence' order by at desc limit 1`,
  );
  const [row] = rows;
  if (row === undefined) return;
  const token = `${row['token']}/reopened`;
  const there = await connection.query('select token from teal.cut where token = ?', [token]);
  if (there.rows.length === 0) await writeToken(connection, token, 'reopened', row['cut'] ?? '', Number(row['epoch']));
}

async function writeOwner(connection: MysqlConnection, owner: OwnerRow): Promise<void> {
  await connection.query('insert into teal.owner (epoch, owner, cut, at) values (?, ?, ?, current_timestamp(6))', [
    owner.epoch,
    owner.owner,
    owner.cut,
  ]);
}

async function hasOwner(connection: MysqlConnection, owner: OwnerRow): Promise<boolean> {
  const { rows } = await connection.query('select cut from teal.owner where epoch = ?', [owner.epoch]);
  const cut = rows[0]?.['cut'];
  if (cut !== undefined && cut !== owner.cut) {
    throw new TealError('TEAL-SYSTEMS-501', 'another cut has decided this epoch', { epoch: owner.epoch });
  }
  return cut !== undefined;
}
