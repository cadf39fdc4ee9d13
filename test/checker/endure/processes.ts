import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { must } from '../../../src/kernel/assert.ts';
import { waitFor } from '../../../src/kernel/clock.ts';
import { beaconFolderVariable } from './beacon.ts';
import type { Ask, ControllerOptions, Told } from './controller.ts';
import type { LoadOptions, LoadReport } from './load.ts';

type Done = Extract<Told, { readonly told: 'done' }>;

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const endMs = 20_000;

/** False when it had to be killed: something that nobody has closed kept it alive. */
async function ended(child: ChildProcess): Promise<boolean> {
  const isOver = (): true | undefined => (child.exitCode === null && child.signalCode === null ? undefined : true);
  const inTime = await waitFor({ what: 'a process to end', timeoutMs: endMs }, isOver).catch(() => false);
  if (!inTime) child.kill('SIGKILL');
  return inTime;
}

export class Controller implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor(beacons: string, options: ControllerOptions) {
    const beacon = new URL('beacon.ts', import.meta.url).href;
    const env = {
      ...process.env,
      [beaconFolderVariable]: beacons,
      NODE_OPTIONS: `--import=${beacon}`,
    };
    this.#child = fork(fileOf('controller.ts'), [JSON.stringify(options)], { env });
  }

  get pid(): number {
    return must(this.#child.pid, 'the pid of the controller');
  }

  async began(): Promise<Extract<Told, { readonly told: 'began' }>> {
    const told = await this.#next();
    if (told.told !== 'began') throw new Error(`the controller did not begin: ${JSON.stringify(told)}`);
    return told;
  }

  async attempt(ask: Ask): Promise<Told> {
    this.#child.send(ask);
    return this.#next();
  }

  async ask(ask: Ask): Promise<Done> {
    const told = await this.attempt(ask);
    if (told.told !== 'done') throw new Error(`${ask} failed: ${JSON.stringify(told)}`);
    return told;
  }

  async ended(): Promise<boolean> {
    return ended(this.#child);
  }

  async #next(): Promise<Told> {
    const stop = new AbortController();
    try {
      const first = await Promise.race([
        once(this.#child, 'message', { signal: stop.signal }),
        once(this.#child, 'exit', { signal: stop.signal }).then(() => [
          { told: 'failed', ask: 'begin', error: 'it has ended' },
        ]),
      ]);
      return first[0] as Told;
    } finally {
      stop.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) this.#child.send('end' satisfies Ask);
    await ended(this.#child);
  }
}

export class Load implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor(options: LoadOptions) {
    this.#child = fork(fileOf('load.ts'), [JSON.stringify(options)]);
  }

  get pid(): number {
    return must(this.#child.pid, 'the pid of the load');
  }

  async stop(): Promise<LoadReport> {
    const reported = once(this.#child, 'message');
    this.#child.send('stop');
    const [report] = (await reported) as [LoadReport];
    await ended(this.#child);
    return report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) this.#child.send('stop');
    await ended(this.#child);
  }
}
