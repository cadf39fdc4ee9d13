import { describe, expect, test } from 'vitest';
import { isTested } from '../../test/support/mysql.ts';
import { startMysql } from '../../tools/servers/mysql.ts';
import { must } from '../kernel/assert.ts';
import { findChangedValues } from '../systems/mysql/changed-values.ts';
import { connect } from '../systems/mysql/connection.ts';
import { readCatalog } from '../systems/mysql/inspect/catalog.ts';
import { changedByConnect } from './connect-changes.ts';
import { mapCatalog } from './map-catalog.ts';
import { strictMappingPolicy, type MappingPolicy } from './options.ts';

const lax: MappingPolicy = { zeroDate: 'null', invalidEnum: 'null', nulByte: 'remove', invalidText: 'stop' };

interface Case {
  readonly type: string;
  readonly kept: readonly string[];
  readonly lost: readonly string[];
  /** Default: the lax one. */
  readonly policy?: MappingPolicy;
  /** No question is asked of the column. */
  readonly whole?: true;
}

const cases: readonly Case[] = [
  { type: 'bigint unsigned', kept: ['18446744073709551615'], lost: [], whole: true },
  { type: `set('a','b')`, kept: [`'a,b'`], lost: [], whole: true },
  { type: 'binary(4)', kept: [`x'00'`], lost: [], whole: true },
  { type: 'text', kept: [`'a\\0b'`], lost: [], whole: true, policy: strictMappingPolicy },
  { type: 'text', kept: [`'ab'`, `'😀'`], lost: [`'a\\0b'`] },
  { type: 'varchar(9) character set latin1', kept: [`'äß€ÿ'`], lost: [`_latin1 x'8081'`, `'a\\0b'`] },
  { type: 'varchar(9) character set koi8r', kept: [], lost: [`'ж'`, `'a'`] },
  { type: 'tinyint(1)', kept: ['0', '1'], lost: ['2'] },
  {
    type: 'float',
    kept: ['0', '0.1', '1.3', '-1.3', '123456', '1e30', '1.5e-40'],
    lost: ['-0e0', '16777217', '1.17549435e-38', '-3.4028234663852886e38', '1.0000001'],
  },
  { type: 'double', kept: ['0', '0.1', '-5e-324', '1e23'], lost: ['-0e0'] },
  { type: 'date', kept: [`'1000-01-01'`, `'2024-02-29'`, `'0000-00-00'`], lost: [`'2024-02-30'`, `'2024-00-10'`] },
  { type: 'date', kept: [`'1000-01-01'`], lost: [`'0000-00-00'`, `'2024-01-00'`], policy: strictMappingPolicy },
  {
    type: 'datetime(6)',
    kept: [`'9999-12-31 23:59:59.999999'`, `'1582-10-15 00:00:00'`, `'1500-02-28 01:02:03'`],
    lost: [`'2023-02-29 01:02:03'`, `'1582-10-10 01:02:03'`],
  },
  { type: 'timestamp null', kept: [`'1970-01-01 00:00:01'`], lost: [`'0000-00-00 00:00:00'`] },
  { type: 'year', kept: ['1901', '2155'], lost: ['0'] },
  { type: 'time', kept: [], lost: [`'12:34:56'`] },
  { type: `enum('a','b,c')`, kept: [`'a'`], lost: [`'b,c'`, `'none of them'`] },
  { type: 'bit(8)', kept: [], lost: [`b'1'`] },
];

const ofFlavour = {
  'mysql-8.0': [{ type: 'json', kept: [], lost: [`'[1, 2]'`] }],
  'mariadb-11.4': [
    { type: 'json', kept: [`'[1, 2]'`], lost: [] },
    { type: 'uuid', kept: [], lost: [`'123e4567-e89b-12d3-a456-426655440000'`] },
    { type: 'inet6', kept: [], lost: [`'::1'`] },
  ],
} as const satisfies Readonly<Record<string, readonly Case[]>>;

describe.for(Object.entries(ofFlavour))('what Kafka Connect would change of a column of %s', ([series, own]) => {
  const each = series as keyof typeof ofFlavour;
  test.skipIf(!isTested(each))('is found in its rows, and nothing else is', async () => {
    await using server = await startMysql({ series: each });
    await using session = await connect({
      url: `mysql://root@127.0.0.1:${server.port}/`,
      applicationName: 'teal test',
    });
    await session.query('create database d character set utf8mb4');
    await session.query(`set sql_mode = 'ALLOW_INVALID_DATES'`);
    // A table for each value, so that each is asked about alone.
    const asked = [...cases, ...own].flatMap(({ kept, lost, ...of }: Case, n) =>
      [...kept.map((value) => ({ value, isLost: false })), ...lost.map((value) => ({ value, isLost: true }))].map(
        (one, at) => ({ ...of, ...one, table: `t${n}_${at}` }),
      ),
    );
    for (const { table, type, value } of asked) {
      await session.query(`create table d.${table} (id int primary key, v ${type} null)`);
      await session.query(`insert into d.${table} values (1, ${value}), (2, null)`);
    }
    const catalog = await readCatalog(session, 'd');
    const found: Record<string, boolean | undefined> = {};
    for (const { table, type, value, policy = lax } of asked) {
      const mapping = mapCatalog(catalog, { postgresMajor: 18, policy });
      const mapped = mapping.tables.find(({ source }) => source.name === table);
      const column = must(mapped?.columns[1], 'a column');
      const change = changedByConnect(column, policy);
      const suspect = { schema: 'd', name: table, column: 'v', type };
      const [answer] = change === undefined ? [] : await findChangedValues(session, [{ ...suspect, ...change }]);
      found[`${table} ${type} ${value}`] = answer?.holds;
    }
    const wanted = asked.map(({ table, type, value, isLost, whole }) => [
      `${table} ${type} ${value}`,
      whole === true ? undefined : isLost,
    ]);
    expect(found).toEqual(Object.fromEntries(wanted));
  });
});
