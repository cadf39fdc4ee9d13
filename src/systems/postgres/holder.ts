import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must } from '../../kernel/assert.ts';
import { waitFor } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import type { TableName } from '../../model/catalog.ts';
import { connect, type PgConnection } from './connection.ts';
import {
  holderFile,
  holderNumbers,
  readHolderRecord,
  readIfThere,
  removeFile,
  renewLease,
  writeAtomically,
  type HolderRecord,
  type HolderRequest,
} from './holder-file.ts';
import { importSql, type ExportedSnapshot } from './exported-snapshot.ts';

export interface HolderOptions {
  readonly url: string;
  /** Where the holders' files and logs are. */
  readonly stateDir: string;
  /** The program of a holder and its arguments, without the request: `[process.execPath, '…/app/holder-main.ts']`. */
  readonly command: readonly string[];
  /** All that is copied, to be kept from being rewritten. */
  readonly tables: readonly TableName[];
  /** How long a holder lives when nobody renews; default 24 h. */
  readonly leaseMs?: number;
  /** How long a holder may take to be ready; default 60 000. */
  readonly startTimeoutMs?: number;
}

/** Which snapshot is held. */
export interface HeldSnapshot {
  /** The consistent point of its slot. */
  readonly snapshot: string;
  readonly epoch: number;
}

const defaultLeaseMs = 24 * 3_600_000;
const defaultStartTimeoutMs = 60_000;
const releaseTimeoutMs = 15_000;
/**
 * A statement that rewrites a table may wait for whoever keeps it locked for the holder, and the holder behind that statement: only giving up ends it, and until then every
 * client of the table waits too.
 */
const lockTimeoutMs = 2_000;

/** The holders that really hold it: the process is there, and the server lets its snapshot be imported. Changes nothing. */
export async function liveHolders(
  options: Pick<HolderOptions, 'url' | 'stateDir'>,
  held?: HeldSnapshot,
): Promise<readonly HolderRecord[]> {
  const records = await Promise.all(holderNumbers.map(async (n) => readHolderRecord(holderFile(options.stateDir, n))));
  const candidates = records
    .filter((record) => record !== undefined)
    .filter((record) => isRunning(record.pid) && (held === undefined || isOf(record, held)));
  if (candidates.length === 0) return [];
  await using connection = await connect({ url: options.url, applicationName: 'teal' });
  const live: HolderRecord[] = [];
  for (const record of candidates) {
    if (await canImport(connection, record)) live.push(record);
  }
  return live;
}

function isOf(record: HolderRecord, held: HeldSnapshot): boolean {
  return record.snapshot === held.snapshot && record.epoch === held.epoch;
}

async function canImport(connection: PgConnection, candidate: ExportedSnapshot): Promise<boolean> {
  try {
    const { rowCount } = await connection.query(importSql(candidate));
    return rowCount === 1;
  } catch (error) {
    if (isTealError(error, 'TEAL-SYSTEMS-006')) throw error;
    return false;
  } finally {
    if (!connection.ended.aborted) await connection.query('rollback');
  }
}

/**
 * Two holders afterwards. New ones import `from`, the export of whoever made the snapshot, or else that of a survivor. Idempotent. TEAL-SYNC-203 when there is
 * neither, TEAL-SYSTEMS-008 when a table's lock is not had, -212 when a holder does not come up.
 */
export async function ensureHolders(
  options: HolderOptions,
  held: HeldSnapshot,
  signal: AbortSignal,
  from?: string,
): Promise<readonly HolderRecord[]> {
  const live = await liveHolders(options, held);
  const exported = from ?? live[0]?.exported;
  if (exported === undefined) throw new TealError('TEAL-SYNC-203', 'no holder is left to import the snapshot from');
  const tokens = new Set(live.map((record) => record.token));
  const records: HolderRecord[] = [];
  for (const number of holderNumbers) {
    const record = await readHolderRecord(holderFile(options.stateDir, number));
    const isLive = record !== undefined && tokens.has(record.token);
    records.push(isLive ? record : await startHolder(options, held, number, exported, signal));
  }
  return records;
}

/** Puts the end of their leases off. To be called while the snapshot is needed, many times in a lease. */
export async function renewHolders(stateDir: string): Promise<void> {
  for (const number of holderNumbers) await renewLease(holderFile(stateDir, number));
}

/** What can be imported, as the files say; whether it is alive shows at the import. */
export async function exportedBy(stateDir: string, held: HeldSnapshot): Promise<readonly ExportedSnapshot[]> {
  const records = await Promise.all(holderNumbers.map(async (n) => readHolderRecord(holderFile(stateDir, n))));
  return records.filter((record) => record !== undefined).filter((record) => isOf(record, held));
}

/** Ends all holders of this folder and waits until they are gone; they end by the removal of their files. Idempotent. */
export async function releaseHolders(stateDir: string, signal: AbortSignal): Promise<void> {
  for (const number of holderNumbers) {
    const file = holderFile(stateDir, number);
    const record = await readHolderRecord(file);
    await removeFile(file);
    await removeFile(requestFile(stateDir, number));
    if (record === undefined) continue;
    await waitFor({ what: 'a snapshot holder to end', timeoutMs: releaseTimeoutMs, signal }, async () =>
      isRunning(record.pid) && (await mayBeHolder(record.pid)) ? undefined : true,
    );
  }
}

function requestFile(stateDir: string, number: number): string {
  return join(stateDir, `holder-${number}.request.json`);
}

async function startHolder(
  options: HolderOptions,
  held: HeldSnapshot,
  number: number,
  from: string,
  signal: AbortSignal,
): Promise<HolderRecord> {
  const timeoutMs = options.startTimeoutMs ?? defaultStartTimeoutMs;
  const request: HolderRequest = {
    file: holderFile(options.stateDir, number),
    token: randomBytes(8).toString('hex'),
    from,
    snapshot: held.snapshot,
    epoch: held.epoch,
    tables: options.tables.map(({ schema, name }) => ({ schema, name })),
    lockTimeoutMs,
    leaseMs: options.leaseMs ?? defaultLeaseMs,
  };
  await writeAtomically(requestFile(options.stateDir, number), request);
  const logFile = join(options.stateDir, `holder-${number}.log`);
  const child = await spawnDetached(options, requestFile(options.stateDir, number), logFile);
  return waitFor({ what: 'a snapshot holder to be ready', timeoutMs, signal }, async () => {
    const record = await readHolderRecord(request.file);
    if (record?.token === request.token) return record;
    if (child.exitCode === null && child.signalCode === null) return undefined;
    const said = ((await readIfThere(logFile)) ?? '').trim().split('\n').slice(-3);
    if (said.some((line) => line.includes('TEAL-SYSTEMS-008'))) {
      throw new TealError('TEAL-SYSTEMS-008', 'a holder of the snapshot waited for a table', { number });
    }
    throw new TealError('TEAL-SYSTEMS-212', 'a snapshot holder ended before it was ready', { number, said });
  });
}

/** Of its own session, so that neither a Ctrl-C nor the end of its parent reaches it. The address goes by the environment, where only its owner can read it. */
async function spawnDetached(options: HolderOptions, request: string, logFile: string): Promise<ChildProcess> {
  await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
  const log = await open(logFile, 'a', 0o600);
  try {
    const [program, ...args] = options.command;
    const child = spawn(must(program, 'the program of a holder'), [...args, request], {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, TEAL_HOLDER_URL: options.url },
    });
    // A program that is not there is seen as an exit; the error event must have a listener all the same.
    child.on('error', () => child.emit('exit', 127, null));
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** After a restart of the machine the number may be anybody's. Where the system does not tell (no /proc, or just ending), it is taken for a holder. */
async function mayBeHolder(pid: number): Promise<boolean> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('.request.json');
  } catch {
    return true;
  }
}
