import {
  appendFileSync,
  fstatSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';

/** A line of the ledger. */
type Line =
  /** A thread of a program began to write here. */
  | { readonly what: 'began'; readonly program: string; readonly thread: number }
  /** `cut`: a file was made shorter; what comes after it in its place is not durable for having been so once. */
  | { readonly what: 'synced' | 'cut'; readonly path: string; readonly bytes: number }
  /** A folder was synced: these names in it are durable. */
  | { readonly what: 'folder'; readonly path: string; readonly names: readonly string[] };

/**
 * From now on every sync of this thread by a FileHandle is written down: the file, and its length when the sync was asked for, which is what it promises. What was
 * written later may be on the disk, or not.
 */
export async function recordSyncs(ledger: string): Promise<void> {
  const tell = (line: Line): void => appendFileSync(ledger, `${JSON.stringify(line)}\n`);
  tell({ what: 'began', program: basename(process.argv[1] ?? ''), thread: threadId });
  const handles = await fileHandles();
  for (const name of ['sync', 'datasync'] as const) {
    const original = Reflect.get(handles, name);
    handles[name] = async function (this: FileHandle) {
      const line = lineOf(this.fd);
      await original.call(this);
      if (line !== undefined) tell(line);
    };
  }
  const truncate = Reflect.get(handles, 'truncate');
  handles.truncate = async function (this: FileHandle, bytes = 0) {
    await truncate.call(this, bytes);
    const path = pathOf(this.fd);
    if (path !== undefined) tell({ what: 'cut', path, bytes });
  };
}

/** What all FileHandles have in common. */
export async function fileHandles(): Promise<FileHandle> {
  await using any = await open('/dev/null');
  return Object.getPrototypeOf(any) as FileHandle;
}

function lineOf(fd: number): Line | undefined {
  const path = pathOf(fd);
  if (path === undefined) return undefined;
  const stat = fstatSync(fd);
  if (stat.isDirectory()) return { what: 'folder', path, names: readdirSync(path) };
  return { what: 'synced', path, bytes: stat.size };
}

/** Undefined for what has no name any more. */
export function pathOf(fd: number): string | undefined {
  const path = readlinkSync(`/proc/self/fd/${fd}`);
  return path.startsWith('/') && !path.endsWith(' (deleted)') ? path : undefined;
}

/**
 * What is left of a folder's files after a power cut, at its worst: each only as long as its last sync promised, and gone when its name was not durable. For the time when
 * nobody writes there. A file that was removed is not brought back. Answers what was lost: name and bytes.
 */
export function loseUnsynced(ledger: string, of: string): { readonly file: string; readonly bytes: number }[] {
  const folder = realpathSync(of);
  const durable = new Map<string, number>();
  let names: ReadonlySet<string> = new Set();
  for (const line of readLedger(ledger)) {
    if (line.what === 'folder') {
      if (line.path === folder) names = new Set(line.names);
    } else if (line.what !== 'began' && dirname(line.path) === folder) {
      const before = durable.get(line.path) ?? 0;
      durable.set(line.path, line.what === 'synced' ? line.bytes : Math.min(before, line.bytes));
    }
  }
  const lost: { file: string; bytes: number }[] = [];
  for (const file of readdirSync(folder)) {
    const path = join(folder, file);
    const isNamed = names.has(file);
    const { size } = statSync(path);
    const kept = isNamed ? (durable.get(path) ?? 0) : 0;
    if (isNamed && size <= kept) continue;
    if (isNamed) truncateSync(path, kept);
    else rmSync(path);
    lost.push({ file, bytes: size - kept });
  }
  return lost;
}

export function readLedger(ledger: string): Line[] {
  const lines = readFileSync(ledger, 'utf8').split('\n');
  // A process that was killed may have left half of one.
  lines.pop();
  return lines.map((line) => JSON.parse(line) as Line);
}
