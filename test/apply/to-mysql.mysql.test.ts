import { describe, expect, test } from 'vitest';
import { startMysql } from '../../tools/servers/mysql.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { createApplier } from '../../src/sync/applier.ts';
import { connect as connectMysql, type MysqlConnection } from '../../src/systems/mysql/connection.ts';
import { openMysqlSink } from '../../src/systems/mysql/sink/sink.ts';
import { installTealSchema as installOnMysql } from '../../src/systems/mysql/teal-schema.ts';
import { connect } from '../../src/systems/postgres/connection.ts';
import { positionOfLsnText } from '../../src/systems/postgres/position.ts';
import { installTealSchema } from '../../src/systems/postgres/teal-schema.ts';
import { longSeries } from '../support/mysql.ts';
import { greenMajor, testDatabase, type TestDatabase } from '../support/postgres.ts';
import { Feed } from './feed.ts';
import { SlotReader } from './flow.ts';

/** Columns of both, values as literals of PostgreSQL, and how each system shows what it holds where that differs. */
const columns: readonly {
  readonly postgres: string;
  readonly mysql: string;
  readonly values: readonly string[];
  readonly seen?: readonly [postgres: (name: string) => string, mysql: (name: string) => string];
}[] = [
  { postgres: 'boolean', mysql: 'tinyint(1)', values: ['true', 'false'], seen: [(c) => `${c}::int::text`, plain] },
  { postgres: 'smallint', mysql: 'smallint', values: ['-32768', '32767'] },
  { postgres: 'bigint', mysql: 'bigint', values: ['-9223372036854775808', '9223372036854775807'] },
  { postgres: 'numeric(20,0)', mysql: 'bigint unsigned', values: ['18446744073709551615', '0'] },
  { postgres: 'numeric(10,2)', mysql: 'decimal(10,2)', values: ['12345678.90', '-0.01'] },
  {
    postgres: 'float4',
    mysql: 'float',
    values: ['0.1', '3.4028235e38'],
    seen: [(c) => `${c}::float8::text`, (c) => `cast(${c} + 0e0 as char)`],
  },
  { postgres: 'float8', mysql: 'double', values: ['0.1', '-1.5e-300'] },
  {
    postgres: 'bit(5)',
    mysql: 'bit(5)',
    values: [`B'10101'`, `B'00001'`],
    seen: [plain, (c) => `lpad(bin(${c} + 0), 5, '0')`],
  },
  { postgres: 'text', mysql: 'longtext', values: [`E'tab\\there \\\\ ''quoted'' 💧'`, `''`] },
  { postgres: 'char(6)', mysql: 'char(6)', values: [`'ab'`, `''`], seen: [(c) => `rtrim(${c})`, plain] },
  {
    postgres: 'bytea',
    mysql: 'longblob',
    values: [`'\\x00ff5c27'`, `''`],
    seen: [(c) => `encode(${c}, 'hex')`, (c) => `lower(hex(${c}))`],
  },
  {
    postgres: 'uuid',
    mysql: 'binary(16)',
    values: [`'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`],
    seen: [(c) => `replace(${c}::text, '-', '')`, (c) => `lower(hex(${c}))`],
  },
  { postgres: 'date', mysql: 'date', values: [`'2024-02-29'`, `'0001-01-01'`] },
  {
    postgres: 'timestamp',
    mysql: 'datetime(6)',
    values: [`'2024-01-01 00:00:00.000001'`, `'9999-12-31 23:59:59'`],
    seen: [(c) => `to_char(${c}, 'YYYY-MM-DD HH24:MI:SS.US')`, plain],
  },
  {
    postgres: 'timestamptz',
    mysql: 'timestamp(6)',
    values: [`'2024-10-27 02:30:00.5+02'`, `'2038-01-19 03:14:07+00'`],
    seen: [(c) => `to_char(${c} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')`, plain],
  },
  {
    postgres: 'interval',
    mysql: 'time(6)',
    values: [`'838:59:59'`, `'34 days 22:00:00.25'`, `'-1 day 02:03:04'`],
    seen: [
      (c) => `(extract(epoch from ${c}) * 1000000)::int8::text`,
      (c) => `cast(truncate(time_to_sec(${c}), 0) * 1000000 + if(${c} < 0, -1, 1) * microsecond(${c}) as char)`,
    ],
  },
  {
    postgres: 'jsonb',
    mysql: 'json',
    values: [`'{"a": [1, "x\\"y", null]}'`, `'[]'`],
  },
];

function plain(name: string): string {
  return name;
}

describe.for(longSeries)('from PostgreSQL to $series', ({ series, tested }) => {
  async function pairs(
    schema: { readonly postgres: string; readonly mysql: readonly string[] },
    story: (world: { source: TestDatabase; target: MysqlConnection; carry: () => Promise<void> }) => Promise<void>,
  ): Promise<void> {
    await using server = await startMysql({ series });
    const url = `mysql://root@127.0.0.1:${server.port}/`;
    await using target = await connectMysql({ url, applicationName: 'teal test' });
    await installOnMysql(target, 'green');
    for (const sql of schema.mysql) await target.query(sql);
    await using source = await testDatabase(greenMajor());
    {
      await using connection = await connect({ url: source.url, applicationName: 'teal test' });
      await installTealSchema(connection, 'blue');
    }
    await source.query(`${schema.postgres}; create publication teal_test for all tables;
      set extra_float_digits = 3; set intervalstyle = 'postgres'; set bytea_output = 'hex'; set timezone = 'UTC'`);
    const slot = `teal_${source.name}`;
    const made = await source.query(`select lsn from pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
    const reader = new SlotReader(source, slot);
    const stream = 'pairs_fwd';
    const feed = new Feed();
    await using sink = await openMysqlSink({ url, stream });
    const stop = new AbortController();
    const applier = createApplier({
      stream,
      flow: 'forward',
      migration: 'pairs',
      events: feed,
      sink,
      managed: () => true,
      initial: { applied: positionOfLsnText(made[0]?.['lsn'] ?? ''), mode: 'live', epoch: 0, rogueTransactions: 0 },
      lookEveryMs: 50,
    });
    const running = applier.run(stop.signal).then(
      () => undefined,
      (error: unknown) => error,
    );
    const carry = async (): Promise<void> => {
      const events = await reader.read();
      feed.push(events);
      const end = events.findLast((event) => event.kind === 'commit')?.end;
      await waitFor({ what: 'the applier', timeoutMs: 60_000, everyMs: 5 }, async () => {
        const { now } = applier.status();
        if (now.state === 'failed') throw await running;
        const { rows } = await target.query(`select position from teal.stream where name = 'teal_pairs_fwd'`);
        return end === undefined || (rows[0]?.['position'] ?? '') >= end || undefined;
      });
    };
    try {
      await story({ source, target, carry });
    } finally {
      stop.abort();
      await running;
      await source.query('select pg_drop_replication_slot($1)', [slot]);
    }
  }

  test.skipIf(!tested)('every type arrives as it was, also in many rows and through updates', async () => {
    const names = columns.map((_, place) => `c${place}`);
    const fields = (system: 'postgres' | 'mysql'): string =>
      columns
        .map((column, place) => `c${place} ${column[system]}${column[system].startsWith('timestamp(') ? ' null' : ''}`)
        .join(', ');
    const schema = {
      postgres: `create schema shop; create table shop.t (id int primary key, ${fields('postgres')})`,
      mysql: ['create database shop', `create table shop.t (id int primary key, ${fields('mysql')})`],
    };
    await pairs(schema, async ({ source, target, carry }) => {
      const compare = async (): Promise<void> => {
        const shown = (system: 0 | 1): string =>
          columns.map(({ seen }, place) => `${seen?.[system](`c${place}`) ?? `c${place}`} as c${place}`).join(', ');
        const there = await source.query(`select id, ${shown(0)} from shop.t order by id`);
        const here = (await target.query(`select id, ${shown(1)} from shop.t order by id`)).rows;
        expect(here.map(asNumbers)).toEqual(there.map(asNumbers));
      };
      const most = Math.max(...columns.map(({ values }) => values.length));
      const tuple = (n: number): string => columns.map(({ values }) => values[n % values.length] ?? 'null').join(', ');
      for (let n = 0; n < most; n += 1) await source.query(`insert into shop.t values (${n}, ${tuple(n)})`);
      await source.query(`insert into shop.t (id) values (100)`);
      await carry();
      await compare();
      expect((await target.query('select count(*) as n from shop.t')).rows).toEqual([{ n: String(most + 1) }]);
      await source.query(`begin;
        insert into shop.t select i, ${names.join(', ')} from shop.t, generate_series(1000, 1300) i where id = 1;
        update shop.t set (${names.join(', ')}) = (select ${names.join(', ')} from shop.t where id = 0) where id % 2 = 0;
        delete from shop.t where id % 7 = 0; update shop.t set id = -id where id % 5 = 0; commit`);
      await carry();
      await compare();
    });
  });

  test.skipIf(!tested)(
    'what has no place there stops the flow with its name, and nothing of its transaction is there',
    async () => {
      const schema = {
        postgres: 'create schema shop; create table shop.t (id int primary key, n numeric, d date)',
        mysql: ['create database shop', 'create table shop.t (id int primary key, n decimal(65,10), d date)'],
      };
      for (const [column, value] of [
        ['n', 'NaN'],
        ['d', 'infinity'],
      ] as const) {
        await pairs(schema, async ({ source, target, carry }) => {
          await source.query(`insert into shop.t values (1, 1.5, '2024-01-01')`);
          await carry();
          await source.query(
            `begin; insert into shop.t values (2, 2, null); insert into shop.t (id, ${column}) values (3, '${value}'); commit`,
          );
          await expect(carry()).rejects.toMatchObject({
            code: 'TEAL-SYNC-130',
            facts: { schema: 'shop', table: 't', column },
          });
          expect((await target.query('select id from shop.t')).rows).toEqual([{ id: '1' }]);
        });
      }
    },
  );

  test.skipIf(!tested)(
    'foreign keys, linked tables that are emptied, a key that is handed on, rows without a key',
    async () => {
      const schema = {
        postgres: `create schema shop; create table shop.a (id int primary key, u int unique);
        create table shop.b (id int primary key, a int references shop.a on delete cascade);
        create table shop.k (a int, v text); alter table shop.k replica identity full`,
        mysql: [
          'create database shop',
          'create table shop.a (id int primary key, u int unique)',
          'create table shop.b (id int primary key, a int, foreign key (a) references shop.a (id) on delete cascade)',
          'create table shop.k (a int, v text)',
        ],
      };
      await pairs(schema, async ({ source, target, carry }) => {
        const compare = async (): Promise<void> => {
          for (const table of ['a', 'b', 'k'] as const) {
            const second = { a: 'u', b: 'a', k: 'v' }[table];
            const there = await source.query(
              `select * from shop.${table} order by 1, ${second}::text collate "C" nulls first`,
            );
            const here = await target.query(`select * from shop.${table} order by 1, cast(${second} as binary)`);
            expect(here.rows, table).toEqual(there);
          }
        };
        await source.query(`insert into shop.b select i, null from generate_series(1, 100) i; insert into shop.a select i, i from generate_series(1, 100) i;
        update shop.b set a = id; insert into shop.k values (1, 'a'), (1, 'A'), (1, 'a'), (1, null)`);
        await carry();
        await compare();
        await source.query(
          `delete from shop.a where id > 90; delete from shop.k where ctid = (select min(ctid) from shop.k where v = 'a'); update shop.k set a = 2 where v = 'A'`,
        );
        await source.query(`begin; update shop.a set u = -u; update shop.a set u = 91 + u; commit`);
        await carry();
        await compare();
        await source.query(
          'truncate shop.a cascade; insert into shop.a values (7, 7); insert into shop.b values (1, 7)',
        );
        await carry();
        await compare();
      });
    },
  );
});

/** Numbers are equal as numbers, JSON as JSON: each system has its own way to write an exponent and a blank. */
function asNumbers(row: Readonly<Record<string, string | null>>): unknown {
  return Object.fromEntries(Object.entries(row).map(([name, text]) => [name, asValue(text)]));
}

function asValue(text: string | null): unknown {
  if (text === null) return null;
  if (/^[[{]/.test(text)) return JSON.parse(text) as unknown;
  return /^-?\d[\d.]*(e[-+]?\d+)?$/.test(text) && /[.e]/.test(text) ? Number(text) : text;
}
