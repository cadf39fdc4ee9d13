import { must } from '../../kernel/assert.ts';
import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import { connect, type PgConnection } from './connection.ts';
import { beginOn, isOpenSql, showsSql, type ExportedSnapshot } from './exported-snapshot.ts';
import {
  leaseAgeMs,
  readHolderRecord,
  removeFile,
  writeAtomically,
  type HolderRecord,
  type HolderRequest,
} from './holder-file.ts';
import { lockAccessShare } from './lock-tables.ts';

const lookEveryMs = 500;
/** A session that nobody uses shows only by use that its server is gone. */
const askEveryMs = 30_000;

/** Why a holder ended. */
export type HolderEnd = 'asked' | 'file removed' | 'lease over';

/**
 * A statement that rewrites a table may wait for whoever keeps it locked for the holder, and the holder behind that statement: only giving up ends it, and until then every
 * client of the table waits too.
 */
const lockTimeoutMs = 2_000;

/** A holder's session, before it is known what is to be held. */
export async function connectHolder(url: string, stop: AbortSignal): Promise<PgConnection> {
  return connect({ url, applicationName: 'teal snapshot holder', lockTimeoutMs, signal: stop });
}

/**
 * The life of a holder that knows what to hold: imports the snapshot, locks the tables against rewriting, exports the snapshot again, says so in its file, and keeps the transaction
 * open until it is no longer wanted. Throws when the session is lost: there is nothing left to hold then, and the file must go, so that nobody counts on it.
 */
export async function holdSnapshot(
  connection: PgConnection,
  request: HolderRequest,
  stop: AbortSignal,
): Promise<HolderEnd> {
  const exported = await takeOver(connection, request);
  const { file, token, snapshot, epoch, leaseMs } = request;
  const record: HolderRecord = { pid: process.pid, token, ...exported, snapshot, epoch, leaseMs };
  await writeAtomically(file, record);
  try {
    return await untilUnwanted(connection, request, stop);
  } finally {
    // The place may have been given to another holder, which this one must not unseat.
    if ((await readHolderRecord(file))?.token === token) await removeFile(file);
  }
}

async function takeOver(connection: PgConnection, request: HolderRequest): Promise<ExportedSnapshot> {
  await connection.query(beginOn(request.from));
  await lockAccessShare(connection, request.tables);
  // Whoever gave it must have kept the tables locked until now.
  const giver = await connection.query(isOpenSql([request.from]));
  if (giver.rowCount === 0) throw new TealError('TEAL-SYNC-203', 'it was let go before the tables were locked here');
  const { rows } = await connection.query(`select pg_export_snapshot() as exported, ${showsSql} as shows`);
  const what = 'an exported snapshot';
  return { exported: must(rows[0]?.['exported'], what), shows: must(rows[0]?.['shows'], what) };
}

async function untilUnwanted(connection: PgConnection, request: HolderRequest, stop: AbortSignal): Promise<HolderEnd> {
  const wake = AbortSignal.any([stop, connection.ended]);
  let askedMs = monotonicMs();
  for (;;) {
    if (stop.aborted) return 'asked';
    connection.ended.throwIfAborted();
    const age = await leaseAgeMs(request.file);
    const isOurs = (await readHolderRecord(request.file))?.token === request.token;
    if (age === undefined || !isOurs) return 'file removed';
    if (age > request.leaseMs) return 'lease over';
    if (monotonicMs() - askedMs > askEveryMs) {
      await connection.query('select 1');
      askedMs = monotonicMs();
    }
    // Woken by either signal; the loop then looks which.
    await sleep(lookEveryMs, wake).catch(() => undefined);
  }
}
