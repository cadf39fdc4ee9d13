import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import type { MigrationEvent } from '../../src/app/events.ts';
import type { Migration } from '../../src/app/migration.ts';
import { openMigration } from '../../src/app/open-migration.ts';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import type { Side } from '../../src/model/catalog.ts';
import { connect, type MysqlConnection } from '../../src/systems/mysql/connection.ts';
import { serverNumberOf } from '../../src/systems/mysql/errors.ts';
import { fenceErrorNumber } from '../../src/systems/mysql/fence.ts';
import type { MysqlSeries } from '../../tools/servers/install-mysql.ts';
import { startMysql } from '../../tools/servers/mysql.ts';
import { startPostgres } from '../../tools/servers/postgres.ts';
import { isLong } from '../support/long.ts';
import { isTested } from '../support/mysql.ts';
import { greenMajor } from '../support/postgres.ts';

const limitMs = 1_500_000;

const schema: readonly string[] = [
  'create database shop',
  `create table shop.item (id int not null primary key, value varchar(40) not null, changed timestamp(6) not null default current_timestamp(6) on update current_timestamp(6), key (changed)) engine=InnoDB`,
  `create table shop.part (
     item int not null, seq int not null, note varchar(40), touched datetime not null default current_timestamp on update current_timestamp, primary key (item, seq), key (touched),
     constraint part_item foreign key (item) references shop.item (id) on delete cascade) engine=InnoDB`,
  `insert into shop.item (id, value) with recursive n as (select 1 as i union all select i + 1 from n where i < 500) select i, concat('old ', i) from n`,
  `insert into shop.part (item, seq, note) select id, 1, 'old' from shop.item`,
];

const pairs: readonly { readonly from: MysqlSeries; readonly to: MysqlSeries | 'postgres' }[] = [
  { from: 'mysql-8.0', to: 'postgres' },
  ...(isLong ? [{ from: 'mariadb-10.11', to: 'mariadb-11.4' } as const] : []),
];

describe.for(pairs)('$from to $to by polling', ({ from, to }) => {
  const tested = isTested(from) && (to === 'postgres' || isTested(to));
  test.skipIf(!tested)(
    'moves under writes and deletes of a client, comes back, moves again, and leaves nothing',
    { timeout: limitMs },
    async () => {
      await using place = await Place.make(from, to);
      const writing = place.writeUntilFenced(1_000);
      writing.catch(() => undefined);
      await using migration = await place.open();
      expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
      await waitFor({ what: 'the client to delete', timeoutMs: 120_000 }, () => place.deleted > 20 || undefined);
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      await writing;
      expect(await place.rows('green')).toEqual(await place.rows('blue'));

      await place.onGreen(`insert into shop.item (id, value, changed) values (900001, 'of green', current_timestamp)`);
      await place.onGreen(`delete from shop.item where id = 400`);
      expect(await migration.rollback('a test')).toMatchObject({ outcome: 'done', live: 'blue' });
      expect((await place.rows('blue')).filter((row) => row.startsWith('900001='))).toEqual(['900001=of green']);
      expect(await place.rows('blue')).toEqual(await place.rows('green'));

      const again = place.writeUntilFenced(500_000);
      again.catch(() => undefined);
      await waitFor({ what: 'the client to write', timeoutMs: 120_000 }, () => place.written > 500_010 || undefined);
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      await again;
      expect(await place.rows('green')).toEqual(await place.rows('blue'));
      expect((await migration.verify()).verified).toMatchObject({ equal: true });
      const equal = place.evidence.filter(([step]) => /^cut:e\d+a?\d*:equal$/.test(step));
      expect(equal.map(([, said]) => said)).toEqual(Array(2).fill(expect.stringMatching(/^2 tables, \d+ rows, equal/)));
      expect(await migration.finalise({ early: true })).toMatchObject({ outcome: 'done', live: 'green' });
      const { rows } = await place.blue.query(
        `select (select count(*) from information_schema.schemata where schema_name = 'teal') + (select count(*) from information_schema.triggers where trigger_schema = 'shop') as n`,
      );
      expect(rows).toEqual([{ n: '0' }]);
    },
  );
});

/** A polled blue, a green, and a client that writes and deletes. */
class Place implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #file: string;
  readonly #urls: Readonly<Record<Side, string>>;
  readonly blue: MysqlConnection;
  readonly #client: MysqlConnection;
  /** The newest number, and how many rows went. */
  written = 0;
  deleted = 0;
  readonly evidence: (readonly [step: string, evidence: string])[] = [];

  private constructor(
    stack: AsyncDisposableStack,
    file: string,
    urls: Readonly<Record<Side, string>>,
    blue: MysqlConnection,
    client: MysqlConnection,
  ) {
    this.#stack = stack;
    this.#file = file;
    this.#urls = urls;
    this.blue = blue;
    this.#client = client;
  }

  static async make(from: MysqlSeries, to: MysqlSeries | 'postgres'): Promise<Place> {
    await using stack = new AsyncDisposableStack();
    const blue = stack.use(await startMysql({ series: from, settings: { 'skip-log-bin': '' } }));
    const at = (user: string, port: number): string => `mysql://${user}@127.0.0.1:${port}/`;
    const green =
      to === 'postgres'
        ? stack.use(await startPostgres({ major: greenMajor() })).url
        : at('root', stack.use(await startMysql({ series: to })).port);
    const root = stack.use(await connect({ url: at('root', blue.port), applicationName: 'teal test' }));
    for (const sql of schema) await root.query(sql);
    await root.query(`create user app@'%'`);
    await root.query(`grant select, insert, update, delete on shop.* to app@'%'`);
    const client = stack.use(await connect({ url: at('app', blue.port), applicationName: 'a client' }));
    const folder = await mkdtemp(join(tmpdir(), 'teal-polled-'));
    stack.defer(async () => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'teal.yaml');
    const system = to === 'postgres' ? 'postgres' : blue.flavour;
    await writeFile(
      file,
      `teal: 1\nname: polled\nblue: { system: ${blue.flavour}, url: "\${BLUE_URL}" }\ngreen: { system: ${system}, url: "\${GREEN_URL}" }\ntraffic: { router: none }\n` +
        `cutover: { maxPause: 300s, lockTimeout: 60s, gates: [{ person: tester }] }\n` +
        `follow: { method: polling, column: changed, columns: { shop.part: touched }, zone: "+00:00", interval: 200ms }\n`,
    );
    return new Place(stack.move(), file, { blue: `${at('root', blue.port)}shop`, green }, root, client);
  }

  async open(): Promise<Migration> {
    const migration = await openMigration({
      file: this.#file,
      env: { ...process.env, BLUE_URL: this.#urls.blue, GREEN_URL: this.#urls.green },
      command: 'up',
      signal: AbortSignal.timeout(limitMs - 50_000),
      onEvent: (event: MigrationEvent) => {
        if (event.kind === 'step done') this.evidence.push([event.step, event.evidence]);
        if (process.env['TEAL_TOLD'] !== undefined) process.stderr.write(`${JSON.stringify(event).slice(0, 400)}\n`);
      },
    });
    this.#stack.defer(async () => migration.stopProcesses());
    return migration;
  }

  /** Small transactions, every third with a delete that a foreign key goes on with, until blue takes none any more. */
  async writeUntilFenced(from: number): Promise<void> {
    for (let n = from; ; n += 1) {
      try {
        await this.#client.transaction(async () => {
          await this.#client.query('insert into shop.item (id, value) values (?, ?)', [n, 'new']);
          await this.#client.query('insert into shop.part (item, seq, note) values (?, 1, ?)', [n, 'new']);
          await this.#client.query('update shop.item set value = ? where id = ?', [`seen by ${n}`, n - 1]);
          await this.#client.query('update shop.part set note = ? where item = ?', [`by ${n}`, 1 + (n % 300)]);
          if (n % 3 === 0) await this.#client.query('delete from shop.item where id = ?', [n - 2]);
        });
      } catch (error) {
        if (serverNumberOf(error) !== fenceErrorNumber) throw error;
        return;
      }
      this.written = n;
      if (n % 3 === 0) this.deleted += 1;
      await sleep(50);
    }
  }

  async rows(side: Side): Promise<readonly string[]> {
    const told = await this.#ask(
      side,
      `select concat(i.id, '=', i.value) as told from shop.item i union all select concat(p.item, '-', p.seq, '=', p.note) from shop.part p`,
    );
    return told.toSorted();
  }

  async onGreen(sql: string): Promise<void> {
    await this.#ask('green', sql);
  }

  async #ask(side: Side, sql: string): Promise<readonly string[]> {
    const url = this.#urls[side];
    if (url.startsWith('mysql:')) {
      await using session = await connect({ url, applicationName: 'teal test look' });
      return (await session.query(sql)).rows.map(({ told }) => told ?? '');
    }
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<{ told: string }>(sql)).rows.map(({ told }) => told);
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
