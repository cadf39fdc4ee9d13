import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assess } from '../../src/app/index.ts';
import type { MigrationEvent } from '../../src/app/events.ts';
import type { Migration } from '../../src/app/migration.ts';
import { loadSpec } from '../../src/app/load-spec.ts';
import { openMigration } from '../../src/app/open-migration.ts';
import { planMigration } from '../../src/app/plan-migration.ts';
import { sleep } from '../../src/kernel/clock.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Assessment } from '../../src/stages/assess/assess.ts';
import { connect as connectPostgres } from '../../src/systems/postgres/connection.ts';
import { connect, type MysqlConnection } from '../../src/systems/mysql/connection.ts';
import { serverNumberOf } from '../../src/systems/mysql/errors.ts';
import { fenceErrorNumber } from '../../src/systems/mysql/fence.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { startPostgres } from '../../tools/servers/postgres.ts';
import type { PostgresMajor } from '../../tools/servers/install-postgres.ts';

const schema: readonly string[] = [
  'create database shop',
  `create table shop.customer (
     id int unsigned not null auto_increment primary key, email varchar(190) not null, active tinyint(1) not null default 1, kind enum('person', 'firm') not null default 'person',
     balance decimal(12,2) not null default 0, born date null, seen datetime(6) null, changed timestamp(3) not null default current_timestamp(3) on update current_timestamp(3),
     settings json null, photo blob null, note text null, unique key by_email (email)) engine=InnoDB`,
  `create table shop.purchase (
     id bigint not null auto_increment primary key, customer int unsigned not null, total decimal(10,2) not null, paid tinyint(1) not null default 0, placed datetime not null,
     key by_customer (customer), constraint purchase_customer foreign key (customer) references shop.customer (id) on delete cascade) engine=InnoDB`,
  `create table shop.word (term varchar(60) character set latin1 not null, language char(2) not null, hits int not null default 0, primary key (term, language)) engine=InnoDB`,
];

const rows: readonly string[] = [
  `insert into shop.customer (email, active, kind, balance, born, seen, settings, photo, note)
   with recursive n as (select 1 as i union all select i + 1 from n where i < 900)
   select concat('c', i, '@example.org'), i % 3 <> 0, if(i % 2, 'person', 'firm'), i * 1.25 - 300, date_add('1950-01-01', interval i day),
          if(i % 5 = 0, null, date_add('2024-01-01 00:00:00.123456', interval i * 977 second)), if(i % 4 = 0, null, json_object('n', i, 'list', json_array(1, 'two', null))),
          if(i % 7 = 0, null, unhex(sha2(i, 256))), if(i % 6 = 0, null, concat('note ', i, ' 😀 \\\\ ''quoted'' \\n and more')) from n`,
  `insert into shop.purchase (customer, total, paid, placed) select 1 + (id * 7) % 900, id * 3.5, id % 2, date_add('2024-06-01', interval id minute) from shop.customer`,
  `insert into shop.word values ('Straße', 'de', 3), ('café', 'fr', 5), ('', 'xx', 0)`,
];

/** Something that is written to a side while it is live, and must be on both in the end. */
export interface Acknowledged {
  readonly emails: string[];
}

/** A blue of MySQL or MariaDB with some rows, an empty PostgreSQL as green, clients of both, and a migration file. */
export class Place implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #file: string;
  readonly urls: { readonly blueUrl: string; readonly greenUrl: string };
  /** For the test's own looks. */
  readonly root: MysqlConnection;
  readonly client: MysqlConnection;
  readonly events: MigrationEvent[] = [];
  onEvent: (event: MigrationEvent) => void = () => undefined;

  private constructor(
    stack: AsyncDisposableStack,
    file: string,
    urls: { readonly blue: string; readonly green: string },
    root: MysqlConnection,
    client: MysqlConnection,
  ) {
    this.#stack = stack;
    this.#file = file;
    this.urls = { blueUrl: urls.blue, greenUrl: urls.green };
    this.root = root;
    this.client = client;
  }

  get #env(): Readonly<Record<string, string | undefined>> {
    return { ...process.env, BLUE_URL: this.urls.blueUrl, GREEN_URL: this.urls.greenUrl };
  }

  /** `statements` make blue, a database shop among it. */
  static async make(
    series: MysqlServer['series'],
    major: PostgresMajor,
    statements: readonly string[] = [...schema, ...rows],
    settings: Readonly<Record<string, string>> = {},
  ): Promise<Place> {
    await using stack = new AsyncDisposableStack();
    const blue = stack.use(await startMysql({ series, settings }));
    const green = stack.use(await startPostgres({ major }));
    const at = (user: string): string => `mysql://${user}@127.0.0.1:${blue.port}`;
    const root = stack.use(await connect({ url: `${at('root')}/`, applicationName: 'teal test' }));
    for (const sql of statements) await root.query(sql);
    await root.query(`create user app@'%'`);
    await root.query(`grant select, insert, update, delete on shop.* to app@'%'`);
    const client = stack.use(await connect({ url: `${at('app')}/shop`, applicationName: 'a client' }));
    const folder = await mkdtemp(join(tmpdir(), 'teal-unlike-'));
    stack.defer(async () => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'teal.yaml');
    const urls = { blue: `${at('root')}/shop`, green: green.url };
    const place = new Place(stack.move(), file, urls, root, client);
    await place.writeFile();
    return place;
  }

  /** The migration file, with more lines. */
  async writeFile(more = '', gates = '[{ verify: full }, { person: tester }]'): Promise<void> {
    await writeFile(
      this.#file,
      `teal: 1\nname: unlike\nblue: { system: ${this.root.flavour}, url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\n` +
        `traffic: { router: none }\ncutover: { maxPause: 20s, gates: ${gates} }\n${more}`,
    );
  }

  async plan(): Promise<Plan> {
    return (await planMigration(loadSpec(this.#file, this.#env), AbortSignal.timeout(60_000))).plan;
  }

  /** What the assessment says of the file. */
  async findings(): Promise<Assessment['findings']> {
    const { assessment } = await assess({ file: this.#file, env: this.#env });
    return (assessment as Assessment).findings;
  }

  async open(command: string): Promise<Migration> {
    const migration = await openMigration({
      file: this.#file,
      env: this.#env,
      command,
      signal: AbortSignal.timeout(560_000),
      onEvent: (event) => {
        this.events.push(event);
        this.onEvent(event);
      },
    });
    this.#stack.defer(async () => {
      await migration.stopProcesses();
    });
    return migration;
  }

  /** Small transactions of every kind, until blue takes none any more. */
  async writeUntilFenced(kept: Acknowledged): Promise<void> {
    for (let n = 1; ; n += 1) {
      const email = `during${n}@example.org`;
      try {
        await this.client.transaction(async () => {
          await this.client.query(`insert into customer (email, note) values (?, 'während 😀')`, [email]);
          await this.client.query(
            'insert into purchase (customer, total, placed) values (last_insert_id(), 9.99, now())',
          );
          await this.client.query('update customer set balance = balance + 1, active = 1 - active where id = ?', [
            1 + (n % 900),
          ]);
          await this.client.query('delete from purchase where id = ?', [n]);
          // With all that it has bought.
          await this.client.query('delete from customer where id = ?', [300 + (n % 300)]);
          await this.client.query(
            `insert into word values ('during', 'en', 1) on duplicate key update hits = hits + 1`,
          );
        });
        kept.emails.push(email);
      } catch (error) {
        if (serverNumberOf(error) !== fenceErrorNumber) throw error;
        return;
      }
      await sleep(20);
    }
  }

  async writeOnBlue(name: string, kept: Acknowledged): Promise<void> {
    const email = `${name}@example.org`;
    await this.client.query(`insert into customer (email, kind, seen) values (?, 'firm', '2025-01-01 10:00:00.5')`, [
      email,
    ]);
    await this.client.query('insert into purchase (customer, total, placed) values (last_insert_id(), 1, now())');
    await this.client.query(`update word set hits = hits + 1 where term = 'café'`);
    kept.emails.push(email);
  }

  async writeOnGreen(name: string, kept: Acknowledged): Promise<void> {
    const email = `${name}@example.org`;
    await this.onGreen(
      `with made as (
         insert into shop.customer (email, active, kind, balance, born, seen, settings, photo, note)
         values ('${email}', false, 'firm', 12345.67, '1999-12-31', '2025-02-03 04:05:06.789012', '{"a": [1, 2.5, "ü"]}', '\\x00ff5c27', 'grün 😀 \\ ''x''') returning id)
       insert into shop.purchase (customer, total, paid, placed) select id, 7.5, true, '2025-02-03 04:05:06' from made;
       update shop.customer set balance = balance - 1, active = not active where id % 100 = 7;
       delete from shop.purchase where id in (select id from shop.purchase order by id desc offset 40 limit 1);
       update shop.word set term = term || 'x' where term = 'Straße'`,
    );
    kept.emails.push(email);
  }

  async lostOnGreen({ emails }: Acknowledged): Promise<readonly string[]> {
    const there = await this.onGreen('select email from shop.customer');
    const found = new Set(there.map((row) => row['email']));
    return emails.filter((email) => !found.has(email));
  }

  async lostOnBlue({ emails }: Acknowledged): Promise<readonly string[]> {
    const { rows: there } = await this.root.query('select email as email from shop.customer');
    const found = new Set(there.map((row) => row['email']));
    return emails.filter((email) => !found.has(email));
  }

  async schemasOnGreen(): Promise<readonly (string | null | undefined)[]> {
    const found = await this.onGreen(
      `select nspname as name from pg_namespace where nspname in ('shop', 'teal') order by 1`,
    );
    return found.map(({ name }) => name);
  }

  async databasesOnBlue(): Promise<readonly (string | null | undefined)[]> {
    const found = await this.root.query(
      `select schema_name as name from information_schema.schemata where schema_name in ('shop', 'teal') order by 1`,
    );
    return found.rows.map(({ name }) => name);
  }

  /** As a client: rows of the last statement, as text. */
  async onGreen(sql: string): Promise<readonly Readonly<Record<string, string | null>>[]> {
    await using connection = await connectPostgres({ url: this.urls.greenUrl, applicationName: 'a client' });
    return (await connection.query(sql)).rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
