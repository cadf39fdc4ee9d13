import { randomBytes } from 'node:crypto';
import { sleep, waitFor } from '../../kernel/clock.ts';
import { isTealError, TealError } from '../../kernel/errors.ts';
import type { MysqlConnection, MysqlRow } from './connection.ts';

/** A transaction that has written and has not ended. `sessionId` and `account` are empty for one that no session holds (prepared by XA). */
export interface OpenWriter {
  readonly transaction: string;
  readonly sessionId: string;
  readonly account: string;
  /** Of the account of the session that looked. */
  readonly own: boolean;
}

/**
 * The server keeps what it shows of transactions for 100 ms, and for as long as somebody reads it more often (InnoDB, trx0i_s.cc): a look may be at what was before. The text
 * of this very query, shown as what its own transaction does, proves that it is not.
 */
const keptMs = 110;
const looksAtMost = 20;

/**
 * Transactions that have written and are open now: asked after this was called. Not within a transaction; keeps FLUSH TABLES WITH READ LOCK. Needs the privilege PROCESS.
 * Errors: TEAL-SYSTEMS-012 the server showed nothing of now in two seconds.
 */
export async function readOpenWriters(
  connection: MysqlConnection,
  signal?: AbortSignal,
): Promise<readonly OpenWriter[]> {
  const rows = await readOpen(
    connection,
    `p.user as account, p.user <=> substring_index(user(), '@', 1) as own, t.trx_mysql_thread_id <> connection_id() and t.trx_rows_modified > 0 as wrote`,
    signal,
  );
  return rows
    .filter((row) => row['wrote'] === '1')
    .map((row) => ({
      transaction: row['trx'] ?? '',
      sessionId: row['session'] ?? '',
      account: row['account'] ?? '',
      own: row['own'] === '1',
    }));
}

/**
 * All transactions that are open now: `trx`, `session` (NULL where none holds it), and what `select` asks of `innodb_trx t` and `processlist p`. Conditions and errors as of `readOpenWriters`; this session's
 * own transaction, with which it looks, is among them.
 */
export async function readOpen(
  connection: MysqlConnection,
  select: string,
  signal?: AbortSignal,
): Promise<readonly MysqlRow[]> {
  for (let look = 0; look < looksAtMost; look += 1) {
    const rows = await lookOnce(connection, select);
    if (rows.some((row) => row['fresh'] === '1')) return rows;
    await sleep(keptMs, signal);
  }
  throw new TealError('TEAL-SYSTEMS-012', 'the server shows no transactions of now', { looks: looksAtMost });
}

async function lookOnce(connection: MysqlConnection, select: string): Promise<readonly MysqlRow[]> {
  const nonce = randomBytes(12).toString('hex');
  await connection.query('set transaction isolation level repeatable read');
  await connection.query('start transaction with consistent snapshot');
  try {
    const { rows } = await connection.query(
      `select t.trx_id as trx, nullif(t.trx_mysql_thread_id, 0) as session, ${select},
              t.trx_mysql_thread_id = connection_id() and instr(coalesce(t.trx_query, ''), '${nonce}') > 0 as fresh
       from information_schema.innodb_trx t left join information_schema.processlist p on p.id = t.trx_mysql_thread_id`,
    );
    return rows;
  } finally {
    if (!connection.ended.aborted) await connection.query('commit');
  }
}

/** Waits until every transaction that has written something by now has ended, and is visible if it was committed. False when the time was over first. */
export async function outlastWriters(
  connection: MysqlConnection,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const first = new Set((await readOpenWriters(connection, signal)).map((writer) => writer.transaction));
  if (first.size === 0) return true;
  const areOver = async (): Promise<true | undefined> => {
    const now = await readOpenWriters(connection, signal);
    return now.some((writer) => first.has(writer.transaction)) ? undefined : true;
  };
  try {
    return await waitFor({ what: 'transactions to end', timeoutMs, everyMs: keptMs, signal }, areOver);
  } catch (error) {
    if (isTealError(error, 'TEAL-KERNEL-002')) return false;
    throw error;
  }
}
