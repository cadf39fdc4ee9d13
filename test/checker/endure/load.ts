import { Client } from 'pg';
import { must } from '../../../src/kernel/assert.ts';
import { sleep } from '../../../src/kernel/clock.ts';
import { describeError } from '../../../src/kernel/errors.ts';
import { withClient } from '../../../tools/servers/with-client.ts';

/** A load that an hour does not make larger: what a client writes it deletes again later, where each row that was acknowledged must be there once. */
export const loadSql = `
  create table written (writer int, seq int, note text, primary key (writer, seq));
  create table loose (writer int, seq int, note text);
  create table account (id int primary key, balance bigint not null);
  create table numbered (id bigint generated always as identity primary key, writer int not null, seq int not null);
  create table big (writer int primary key, seq int not null, body text not null);
  alter table big alter column body set storage external;
  create index on numbered (writer, seq);
  insert into account select n, 1000 from generate_series(1, 20) n;
  insert into big select n, 0, repeat('teal', 2000) from generate_series(0, 63) n`;

const accounts = 20;
const sum = '20000';
/** Rows of each writer that stay. */
const kept = { written: 200, loose: 30, numbered: 50 } as const;
/** Transactions after which a client that comes and goes comes anew. */
const visit = 3;

export interface LoadOptions {
  readonly url: string;
  /** Clients that stay connected. */
  readonly stay: number;
  /** Clients that come and go. */
  readonly visit: number;
  readonly pauseMs: number;
}

export interface LoadReport {
  /** The number of the last transaction of each writer that was acknowledged: all before it were too, or there is a failure. */
  readonly acknowledged: readonly number[];
  readonly transactions: number;
  readonly connections: number;
  readonly longestMs: number;
  /** Errors that a client saw, and rows that were not there once. The first 50. */
  readonly failures: readonly string[];
  readonly failed: number;
}

class Writer {
  readonly #number: number;
  readonly #tell: (failure: string) => void;
  seq = -1;
  #lastId = 0n;
  transactions = 0;
  connections = 0;
  longestMs = 0;

  constructor(number: number, tell: (failure: string) => void) {
    this.#number = number;
    this.#tell = tell;
  }

  /** Until the signal; after `most` transactions it goes, and comes again on a new connection. */
  async run(options: LoadOptions, most: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const client = new Client({ connectionString: options.url, application_name: 'load' });
      client.on('error', (error) => this.#fail(error));
      try {
        await client.connect();
        this.connections += 1;
        for (let done = 0; !signal.aborted && done < most; done += 1) {
          await this.#transaction(client);
          await sleep(options.pauseMs);
        }
      } catch (error) {
        this.#fail(error);
        // Whatever it is, it is told once and not a thousand times.
        await sleep(500);
      } finally {
        await client.end().catch((error: unknown) => this.#fail(error));
      }
    }
  }

  async #transaction(client: Client): Promise<void> {
    const began = performance.now();
    const seq = this.seq + 1;
    await client.query('begin');
    await this.#rows(client, seq);
    if (seq % 3 === 0) await this.#transfer(client, seq);
    if (seq % 7 === 0) await this.#one(client, 'update big set seq = $2 where writer = $1', [this.#number, seq]);
    if (seq % 50 === 0) {
      const { rows } = await client.query<{ sum: string }>('select sum(balance)::text as sum from account');
      if (rows[0]?.sum !== sum) this.#tell(`writer ${this.#number} saw a sum of ${rows[0]?.sum}`);
    }
    await client.query('commit');
    this.seq = seq;
    this.transactions += 1;
    this.longestMs = Math.max(this.longestMs, performance.now() - began);
  }

  async #rows(client: Client, seq: number): Promise<void> {
    const writer = this.#number;
    const note = 'x'.repeat(seq % 50);
    await client.query({ name: 'w', text: 'insert into written values ($1, $2, $3)', values: [writer, seq, note] });
    await this.#one(client, 'insert into loose values ($1, $2, $3)', [writer, seq, note]);
    const text = 'insert into numbered (writer, seq) values ($1, $2) returning id::text';
    const { rows } = await client.query<{ id: string }>({ name: 'n', text, values: [writer, seq] });
    const id = BigInt(must(rows[0], 'an id').id);
    if (id <= this.#lastId) this.#tell(`writer ${writer} got the id ${id} after ${this.#lastId}`);
    this.#lastId = id;
    for (const [table, rows] of Object.entries(kept))
      if (seq >= rows)
        await this.#one(client, `delete from ${table} where writer = $1 and seq = $2`, [writer, seq - rows]);
  }

  async #transfer(client: Client, seq: number): Promise<void> {
    const from = ((this.#number * 7 + seq) % accounts) + 1;
    const to = (from % accounts) + 1;
    // In one order, or clients would only wait for each other.
    for (const id of [from, to].sort((a, b) => a - b))
      await this.#one(client, 'update account set balance = balance + $2 where id = $1', [id, id === to ? 1 : -1]);
  }

  async #one(client: Client, text: string, values: readonly unknown[]): Promise<void> {
    const { rowCount } = await client.query(text, [...values]);
    if (rowCount !== 1)
      this.#tell(`writer ${this.#number}: ${rowCount} rows where one must be: ${text} ${values.slice(0, 2).join(' ')}`);
  }

  #fail(error: unknown): void {
    this.#tell(`writer ${this.#number} after ${this.seq}: ${describeError(error)}`);
  }
}

/** Writes until the signal. */
export async function runLoad(options: LoadOptions, signal: AbortSignal): Promise<LoadReport> {
  const failures: string[] = [];
  let failed = 0;
  const tell = (failure: string): void => {
    failed += 1;
    if (failures.length < 50) failures.push(failure);
  };
  const writers = Array.from({ length: options.stay + options.visit }, (_, number) => new Writer(number, tell));
  await Promise.all(
    writers.map(async (writer, at) => writer.run(options, at < options.stay ? Infinity : visit, signal)),
  );
  const total = (of: (writer: Writer) => number): number => writers.reduce((all, writer) => all + of(writer), 0);
  return {
    acknowledged: writers.map(({ seq }) => seq),
    transactions: total(({ transactions }) => transactions),
    connections: total(({ connections }) => connections),
    longestMs: Math.round(Math.max(...writers.map(({ longestMs }) => longestMs))),
    failures,
    failed,
  };
}

/** What is not on the owner as it was acknowledged, once the load has ended. */
export async function missing(url: string, acknowledged: readonly number[]): Promise<readonly string[]> {
  return withClient(url, async (client) => {
    const found: string[] = [];
    for (const [table, rows] of Object.entries(kept)) {
      const there = await client.query<{ writer: number; seqs: string }>(
        `select writer, string_agg(seq::text, ' ' order by seq) as seqs from ${table} group by writer`,
      );
      const seqs = new Map(there.rows.map((row) => [row.writer, row.seqs]));
      for (const [writer, last] of acknowledged.entries()) {
        const first = Math.max(0, last - rows + 1);
        const wanted = Array.from({ length: last - first + 1 }, (_, at) => first + at).join(' ');
        if ((seqs.get(writer) ?? '') !== wanted) found.push(`${table} of writer ${writer} is not ${first} to ${last}`);
      }
    }
    const { rows } = await client.query<{ sum: string }>('select sum(balance)::text as sum from account');
    return rows[0]?.sum === sum ? found : [...found, `the accounts hold ${rows[0]?.sum}`];
  });
}

if (import.meta.main) {
  const stop = new AbortController();
  for (const word of ['SIGTERM', 'SIGINT', 'disconnect', 'message'] as const) process.on(word, () => stop.abort());
  const report = await runLoad(JSON.parse(must(process.argv[2], 'options as JSON')) as LoadOptions, stop.signal);
  process.send?.(report);
  process.disconnect?.();
}
