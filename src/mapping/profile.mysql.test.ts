import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { tableKey } from '../model/catalog.ts';
import { parseType } from '../model/mysql-type.ts';
import { connect, type MysqlConnection } from '../systems/mysql/connection.ts';
import { mapCatalog } from './map-catalog.ts';
import type { Mapping } from './mapping.ts';
import type { MappingOptions } from './options.ts';
import { findingsOf, offencesOf, profileOf, type Finding } from './profile.ts';
import { catalog, column, index, table } from './test-support/catalog.ts';
import { shopCatalog, shopDdl } from './test-support/shop.ts';

const ucs2 = { characterSet: 'ucs2', collation: 'ucs2_bin' };
const source = catalog([
  ...shopCatalog.tables,
  table(
    'shop.texts',
    [
      column('a', 'int not null'),
      column('b', 'varchar(5) not null'),
      column('u', 'varchar(20)', ucs2),
      column('j', 'longtext'),
      column('k', 'longtext not null'),
      column('p', 'decimal(10,2)'),
      column('wide', 'varbinary(2900)'),
      column('touched', 'timestamp not null', { setOnUpdate: true }),
    ],
    { indexes: [index('PRIMARY', ['a', 'b']), index('wide', ['wide', 'a'])] },
  ),
  table('shop.no_key', [column('d', 'date')]),
]);

const options: MappingOptions = {
  postgresMajor: 18,
  tables: {
    'shop.customers': { columns: { big: { type: 'bigint' } } },
    'shop.orders': {
      columns: {
        opening: { type: 'time' },
        code: { type: 'varchar(3)' },
        medium: { type: 'smallint' },
        exact: { type: 'integer' },
      },
    },
    'shop.texts': { columns: { j: { type: 'jsonb' }, k: { type: 'json' }, p: { type: 'numeric(4,1)' } } },
  },
};

const moreDdl: readonly string[] = [
  `create table shop.texts (a int not null, b varchar(5) character set utf8mb4 collate utf8mb4_bin not null,
    u varchar(20) character set ucs2 collate ucs2_bin, j longtext character set utf8mb4 collate utf8mb4_bin,
    k longtext character set utf8mb4 collate utf8mb4_bin not null, p decimal(10,2), wide varbinary(2900), key wide (wide, a),
    touched timestamp not null default '2000-01-01' on update current_timestamp, primary key (a, b)) engine=innodb`,
  'create table shop.no_key (d date) engine=innodb',
];

/** Rows that fit, of every kind that comes near to one that does not. */
const good: readonly string[] = [
  `insert into shop.customers (id, email, name, active, level, kind, tags, born, created, updated, big, note) values
    (1, 'strasse@x', 'ä', 1, 0, '', '', '2024-02-29', '1000-01-01 00:00:00', '1970-01-02 00:00:00', 9223372036854775807, '\\\\u0000 日本 \\u{1F600}'),
    (2, 'b@x', null, 0, null, null, null, '9999-12-31', '2023-02-28 23:59:59', '2024-01-01 00:00:00', 0, '')`,
  `insert into shop.orders (id, customer_id, email, parent, medium, exact, opening, code, small) values
    (1, 1, 'STRASSE@X', null, 32767, 2147483647.4, '24:00:00', 'abc', 1), (2, 2, null, 1, -32768, -2147483648, '00:00:00', '日本x', 2)`,
  `insert into shop.texts (a, b, u, j, k, p) values (1, 'x', 'ä', '{"a":1}', '[]', 999.94), (1, 'y', null, null, '"\\\\u0000"', -999.94),
    (1, 'z', null, null, '["end of 1. \\\\"2.", "\\\\\\\\x \\\\/\\\\n\\\\t", 1.5, 1e5]', 0)`,
  `insert into shop.no_key values ('2024-01-01'), (null)`,
];

const planted: readonly string[] = [
  `insert into shop.customers (id, email, active, level, kind, born, created, updated, big, note, name) values
    (11, 'straße@x', 2, 1, 'wrong', '0000-00-00', '0000-00-00', '2024-01-01', 9223372036854775808, concat('a', char(0), 'b'), null),
    (12, 'c@x', -1, 5, 'new', '2024-02-30', '2024-00-10 01:02:03', '0000-00-00', 18446744073709551615, 'fine', concat(char(0), 'ä')),
    (13, 'd@x', 0, 1, 'new', '0000-05-07', '2024-01-01', '2024-01-01', 1, 'fine', 'fine')`,
  `insert into shop.orders (id, customer_id, email, parent, medium, exact, opening, code, small) values
    (11, 999, 'nobody', 12345, 32768, 2147483647.6, '25:00:00', 'abcd', 1), (12, 1, null, 1, -32769, -1e10, '-00:00:01', '日本語語', 2)`,
  `insert into shop.texts (a, b, u, j, k, p) values (2, 'x', _ucs2 x'D8000041', '{', '', 999.95), (2, 'y', _ucs2 x'0000', '"\\\\u0000"', '[}', -1000),
    (3, 'x', null, null, '["\\\\x"]', 0), (3, 'y', null, null, '{"a. 1.":[1.]}', 0)`,
  `insert into shop.texts (a, b, k, wide) values (4, 'x', '1', repeat('a', 2700))`,
  `insert into shop.no_key values ('0000-00-00'), ('2024-00-00'), ('2023-02-29')`,
];

const expected: readonly string[] = [
  'shop.customers active notBoolean 2 [11|12]',
  'shop.customers big outOfRange 2 [11|12]',
  'shop.customers born partialDate 2 [12|13]',
  'shop.customers born zeroDate 1 [11]',
  'shop.customers created partialDate 1 [12]',
  'shop.customers created zeroDate 1 [11]',
  'shop.customers email duplicates 1 [1|11]',
  'shop.customers kind invalidEnum 1 [11]',
  'shop.customers level notBoolean 1 [12]',
  'shop.customers name nulByte 1 [12]',
  'shop.customers note nulByte 1 [11]',
  'shop.customers updated zeroDate 1 [12]',
  'shop.no_key d partialDate 2 []',
  'shop.no_key d zeroDate 1 []',
  'shop.orders code tooLong 2 [11|12]',
  'shop.orders customer_id orphans 1 [11]',
  'shop.orders email orphans 1 [11]',
  'shop.orders exact outOfRange 2 [11|12]',
  'shop.orders medium outOfRange 2 [11|12]',
  'shop.orders opening timeBeyondDay 2 [11|12]',
  'shop.orders parent orphans 1 [11]',
  'shop.texts j invalidJson 1 [2,x]',
  'shop.texts j nulInJson 1 [2,y]',
  'shop.texts k invalidJson 4 [2,x|2,y|3,x|3,y]',
  'shop.texts p outOfRange 2 [2,x|2,y]',
  'shop.texts u invalidText 1 [2,x]',
  'shop.texts u nulByte 1 [2,y]',
  'shop.texts wide,a longKey 1 [4,x]',
];

describe.each(allSeries.filter(({ tested }) => tested))('on $series', ({ series }) => {
  let server: MysqlServer;
  let session: MysqlConnection;
  let mapping: Mapping;
  const all = async (statements: readonly string[]): Promise<void> => {
    for (const statement of statements) await session.query(statement);
  };
  const scan = async (): Promise<readonly Finding[]> => {
    const findings: Finding[] = [];
    for (const each of profileOf(mapping, server.flavour)) {
      const { rows } = await session.query(each.sql);
      findings.push(...findingsOf(each, rows[0] ?? {}));
    }
    return findings;
  };
  const strict = `set sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'`;

  beforeAll(async () => {
    server = await startMysql({ series });
    session = await connect({ url: `mysql://root@127.0.0.1:${server.port}/`, applicationName: 'teal test' });
    mapping = mapCatalog(source, options);
    await all([...shopDdl, ...moreDdl, ...good]);
  });
  afterAll(async () => {
    await session?.close();
    await server?.[Symbol.asyncDispose]();
  });

  test('the catalog of this test is the server’s', async () => {
    const { rows } = await session.query(
      `select table_name as t, column_name as c, column_type as y from information_schema.columns where table_schema = 'shop' order by table_name, ordinal_position`,
    );
    const short = (t: string, c: string, type: string): string => {
      const { length: _, ...more } = parseType(type);
      return `${t}.${c} ${JSON.stringify(more)}`;
    };
    const tables = source.tables.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    expect(rows.map(({ t, c, y }) => short(String(t), String(c), String(y)))).toEqual(
      tables.flatMap(({ name, columns }) => columns.map((each) => short(name, each.name, each.type))),
    );
  });

  test('good rows are not found', async () => {
    await session.query(strict);
    expect(await scan()).toEqual([]);
  });

  test('what is planted is found, each with its count and keys, in a strict session', async () => {
    await all([
      `set sql_mode = 'ALLOW_INVALID_DATES'`,
      'set foreign_key_checks = 0',
      ...planted,
      'set foreign_key_checks = 1',
    ]);
    await session.query(strict);
    const findings = await scan();
    const found: string[] = [];
    for (const { check, count } of findings) {
      const keys: string[] = [];
      if (check.samples !== undefined) {
        const { rows } = await session.query(check.samples);
        keys.push(...rows.map((row) => check.keyColumns.map((name) => row[name]).join(',')).sort(inOrder));
      }
      found.push(`${tableKey(check.table)} ${check.columns.join(',')} ${check.kind} ${count} [${keys.join('|')}]`);
    }
    expect(found.sort()).toEqual(expected);
    const again = mapCatalog(source, { ...options, offences: offencesOf(findings) });
    const types = again.tables[0]?.columns.filter(({ source: { name } }) => name === 'active' || name === 'level');
    expect(types?.map(({ type }) => type)).toEqual(['smallint', 'smallint']);
  });

  test('the statements that cleanse leave nothing to be found, and touch no other column', async () => {
    await session.query(strict);
    const values: Readonly<Record<string, string>> = {
      created: `'2000-01-01'`,
      updated: `'2000-01-01'`,
      code: `'x'`,
      k: `'{}'`,
      j: 'null',
    };
    for (const { check } of await scan()) {
      const { kind, columns, cleansing } = check;
      if (kind === 'duplicates' || kind === 'longKey') continue;
      await session.query(`set @value = ${values[columns[0] ?? ''] ?? 'null'}`);
      await session.query(cleansing.statement);
    }
    expect((await scan()).map(({ check: { kind } }) => kind)).toEqual(['duplicates', 'longKey']);
    const { rows: groups } = await session.query(
      profileOf(mapping, server.flavour)
        .flatMap(({ checks }) => checks)
        .find(({ kind }) => kind === 'duplicates')?.cleansing.statement ?? '',
    );
    expect(groups).toHaveLength(1);
    const { rows } = await session.query(
      `select sum(touched = '2000-01-01') as kept, count(*) as n, (select hex(note) from shop.customers where id = 11) as note from shop.texts`,
    );
    expect(rows).toEqual([{ kept: '8', n: '8', note: '6162' }]);
  });
});

function inOrder(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
