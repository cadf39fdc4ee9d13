import { watch, type FSWatcher } from 'node:fs';
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

/** The removal of its file wakes a holder at once; this is for where no event tells of it (a folder on another machine), and for the lease. */
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
  using removed = removalOf(request.file);
  const ends = AbortSignal.any([stop, connection.ended]);
  const wake = AbortSignal.any([ends, removed.signal]);
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
    // Woken by any signal; the loop then looks which. Once is enough for the file: where an event told of something else, looking has to do.
    await sleep(lookEveryMs, removed.signal.aborted ? ends : wake).catch(() => undefined);
  }
}

/** Aborted as soon as the file is unlinked or another takes its name; never where the system cannot tell. */
function removalOf(file: string): Disposable & { readonly signal: AbortSignal } {
  const removed = new AbortController();
  const watcher = watchIfPossible(file);
  // `change` tells of each renewal of the lease.
  watcher?.on('change', (event) => (event === 'rename' ? removed.abort() : undefined));
  watcher?.on('error', () => watcher.close());
  return { signal: removed.signal, [Symbol.dispose]: () => watcher?.close() };
}

function watchIfPossible(file: string): FSWatcher | undefined {
  try {
    return watch(file);
  } catch {
    // The machine has no watch left to give, or the file has gone already: looking finds that out.
    return undefined;
  }
}
