import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEvents } from '../../../src/testing/checker/history.ts';
import type { Schedule } from '../schedule.ts';
import { nextLife } from './checked-client.ts';
import type { ClientProcess } from './client.ts';
import { patiently } from './slowness.ts';

/** Clients of a process are numbered from here on, those of the next one so much higher. */
const clientsEach = 100;
/** A process that does not end is killed; what it asked for is without an end in its history. By itself it gives up what hangs after 20 s, and tells so. */
const patienceMs = patiently(40_000);

/** The client processes of a run, and what they wrote down. */
export class Crew {
  readonly #folder: string;
  readonly #schedule: Schedule;
  readonly #files: string[] = [];
  readonly #children: ChildProcess[] = [];
  /** First clients of processes that came later. */
  readonly #guests = new Set<number>();
  #ended = 0;

  constructor(folder: string, schedule: Schedule) {
    this.#folder = folder;
    this.#schedule = schedule;
  }

  /** All groups of the schedule. */
  async start(url: string): Promise<void> {
    await Promise.all(this.#schedule.groups.map(async (_, group) => this.join(url, group)));
  }

  /** One more process of the first group's kind, at an address of its own. */
  async joinAt(url: string): Promise<ChildProcess> {
    this.#guests.add((this.#files.length + 1) * clientsEach);
    return this.join(url, 0);
  }

  /** Whether this client came by `joinAt`. */
  isGuest(client: number): boolean {
    const first = client % nextLife;
    return this.#guests.has(first - (first % clientsEach));
  }

  /** One more process, of a group's kind. */
  async join(url: string, group: number): Promise<ChildProcess> {
    const number = this.#files.length + 1;
    const history = join(this.#folder, `history-${number}.jsonl`);
    this.#files.push(history);
    await writeFile(history, '');
    const options: ClientProcess = {
      url,
      schedule: this.#schedule,
      group,
      firstClient: number * clientsEach,
      history,
    };
    const child = fork(fileURLToPath(new URL('client.ts', import.meta.url)), [JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#children.push(child);
    await Promise.race([once(child, 'message'), once(child, 'exit')]);
    return child;
  }

  /** Resolves when it has ended. Throws when it did not end well. */
  async leave(child: ChildProcess): Promise<void> {
    if (isRunning(child)) {
      const exit = once(child, 'exit');
      if (child.connected) child.send('stop');
      const limit = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      await exit;
      clearTimeout(limit);
    }
    if (child.exitCode !== 0) this.#ended += 1;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map(async (child) => this.leave(child)));
    if (this.#ended > 0) throw new Error(`${this.#ended} client processes ended badly`);
  }

  async histories(): Promise<readonly ReturnType<typeof parseEvents>[]> {
    return Promise.all(this.#files.map(async (file) => parseEvents(await readFile(file, 'utf8'))));
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
