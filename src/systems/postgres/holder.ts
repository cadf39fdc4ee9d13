import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must } from '../../kernel/assert.ts';
import { waitFor, within } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { isProcessThere } from '../../kernel/process-there.ts';
import type { TableName } from '../../model/catalog.ts';
import { connect, type PgConnection } from './connection.ts';
import {
  holderFile,
  holderNumbers,
  readHolderRecord,
  readIfThere,
  removeFile,
  renewLease,
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
/** Nothing announces the end of a process that is nobody's child, nor what it has written to a file. */
const lookEveryMs = 5;

/** The holders that really hold it: the process is there, and the server lets its snapshot be imported. Changes nothing. */
export async function liveHolders(
  options: Pick<HolderOptions, 'url' | 'stateDir'>,
  held?: HeldSnapshot,
): Promise<readonly HolderRecord[]> {
  const records = await Promise.all(holderNumbers.map(async (n) => readHolderRecord(holderFile(options.stateDir, n))));
  const candidates = records
    .filter((record) => record !== undefined)
    .filter((record) => isProcessThere(record.pid) && (held === undefined || isOf(record, held)));
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

/** Processes that have a session with the server and wait to be told what to hold. Disposal ends those that were told nothing. */
export interface WaitingHolders extends AsyncDisposable {
  /** Resolves when one waits in each place. Errors: TEAL-SYSTEMS-212. */
  complete(signal: AbortSignal): Promise<void>;
  /** The one in this place, once. */
  take(number: number): ChildProcess | undefined;
}

/**
 * Holders before there is anything to hold. From a snapshot's making until holders have the tables somebody keeps them locked, and who wants to rewrite one waits, and every
 * client of the table behind it: what takes a process to come up must not be a part of that.
 */
export function waitingHolders(options: HolderOptions): WaitingHolders {
  const waiting = new Map<number, ChildProcess>();
  return {
    async complete(signal) {
      const started = await Promise.allSettled(
        holderNumbers.map(async (number) => {
          if (waiting.get(number)?.connected !== true) waiting.set(number, await startWaiting(options, number, signal));
        }),
      );
      for (const each of started) if (each.status === 'rejected') throw each.reason;
    },
    take(number) {
      const child = waiting.get(number);
      waiting.delete(number);
      return child;
    },
    async [Symbol.asyncDispose]() {
      // They end when nobody is left to tell them anything.
      for (const child of waiting.values()) if (child.connected) child.disconnect();
      waiting.clear();
    },
  };
}

/**
 * Two holders afterwards. New ones import `from`, the export of whoever made the snapshot, or else that of a survivor. Idempotent. TEAL-SYNC-203 when there is
 * neither, TEAL-SYSTEMS-008 when a table's lock is not had, -212 when a holder does not come up.
 */
export async function ensureHolders(
  options: HolderOptions,
  held: HeldSnapshot,
  signal: AbortSignal,
  made?: { readonly exported: string; readonly waiting: WaitingHolders },
): Promise<readonly HolderRecord[]> {
  const live = await liveHolders(options, held);
  const exported = made?.exported ?? live[0]?.exported;
  if (exported === undefined) throw new TealError('TEAL-SYNC-203', 'no holder is left to import the snapshot from');
  const tokens = new Set(live.map((record) => record.token));
  const ensured = await Promise.allSettled(
    holderNumbers.map(async (number) => {
      const record = await readHolderRecord(holderFile(options.stateDir, number));
      if (record !== undefined && tokens.has(record.token)) return record;
      const child = made?.waiting.take(number) ?? (await startWaiting(options, number, signal));
      return beginHolding(options, held, { number, child, exported }, signal);
    }),
  );
  const failed = ensured.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return ensured.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
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

/** Ends all holders of this folder and waits until they are gone; they end by the removal of their files, which they watch. Idempotent. */
export async function releaseHolders(stateDir: string, signal: AbortSignal): Promise<void> {
  const files = holderNumbers.map((number) => holderFile(stateDir, number));
  const released = await Promise.all(
    files.map(async (file) => {
      const record = await readHolderRecord(file);
      await removeFile(file);
      return record;
    }),
  );
  const waiting = { what: 'a snapshot holder to end', timeoutMs: releaseTimeoutMs, everyMs: lookEveryMs, signal };
  for (const record of released) {
    if (record === undefined) continue;
    await waitFor(waiting, async () =>
      isProcessThere(record.pid) && (await mayBeHolder(record.pid)) ? undefined : true,
    );
  }
}

/** Resolves when it has its session. It holds nothing and may end with this process until it is told what to hold. */
async function startWaiting(options: HolderOptions, number: number, signal: AbortSignal): Promise<ChildProcess> {
  const timeoutMs = options.startTimeoutMs ?? defaultStartTimeoutMs;
  const late = (): Error =>
    new TealError('TEAL-SYSTEMS-212', 'a snapshot holder did not come up in time', { number, timeoutMs });
  const child = await spawnDetached(options, number);
  try {
    const isReady = await within(timeoutMs, late, async (over) => {
      const ends = { signal: AbortSignal.any([signal, over]) };
      return Promise.race([once(child, 'message', ends).then(() => true), once(child, 'exit', ends).then(() => false)]);
    });
    if (isReady) return child;
  } catch (error) {
    if (child.connected) child.disconnect();
    signal.throwIfAborted();
    throw error;
  }
  throw await failureOf(options, number);
}

async function beginHolding(
  options: HolderOptions,
  held: HeldSnapshot,
  { number, child, exported }: { readonly number: number; readonly child: ChildProcess; readonly exported: string },
  signal: AbortSignal,
): Promise<HolderRecord> {
  const timeoutMs = options.startTimeoutMs ?? defaultStartTimeoutMs;
  const request: HolderRequest = {
    file: holderFile(options.stateDir, number),
    token: randomBytes(8).toString('hex'),
    from: exported,
    snapshot: held.snapshot,
    epoch: held.epoch,
    tables: options.tables.map(({ schema, name }) => ({ schema, name })),
    leaseMs: options.leaseMs ?? defaultLeaseMs,
  };
  // One that ended meanwhile is seen below.
  child.send(request, () => undefined);
  child.unref();
  child.channel?.unref();
  try {
    return await waitFor(
      { what: 'a snapshot holder to be ready', timeoutMs, everyMs: lookEveryMs, signal },
      async () => {
        const record = await readHolderRecord(request.file);
        if (record?.token === request.token) return record;
        if (child.exitCode === null && child.signalCode === null) return undefined;
        throw await failureOf(options, number);
      },
    );
  } catch (error) {
    child.kill('SIGTERM');
    throw error;
  }
}

async function failureOf(options: HolderOptions, number: number): Promise<TealError> {
  const said = ((await readIfThere(logFile(options.stateDir, number))) ?? '').trim().split('\n').slice(-3);
  return said.some((line) => line.includes('TEAL-SYSTEMS-008'))
    ? new TealError('TEAL-SYSTEMS-008', 'a holder of the snapshot waited for a table', { number })
    : new TealError('TEAL-SYSTEMS-212', 'a snapshot holder ended before it was ready', { number, said });
}

function logFile(stateDir: string, number: number): string {
  return join(stateDir, `holder-${number}.log`);
}

/** Of its own session, so that neither a Ctrl-C nor the end of its parent reaches it. The address goes by the environment, where only its owner can read it. */
async function spawnDetached(options: HolderOptions, number: number): Promise<ChildProcess> {
  await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
  const log = await open(logFile(options.stateDir, number), 'a', 0o600);
  try {
    const [program, ...args] = options.command;
    const child = spawn(must(program, 'the program of a holder'), [...args, holderFile(options.stateDir, number)], {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
      env: { ...process.env, TEAL_HOLDER_URL: options.url },
    });
    // A program that is not there is seen as an exit; the error event must have a listener all the same.
    child.on('error', () => child.emit('exit', 127, null));
    return child;
  } finally {
    await log.close();
  }
}

/** After a restart of the machine the number may be anybody's. Where the system does not tell (no /proc, or just ending), it is taken for a holder. */
async function mayBeHolder(pid: number): Promise<boolean> {
  try {
    return /holder-\d+\.(?:request\.)?json/.test(await readFile(`/proc/${pid}/cmdline`, 'utf8'));
  } catch {
    return true;
  }
}
