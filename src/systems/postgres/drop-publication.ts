import { waitFor } from '../../kernel/clock.ts';
import { isTealError } from '../../kernel/errors.ts';
import { withLockRetry, type PgConnection } from './connection.ts';
import { quoteIdent } from './quote.ts';

/** Tables whose locks one statement takes: SHARE UPDATE EXCLUSIVE, which no reader or writer waits for. */
const tablesAtOnce = 100;
const lockAttempts = 4;
const graceMs = 2_000;

/**
 * Drops a publication of tables that clients write to, if it is there. Not by DROP alone: a writer that has just read which publications its table is in, and comes to look one of them up
 * when it is gone, fails with XX000 "cache lookup failed for publication" (RelationBuildPublicationDesc, PostgreSQL 15 to 18). So first no table is in it any more, then those who may
 * still think so have their time, then it goes. No slot may read from it.
 */
export async function dropPublication(connection: PgConnection, name: string, signal?: AbortSignal): Promise<void> {
  const members = await membersOf(connection, name);
  if (members.length > 0) {
    await emptyPublication(connection, name, members, signal);
    await outlastStatements(connection, signal);
  }
  await connection.query(`drop publication if exists ${quoteIdent(name)}`);
}

async function membersOf(connection: PgConnection, name: string): Promise<readonly string[]> {
  const { rows } = await connection.query(
    `select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as member
       from pg_publication p join pg_publication_rel r on r.prpubid = p.oid
       join pg_class c on c.oid = r.prrelid join pg_namespace n on n.oid = c.relnamespace
      where p.pubname = $1 order by c.oid`,
    [name],
  );
  return rows.map((row) => row['member'] ?? '');
}

/** As far as the locks can be had: a VACUUM or an index that is built concurrently may hold one for hours, and then its table stays in until the DROP. */
async function emptyPublication(
  connection: PgConnection,
  name: string,
  members: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let at = 0; at < members.length; at += tablesAtOnce) {
    const tables = members.slice(at, at + tablesAtOnce).map((member) => `only ${member}`);
    try {
      await withLockRetry({ attempts: lockAttempts, signal }, async () =>
        connection.transaction(async () => {
          await connection.query(`set local lock_timeout = 500`);
          await connection.query(`alter publication ${quoteIdent(name)} drop table ${tables.join(', ')}`);
        }),
      );
    } catch (error) {
      if (!isTealError(error, 'TEAL-SYSTEMS-008')) throw error;
    }
  }
}

/** Waits until the transactions that run now have ended, or for a moment: what they may be in the middle of takes microseconds. `pg_locks` shows them to everybody. */
async function outlastStatements(connection: PgConnection, signal: AbortSignal | undefined): Promise<void> {
  const running = `select virtualtransaction as id from pg_locks where locktype = 'virtualxid' and pid <> pg_backend_pid()`;
  const { rows } = await connection.query(running);
  const before = rows.map((row) => row['id'] ?? '');
  const areOver = async (): Promise<true | undefined> => {
    const seen = await connection.query(`select from (${running}) as now where id = any ($1) limit 1`, [before]);
    return seen.rowCount === 0 ? true : undefined;
  };
  try {
    await waitFor({ what: 'statements to end', timeoutMs: graceMs, signal }, areOver);
  } catch (error) {
    if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
  }
}
