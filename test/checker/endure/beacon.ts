import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread, threadId } from 'node:worker_threads';

/**
 * Loaded before everything else into every process of Teal in an endurance run (`NODE_OPTIONS=--import`), and into every thread: every few seconds it collects garbage and writes down what is
 * alive then, which nobody sees from outside of the process. What it writes is `BeaconNote`.
 */
export interface BeaconNote {
  readonly pid: number;
  /** 0 is the main thread. */
  readonly thread: number;
  readonly program: string;
  readonly heapAlive: number;
  readonly outside: number;
  readonly timers: number;
  readonly resources: number;
}

export const beaconFolderVariable = 'TEAL_BEACON_FOLDER';
const everyMs = 5_000;

const folder = process.env[beaconFolderVariable];
if (folder !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const path = join(folder, `${process.pid}-${threadId}.json`);
  const note = (): void => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    const resources = process.getActiveResourcesInfo();
    const told: BeaconNote = {
      pid: process.pid,
      thread: isMainThread ? 0 : threadId,
      program: process.argv[1] ?? '',
      heapAlive: heapUsed,
      outside: external,
      timers: resources.filter((name) => name === 'Timeout' || name === 'Immediate').length,
      resources: resources.length,
    };
    writeFileSync(`${path}.new`, JSON.stringify(told));
    renameSync(`${path}.new`, path);
  };
  setInterval(note, everyMs).unref();
}
