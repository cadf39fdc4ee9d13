import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { sleep } from '../../../src/kernel/clock.ts';
import { isTealError } from '../../../src/kernel/errors.ts';
import type { Side } from '../../../src/model/catalog.ts';
import type { Sample } from '../../../src/testing/checker/invariants.ts';
import { processesOf, sampleFolder, sampleProcesses, sampleServers, withAbsent } from '../run/samples.ts';
import { nowUs } from '../run/tables.ts';
import type { BeaconNote } from './beacon.ts';

export interface WatchOptions {
  /** Of the migration. */
  readonly folder: string;
  readonly stateDir: string;
  readonly beacons: string;
  readonly urls: Readonly<Record<Side, string>>;
  readonly others: Readonly<Record<string, number>>;
  readonly everyMs: number;
}

/** Takes samples until it is disposed of. */
export class Watch implements AsyncDisposable {
  readonly samples: Sample[] = [];
  readonly seen = new Set<string>();
  /** Every process that was seen, by its name: one that lives as long as the run is there once. */
  readonly pids = new Map<string, Set<number>>();
  readonly #options: WatchOptions;
  readonly #stop = new AbortController();
  readonly #clients: Readonly<Record<Side, Client>>;
  #running: Promise<void> = Promise.resolve();

  private constructor(options: WatchOptions, clients: Readonly<Record<Side, Client>>) {
    this.#options = options;
    this.#clients = clients;
  }

  static async begin(options: WatchOptions): Promise<Watch> {
    const client = (side: Side): Client =>
      new Client({ connectionString: options.urls[side], application_name: 'endurance' });
    const watch = new Watch(options, { blue: client('blue'), green: client('green') });
    await Promise.all(Object.values(watch.#clients).map(async (each) => each.connect()));
    watch.#running = watch.#run();
    return watch;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#look();
      try {
        await sleep(this.#options.everyMs, signal);
      } catch (error) {
        if (!isTealError(error, 'TEAL-KERNEL-003')) throw error;
      }
    }
  }

  async #look(): Promise<void> {
    const { folder, stateDir, others } = this.#options;
    for (const { name, pid } of processesOf(folder)) this.pids.set(name, (this.pids.get(name) ?? new Set()).add(pid));
    const samples = [
      ...sampleProcesses(folder, others),
      ...sampleFolder(stateDir),
      ...this.#heaps(),
      ...(await sampleServers(this.#clients)),
    ];
    this.samples.push(...withAbsent(this.seen, samples));
    for (const { what } of samples) this.seen.add(what);
  }

  /** What the processes that live write down of themselves. */
  #heaps(): readonly Sample[] {
    const { beacons, folder, others } = this.#options;
    const names = new Map(processesOf(folder).map(({ name, pid }) => [pid, name]));
    for (const [name, pid] of Object.entries(others)) names.set(pid, name);
    return readdirSync(beacons)
      .filter((file) => file.endsWith('.json'))
      .flatMap((file) => {
        const note = JSON.parse(readFileSync(join(beacons, file), 'utf8')) as BeaconNote;
        const process = names.get(note.pid);
        if (process === undefined) return [];
        const name = note.thread === 0 ? process : `${process}, receiver`;
        const atUs = nowUs();
        return [
          { atUs, what: `${name}: heap alive, bytes`, value: note.heapAlive },
          { atUs, what: `${name}: outside of the heap, bytes`, value: note.outside },
          { atUs, what: `${name}: timers`, value: note.timers },
          { atUs, what: `${name}: resources`, value: note.resources },
        ];
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    try {
      await this.#running;
    } finally {
      await Promise.allSettled(Object.values(this.#clients).map(async (client) => client.end()));
    }
  }
}
