import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { must } from '../src/kernel/assert.ts';
import { describeError } from '../src/kernel/errors.ts';
import { sleep } from '../src/kernel/clock.ts';
import { epochMs } from './measure.ts';
import { percentile } from './rounds.ts';

/**
 * Clients that call all the time, on node-postgres and in a process of their own, so that nothing that is measured slows their clocks. Every other call writes: it adds one to a
 * row of `counted`, and the sum of all rows tells afterwards whether each acknowledged write is there once.
 */
export interface LoadOptions {
  readonly url: string;
  readonly clients: number;
  readonly callsPerSecond: number;
  /** Rows of `counted`, numbered from 1. */
  readonly rows: number;
}

/** Times since 1970 in ms, with fractions. */
export interface Call {
  readonly startedMs: number;
  readonly endedMs: number;
}

export interface LoadReport {
  readonly calls: readonly Call[];
  readonly acknowledgedWrites: number;
  readonly failures: readonly string[];
}

export interface Felt {
  /** The longest time in which no client got an answer. */
  readonly silenceMs: number;
  readonly longestWaitMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What clients felt between two moments: calls that were under way or were begun then. */
export function feltBetween(calls: readonly Call[], fromMs: number, untilMs: number): Felt {
  const there = calls.filter(({ startedMs, endedMs }) => endedMs >= fromMs && startedMs <= untilMs);
  const answers = there.map(({ endedMs }) => endedMs).sort((a, b) => a - b);
  const waits = there.map(({ startedMs, endedMs }) => endedMs - startedMs);
  const gaps = answers.slice(1).map((at, before) => at - (answers[before] ?? at));
  return {
    silenceMs: Math.max(0, ...gaps),
    longestWaitMs: Math.max(0, ...waits),
    p50Ms: percentile(waits, 0.5),
    p99Ms: percentile(waits, 0.99),
  };
}

/** Clients under way. `end` lets each finish its call and tells what they saw. */
export class Crowd implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** Rejects when they end. */
  readonly #ended: Promise<never>;

  private constructor(child: ChildProcess, ended: Promise<never>) {
    this.#child = child;
    this.#ended = ended;
  }

  /** Resolves when all are connected. */
  static async start(options: LoadOptions): Promise<Crowd> {
    const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], { serialization: 'advanced' });
    const ended = once(child, 'exit').then(() => Promise.reject(new Error('the clients have ended')));
    // Also when nobody waits for them.
    ended.catch(() => undefined);
    await Promise.race([once(child, 'message'), ended]);
    return new Crowd(child, ended);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async end(): Promise<LoadReport> {
    this.#child.send('end');
    const [report] = (await Promise.race([once(this.#child, 'message'), this.#ended])) as [LoadReport];
    return report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await ended;
  }
}

class Caller {
  readonly calls: Call[] = [];
  readonly failures: string[] = [];
  acknowledgedWrites = 0;
  readonly #client: Client;
  readonly #options: LoadOptions;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#client = new Client({ connectionString: options.url });
    this.#client.on('error', (error) => this.failures.push(describeError(error)));
  }

  async connect(): Promise<void> {
    await this.#client.connect();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clients, callsPerSecond } = this.#options;
    const everyMs = (1_000 * clients) / callsPerSecond;
    let next = epochMs() + Math.random() * everyMs;
    for (let turn = 0; !signal.aborted; turn += 1) {
      const pauseMs = next - epochMs();
      if (pauseMs > 0) await sleep(pauseMs);
      await this.#call(turn % 2 === 0);
      // Whoever had to wait does not make up for it: the rate after a cut is the rate before.
      next = Math.max(next + everyMs, epochMs());
    }
    await this.#client.end();
  }

  async #call(writes: boolean): Promise<void> {
    const startedMs = epochMs();
    const values = [1 + Math.floor(Math.random() * this.#options.rows)];
    try {
      if (writes)
        await this.#client.query({ name: 'write', text: 'update counted set n = n + 1 where id = $1', values });
      else await this.#client.query({ name: 'read', text: 'select n from counted where id = $1', values });
      if (writes) this.acknowledgedWrites += 1;
    } catch (error) {
      this.failures.push(describeError(error));
    }
    this.calls.push({ startedMs, endedMs: epochMs() });
  }
}

async function main(options: LoadOptions): Promise<void> {
  const callers = Array.from({ length: options.clients }, () => new Caller(options));
  for (const caller of callers) await caller.connect();
  const stop = new AbortController();
  process.on('message', () => stop.abort());
  process.on('disconnect', () => process.exit());
  process.send?.('connected');
  await Promise.all(callers.map(async (caller) => caller.run(stop.signal)));
  const report: LoadReport = {
    calls: callers.flatMap(({ calls }) => calls),
    acknowledgedWrites: callers.reduce((sum, { acknowledgedWrites }) => sum + acknowledgedWrites, 0),
    failures: callers.flatMap(({ failures }) => failures),
  };
  // The end waits until all of it is out: it is larger than what a pipe takes at once.
  process.send?.(report, undefined, undefined, () => process.disconnect?.());
}

if (import.meta.main) await main(JSON.parse(must(process.argv[2], 'options as JSON')) as LoadOptions);
