import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../../tools/servers/mysql.ts';
import { binlogPlace, events } from '../test-support/binlog.ts';
import { TestClient } from '../test-support/client.ts';
import { readJson } from './json.ts';
import { readRows, type RawCell } from './rows.ts';
import type { BinlogEvent } from './stream.ts';
import type { BinlogColumn } from './table-map.ts';
import { readValue } from './values.ts';

/** A type, values for it as SQL, and how the server is asked to print one (by default as it does). */
interface Case {
  readonly type: string;
  readonly values: readonly string[];
  readonly ask?: string;
  readonly only?: 'mariadb' | 'mysql';
}

const integers = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'].flatMap((type, at): Case[] => {
  const bits = [8n, 16n, 24n, 32n, 64n][at] ?? 8n;
  const half = 1n << (bits - 1n);
  return [
    { type, values: ['0', '-1', '1', String(-half), String(half - 1n)] },
    { type: `${type} unsigned`, values: ['0', '1', String(half), String(2n * half - 1n)] },
  ];
});

const tiny = `'-838:59:59', '838:59:59', '00:00:00', '-00:00:01', '12:34:56'`;
const cases: readonly Case[] = [
  ...integers,
  { type: 'year', values: ['0', '1901', '2155', '2024'] },
  { type: 'tinyint(1) unsigned', values: ['255', '0'] },
  { type: 'decimal(1,0)', values: ['9', '-9', '0'] },
  { type: 'decimal(10,10)', values: ['0.0000000001', '-0.9999999999'] },
  {
    type: 'decimal(65,30)',
    values: [
      '-99999999999999999999999999999999999.999999999999999999999999999999',
      '0.000000000000000000000000000001',
      '1e20',
    ],
  },
  { type: 'decimal(20,2) unsigned', values: ['999999999999999999.99', '0'] },
  { type: 'decimal(19,9)', values: ['1234567890.123456789', '-1234567890.1'] },
  { type: 'float', values: ['1.5', '-3.402823e38', '1e-38', '0.1'], ask: 'cast(c as double)' },
  { type: 'double', values: ['0.1', '-1.7976931348623157e308', '5e-324', '0'] },
  { type: 'date', values: [`'0000-00-00'`, `'2024-02-00'`, `'9999-12-31'`, `'1000-01-01'`, `'2024-02-29'`] },
  { type: 'time', values: tiny.split(', ') },
  { type: 'time(1)', values: [`'-838:59:58.9'`, `'-00:00:00.1'`, `'00:00:00.9'`] },
  { type: 'time(3)', values: [`'-00:00:00.001'`, `'-01:00:00.999'`, `'838:59:59'`] },
  { type: 'time(6)', values: [`'-838:59:58.999999'`, `'-00:00:00.000001'`, `'838:59:58.000001'`, `'-12:00:00'`] },
  { type: 'datetime', values: [`'0000-00-00 00:00:00'`, `'9999-12-31 23:59:59'`, `'2024-00-00 01:02:03'`] },
  { type: 'datetime(2)', values: [`'2024-01-01 00:00:00.01'`, `'2024-12-31 23:59:59.99'`] },
  { type: 'datetime(5)', values: [`'2024-01-01 00:00:00.00001'`] },
  { type: 'datetime(6)', values: [`'9999-12-31 23:59:59.999999'`, `'0000-00-00 00:00:00.000000'`] },
  { type: 'timestamp null', values: [`'0000-00-00 00:00:00'`, `'1970-01-01 00:00:01'`, `'2038-01-19 03:14:07'`] },
  { type: 'timestamp(4) null', values: [`'2024-06-01 12:00:00.0001'`, `'2024-06-01 12:00:00.9999'`] },
  { type: 'char(5)', values: [`''`, `'a'`, `'ü€😀'`, `'ab   '`] },
  { type: 'char(100) character set utf8mb4', values: [`'wide'`, `repeat('😀', 100)`] },
  { type: 'varchar(10) character set latin1', values: [`'ü'`, `''`, `'a '`], ask: 'hex(c)' },
  { type: 'varchar(300)', values: [`repeat('é', 300)`, `'\\0'`] },
  { type: 'binary(4)', values: [`x'41000000'`, `x'00000000'`, `x'0000ff00'`, `x'20202020'`], ask: 'hex(c)' },
  { type: 'binary(255)', values: [`x'01'`], ask: 'hex(c)' },
  { type: 'varbinary(8)', values: [`x'4100'`, `x''`, `x'00'`], ask: 'hex(c)' },
  { type: 'tinyblob', values: [`x'00ff'`], ask: 'hex(c)' },
  { type: 'mediumblob', values: [`repeat('m', 70000)`] },
  { type: 'text', values: [`'some text'`, `''`, `repeat('t', 1000)`] },
  { type: 'longtext character set ucs2', values: [`'wide'`], ask: 'hex(c)' },
  { type: `enum('a', 'b,c', 'ü''')`, values: [`'a'`, `'b,c'`, `'ü'''`, `'not one'`] },
  { type: `set('x', 'y', 'z ü')`, values: [`''`, `'x'`, `'x,z ü'`, `'y,x'`] },
  { type: `set(${Array.from({ length: 64 }, (_, at) => `'s${at}'`).join()})`, values: [`'s0,s63'`, `'s31,s32'`] },
  { type: `enum(${Array.from({ length: 300 }, (_, at) => `'e${at}'`).join()})`, values: [`'e0'`, `'e299'`] },
  { type: 'bit(1)', values: [`b'1'`, `b'0'`], ask: 'c+0' },
  { type: 'bit(13)', values: [`b'1000000000001'`], ask: 'c+0' },
  { type: 'bit(64)', values: [`~0`, `1`], ask: 'c+0' },
  { type: 'point', values: [`st_geomfromtext('point(1 -2)')`], ask: 'hex(c)' },
  { type: 'geometry', values: [`st_geomfromtext('linestring(0 0, 1 1)', 4326)`], ask: 'hex(c)' },
  {
    type: 'json',
    values: [
      `'{"b": [1, 2.5, -3, null, true, false, "ü\\\\"\\\\n"], "a": {}}'`,
      `'18446744073709551615'`,
      `'-9223372036854775808'`,
      `'[1.0, 1e100, 70000, -70000, 4294967296]'`,
      `'"plain"'`,
      `'[]'`,
    ],
  },
  {
    type: 'json',
    only: 'mysql',
    values: [
      `json_array(cast(1.10 as decimal(10, 2)), cast('2024-02-29' as date), cast('-01:02:03.5' as time(6)), timestamp'2024-01-01 00:00:00')`,
      `json_object('k', repeat('long', 20000))`,
      `json_array(cast(x'00ff' as binary))`,
    ],
  },
  { type: 'inet6', values: [`'::1'`, `'ff::'`, `'::'`], only: 'mariadb', ask: 'hex(cast(c as binary(16)))' },
  {
    type: 'uuid',
    values: [`'123e4567-e89b-12d3-a456-426655440000'`],
    only: 'mariadb',
    ask: 'hex(cast(c as binary(16)))',
  },
];

/** In the words of the server's own answer, as far as they are not the value's own. */
function printed(column: BinlogColumn, cell: RawCell, asBytes: boolean): string | null {
  if (cell === null || cell === undefined) return null;
  const value = readValue(column, cell);
  switch (value.kind) {
    case 'number':
    case 'temporal':
      return value.text;
    case 'float':
      return String(value.value);
    case 'enum':
      return value.label.toString('utf8');
    case 'set':
      return value.labels.map((label) => label.toString('utf8')).join(',');
    case 'bit':
      return String(value.value);
    case 'json':
      return readJson(value.bytes);
    case 'geometry':
    case 'vector':
      return cell.toString('hex').toUpperCase();
    case 'bytes':
      return asBytes ? value.bytes.toString('hex').toUpperCase() : value.bytes.toString('utf8');
    default:
      return value satisfies never;
  }
}

describe.for(allSeries)('values in the binlog of $series', ({ series, tested }) => {
  let server: MysqlServer;
  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series, settings: { 'sql-mode': 'ALLOW_INVALID_DATES', 'max-allowed-packet': '64M' } });
    await using client = await TestClient.connect({ port: server.port });
    await client.query('create database types');
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  test.skipIf(!tested)('are what SELECT says, for every type, with NULL', async () => {
    await using client = await TestClient.connect({ port: server.port });
    await client.query('use types');
    await client.query('set names utf8mb4');
    const place = await binlogPlace(client);
    const wanted = new Map<string, readonly (string | null)[]>();
    const chosen = cases.filter(({ only }) => only === undefined || only === server.flavour);
    for (const [at, { type, values, ask = 'c' }] of chosen.entries()) {
      const table = `t${at}`;
      // Beside columns whose places in the metadata could be mistaken for the one at hand.
      await client.query(
        `create table ${table} (id int unsigned primary key, y year, before_ bigint unsigned, c ${type}, after_ varchar(9) character set latin1)`,
      );
      for (const [id, value] of [...values, 'null'].entries()) {
        await client.query(`insert ignore into ${table} values (${id}, 2000, 18446744073709551615, ${value}, 'end')`);
      }
      const { rows } = await client.query(`select ${ask} from ${table} order by id`);
      wanted.set(
        table,
        rows.map(([cell]) => cell?.toString('utf8') ?? null),
      );
    }
    await using replica = await TestClient.connect({ port: server.port });
    const seen = rowsByTable(await events(replica, place));

    for (const [at, { type, ask }] of chosen.entries()) {
      const table = `t${at}`;
      const found = seen.get(table) ?? { columns: [], rows: [] };
      const column = found.columns[3];
      if (column === undefined) throw new Error(`no rows of ${type}`);
      expect(found.columns.map(({ name }) => name)).toEqual(['id', 'y', 'before_', 'c', 'after_']);
      const expected = wanted.get(table) ?? [];
      found.rows.forEach((row, index) => {
        const end = found.columns[4];
        const before = found.columns[2];
        if (end === undefined || before === undefined) throw new Error('columns are missing');
        expect(printed(before, row[2], false), type).toBe('18446744073709551615');
        expect(printed(end, row[4], false), type).toBe('end');
        const value = printed(column, row[3], ask?.startsWith('hex') === true);
        const isFloat = value !== null && /^(float|double)/.test(type);
        const said = expected[index] ?? null;
        expect(isFloat ? Number(value) : value, type).toBe(isFloat ? Number(said) : said);
      });
      expect(found.rows.length, type).toBe(expected.length);
    }
  });
});

/** Types that one server or the other counts, or does not, among those that have a sign or a collation. */
const neighbours =
  'point, json, enum("a"), set("a"), bit(3), year, date, time(3), datetime, timestamp null, float, decimal(3;1), blob, binary(3), varchar(300)'
    .split(', ')
    .map((type) => type.replace(';', ','));
const mariadbNeighbours = ['inet4', 'inet6', 'uuid', 'varchar(9) compressed', 'text compressed'];

describe.for(allSeries)('metadata in the binlog of $series', ({ series, tested }) => {
  test.skipIf(!tested)('is told of the right column, whatever stands between', async () => {
    await using server = await startMysql({ series });
    await using client = await TestClient.connect({ port: server.port });
    await client.query('create database neighbours');
    await client.query('use neighbours');
    const place = await binlogPlace(client);
    const chosen = [...neighbours, ...(server.flavour === 'mariadb' ? mariadbNeighbours : [])];
    for (const [at, type] of chosen.entries()) {
      await client.query(
        `create table t${at} (a varchar(5) character set latin1 collate latin1_bin, x ${type}, b text character set utf8mb4 collate utf8mb4_bin,
          n int unsigned, y ${type}, m int, c char(3) character set ascii, o int unsigned, d varchar(3) character set koi8r)`,
      );
      await client.query(`insert into t${at} (a) values ('x')`);
    }
    await using replica = await TestClient.connect({ port: server.port });
    const maps = (await events(replica, place)).flatMap((event) => (event.kind === 'tableMap' ? [event.map] : []));
    expect(maps).toHaveLength(chosen.length);
    maps.forEach(({ columns }, at) => {
      const of = (name: string): BinlogColumn | undefined => columns.find((column) => column.name === name);
      const collations = ['a', 'b', 'c', 'd'].map((name) => of(name)?.collation);
      expect(collations, chosen[at]).toEqual([47, 46, 11, 7]);
      expect(
        ['n', 'm', 'o'].map((name) => of(name)?.unsigned),
        chosen[at],
      ).toEqual([true, false, true]);
    });
  });
});

interface Seen {
  readonly columns: readonly BinlogColumn[];
  readonly rows: (readonly RawCell[])[];
}

function rowsByTable(all: readonly BinlogEvent[]): ReadonlyMap<string, Seen> {
  const seen = new Map<string, Seen>();
  for (const event of all) {
    if (event.kind === 'stop') throw new Error(`stopped: ${event.reason}, event ${event.header.type}`);
    if (event.kind !== 'rows') continue;
    const { map, rows } = event;
    const entry = seen.get(map.table) ?? { columns: map.columns, rows: [] };
    for (const change of readRows(rows, map)) if (change.after !== undefined) entry.rows.push(change.after);
    seen.set(map.table, entry);
  }
  return seen;
}
