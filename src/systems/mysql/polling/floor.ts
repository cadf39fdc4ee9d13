import type { MysqlConnection } from '../connection.ts';
import { askRows } from '../inspect/querier.ts';
import { readOpen } from '../outlast-writers.ts';

/**
 * A session that may still commit rows with an early time. `trx`: when InnoDB says that its transaction began, as the server writes it; undefined: it runs a statement and has none. Times are in UTC, as
 * `2026-11-30 03:35:46.123456`, and order as text.
 */
export interface OpenSession {
  readonly session: string;
  readonly trx: string | undefined;
  /** No time that its rows have from the server is earlier. */
  readonly since: string;
}

/** What was running when a poll looked, before it took its snapshot. */
export interface Look {
  readonly at: string;
  /** No row that the snapshot does not show gets an earlier time from the server. */
  readonly floor: string;
  readonly open: readonly OpenSession[];
  /** A prepared transaction is open, of which nobody says when its rows were written: the floor must not rise. */
  readonly isKept: boolean;
}

export interface LookBefore {
  readonly at: string;
  readonly open: readonly OpenSession[];
}

/** An hour, where nobody has looked before. */
const unknownSeconds = 3_600;

/**
 * Whoever is not visible to a snapshot that is taken after this either runs now or begins later. So no row of his has an earlier time, by the server's clock, than the start of the oldest statement and of
 * the oldest transaction that are open now. Both have to be asked, and in this order: a session that is between two statements has its transaction, and one whose first statement waits (for the definition
 * of a table, or behind FLUSH TABLES WITH READ LOCK) has none in InnoDB yet, while its NOW() stands.
 *
 * - A transaction that began in InnoDB since the last look may have a first statement that began before that: then its session ran it at that look, and what was noted of it there counts; or it began after it.
 *   One that was there at the first look of all counts as an hour older than it is.
 * - Transactions that only read are passed over, with the statement that was seen of their session: what that had written is committed by then, and visible.
 * - The server tells starts in whole seconds and, of transactions, in its own zone: in the hour that comes twice a year the earlier one counts.
 *
 * Not within a transaction. Needs PROCESS. Errors: TEAL-SYSTEMS-010, -012 transactions of others cannot be seen.
 */
export async function lookForOpen(connection: MysqlConnection, before: LookBefore | undefined): Promise<Look> {
  const [now] = await askRows(connection, 'select cast(now(6) as char) as at');
  const at = now?.['at'] ?? '';
  const statements = await askRows(
    connection,
    `select p.id as session, cast(now(6) - interval (greatest(cast(coalesce(p.time, 0) as signed), 0) + 1) second as char) as since from information_schema.processlist p
     where p.id <> connection_id() and p.command not in ('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID') and p.user <> 'system user'`,
  );
  const utc = `convert_tz(t.trx_started, 'SYSTEM', '+00:00')`;
  const transactions = await readOpen(
    connection,
    `t.trx_is_read_only as is_reader, t.trx_mysql_thread_id <> connection_id() as other, cast(t.trx_started as char) as started_at,
     cast(${utc} - interval if(convert_tz(${utc} - interval 1 hour, '+00:00', 'SYSTEM') = t.trx_started, 3600, 0) second as char) as since,
     cast(${utc} - interval ${unknownSeconds} second as char) as earliest`,
  );
  const readers = new Set(transactions.filter((row) => row['is_reader'] === '1').map((row) => row['session']));
  const writers = transactions.filter(
    (row) => row['other'] === '1' && row['is_reader'] !== '1' && row['session'] !== null,
  );
  const open = [
    ...writers.map((row): OpenSession => {
      const told = { session: row['session'] ?? '', trx: row['started_at'] ?? '', since: row['since'] ?? '' };
      return { ...told, since: sinceOf(told, before, row['earliest'] ?? '') };
    }),
    ...statements
      .filter((row) => !readers.has(row['session'] ?? null))
      .map((row): OpenSession => ({ session: row['session'] ?? '', trx: undefined, since: row['since'] ?? '' })),
  ];
  const { rows: prepared } = await connection.query('xa recover');
  return {
    at,
    floor: earliestOf([at, ...open.map(({ since }) => since)]),
    open,
    isKept: prepared.length > 0,
  };
}

/** Pure: from when on a transaction's rows may have their times. `told.since` is InnoDB's word for it. */
export function sinceOf(told: OpenSession, before: LookBefore | undefined, earliest: string): string {
  if (before === undefined) return earliestOf([told.since, earliest]);
  const mine = before.open.filter(({ session }) => session === told.session);
  const same = mine.find(({ trx }) => trx !== undefined && trx === told.trx);
  if (same !== undefined) return earliestOf([told.since, same.since]);
  const statement = mine.find(({ trx }) => trx === undefined);
  return earliestOf([told.since, statement?.since ?? before.at]);
}

function earliestOf(times: readonly string[]): string {
  return times.reduce((one, other) => (other < one ? other : one));
}
