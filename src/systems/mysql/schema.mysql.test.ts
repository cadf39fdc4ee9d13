import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { allSeries, isTested } from '../../../test/support/mysql.ts';
import type { MysqlSeries } from '../../../tools/servers/install-mysql.ts';
import { startMysql, type MysqlServer } from '../../../tools/servers/mysql.ts';
import { isTealError } from '../../kernel/errors.ts';
import { schemaParts, type SchemaDriver } from '../../ports/schema-driver.ts';
import { connect, type MysqlConnection } from './connection.ts';
import { richSchema } from './inspect/test-support/rich-schema.ts';
import { quoteIdent } from './quote.ts';
import { objectDifferences } from './schema-difference.ts';
import { mysqlSchemaDriver } from './schema.ts';
import { readShape } from './schema-shape.ts';
import { installTealSchema } from './teal-schema.ts';

const { signal } = new AbortController();
const slow = { timeout: 600_000 };

/** Two servers, empty but for database teal on green. */
class Sides {
  readonly #servers: MysqlServer[] = [];
  blueUrl = '';
  greenUrl = '';
  stateDir = '';

  async start(blue: MysqlSeries, green: MysqlSeries): Promise<void> {
    for (const series of [blue, green]) this.#servers.push(await startMysql({ series }));
    [this.blueUrl = '', this.greenUrl = ''] = this.#servers.map(({ port }) => `mysql://root@127.0.0.1:${port}/`);
  }

  async begin(): Promise<void> {
    this.stateDir = await mkdtemp(join(tmpdir(), 'teal-schema-'));
    await using green = await this.green();
    await installTealSchema(green, 'green');
  }

  async end(): Promise<void> {
    await rm(this.stateDir, { recursive: true, force: true });
    for (const open of [async () => this.blue(), async () => this.green()]) {
      await using connection = await open();
      await connection.query('set foreign_key_checks = 0');
      const { rows } = await connection.query(
        `select schema_name as db from information_schema.schemata
         where schema_name not in ('mysql', 'sys', 'information_schema', 'performance_schema')`,
      );
      for (const row of rows) await connection.query(`drop database ${quoteIdent(row['db'] ?? '')}`);
    }
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
  }

  async blue(): Promise<MysqlConnection> {
    return connect({ url: this.blueUrl, applicationName: 'teal test' });
  }

  async green(): Promise<MysqlConnection> {
    return connect({ url: this.greenUrl, applicationName: 'teal test' });
  }

  driver(): SchemaDriver {
    return mysqlSchemaDriver({ sourceUrl: this.blueUrl, targetUrl: this.greenUrl, stateDir: this.stateDir });
  }
}

async function run(connection: MysqlConnection, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await connection.query(statement);
}

/** As the server spells its tables out, without how far their numbers have come, what it does with foreign keys without a word, too, and what MySQL says of a collation that was said once. */
async function spelled(connection: MysqlConnection): Promise<readonly string[]> {
  const { rows } = await connection.query(
    `select table_schema as db, table_name as name, table_type as type from information_schema.tables
     where table_schema in ('shop', 'Odd\`Name') and table_type <> 'VIEW' order by 1, 2`,
  );
  const texts: string[] = [];
  for (const { db, name } of rows) {
    const shown = await connection.query(`show create table ${quoteIdent(db ?? '')}.${quoteIdent(name ?? '')}`);
    texts.push(
      (shown.rows[0]?.['Create Table'] ?? '').replace(
        / AUTO_INCREMENT=\d+| ON (?:DELETE|UPDATE) (?:RESTRICT|NO ACTION)| CHARACTER SET utf8mb4(?= COLLATE)/g,
        '',
      ),
    );
  }
  return texts;
}

async function errorOf(work: Promise<unknown>): Promise<{ readonly code: string; readonly text: string }> {
  try {
    await work;
    return { code: 'no error', text: '' };
  } catch (error) {
    if (!isTealError(error)) throw error;
    return { code: error.code, text: error.message };
  }
}

describe.for(allSeries)('the schema from $series to itself', ({ series, tested }) => {
  const sides = new Sides();
  beforeAll(async () => (tested ? sides.start(series, series) : undefined), 300_000);
  afterAll(async () => sides.stop());
  beforeEach(async () => (tested ? sides.begin() : undefined));
  afterEach(async () => (tested ? sides.end() : undefined), 60_000);

  test.skipIf(!tested)('brings every kind of object, and back to nothing', slow, async () => {
    await using blue = await sides.blue();
    await using green = await sides.green();
    await run(blue, richSchema(blue.flavour));
    await run(green, ['create database mine', 'create table mine.kept (a int)', 'create database empty_one']);
    const before = await readShape(green);
    const driver = sides.driver();
    await driver.capture({ signal });
    expect((await stat(join(sides.stateDir, 'schema.json'))).mode & 0o777).toBe(0o600);

    await driver.apply(['tables'], { signal });
    const keysOf = async (name: string): Promise<readonly string[]> => {
      const { rows } = await green.query(
        `select distinct index_name as k from information_schema.statistics where table_schema = 'shop' and table_name = ?`,
        [name],
      );
      return rows.map((row) => row['k'] ?? '').sort();
    };
    expect(await keysOf('indexed')).toEqual(['PRIMARY']);
    // Without a primary key InnoDB stores the rows by one of these.
    expect(await keysOf('other_key')).toEqual(['on_null', 'z_key']);
    expect((await driver.probe(schemaParts)).state).toBe('partly');

    const report = await driver.apply(schemaParts, { signal, workers: 3 });
    expect(report.created).toBeGreaterThan(10);
    expect(report.left).toEqual([]);
    expect(await driver.probe(schemaParts)).toMatchObject({ state: 'done' });
    expect(await driver.apply(schemaParts, { signal })).toMatchObject({ created: 0, left: [] });
    expect(await spelled(green)).toEqual(await spelled(blue));
    const isMine = ({ name }: { readonly name: string }): boolean => name.startsWith('mine.');
    const [here, there] = [await readShape(blue), await readShape(green)];
    const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);
    expect(there.objects.toSorted(byName)).toEqual(here.objects.toSorted(byName));
    expect(there.rules.filter((rule) => !isMine(rule))).toEqual(here.rules);
    const events = await green.query(`select event_name as name, status as status from information_schema.events`);
    expect(events.rows.map((row) => row['status'])).toEqual(['DISABLED', 'DISABLED']);

    await driver.revert({ signal });
    expect(await readShape(green)).toEqual(before);
    expect((await driver.probe(schemaParts)).state).toBe('not done');
    const left = await green.query(`select schema_name as db from information_schema.schemata order by 1`);
    expect(left.rows.map((row) => row['db'])).toEqual(expect.arrayContaining(['empty_one', 'mine']));
    expect(left.rows.map((row) => row['db'])).not.toContain('shop');
  });

  test.skipIf(!tested)('finds out by looking what a dead process had made', slow, async () => {
    await using blue = await sides.blue();
    await using green = await sides.green();
    await run(blue, [
      'create database shop',
      'create table shop.one (id int primary key, a int, key by_a (a))',
      'create table shop.two (id int primary key, b int, c int, key by_b (b), key by_c (c), foreign key (b) references shop.one (id))',
      'create procedure shop.do_it() select 1',
    ]);
    const driver = sides.driver();
    await driver.apply(['tables', 'keys'], { signal });
    // Made, and the record of it was not written; begun, and not made; half of the keys of a table.
    await run(green, [
      `update teal.schema_item set state = 'making' where kind = 'table'`,
      'drop table shop.two',
      'alter table shop.one drop key by_a',
    ]);
    expect((await driver.probe(['tables', 'keys'])).state).toBe('partly');
    const again = sides.driver();
    await again.apply(schemaParts, { signal });
    expect((await again.probe(schemaParts)).state).toBe('done');
    expect(await spelled(green)).toEqual(await spelled(blue));
    await again.revert({ signal });
    await green.query('create database shop');
    await green.query('create table shop.one (id int primary key)');
    expect(await errorOf(sides.driver().apply(['tables'], { signal }))).toMatchObject({ code: 'TEAL-SYSTEMS-203' });
    await sides.driver().revert({ signal });
    // What was there before Teal is still there.
    await green.query('select * from shop.one');
  });
});

const across = [
  ['mariadb-10.11', 'mariadb-11.4'],
  ['mariadb-11.4', 'mysql-8.0'],
  ['mysql-8.0', 'mariadb-11.4'],
] as const;

describe.for(across)('the schema from %s to %s', ([from, to]) => {
  const tested = isTested(from) && isTested(to);
  const sides = new Sides();
  beforeAll(async () => (tested ? sides.start(from, to) : undefined), 300_000);
  afterAll(async () => sides.stop());
  beforeEach(async () => (tested ? sides.begin() : undefined));
  afterEach(async () => (tested ? sides.end() : undefined), 60_000);

  test.skipIf(!tested)('brings what both have, in the words of the target', slow, async () => {
    await using blue = await sides.blue();
    await run(blue, [
      'create database shop character set utf8mb4 collate utf8mb4_general_ci',
      `create table shop.parent (id int unsigned auto_increment primary key, code varchar(10) character set latin1 not null,
         note text default ('it''s'), at timestamp(3) not null default current_timestamp(3) on update current_timestamp(3),
         n int default 7, half int default (1 + 2), doc json, twice int generated always as (n * 2) stored,
         state enum('new', 'it''s') not null default 'new', hidden int invisible default 5, unique key by_code (code), key by_n (n))`,
      'create table shop.child (id bigint primary key, parent_id int unsigned, constraint up foreign key (parent_id) references shop.parent (id))',
      'create view shop.v as select id, code from shop.parent',
      'create procedure shop.do_it(a int) insert into shop.child values (a, null)',
      'create function shop.half(n int unsigned, word varchar(20)) returns tinyint(1) deterministic return n div 2',
    ]);
    // Words of one family alone, and checks that MariaDB itself has given names, the same in each table.
    const own =
      blue.flavour === 'mysql'
        ? [`create procedure shop.own() select json_value('{"a": 1}', '$.a' returning signed)`]
        : [
            'create procedure shop.own() begin for i in 1..3 do select i; end for; end',
            'create table shop.low (n int, check (n < 10))',
            'create table shop.high (n int, check (n > 10))',
          ];
    await run(blue, own);
    const driver = sides.driver();
    const { left } = await driver.apply(schemaParts, { signal, workers: 2 });
    const isMixed = (from === 'mysql-8.0') !== (to === 'mysql-8.0');
    expect(left).toEqual(
      isMixed ? [expect.stringMatching(/^procedure shop\.own was left out: .* \(error 1064\)$/)] : [],
    );
    expect((await driver.probe(schemaParts)).state).toBe('done');
    await using green = await sides.green();
    // As a cut compares them: what each server prints otherwise is no difference.
    const [here, there] = [await readShape(blue), await readShape(green)];
    expect(objectDifferences(here, there, { source: 'blue', target: 'green' })).toEqual(
      isMixed ? ['procedure shop.own is only on blue'] : [],
    );
    await run(green, ["insert into shop.parent (code) values (_latin1 x'E4')", 'call shop.do_it(1)']);
    const { rows } = await green.query(
      'select code as code, n as n, half as half, note as note, twice as twice from shop.parent',
    );
    expect(rows).toEqual([{ code: 'ä', n: '7', half: '3', note: "it's", twice: '14' }]);
  });

  test.skipIf(!tested || from === 'mariadb-10.11')(
    'says what the target cannot have, before it makes anything',
    slow,
    async () => {
      await using blue = await sides.blue();
      const own = blue.flavour === 'mysql' ? 'utf8mb4_ja_0900_as_cs' : 'utf8mb4_uca1400_ai_ci';
      await run(blue, [
        'create database shop character set utf8mb4 collate utf8mb4_general_ci',
        'create table shop.plain (id int primary key)',
        `create table shop.foreign_words (id int primary key, a varchar(10) collate ${own})`,
        blue.flavour === 'mysql'
          ? 'create table shop.special (id int primary key, a int, key by_sum ((a + 1)))'
          : 'create table shop.special (id uuid primary key)',
      ]);
      const { code, text } = await errorOf(sides.driver().apply(['tables'], { signal }));
      expect(code).toBe('TEAL-SYSTEMS-205');
      expect(text).toContain('shop.foreign_words');
      expect(text).toContain('shop.special');
      await using green = await sides.green();
      const { rows } = await green.query(
        `select count(*) as n from information_schema.schemata where schema_name = 'shop'`,
      );
      expect(rows[0]?.['n']).toBe('0');
    },
  );
});
