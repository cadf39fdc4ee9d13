import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { MigrationEvent, Outcome } from '../../src/app/events.ts';
import type { Migration } from '../../src/app/migration.ts';
import { openMigration } from '../../src/app/open-migration.ts';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import type { Side } from '../../src/model/catalog.ts';
import { connect, type MysqlConnection } from '../../src/systems/mysql/connection.ts';
import { serverNumberOf } from '../../src/systems/mysql/errors.ts';
import { fenceErrorNumber } from '../../src/systems/mysql/fence.ts';
import { asMysqlSeries, type MysqlSeries } from '../../tools/servers/install-mysql.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { isTested } from '../support/mysql.ts';

/** `mariadb-11.4>mariadb-11.4,mysql-8.0>mariadb-11.4 by triggers`: from which series to which; `by triggers` from a blue that writes no binlog. */
const pairs = (
  process.env['TEAL_MYSQL_PAIRS'] ?? 'mariadb-10.11>mariadb-11.4,mysql-8.0>mysql-8.0,mysql-8.0>mysql-8.0 by triggers'
)
  .split(',')
  .map((text) => {
    const [pair = '', method = 'log'] = text.split(' by ');
    const [from = 'mysql-8.0', to = from] = pair.split('>').map(asMysqlSeries);
    return { text, from, to, isRecorded: method === 'triggers' };
  });

/** ER_LOCK_DEADLOCK. */
const deadlockNumber = 1213;

const schema: readonly string[] = [
  'create database shop character set utf8mb4 collate utf8mb4_general_ci',
  `create table shop.customer (
     id int unsigned not null auto_increment primary key, email varchar(190) not null, active tinyint(1) not null default 1, kind enum('person', 'firm') not null default 'person',
     balance decimal(12,2) not null default 0, born date null, seen datetime(6) null, changed timestamp(3) not null default current_timestamp(3) on update current_timestamp(3),
     settings json null, photo blob null, note text null, twice decimal(14,2) generated always as (balance * 2) virtual,
     unique key by_email (email), key by_note (note(20)), key by_twice (twice)) engine=InnoDB`,
  `create table shop.purchase (
     id bigint not null auto_increment primary key, customer int unsigned not null, total decimal(10,2) not null, placed datetime not null,
     key by_customer (customer), constraint purchase_customer foreign key (customer) references shop.customer (id) on delete cascade) engine=InnoDB`,
  `create table shop.word (term varchar(60) character set latin1 not null, language char(2) not null, hits int not null default 0, primary key (term, language)) engine=InnoDB`,
  // No key tells its rows apart.
  'create table shop.line (at datetime(6) not null, text varchar(100))',
  // What the two families write in words of their own.
  `create table shop.odd (
     id int not null auto_increment primary key, token varchar(36) not null default (uuid()), tags set('a', 'b'), bits bit(5) not null default b'101', at time(3), year year, whole int not null default 7,
     half decimal(10,3) generated always as (whole / 2) stored, place point, amount double, ratio float, hidden int invisible default 5, check (whole < 1000)) engine=InnoDB`,
  'create table shop.tick (id int auto_increment primary key, port int not null)',
  'create view shop.spent as select customer, sum(total) as total from shop.purchase group by customer',
  'create view shop.big as select * from shop.spent where total > 100',
  `create function shop.half(n int) returns int deterministic return n div 2`,
  `create procedure shop.remember(t varchar(100)) insert into shop.line values (now(6), t)`,
  `create definer = app@'%' event shop.ticking on schedule every 1 second do insert into shop.tick (port) values (@@port)`,
  `create definer = app@'%' event shop.idle on schedule every 1 second disable do insert into shop.tick (port) values (0)`,
  `insert into shop.customer (email, active, kind, balance, born, seen, settings, photo, note)
   with recursive n as (select 1 as i union all select i + 1 from n where i < 900)
   select concat('c', i, '@example.org'), i % 3 <> 0, if(i % 2, 'person', 'firm'), i * 1.25 - 300, date_add('1950-01-01', interval i day),
          if(i % 5 = 0, null, date_add('2024-01-01 00:00:00.123456', interval i * 977 second)), if(i % 4 = 0, null, json_object('n', i, 'list', json_array(1, 'two', null))),
          if(i % 7 = 0, null, unhex(sha2(i, 256))), if(i % 6 = 0, null, concat('note ', i, ' 😀 \\\\ ''quoted'' \\n and more')) from n`,
  `insert into shop.odd (tags, bits, at, year, place, amount, ratio, hidden) values ('a,b', b'11011', '-12:30:00.125', 2024, point(1.5, -2), 1e100, 0.1, 6), (null, b'0', null, null, null, null, null, null)`,
  "insert into shop.purchase (customer, total, placed) select 1 + (id * 7) % 900, id * 3.5, date_add('2024-06-01', interval id minute) from shop.customer",
  `insert into shop.word values ('Straße', 'de', 3), ('café', 'fr', 5), ('', 'xx', 0)`,
  `insert into shop.line select now(6), if(id % 3, 'same', null) from shop.customer`,
];

const onMariadb: readonly string[] = ['create sequence shop.ticket start with 100 increment by 10 cache 5'];

describe.for(pairs)('$text', ({ from, to, isRecorded }) => {
  const tested = isTested(from) && isTested(to);
  test.skipIf(!tested)('up, over, back with what green took, over again, ended', { timeout: 1_200_000 }, async () => {
    await using place = await Place.make(from, to, isRecorded);
    const writing = place.writeUntilFenced('blue');
    // Where the test fails before it is awaited, that failure is the one to tell.
    writing.catch(() => undefined);
    await using migration = await place.open('up');
    expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
    expect(await place.ticks('green')).not.toContain(place.port('green'));
    expect(await cutOver(migration)).toMatchObject({ outcome: 'done', live: 'green' });
    await writing;
    expect(place.deadlocks.filter((step) => step !== 'prepare:recorder-blue')).toEqual([]);
    expect(await place.lostOn('green')).toEqual([]);
    await expect(place.client('blue').query(`update shop.customer set note = 'late'`)).rejects.toSatisfy(
      (error) => serverNumberOf(error) === fenceErrorNumber,
    );
    // Its jobs run where the data are owned, and there alone.
    await waitFor({ what: 'an event of green', timeoutMs: 60_000 }, async () =>
      (await place.ticks('green')).includes(place.port('green')) ? true : undefined,
    );
    expect(await place.status('green')).toEqual(['idle DISABLED app@%', 'ticking ENABLED app@%']);
    expect(await place.status('blue')).toEqual(['idle DISABLED app@%', 'ticking DISABLED app@%']);

    await place.write('green', 'green1');
    expect((await migration.verify()).verified).toMatchObject({ equal: true });
    expect(await migration.rollback('a test')).toMatchObject({ outcome: 'done', live: 'blue' });
    expect(await place.lostOn('blue')).toEqual([]);
    await place.write('blue', 'blue2');
    expect(await place.status('blue')).toEqual(['idle DISABLED app@%', 'ticking ENABLED app@%']);
    expect((await migration.verify()).verified).toMatchObject({ equal: true });

    expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
    await place.write('green', 'green3');
    expect(await place.lostOn('green')).toEqual([]);
    expect((await migration.verify()).verified).toMatchObject({ equal: true });
    expect(await place.lostOn('blue')).toEqual([]);
    expect(await migration.finalise({ early: true })).toMatchObject({ outcome: 'done', live: 'green' });
    for (const side of ['blue', 'green'] as const) {
      const { rows } = await place
        .root(side)
        .query(
          `select (select count(*) from information_schema.schemata where schema_name = 'teal') + (select count(*) from information_schema.triggers where trigger_schema = 'shop') as n`,
        );
      expect(rows).toEqual([{ n: '0' }]);
    }
    const { rows } = await place.root('green').query('select shop.half(9) as half, count(*) as n from shop.big');
    expect(rows[0]?.['half']).toBe('4');
    expect(Number(rows[0]?.['n'])).toBeGreaterThan(100);
  });
});

/** Nobody holds the clients back: where one is always in a transaction, the fence gives up with no effect, and a person tries again. */
async function cutOver(migration: Migration): Promise<Outcome> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await migration.cutover();
    } catch (error) {
      if (!isTealError(error, 'TEAL-SYSTEMS-008') || attempt === 10) throw error;
    }
  }
}

type OfSides<T> = Readonly<Record<Side, T>>;

class Place implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #file: string;
  readonly #servers: OfSides<MysqlServer>;
  readonly #roots: OfSides<MysqlConnection>;
  readonly #clients: OfSides<MysqlConnection>;
  /** What clients were told is stored. */
  readonly #emails: string[] = [];
  readonly events: MigrationEvent[] = [];
  /** The step during which a client's transaction was the victim of one. */
  readonly deadlocks: string[] = [];
  readonly #isRecorded: boolean;

  private constructor(
    stack: AsyncDisposableStack,
    file: string,
    servers: OfSides<MysqlServer>,
    roots: OfSides<MysqlConnection>,
    clients: OfSides<MysqlConnection>,
    isRecorded: boolean,
  ) {
    this.#stack = stack;
    this.#file = file;
    this.#servers = servers;
    this.#roots = roots;
    this.#clients = clients;
    this.#isRecorded = isRecorded;
  }

  static async make(from: MysqlSeries, to: MysqlSeries, isRecorded: boolean): Promise<Place> {
    await using stack = new AsyncDisposableStack();
    const servers = {
      blue: stack.use(await startMysql({ series: from, settings: isRecorded ? { 'skip-log-bin': '' } : {} })),
      green: stack.use(await startMysql({ series: to })),
    };
    const open = async (side: Side, user: string): Promise<MysqlConnection> =>
      stack.use(
        await connect({ url: `mysql://${user}@127.0.0.1:${servers[side].port}/`, applicationName: 'a client' }),
      );
    const roots = { blue: await open('blue', 'root'), green: await open('green', 'root') };
    for (const root of [roots.blue, roots.green]) {
      await root.query(`create user app@'%'`);
      await root.query(`grant select, insert, update, delete, execute, event on shop.* to app@'%'`);
      await root.query('set global event_scheduler = on');
    }
    const areMariadb = servers.blue.flavour === 'mariadb' && servers.green.flavour === 'mariadb';
    const all = [...schema, ...(areMariadb ? onMariadb : [])];
    for (const sql of all) await roots.blue.query(sql);
    const clients = { blue: await open('blue', 'app'), green: await open('green', 'app') };
    const folder = await mkdtemp(join(tmpdir(), 'teal-twins-'));
    stack.defer(async () => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'teal.yaml');
    await writeFile(
      file,
      `teal: 1\nname: twins\nblue: { system: ${servers.blue.flavour}, url: "\${BLUE_URL}" }\ngreen: { system: ${servers.green.flavour}, url: "\${GREEN_URL}" }\n` +
        `traffic: { router: none }\ncutover: { maxPause: 30s, gates: [{ verify: full }, { person: tester }] }\n${isRecorded ? 'follow: { method: triggers, acceptFrozenSchema: true }\n' : ''}`,
    );
    return new Place(stack.move(), file, servers, roots, clients, isRecorded);
  }

  root(side: Side): MysqlConnection {
    return this.#roots[side];
  }

  client(side: Side): MysqlConnection {
    return this.#clients[side];
  }

  port(side: Side): string {
    return String(this.#servers[side].port);
  }

  async open(command: string): Promise<Migration> {
    const url = (side: Side, database: string): string => `mysql://root@127.0.0.1:${this.port(side)}/${database}`;
    const migration = await openMigration({
      file: this.#file,
      env: { ...process.env, BLUE_URL: url('blue', 'shop'), GREEN_URL: url('green', '') },
      command,
      signal: AbortSignal.timeout(1_150_000),
      onEvent: (event) => {
        this.events.push(event);
        if (process.env['TEAL_TOLD'] !== undefined) process.stderr.write(`${JSON.stringify(event).slice(0, 400)}\n`);
      },
    });
    this.#stack.defer(async () => migration.stopProcesses());
    return migration;
  }

  /** Small transactions of every kind, until the side takes none any more. */
  async writeUntilFenced(side: Side): Promise<void> {
    for (let n = 1; ; n += 1) {
      try {
        await this.write(side, `during${n}`);
      } catch (error) {
        if (serverNumberOf(error) === fenceErrorNumber) return;
        // Whoever has read a table in a transaction and then writes it may be the victim of a statement that makes a trigger on it: it tries again, as clients of these servers must.
        if (serverNumberOf(error) !== deadlockNumber || !this.#isRecorded) throw error;
        const step = this.events.findLast(({ kind }) => kind === 'step started');
        this.deadlocks.push(step?.kind === 'step started' ? step.step : '');
      }
      await sleep(20);
    }
  }

  async write(side: Side, name: string): Promise<void> {
    const client = this.#clients[side];
    const email = `${name}@example.org`;
    const isMariadb = this.#servers[side].flavour === 'mariadb';
    await client.transaction(async () => {
      await client.query(
        `insert into shop.customer (email, note, settings, photo) values (?, 'während 😀', '{"a": 1}', x'00ff5c27')`,
        [email],
      );
      await client.query('insert into shop.purchase (customer, total, placed) values (last_insert_id(), 9.99, now())');
      await client.query('update shop.customer set balance = balance + 1, active = 1 - active where id = ?', [
        1 + (this.#emails.length % 900),
      ]);
      await client.query('delete from shop.purchase where id = ?', [this.#emails.length]);
      // With all that it has bought.
      await client.query('delete from shop.customer where id = ?', [300 + (this.#emails.length % 300)]);
      await client.query(`insert into shop.word values (?, 'en', 1) on duplicate key update hits = hits + 1`, [
        `wörd${this.#emails.length % 10}`,
      ]);
      await client.query(`insert into shop.odd (tags, at, place, hidden) values ('b', '838:59:59', point(0, 1), 8)`);
      await client.query(`update shop.odd set whole = whole + 1 where id = ?`, [1 + (this.#emails.length % 50)]);
      await client.query(`call shop.remember(?)`, [name]);
      await client.query(`update shop.line set text = 'other' where text = 'same' limit 1`);
    });
    if (isMariadb) await client.query('do nextval(shop.ticket)').catch(() => undefined);
    this.#emails.push(email);
  }

  async lostOn(side: Side): Promise<readonly string[]> {
    const { rows } = await this.#roots[side].query('select email as email from shop.customer');
    const found = new Set(rows.map((row) => row['email']));
    return this.#emails.filter((email) => !found.has(email));
  }

  /** Ports of the servers whose jobs have written what is on a side. */
  async ticks(side: Side): Promise<readonly string[]> {
    const { rows } = await this.#roots[side].query('select distinct port as port from shop.tick order by port');
    return rows.map((row) => row['port'] ?? '');
  }

  async status(side: Side): Promise<readonly string[]> {
    const { rows } = await this.#roots[side].query(
      `select event_name as name, status as status, definer as definer from information_schema.events where event_schema = 'shop' order by 1`,
    );
    return rows.map((row) => `${row['name']} ${row['status']} ${row['definer']}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
