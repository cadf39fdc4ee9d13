import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type * as SqliteModule from 'node:sqlite';
import { join } from 'node:path';
import { fileHandles, pathOf } from './sync-ledger.ts';

/** What may have no room: the spool's segments, the journal's database. */
export type Disk = 'spool' | 'journal';

export function setFull(flags: string, disk: Disk, full: boolean): void {
  if (!full) return rmSync(join(flags, disk), { force: true });
  mkdirSync(flags, { recursive: true });
  writeFileSync(join(flags, disk), '');
}

/** From now on this thread meets disks without room while their flags are there. */
export async function fillDisks(flags: string): Promise<void> {
  fillSpool(await fileHandles(), () => existsSync(join(flags, 'spool')));
  fillJournal(() => existsSync(join(flags, 'journal')));
}

const spoolSegment = /\/spool\/[^/]+$/;

type Written = Promise<{ readonly bytesWritten: number }>;

/** A file system that fills up takes a part of a write first, now and then, and refuses the rest. Strings are nobody's: Teal writes bytes. */
function fillSpool(handles: FileHandle, isFull: () => boolean): void {
  let refusals = 0;
  const refuses = (file: FileHandle): boolean => isFull() && spoolSegment.test(pathOf(file.fd) ?? '');
  const takesPart = (): boolean => (refusals += 1) % 3 === 1;
  const half = (bytes: Buffer): Buffer => bytes.subarray(0, Math.ceil(bytes.length / 2));
  const write = Reflect.get(handles, 'write') as (this: FileHandle, ...args: unknown[]) => Written;
  const writev = Reflect.get(handles, 'writev') as (this: FileHandle, ...args: unknown[]) => Written;
  const refusingWrite = async function (this: FileHandle, ...args: unknown[]): Written {
    if (!refuses(this)) return write.apply(this, args);
    const [buffer, offset = 0, length, position] = args as [Buffer, number?, number?, number?];
    const bytes = buffer.subarray(offset, length === undefined ? undefined : offset + length);
    if (!takesPart()) throw noSpace('write');
    return write.call(this, half(bytes), 0, half(bytes).length, position);
  };
  const refusingWritev = async function (this: FileHandle, ...args: unknown[]): Written {
    if (!refuses(this)) return writev.apply(this, args);
    const [[first], position] = args as [Buffer[], number?];
    if (first === undefined || !takesPart()) throw noSpace('writev');
    return writev.call(this, [half(first)], position);
  };
  Object.assign(handles, { write: refusingWrite, writev: refusingWritev });
}

function noSpace(syscall: string): Error {
  return Object.assign(new Error(`ENOSPC: no space left on device, ${syscall}`), {
    code: 'ENOSPC',
    errno: -28,
    syscall,
  });
}

/** SQLite takes back the statement that found no room, and says so; what only reads goes on. */
function fillJournal(isFull: () => boolean): void {
  const { DatabaseSync, StatementSync } = sqlite();
  const refuse = (sql: string): void => {
    if (!writes(sql) || !isFull()) return;
    throw Object.assign(new Error('database or disk is full'), {
      code: 'ERR_SQLITE_ERROR',
      errcode: 13,
      errstr: 'database or disk is full',
    });
  };
  const exec = Reflect.get(DatabaseSync.prototype, 'exec');
  DatabaseSync.prototype.exec = function (sql) {
    refuse(sql);
    exec.call(this, sql);
  };
  const run = Reflect.get(StatementSync.prototype, 'run') as (...values: unknown[]) => never;
  StatementSync.prototype.run = function (...values: unknown[]) {
    refuse(this.sourceSQL);
    return run.apply(this, values);
  };
}

function writes(sql: string): boolean {
  return /\b(insert|update|delete|create|commit)\b/i.test(sql);
}

/** Without the warning of its first load, which a process of the product would not have. */
function sqlite(): typeof SqliteModule {
  const emitWarning = Reflect.get(process, 'emitWarning');
  process.emitWarning = (): void => undefined;
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}
