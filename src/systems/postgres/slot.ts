import { assert, must } from '../../kernel/assert.ts';
import { waitFor } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import type { Position } from '../../model/position.ts';
import type { PgConnection, PgRow } from './connection.ts';
import { positionOfLsnText } from './position.ts';
import { quoteIdent, quoteLiteral } from './quote.ts';

export interface CreateSlotOptions {
  readonly lockTimeoutMs: number;
  /**
   * `export`: a snapshot that other sessions can import until this session's next command. `use`: the snapshot of this session's transaction, which must
   * be a fresh REPEATABLE READ one. `nothing`: none.
   */
  readonly snapshot: 'export' | 'nothing' | 'use';
  /** Gone with the session. */
  readonly temporary?: boolean;
  /** Carried over to a standby that synchronises slots; from 17 on, ignored before. */
  readonly failover?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface CreatedSlot {
  /** Every transaction that ends after it is in the stream, none that ended before. The snapshot shows exactly the ones before. */
  readonly consistentPoint: Position;
  readonly snapshotName?: string;
}

/** What `pg_replication_slots` says of a slot of this database. */
export type SlotStatus =
  | { readonly state: 'absent' }
  | {
      readonly state: 'usable' | 'invalidated' | 'foreign';
      /** Why it is invalidated, or what about it is not Teal's. */
      readonly reason: string;
      readonly activePid?: number;
      readonly restart?: Position;
      /** The source may have forgotten everything before. */
      readonly confirmed?: Position;
      /** WAL that is kept because of it. */
      readonly retainedBytes: number;
      /** WAL that may still be written before the server invalidates it; undefined without a limit. */
      readonly headroomBytes?: number;
    };

/**
 * Creates a logical slot for pgoutput. `connection` is a replication connection without a transaction (but for `use`).
 *
 * It waits for every transaction that writes at that moment, in any database of the server. The wait is bounded by the server itself (`lock_timeout`): a
 * deadline of the client alone leaves a walsender behind which waits on and keeps WAL (rocicorp/mono #5874, pgcopydb #819). On refusal
 * TEAL-SYSTEMS-027 names the transactions that run; nothing is left behind. An abort cancels it on the server, to the same end.
 */
export async function createSlot(
  connection: PgConnection,
  name: string,
  options: CreateSlotOptions,
): Promise<CreatedSlot> {
  assert(
    options.snapshot !== 'use' || options.temporary === true,
    'only a temporary slot is made inside a transaction',
  );
  options.signal?.throwIfAborted();
  await connection.query(`SET lock_timeout = ${Math.trunc(options.lockTimeoutMs)}`);
  let cancelling: Promise<void> | undefined;
  const abort = (): void => {
    cancelling = connection.cancel();
  };
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    const { rows } = await connection.query(createCommand(connection.serverMajor, name, options));
    const row = must(rows[0], 'the answer to CREATE_REPLICATION_SLOT');
    const consistentPoint = positionOfLsnText(must(row['consistent_point'], 'consistent_point'));
    const snapshotName = row['snapshot_name'];
    return typeof snapshotName === 'string' ? { consistentPoint, snapshotName } : { consistentPoint };
  } catch (error) {
    await cancelling;
    await settled(connection);
    options.signal?.throwIfAborted();
    if (isTealError(error, 'TEAL-SYSTEMS-008')) throw await refusal(connection, name, options.lockTimeoutMs);
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

/** The server sends its error before it drops the half-made slot: the answer to a next statement says that it has. */
async function settled(connection: PgConnection): Promise<void> {
  if (!connection.ended.aborted) await connection.query('SELECT 1').catch(() => undefined);
}

function createCommand(serverMajor: number, name: string, options: CreateSlotOptions): string {
  const words = ['CREATE_REPLICATION_SLOT', quoteIdent(name)];
  if (options.temporary === true) words.push('TEMPORARY');
  words.push('LOGICAL pgoutput');
  if (serverMajor < 15) {
    words.push({ export: 'EXPORT_SNAPSHOT', nothing: 'NOEXPORT_SNAPSHOT', use: 'USE_SNAPSHOT' }[options.snapshot]);
    return words.join(' ');
  }
  const parts = [`SNAPSHOT '${options.snapshot}'`];
  if (options.failover === true && serverMajor >= 17) parts.push('FAILOVER true');
  return `${words.join(' ')} (${parts.join(', ')})`;
}

/** Inside `use` the transaction has failed and cannot be asked: the error then comes without the list. */
async function refusal(connection: PgConnection, slot: string, lockTimeoutMs: number): Promise<TealError> {
  const facts = { slot, lockTimeoutMs };
  try {
    const { rows } = await connection.query(`
      select pid::text as who, application_name as application,
             extract(epoch from clock_timestamp() - xact_start)::int::text as seconds
      from pg_catalog.pg_stat_activity where backend_xid is not null and pid <> pg_catalog.pg_backend_pid()
      union all
      select 'prepared ' || gid, '', extract(epoch from clock_timestamp() - prepared)::int::text from pg_catalog.pg_prepared_xacts
      order by 3 desc limit 20`);
    const writers = rows.map((row) => `${row['who']} ${row['application']} ${row['seconds']} s`);
    return new TealError('TEAL-SYSTEMS-027', 'transactions that write did not end in time', { ...facts, writers });
  } catch {
    return new TealError('TEAL-SYSTEMS-027', 'transactions that write did not end in time', facts);
  }
}

/** On any session. */
export async function slotStatus(connection: PgConnection, name: string): Promise<SlotStatus> {
  // As JSON, because the columns differ between majors; without parameters, because a replication connection takes none.
  const { rows } = await connection.query(`
    select s.plugin, s.slot_type, s.database = pg_catalog.current_database() as here, s.active_pid, s.restart_lsn, s.confirmed_flush_lsn,
           s.wal_status, s.safe_wal_size, pg_catalog.to_jsonb(s) ->> 'invalidation_reason' as invalidation_reason,
           pg_catalog.to_jsonb(s) ->> 'conflicting' as conflicting,
           pg_catalog.pg_wal_lsn_diff(case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
             else pg_catalog.pg_current_wal_lsn() end, s.restart_lsn) as retained
    from pg_catalog.pg_replication_slots s where s.slot_name = ${quoteLiteral(name)}`);
  const row = rows[0];
  return row === undefined ? { state: 'absent' } : statusOf(row);
}

function statusOf(row: PgRow): SlotStatus {
  const [restart, confirmed, headroom, pid] = [
    row['restart_lsn'],
    row['confirmed_flush_lsn'],
    row['safe_wal_size'],
    row['active_pid'],
  ];
  return {
    ...judge(row),
    retainedBytes: Math.max(0, Number(row['retained'] ?? 0)),
    ...(typeof pid === 'string' ? { activePid: Number(pid) } : {}),
    ...(typeof restart === 'string' ? { restart: positionOfLsnText(restart) } : {}),
    ...(typeof confirmed === 'string' ? { confirmed: positionOfLsnText(confirmed) } : {}),
    ...(typeof headroom === 'string' ? { headroomBytes: Number(headroom) } : {}),
  };
}

function judge(row: PgRow): { readonly state: 'usable' | 'invalidated' | 'foreign'; readonly reason: string } {
  if (row['slot_type'] !== 'logical' || row['plugin'] !== 'pgoutput' || row['here'] !== 't') {
    return {
      state: 'foreign',
      reason: `a ${row['slot_type']} slot of ${row['plugin']}${row['here'] === 't' ? '' : ', of another database'}`,
    };
  }
  const lost = row['invalidation_reason'] ?? (row['wal_status'] === 'lost' ? 'wal_removed' : undefined);
  if (typeof lost === 'string') return { state: 'invalidated', reason: lost };
  if (row['conflicting'] === 'true') return { state: 'invalidated', reason: 'conflict with recovery' };
  return { state: 'usable', reason: '' };
}

/** Since 18 a walsender goes on without a publication that is gone, and leaves its changes out with no more than a warning in the server's log. */
export async function publicationExists(connection: PgConnection, name: string): Promise<boolean> {
  const { rows } = await connection.query(
    `select from pg_catalog.pg_publication where pubname = ${quoteLiteral(name)}`,
  );
  return rows.length > 0;
}

export interface DropSlotOptions {
  /** How long a reader that is just going may still hold it; default 10 000. Then TEAL-SYSTEMS-022. */
  readonly timeoutMs?: number;
  /** Ends the session that reads from it. */
  readonly terminateReader?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Idempotent. On an ordinary session outside a transaction. */
export async function dropSlot(connection: PgConnection, name: string, options: DropSlotOptions = {}): Promise<void> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  let activePid: number | undefined;
  const dropped = async (): Promise<true | undefined> => {
    const status = await slotStatus(connection, name);
    if (status.state === 'absent') return true;
    activePid = status.activePid;
    if (activePid !== undefined) {
      if (options.terminateReader === true)
        // In one look: the number of a reader that has just gone may be another session's by now.
        await connection.query(
          'select pg_catalog.pg_terminate_backend(active_pid) from pg_catalog.pg_replication_slots where slot_name = $1 and active',
          [name],
        );
      return undefined;
    }
    await connection.query(
      'select pg_catalog.pg_drop_replication_slot(slot_name) from pg_catalog.pg_replication_slots where slot_name = $1 and not active',
      [name],
    );
    return undefined;
  };
  try {
    await waitFor({ what: 'the slot to be free', timeoutMs, signal: options.signal }, dropped);
  } catch (error) {
    if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
    throw new TealError('TEAL-SYSTEMS-022', 'a slot that is to be dropped is in use', { slot: name, pid: activePid });
  }
}
