import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { carrierPaths } from '../src/carriers/embedded/config.ts';
import type { Side } from '../src/model/catalog.ts';
import type { MigrationEvent } from '../src/app/events.ts';
import { epochMs } from './measure.ts';
import type { Command, Options, Question, Told } from './teal-main.ts';

export interface TealOptions {
  readonly blueUrl: string;
  readonly greenUrl: string;
  /** Where a side is not PostgreSQL. */
  readonly systems?: Readonly<Partial<Record<Side, 'mysql' | 'mariadb'>>>;
  /** Lines of the migration file beside name and addresses; default: no router. */
  readonly spec?: string;
}

/** Where a migration of a benchmark lives: a folder for its files, and of each side that is PostgreSQL the major. */
export interface TealPlace {
  readonly folder: string;
  readonly blue: { readonly major?: number };
  readonly green: { readonly major?: number };
}

/** When something was first told; `atMs` since 1970. */
interface Seen {
  readonly atMs: number;
  readonly event: MigrationEvent;
}

const name = 'bench';
const defaultSpec = 'traffic: { router: none }';

/**
 * A migration as users run it: a controller of its own with all the processes that it starts. Disposal undoes what can be undone, ends every process and removes the
 * folder.
 */
export class Teal implements AsyncDisposable {
  readonly startedMs = epochMs();
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #events: Seen[] = [];
  readonly #answers = new Map<number, (told: Exclude<Told, { kind: 'event' }>) => void>();
  readonly #waiting = new Set<() => void>();
  readonly #running = new Set<Promise<unknown>>();
  #asked = 0;

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder;
    this.#child = child;
    this.#exited = once(child, 'exit').catch(() => undefined);
    child.on('message', (told: Told) => this.#hear(told));
    child.on('exit', () => this.#fail('the controller has ended'));
  }

  /** Resolves as soon as the process is started: what it does then belongs to what a migration costs. */
  static async start(place: TealPlace, options: TealOptions): Promise<Teal> {
    const folder = await mkdtemp(join(place.folder, 'teal-'));
    const file = join(folder, 'teal.yaml');
    const sideText = (side: Side): string => {
      const system = options.systems?.[side];
      return `{ ${system === undefined ? '' : `system: ${system}, `}url: "\${${side.toUpperCase()}_URL}" }`;
    };
    await writeFile(
      file,
      `teal: 1\nname: ${name}\nblue: ${sideText('blue')}\ngreen: ${sideText('green')}\ncutover: { gates: [{ person: you }] }\n${options.spec ?? defaultSpec}\n`,
    );
    const { blue, green } = place;
    const majors =
      blue.major === undefined || green.major === undefined ? {} : { blueMajor: blue.major, greenMajor: green.major };
    const given: Options = { file, ...majors };
    const child = fork(fileURLToPath(new URL('teal-main.ts', import.meta.url)), [JSON.stringify(given)], {
      env: { ...process.env, BLUE_URL: options.blueUrl, GREEN_URL: options.greenUrl },
    });
    return new Teal(folder, child);
  }

  /** Of the controller; everything else of the migration descends from it. */
  get pid(): number | undefined {
    return this.#child.exitCode === null ? this.#child.pid : undefined;
  }

  get stateDir(): string {
    return join(this.#folder, '.teal', name);
  }

  /** Of the forward flow. */
  async workerPid(): Promise<number> {
    return Number(await readFile(carrierPaths(this.stateDir, 'forward').pid, 'utf8'));
  }

  async ask(command: Command): Promise<unknown> {
    const answer = this.#ask(command);
    this.#running.add(answer);
    try {
      return await answer;
    } finally {
      this.#running.delete(answer);
    }
  }

  async #ask(command: Command): Promise<unknown> {
    this.#asked += 1;
    const question: Question = { id: this.#asked, command };
    const { promise, resolve } = Promise.withResolvers<Exclude<Told, { kind: 'event' }>>();
    this.#answers.set(question.id, resolve);
    this.#child.send(question);
    const told = await promise;
    if (told.kind === 'error') throw new Error(`${command}: ${told.text}`);
    return told.value;
  }

  /** Resolves when a step is done, with the moment; at once when it was before. */
  async stepDone(step: string): Promise<number> {
    for (;;) {
      const found = this.#events.find(({ event }) => event.kind === 'step done' && event.step === step);
      if (found !== undefined) return found.atMs;
      if (this.pid === undefined) throw new Error('the controller has ended');
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await promise;
      this.#waiting.delete(resolve);
    }
  }

  /** Seconds of each step that is done, in their order; of one that ran more than once the last time. */
  stepSeconds(): Readonly<Record<string, number>> {
    const began = new Map<string, number>();
    const took: Record<string, number> = {};
    for (const { atMs, event } of this.#events) {
      if (event.kind === 'step started') began.set(event.step, atMs);
      if (event.kind === 'step done') took[event.step] = (atMs - (began.get(event.step) ?? atMs)) / 1000;
    }
    return took;
  }

  /** From the start of the controller until it began its first step; NaN when it has not. */
  firstStepSeconds(): number {
    return ((this.#events[0]?.atMs ?? Number.NaN) - this.startedMs) / 1000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // What was asked before and is not over yet must not be undone under its hands.
      await Promise.allSettled(this.#running);
      if (this.pid !== undefined) await this.ask('tidy');
    } finally {
      if (this.#child.connected) this.#child.disconnect();
      await this.#exited;
      await rm(this.#folder, { recursive: true, force: true });
    }
  }

  #hear(told: Told): void {
    if (told.kind === 'event') {
      const { atMs, event } = told;
      if (event.kind.startsWith('step ') && event.kind !== 'step progress') this.#events.push({ atMs, event });
      for (const wake of this.#waiting) wake();
      return;
    }
    this.#answers.get(told.id)?.(told);
    this.#answers.delete(told.id);
  }

  #fail(text: string): void {
    for (const [id, answer] of this.#answers) answer({ kind: 'error', id, text });
    for (const wake of this.#waiting) wake();
  }
}
