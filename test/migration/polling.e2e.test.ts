import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, test, vi } from 'vitest';
import { carrierPaths } from '../../src/carriers/embedded/config.ts';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { describeError } from '../../src/kernel/errors.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { withClient } from '../../tools/servers/with-client.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';
import { queryUrl } from '../support/teal-place.ts';
import { Life } from '../support/whole-life.ts';

const limitMs = 1_800_000;
vi.setConfig({ testTimeout: limitMs });

const schema = `
  create table parent (id int primary key, n int not null, changed_at timestamptz not null default now());
  create table child (writer int, seq int, note text, touched timestamp default now(), parent int not null references parent, primary key (writer, seq));
  create index on parent (changed_at);
  create index on child (touched);
  create function stamp() returns trigger language plpgsql as $$ begin new.changed_at := clock_timestamp(); return new; end $$;
  create trigger stamp before update on parent for each row execute function stamp();
  insert into parent select n, 0 from generate_series(0, 7) n`;

/** Clients that insert, update and delete, and remember what is there by what they were told. */
class Writers {
  readonly failures: string[] = [];
  readonly #rows = new Map<string, string>();
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  count = 0;

  static async start(url: string, writers: number): Promise<Writers> {
    const all = new Writers();
    const clients = Array.from({ length: writers }, () => new Client({ connectionString: url }));
    await Promise.all(clients.map(async (client) => client.connect()));
    all.#running = Promise.all(clients.map(async (client, writer) => all.#run(client, writer)));
    return all;
  }

  async stop(): Promise<readonly string[]> {
    this.#stop.abort();
    await this.#running;
    return [...this.#rows].map(([key, note]) => `${key}=${note}`).toSorted();
  }

  static async rowsOf(url: string): Promise<readonly string[]> {
    const rows = await queryUrl(url, `select writer || '-' || seq || '=' || note as told from child`);
    return rows.map(({ told }) => told ?? '').toSorted();
  }

  async #run(client: Client, writer: number): Promise<void> {
    client.on('error', (error) => this.failures.push(describeError(error)));
    for (let seq = 0; !this.#stop.signal.aborted; seq += 1) {
      try {
        await client.query('begin');
        await client.query('update parent set n = n + 1 where id = $1', [writer]);
        await client.query('insert into child (writer, seq, note, parent) values ($1, $2, $3, $1)', [
          writer,
          seq,
          'new',
        ]);
        // A version whose number is that of a savepoint.
        await client.query('savepoint s');
        await client.query(`update child set note = 'old', touched = now() where writer = $1 and seq = $2`, [
          writer,
          seq - 1,
        ]);
        await client.query('release s');
        if (seq % 5 === 4) await client.query('delete from child where writer = $1 and seq = $2', [writer, seq - 3]);
        await client.query('commit');
        this.#rows.set(`${writer}-${seq}`, 'new');
        if (seq > 0) this.#rows.set(`${writer}-${seq - 1}`, 'old');
        if (seq % 5 === 4) this.#rows.delete(`${writer}-${seq - 3}`);
        this.count += 1;
      } catch (error) {
        this.failures.push(describeError(error));
        await client.query('rollback').catch(() => undefined);
      }
      await sleep(50);
    }
    await client.end();
  }
}

test('a blue that is polled moves under writes and deletes, comes back, moves again and is left without a trace', async () => {
  await using blue = await ownServer(blueMajor(), { settings: { wal_level: 'minimal', max_wal_senders: '0' } });
  await using green = await ownServer(greenMajor());
  await withClient(blue.url, async (client) => client.query(schema));
  await using life = await Life.begin({
    name: 'polled',
    blueUrl: blue.url,
    greenUrl: green.url,
    tools: await pgTools(blueMajor(), greenMajor()),
    spec: 'follow: { method: polling, column: changed_at, columns: { public.child: touched }, interval: 200ms }\n',
    // What was deleted is found in the cut itself.
    gates: '[{ person: tester }]',
    maxPause: '300s',
    lifeMs: limitMs,
  });
  const writers = await Writers.start(life.proxyUrl, 2);
  const report = await life.live(async (_, turn) => {
    const { count } = writers;
    await waitFor({ what: 'clients to write', timeoutMs: 120_000 }, () => writers.count > count + 15 || undefined);
    if (turn === 2) await killWorker(life.folder);
  });
  const books = await writers.stop();
  expect(writers.failures).toEqual([]);
  expect(await Writers.rowsOf(green.url)).toEqual(books);
  expect(report.evidence['prepare:polling-blue']).toBe('2 tables are polled');
  for (const epoch of ['e1', 'e3']) expect(report.evidence[`cut:${epoch}:equal`]).toMatch(/^2 tables, \d+ rows, equal/);
  expect(report.evidence['cut:e2:equal']).toBeUndefined();
  const left = await queryUrl(blue.url, `select relname from pg_class where relnamespace = to_regnamespace('teal')`);
  expect(left).toEqual([]);
});

/** The worker of the flow from blue, while it applies; the supervisor starts another. */
async function killWorker(folder: string): Promise<void> {
  const { pid } = carrierPaths(join(folder, '.teal', 'polled'), 'forward');
  const first = Number(await readFile(pid, 'utf8'));
  process.kill(first, 'SIGKILL');
  await waitFor({ what: 'the worker to be started again', timeoutMs: 60_000 }, async () => {
    const now = Number(await readFile(pid, 'utf8').catch(() => first));
    return now !== first || undefined;
  });
}
