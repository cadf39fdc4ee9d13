import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

const gib = 2 ** 30;

/** Where the servers of the tests lie, and everything else that goes with the run. */
export interface Scratch extends Disposable {
  /** For TMPDIR; undefined where it stays as it is. */
  readonly folder: string | undefined;
}

/** What a whole run needs at once, and as much again for whoever else lives on the machine: bytes. */
export function hasRoom({ free, memory }: { readonly free: number; readonly memory: number }): boolean {
  return free >= 8 * gib && memory >= 16 * gib;
}

/**
 * A folder in memory, as servers of tests wait for a disk half of their time (each commit is kept by `fsync`, which stays as it is). Without one that is large enough, or where TMPDIR says
 * another place, nothing changes. The folder is removed with what a killed run has left in it.
 */
export function scratchInMemory(memoryDisk = '/dev/shm'): Scratch {
  const folder = process.env['TMPDIR'] === undefined ? folderIn(memoryDisk) : undefined;
  return {
    folder,
    [Symbol.dispose]: () => {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function folderIn(memoryDisk: string): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(memoryDisk);
    if (!hasRoom({ free: bavail * bsize, memory: process.availableMemory() })) return undefined;
    // Short: names of sockets have 107 bytes.
    const folder = mkdtempSync(join(memoryDisk, 't-'));
    // Servers that must not be root run as somebody else.
    chmodSync(folder, 0o1777);
    return folder;
  } catch (error) {
    process.stderr.write(`no folder in memory for the tests: ${String(error)}\n`);
    return undefined;
  }
}
