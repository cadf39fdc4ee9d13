import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isoNow } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import { openDatabase } from './sqlite.ts';

/** Who writes a journal. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly sinceIso: string;
  /** What it does, where others may wait for its end. Absent: whatever a person asked for. */
  readonly what?: string;
}

/** Ends a cut whose controller died, and nothing else. */
export const recovering = 'recovery';

/** Writes down what the API was asked for, and goes: whoever comes meanwhile waits for the moment. */
export const noting = 'a note of what the API was asked for';

export interface WriterLock extends Disposable {
  readonly holder: Holder;
}

const LOCK_FILE = 'journal.lock';
const HOLDER_FILE = 'journal.holder';
/** A look (`hasWriter`) has the lock for less than a millisecond, and a new holder's file comes a moment after its lock. */
const PATIENCE_MS = 250;

/**
 * Takes the one writer's place of a state directory, or throws TEAL-JOURNAL-003 that names who has it.
 *
 * The lock is SQLite's own on a second, empty database: the operating system gives it back when the process ends, also by `kill -9`, and SQLite
 * keeps two openings inside one process apart. It lives in a file of its own so that readers of the journal are not shut out; and who
 * holds it stands in a third file because closing *any* handle on a locked file drops POSIX locks of the whole process: nobody may
 * read the lock's file with `node:fs`. The holder's file is information only, the lock decides.
 */
export function takeWriterLock(stateDir: string, what?: string): WriterLock {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const database = openDatabase(join(stateDir, LOCK_FILE));
  try {
    database.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}; BEGIN EXCLUSIVE`);
  } catch (error) {
    database.close();
    if (isBusy(error)) throw heldByAnother(stateDir, error);
    throw new TealError('TEAL-JOURNAL-005', `the lock in ${stateDir} cannot be taken`, { stateDir }, error);
  }
  const said = what === undefined ? {} : { what };
  const holder: Holder = Object.freeze({ pid: process.pid, host: hostname(), sinceIso: isoNow(), ...said });
  const file = join(stateDir, HOLDER_FILE);
  writeFileSync(`${file}.new`, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return {
    holder,
    [Symbol.dispose]: (): void => {
      if (!database.isOpen) return;
      rmSync(file, { force: true });
      database.close();
    },
  };
}

/**
 * Whether some process has the writer's place now. Asked with a shared lock, which is given back at once: a writer that begins in that moment waits for it, and the one
 * that is there notices nothing.
 */
export function hasWriter(stateDir: string): boolean {
  const file = join(stateDir, LOCK_FILE);
  // A look at its name opens nothing.
  if (!existsSync(file)) return false;
  const database = openDatabase(file, { readOnly: true });
  try {
    database.exec('PRAGMA busy_timeout = 0; SELECT count(*) FROM sqlite_schema');
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw new TealError('TEAL-JOURNAL-005', `the lock in ${stateDir} cannot be asked`, { stateDir }, error);
  } finally {
    database.close();
  }
}

/** Who wrote last or still does: after a `kill -9` the file stays. Undefined when it was closed in order. */
export function readHolder(stateDir: string): Holder | undefined {
  try {
    const holder: unknown = JSON.parse(readFileSync(join(stateDir, HOLDER_FILE), 'utf8'));
    return isHolder(holder) ? holder : undefined;
  } catch {
    // No file, or one that a crash left half written: nobody is known, and nothing depends on it.
    return undefined;
  }
}

function heldByAnother(stateDir: string, cause: unknown): TealError {
  const holder = readHolder(stateDir);
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return new TealError(
    'TEAL-JOURNAL-003',
    `${who} holds ${stateDir}${holder === undefined ? '' : ` since ${holder.sinceIso}`}`,
    { stateDir, pid: holder?.pid, host: holder?.host, since: holder?.sinceIso, what: holder?.what },
    cause,
  );
}

const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

function isHolder(value: unknown): value is Holder {
  return (
    typeof value === 'object' &&
    value !== null &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'host' in value &&
    typeof value.host === 'string' &&
    'sinceIso' in value &&
    typeof value.sinceIso === 'string' &&
    (!('what' in value) || typeof value.what === 'string')
  );
}
