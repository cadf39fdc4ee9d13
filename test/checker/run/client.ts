import { openSync, writeSync } from 'node:fs';
import { Client } from 'pg';
import { monotonicMs, nowMs, sleep } from '../../../src/kernel/clock.ts';
import { must } from '../../../src/kernel/assert.ts';
import { formatEvent, type Event, type Isolation, type MicroOp } from '../history.ts';
import { Random } from '../random.ts';
import type { Schedule } from '../schedule.ts';
import { nowUs } from './tables.ts';
import { Numbers, Stale, fill, perform, plan } from './transactions.ts';

export interface ClientProcess {
  readonly url: string;
  readonly schedule: Schedule;
  readonly group: number;
  /** Of the first of its clients; a client that loses its connection goes on under its number plus 1 000, for as long as the process lives. */
  readonly firstClient: number;
  readonly history: string;
}

const pauseMs = 4;

/** One connection after another of one client, until the signal: each writes its invocations before it asks, and what it heard after it did. */
class CheckedClient {
  readonly #options: ClientProcess;
  readonly #isolation: Isolation;
  readonly #random: Random;
  readonly #log: (event: Event) => void;
  #number: number;
  #op = -1;

  constructor(options: ClientProcess, number: number, log: (event: Event) => void) {
    this.#options = options;
    this.#number = number;
    this.#log = log;
    const { schedule, group } = options;
    this.#isolation = must(schedule.groups[group], 'the group').isolation;
    this.#random = new Random(schedule.seed).fork(`client ${number}`);
  }

  async run(signal: AbortSignal): Promise<void> {
    const numbers = new Numbers(this.#number);
    while (!signal.aborted) {
      const client = new Client({ connectionString: this.#options.url });
      // Told by the query that meets it.
      client.on('error', () => undefined);
      await client.connect();
      try {
        while (!signal.aborted && (await this.#transaction(client, numbers))) await sleep(pauseMs);
      } finally {
        await client.end().catch(() => undefined);
      }
      this.#number += 1_000;
      this.#op = -1;
    }
  }

  /** False when the connection is of no use any more. */
  async #transaction(client: Client, numbers: Numbers): Promise<boolean> {
    const { schedule } = this.#options;
    const ops = await fill(client, plan(schedule, this.#random, numbers));
    if (ops.length === 0) return true;
    const takesBack = this.#random.chance(schedule.rolledBackShare);
    this.#op += 1;
    this.#tell('invoke', ops);
    const done: MicroOp[] = [];
    let isCommitting = false;
    try {
      await client.query(`begin isolation level ${this.#isolation}`);
      for (const op of ops) done.push(await perform(client, op, schedule.sizes));
      if (takesBack) {
        await client.query('rollback');
        this.#tell('fail', done, 'rollback');
        return true;
      }
      isCommitting = true;
      await client.query('commit');
      this.#tell('ok', done);
      return true;
    } catch (error) {
      const code = error instanceof Stale ? 'stale' : codeOf(error);
      const isServers = error instanceof Stale || 'severity' in (error as object);
      // An error of the server at COMMIT says that it was taken back; silence says nothing.
      this.#tell(isCommitting && !isServers ? 'info' : 'fail', done, code);
      if (!isServers) return false;
      await client.query('rollback');
      return true;
    }
  }

  #tell(type: Event['type'], ops: readonly MicroOp[], error?: string): void {
    this.#log({
      type,
      client: this.#number,
      op: this.#op,
      atUs: nowUs(),
      wallMs: nowMs(),
      isolation: this.#isolation,
      ops: [...ops],
      ...(error === undefined ? {} : { error }),
    });
  }
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : 'connection';
}

async function main(options: ClientProcess): Promise<void> {
  const file = openSync(options.history, 'a', 0o600);
  const log = (event: Event): void => {
    writeSync(file, formatEvent(event));
  };
  const stop = new AbortController();
  for (const word of ['SIGTERM', 'SIGINT', 'disconnect', 'message'] as const) process.on(word, () => stop.abort());
  const { clients } = must(options.schedule.groups[options.group], 'the group');
  const all = Array.from({ length: clients }, (_, at) => new CheckedClient(options, options.firstClient + at, log));
  const began = monotonicMs();
  process.send?.('started');
  await Promise.all(all.map(async (client) => client.run(stop.signal)));
  process.stdout.write(`${Math.round(monotonicMs() - began)} ms\n`);
  process.disconnect?.();
}

if (import.meta.main) await main(JSON.parse(must(process.argv[2], 'options as JSON')) as ClientProcess);
