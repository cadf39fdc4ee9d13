import { Client } from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { describeError } from '../../src/kernel/errors.ts';
import { startConnect, type ConnectCluster } from '../../tools/servers/connect.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { connectIsTested, namePrefix, testCluster, type TestCluster } from '../support/kafka.ts';
import { killWorkerOfSink } from '../support/kafka-connect.ts';
import { blueMajor, greenMajor, ownServer } from '../support/postgres.ts';
import { queryUrl } from '../support/teal-place.ts';
import { Life } from '../support/whole-life.ts';

const limitMs = 1_200_000;
vi.setConfig({ testTimeout: limitMs });

const schema = `
  create table account (id int primary key, owner text not null, balance numeric(12,2) not null, seen timestamptz, at time, tags jsonb, big text);
  alter table account alter big set storage external;
  create table entry (writer int, seq int, account int not null references account, note varchar(20) unique, ok boolean default true, raw bytea, id uuid default gen_random_uuid(),
    share float8, day date, moment timestamp, primary key (writer, seq));
  create index on entry (account);
  insert into account select n, 'owner ' || n, n * 1.5, now() - n * interval '1 day', '12:34:56.789', jsonb_build_object('n', n), repeat('x', 3000) from generate_series(0, 999) n;
  insert into entry (writer, seq, account, note, raw, share, day, moment)
    select 99, n, n % 1000, 'first ' || n, decode(lpad(to_hex(n), 8, '0'), 'hex'), n / 3.0, date '1999-12-31' + n, timestamp '1970-01-01 00:00:00.000001' + n * interval '1 hour' from generate_series(1, 3000) n`;

/** Clients that insert, update, move keys and delete, and remember what is there by what they were told. */
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

  async written(): Promise<void> {
    const { count } = this;
    await waitFor({ what: 'clients to write', timeoutMs: 120_000 }, () => this.count > count + 6 || undefined);
  }

  async stop(): Promise<readonly string[]> {
    this.#stop.abort();
    await this.#running;
    return [...this.#rows].map(([key, note]) => `${key}=${note}`).toSorted();
  }

  static async rowsOf(url: string): Promise<readonly string[]> {
    const rows = await queryUrl(
      url,
      `select writer || '-' || seq || '=' || coalesce(note, 'null') as told from entry where writer < 50`,
    );
    return rows.map(({ told }) => told ?? '').toSorted();
  }

  async #run(client: Client, writer: number): Promise<void> {
    client.on('error', (error) => this.failures.push(describeError(error)));
    for (let seq = 0; !this.#stop.signal.aborted; seq += 1) {
      try {
        await client.query('begin');
        // A value that is stored apart and does not change; no row again and again, for which no comparison finds a quiet moment.
        await client.query('update account set balance = balance + 1 where id = $1', [(2 * seq + writer) % 1000]);
        await client.query('insert into entry (writer, seq, account, note) values ($1, $2, $3, $4)', [
          writer,
          seq,
          seq % 1000,
          `${writer}.${seq}`,
        ]);
        if (seq % 5 === 4) await client.query('delete from entry where writer = $1 and seq = $2', [writer, seq - 3]);
        // A key that moves, and a NULL where the column has a default.
        if (seq % 7 === 6)
          await client.query('update entry set seq = -seq, note = null, ok = null where writer = $1 and seq = $2', [
            writer,
            seq,
          ]);
        await client.query('commit');
        this.#rows.set(
          seq % 7 === 6 ? `${writer}--${seq}` : `${writer}-${seq}`,
          seq % 7 === 6 ? 'null' : `${writer}.${seq}`,
        );
        if (seq % 5 === 4) this.#rows.delete(`${writer}-${seq - 3}`);
        this.count += 1;
      } catch (error) {
        this.failures.push(describeError(error));
        await client.query('rollback').catch(() => undefined);
      }
      await sleep(250);
    }
    await client.end();
  }
}

function fileLines(cluster: TestCluster, connect: ConnectCluster, prefix: string): string {
  const lines = {
    url: connect.urls,
    kafka: `kafka://${cluster.bootstrap}`,
    replicationFactor: 1,
    topicPrefix: prefix,
  };
  return `follow: { heartbeat: 2s }\ncarrier: connect\nconnect: ${JSON.stringify(lines)}\n`;
}

describe.skipIf(!connectIsTested)('two PostgreSQL by Kafka Connect', () => {
  test('go over under writes with a worker killed in mid-copy, come back, go over again and keep no trace of it', async () => {
    const cluster = await testCluster('blue');
    await using connect = await startConnect({
      bootstrap: cluster.bootstrap,
      plugins: ['debezium-postgres', 'debezium-jdbc'],
      workers: 2,
    });
    await using blue = await ownServer(blueMajor());
    await using green = await ownServer(greenMajor());
    await queryUrl(blue.url, schema);
    let killing: Promise<void> = Promise.reject(new Error('the copy was not waited for'));
    killing.catch(() => undefined);
    await using life = await Life.begin({
      name: 'connected',
      blueUrl: blue.url,
      greenUrl: green.url,
      tools: await pgTools(blueMajor(), greenMajor()),
      spec: fileLines(cluster, connect, namePrefix()),
      maxPause: '20s',
      lifeMs: limitMs,
      onEvent: (event) => {
        if (event.kind === 'step started' && event.step === 'copy:rows') killing = killWorkerOfSink(connect);
      },
    });
    const writers = await Writers.start(life.proxyUrl, 2);
    const report = await life.live(async () => writers.written());
    const books = await writers.stop();
    await killing;
    expect(writers.failures).toEqual([]);
    expect(await Writers.rowsOf(green.url)).toEqual(books);
    expect(report.evidence['cut:e1:arrived']).toMatch(/^a sign that was written after the token/);
    // Nothing of it is left: neither on the servers nor on the cluster.
    expect(await queryUrl(blue.url, `select slot_name from pg_replication_slots where slot_name ~ '^teal_'`)).toEqual(
      [],
    );
    const origins = await queryUrl(green.url, `select roname from pg_replication_origin where roname ~ '^teal_'`);
    expect(origins).toEqual([]);
    const left = connect.workers.find(({ pid }) => pid !== undefined);
    const connectors = await fetch(`${left?.url}/connectors`);
    expect(await connectors.json()).toEqual([]);
  });
});
