import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../test/support/mysql.ts';
import { greenMajor, testDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { connect, type MysqlConnection } from '../systems/mysql/connection.ts';
import { ddlOf } from './ddl.ts';
import { translateExpression } from './expression.ts';
import { mapCatalog } from './map-catalog.ts';
import { expressionColumns } from './map-columns.ts';
import { catalog, column, index, table } from './test-support/catalog.ts';

const columnsFor = (collation: string) => [
  column('id', 'int not null'),
  column('n', 'int'),
  column('wide', 'bigint'),
  column('d', 'decimal(10,2)'),
  column('f', 'double'),
  column('r', 'float'),
  column('flag', 'tinyint(1)'),
  column('e', `enum('a','B','it''s')`, { collation: 'utf8mb4_general_ci' }),
  column('x', 'varchar(20)', { collation }),
  column('ci', 'varchar(20)', { collation: 'utf8mb4_general_ci' }),
  column('day', 'date'),
  column('at', 'datetime'),
];

const values: Readonly<Record<string, readonly string[]>> = {
  n: ['null', '-7', '0', '1', '5', '2147483647'],
  wide: ['null', '3', '-1', '4611686018427387903'],
  d: ['null', '0.01', '-12.50', '99999999.99'],
  f: ['null', '0.1', '-2.5', '1e100'],
  r: ['null', '0.1', '-2.5'],
  flag: ['0', '1', 'null'],
  e: [`'a'`, `'B'`, `'it''s'`, 'null'],
  x: [`''`, `' '`, `'a'`, `'A'`, `'a '`, `'日本'`, 'null'],
  ci: [`'a'`, `'É'`, `''`, 'null'],
  day: [`'2024-02-29'`, `'1000-01-01'`, 'null', `'9999-12-31'`],
  at: [`'2024-02-29 00:00:00'`, `'2024-02-29 00:00:01'`, 'null'],
};

/** Each column goes through its values at a step of its own, so that the rows hold many pairs. */
const rows = Array.from({ length: 60 }, (_, at) => {
  const cells = Object.values(values).map((each, step) => each[Math.floor((at * (2 * step + 3)) / 3) % each.length]);
  return `(${[at, ...cells].join(', ')})`;
});

const expressions: readonly string[] = [
  '`n` > 0',
  '`n` >= -7 and `wide` <> 3 or not `d` < 0',
  'not (`n` = 1 or `flag`)',
  '`n` in (0,1,5)',
  '`n` not in (0,1)',
  '`n` not between 0 and 5',
  '`d` between -12.5 and 0.01',
  '`n` is null or `d` is not null and `flag` = 0',
  '`flag` <> 1',
  '`flag` in (0)',
  '`f` > 0.1',
  '`f` = 0.1',
  '`r` >= 0.1',
  '`r` = `f`',
  '`n` < `d`',
  '`n` * `n`',
  '`wide` + `wide` - 1',
  '`d` * 3 - `n`',
  '- `n` + 1',
  '`n` % 3',
  'abs(`d`)',
  'coalesce(`n`,`wide`,0)',
  "`e` = 'a'",
  "`e` in ('B','it''s')",
  "`e` <> 'it\\'s'",
  'char_length(`x`)',
  'length(`x`) > 1',
  "concat(`x`,'-',`ci`)",
  "`day` >= '2024-02-29'",
  "`at` > '2024-02-29'",
  "`at` between '2024-02-29 00:00:01' and '2025-01-01'",
];

/** Where a collation compares every character as it is and does not pad: MariaDB's `_nopad_bin`. */
const exactOnly: readonly string[] = ["`x` = 'a'", "`x` <> ''", "`x` in ('A',' ')"];

describe.each(allSeries.filter(({ tested }) => tested))('what $series says', ({ series }) => {
  let server: MysqlServer;
  let source: MysqlConnection;
  let target: TestDatabase;
  let inputs: ReturnType<typeof expressionColumns>;

  beforeAll(async () => {
    server = await startMysql({ series });
    source = await connect({ url: `mysql://root@127.0.0.1:${server.port}/`, applicationName: 'teal test' });
    target = await testDatabase(greenMajor());
    const collation = server.flavour === 'mysql' ? 'utf8mb4_0900_bin' : 'utf8mb4_nopad_bin';
    const columns = columnsFor(collation);
    const mapping = mapCatalog(catalog([table('s.t', columns, { indexes: [index('PRIMARY', ['id'])] })]), {
      postgresMajor: target.major,
    });
    inputs = expressionColumns(mapping.tables[0]?.columns ?? []);
    const lines = columns.map(
      ({ name, type, collation: own }) => `${name} ${type}${own === undefined ? '' : ` collate ${own}`}`,
    );
    await source.query('create database s character set utf8mb4');
    await source.query(`create table s.t (${lines.join(', ')}, primary key (id))`);
    await source.query(`insert into s.t values ${rows.join(', ')}`);
    for (const { statements } of ddlOf(mapping)) for (const sql of statements) await target.query(sql);
    const booleans = rows.map((row) => {
      const cells = row.slice(1, -1).split(', ');
      return `(${cells.map((cell, at) => (at === 6 && cell !== 'null' ? `'${cell}'` : cell)).join(', ')})`;
    });
    await target.query(`insert into s.t values ${booleans.join(', ')}`);
  });
  afterAll(async () => {
    await source?.close();
    await target?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test.each([...expressions, ...exactOnly])('%s', async (expression) => {
    if (server.flavour === 'mysql' && exactOnly.includes(expression)) {
      expect(translateExpression(expression, inputs).reason).toContain('compares texts');
      return;
    }
    const translated = translateExpression(expression, inputs);
    if (translated.sql === undefined) throw new Error(translated.reason);
    const { rows: there } = await source.query(`select ${expression} as v from s.t order by id`);
    const here = await target.query(`select ${translated.sql} as v from s.t order by id`);
    const plain = (value: string | null | undefined): string | null => {
      if (value === null || value === undefined) return null;
      if (translated.kind === 'boolean') return value === 't' || value === '1' ? 'true' : 'false';
      return translated.kind === 'text' ? value : String(Number(value));
    };
    expect(here.map(({ v }) => plain(v))).toEqual(there.map(({ v }) => plain(v === null ? null : String(v))));
    expect(new Set(there.map(({ v }) => v)).size, 'rows that differ').toBeGreaterThan(1);
  });
});
