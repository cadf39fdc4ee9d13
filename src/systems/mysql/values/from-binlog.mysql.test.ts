import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../../tools/servers/mysql.ts';
import type { StreamEvent } from '../../../model/change.ts';
import { decode, endOfBinlog, openSession, openStream, readUpTo, refusal, run } from '../test-support/stream.ts';
import { familyPolicy, strictPolicy } from './policy.ts';

/** A type, and values for it: as SQL, and as canonical text. */
interface Case {
  readonly type: string;
  readonly values: readonly (readonly [sql: string, text: string])[];
  readonly only?: 'mariadb' | 'mysql';
}

const integers = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'].flatMap((type, at): Case[] => {
  const bits = [8n, 16n, 24n, 32n, 64n][at] ?? 8n;
  const half = 1n << (bits - 1n);
  const plain = (value: bigint): readonly [string, string] => [String(value), String(value)];
  return [
    { type, values: [0n, -1n, 1n, -half, half - 1n].map(plain) },
    { type: `${type} unsigned`, values: [0n, 1n, half, 2n * half - 1n].map(plain) },
    { type: `${type}(5) zerofill`, values: [0n, 7n].map(plain) },
  ];
});

const text = (value: string): readonly [string, string] => [`'${value}'`, value];
const wide = 'ü€日本';

const cases: readonly Case[] = [
  ...integers,
  {
    type: 'tinyint(1)',
    values: [
      ['true', '1'],
      ['false', '0'],
      ['5', '5'],
    ],
  },
  {
    type: 'year',
    values: [
      ['0', '0'],
      ['1901', '1901'],
      ['2155', '2155'],
    ],
  },
  {
    type: 'decimal(10,2)',
    values: [
      ['1.5', '1.50'],
      ['-0.01', '-0.01'],
      ['99999999.99', '99999999.99'],
      ['0', '0.00'],
    ],
  },
  {
    type: 'decimal(65,30)',
    values: [[`-${'9'.repeat(35)}.${'9'.repeat(30)}`, `-${'9'.repeat(35)}.${'9'.repeat(30)}`]],
  },
  { type: 'decimal(20) unsigned', values: [['99999999999999999999', '99999999999999999999']] },
  {
    type: 'float',
    values: [
      ['0.1', '0.1'],
      ['-3.402823466e38', '-3.4028235e+38'],
      ['1e-38', '1e-38'],
      ['16777217', '1.6777216e+07'],
      ['123456', '123456'],
      ['0', '0'],
    ],
  },
  {
    type: 'double',
    values: [
      ['0.1', '0.1'],
      ['-1.7976931348623157e308', '-1.7976931348623157e+308'],
      ['5e-324', '5e-324'],
      ['1e23', '9.999999999999999e+22'],
      ['123456789012345', '123456789012345'],
      ['1e15', '1e+15'],
      ['0.0001', '0.0001'],
      ['0.00001', '1e-05'],
    ],
  },
  {
    type: 'bit(1)',
    values: [
      [`b'1'`, '1'],
      [`b'0'`, '0'],
    ],
  },
  {
    type: 'bit(13)',
    values: [
      [`b'1000000000001'`, '1000000000001'],
      ['1', '0000000000001'],
    ],
  },
  {
    type: 'bit(64)',
    values: [
      ['~0', '1'.repeat(64)],
      ['1', '1'.padStart(64, '0')],
    ],
  },
  { type: 'date', values: [text('1000-01-01'), text('9999-12-31'), text('2024-02-29')] },
  { type: 'time', values: [text('-838:59:59'), text('838:59:59'), text('00:00:00'), text('-00:00:01')] },
  {
    type: 'time(6)',
    values: [text('-838:59:58.999999'), ["'00:00:00.500000'", '00:00:00.5'], ["'12:00:00'", '12:00:00']],
  },
  { type: 'time(1)', values: [text('-00:00:00.1'), ["'01:02:03.0'", '01:02:03']] },
  { type: 'datetime', values: [text('1000-01-01 00:00:00'), text('9999-12-31 23:59:59')] },
  {
    type: 'datetime(6)',
    values: [text('9999-12-31 23:59:59.999999'), ["'2024-01-02 03:04:05.120000'", '2024-01-02 03:04:05.12']],
  },
  { type: 'datetime(3)', values: [["'2024-01-02 03:04:05'", '2024-01-02 03:04:05'], text('2024-01-02 03:04:05.001')] },
  {
    type: 'timestamp null',
    values: [
      ["'1970-01-01 00:00:01'", '1970-01-01 00:00:01+00'],
      ["'2038-01-19 03:14:07'", '2038-01-19 03:14:07+00'],
    ],
  },
  {
    type: 'timestamp(6) null',
    values: [
      ["'2024-06-01 12:00:00.25'", '2024-06-01 12:00:00.25+00'],
      ["'2024-06-01 12:00:00'", '2024-06-01 12:00:00+00'],
    ],
  },
  { type: 'char(5)', values: [text(''), text('a'), text('ü€😀'), ["'ab   '", 'ab']] },
  {
    type: 'varchar(300)',
    values: [text(''), text('a '), [`repeat('é', 300)`, 'é'.repeat(300)], ["'tab\\tline\\n\\\\'", 'tab\tline\n\\']],
  },
  { type: 'text', values: [text('text'), [`repeat('t', 70)`, 't'.repeat(70)]] },
  { type: 'longtext', values: [[`repeat('long ', 20000)`, 'long '.repeat(20_000)]] },
  { type: 'varchar(9) character set latin1', values: [text('ü€'), text('é')] },
  { type: 'varchar(9) character set latin2', values: [text('łóż')] },
  { type: 'varchar(9) character set cp1251', values: [text('жук')] },
  { type: 'char(9) character set koi8r', values: [text('жук')] },
  { type: 'varchar(9) character set cp850', values: [text('ü½')] },
  { type: 'varchar(9) character set greek', values: [text('λόγος')] },
  { type: 'varchar(9) character set ucs2', values: [text(wide)] },
  { type: 'char(9) character set utf16', values: [text('ü😀')] },
  { type: 'text character set utf16le', values: [text('ü😀')] },
  { type: 'varchar(9) character set utf32', values: [text('ü😀')] },
  { type: 'varchar(9) character set utf8', values: [text(wide)] },
  { type: 'varchar(9) character set ascii', values: [text('abc')] },
  { type: 'varchar(9) character set sjis', values: [text('abc')] },
  {
    type: 'binary(4)',
    values: [
      [`x'41000000'`, '\\x41000000'],
      [`x'00000000'`, '\\x00000000'],
      [`x'20202020'`, '\\x20202020'],
    ],
  },
  { type: 'binary(255)', values: [[`x'01'`, `\\x01${'00'.repeat(254)}`]] },
  {
    type: 'varbinary(8)',
    values: [
      [`x''`, '\\x'],
      [`x'4100'`, '\\x4100'],
    ],
  },
  {
    type: 'blob',
    values: [
      [`x'00ff'`, '\\x00ff'],
      [`repeat('m', 70)`, `\\x${'6d'.repeat(70)}`],
    ],
  },
  { type: 'mediumblob', values: [[`repeat('m', 70000)`, `\\x${'6d'.repeat(70_000)}`]] },
  { type: `enum('a','b,c','ü''')`, values: [text('a'), text('b,c'), [`'ü'''`, `ü'`]] },
  { type: `enum('ä','ö') character set latin1`, values: [text('ä'), text('ö')] },
  { type: `set('x','y','ü')`, values: [text(''), text('x'), text('x,ü'), ["'y,x'", 'x,y']] },
  {
    type: 'point',
    values: [[`st_geomfromtext('point(1 -2)')`, '\\x000000000101000000000000000000f03f00000000000000c0']],
  },
  { type: 'json', only: 'mariadb', values: [[`'{"b": [1, 2.50]}'`, '{"b": [1, 2.50]}']] },
  {
    type: 'json',
    only: 'mysql',
    values: [
      [`'{"b":[1,2.50,null,"ü"],"a":{}}'`, '{"a": {}, "b": [1, 2.5, null, "ü"]}'],
      [`'18446744073709551615'`, '18446744073709551615'],
      ['json_array(cast(1.10 as decimal(10,2)))', '[1.10]'],
      [`'"plain"'`, '"plain"'],
    ],
  },
];

/** Values that have no canonical text: how they get in, what a policy may make of them, and what goes to a server of the family. */
const formless: readonly {
  readonly type: string;
  readonly sql: string;
  readonly chosen?: string | null;
  readonly kept?: string;
}[] = [
  { type: 'date', sql: `'0000-00-00'`, chosen: null, kept: '0000-00-00' },
  { type: 'date', sql: `'2024-02-30'`, chosen: null, kept: '2024-02-30' },
  { type: 'datetime(3)', sql: `'2024-00-10 01:02:03'`, chosen: null, kept: '2024-00-10 01:02:03' },
  { type: 'timestamp null', sql: `'0000-00-00 00:00:00'`, chosen: null, kept: '0000-00-00 00:00:00+00' },
  { type: `enum('a','b')`, sql: `'c'`, chosen: null },
  { type: 'varchar(9)', sql: `'a\\0b'`, chosen: 'ab', kept: 'a\0b' },
  { type: 'varchar(9) character set sjis', sql: `convert('日' using sjis)` },
];

describe.for(allSeries)('canonical values from the binlog of $series', ({ series, tested }) => {
  let server: MysqlServer;
  let url = '';
  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series, settings: { 'sql-mode': 'ALLOW_INVALID_DATES', 'max-allowed-packet': '64M' } });
    url = `mysql://root@127.0.0.1:${server.port}/`;
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  test.skipIf(!tested)('are exact for every type, in inserts, updates and deletes, with NULL', async () => {
    await using session = await openSession(url);
    await run(session, ['create database v', 'use v']);
    const chosen = cases.filter(({ only }) => only === undefined || only === server.flavour);
    for (const [at, { type }] of chosen.entries()) {
      await session.query(
        `create table t${at} (id int primary key, c ${type}, after_ varchar(9) character set latin1)`,
      );
    }
    const after = await endOfBinlog(session);
    for (const [at, { values }] of chosen.entries()) {
      const table = `t${at}`;
      for (const [id, [sql]] of values.entries())
        await session.query(`insert into ${table} values (${id}, ${sql}, 'ü')`);
      await session.query(`insert into ${table} values (99, null, 'ü')`);
      await session.query(`update ${table} set after_ = 'é'`);
      await session.query(`update ${table} set c = null where id = 0`);
      await session.query(`update ${table} set id = id + 100`);
      await session.query(`delete from ${table} order by id`);
    }
    await using stream = await openStream(url, after);
    const events = decode(await readUpTo(stream, await endOfBinlog(session)));
    for (const [at, { type, values }] of chosen.entries()) {
      const texts = [...values.map(([, canonical]) => canonical), 'NULL'];
      const ids = [...values.keys(), 99];
      const rows = (shift: number, last: string): string[] =>
        ids.map((id, index) => `${id + shift}|${texts[index] ?? ''}|${last}`);
      // Of an update that leaves the key, only what changed is sent, and moments.
      const isSent = /^(datetime|timestamp)/.test(type);
      const changed = ids.map((id, index) => `${id}|${isSent ? (texts[index] ?? '') : 'UNDEFINED'}|é`);
      const emptied = ['0|NULL|é', ...rows(0, 'é').slice(1)];
      const moved = ['100|NULL|é', ...rows(100, 'é').slice(1)];
      expect(rowsOf(events, `t${at}`), type).toEqual(
        [
          ...rows(0, 'ü').map((row) => `+ ${row}`),
          ...changed.map((row) => `= ${row}`),
          '= 0|NULL|UNDEFINED',
          ...emptied.map((row, index) => `${row} = ${moved[index]}`).toSorted(),
          ...moved.map((row) => `- ${row}`),
        ].toSorted(),
      );
    }
  });

  test.skipIf(!tested)(
    'are an error that names table and column where they have no form, or what the policy says',
    async () => {
      await using session = await openSession(url);
      await run(session, ['create database f', 'use f', `set sql_mode = 'ALLOW_INVALID_DATES'`]);
      for (const [at, { type, sql, chosen, kept }] of formless.entries()) {
        await session.query(`create table t${at} (id int primary key, c ${type})`);
        const after = await endOfBinlog(session);
        await session.query(`insert ignore into t${at} values (1, ${sql})`);
        await using stream = await openStream(url, after);
        const records = await readUpTo(stream, await endOfBinlog(session));
        const error = await refusal((async () => decode(records))());
        expect([error.code, error.facts['schema'], error.facts['table'], error.facts['column']], type).toEqual([
          'TEAL-SYNC-130',
          'f',
          `t${at}`,
          'c',
        ]);
        const own = (async () => rowsOf(decode(records, { policy: familyPolicy }), `t${at}`))();
        if (kept === undefined) expect((await refusal(own)).code, type).toBe('TEAL-SYNC-130');
        else expect(await own, type).toEqual([`+ 1|${kept}`]);
        if (chosen === undefined) continue;
        const policy = { ...strictPolicy, zeroDate: 'null', invalidEnum: 'null', nulByte: 'remove' } as const;
        expect(rowsOf(decode(records, { policy }), `t${at}`), type).toEqual([`+ 1|${chosen ?? 'NULL'}`]);
      }
    },
  );

  if (series.startsWith('mariadb'))
    test.skipIf(!tested)(
      'are texts for types that MariaDB logs as bytes: the source asks what they are, and its records say so',
      async () => {
        await using session = await openSession(url);
        await run(session, [
          'create database own',
          'use own',
          'create table t (id int primary key, u uuid, a inet4, b inet6)',
        ]);
        const after = await endOfBinlog(session);
        const addresses = [
          '::1',
          '::',
          'ff00::1:0:0:1',
          '::ffff:1.2.3.4',
          '1:2:3:4:5:6:7:8',
          '1::',
          '2001:db8::8:800:200c:417a',
        ];
        for (const [id, address] of addresses.entries()) {
          await session.query(
            `insert into t values (${id}, '123e4567-e89b-12d3-a456-426655440000', '10.0.0.255', '${address}')`,
          );
        }
        await using stream = await openStream(url, after);
        const events = decode(await readUpTo(stream, await endOfBinlog(session)));
        const { rows } = await session.query('select concat_ws("|", id, u, a, b) as text from t order by id');
        expect(rowsOf(events, 't')).toEqual(rows.map((row) => `+ ${row['text']}`));
      },
    );
});

/** Rows of one table in some order: `+ new`, `= new` where the key stays, `old = new`, `- old`. */
function rowsOf(events: readonly StreamEvent[], table: string): readonly string[] {
  const row = (cells: readonly (Buffer | null | undefined)[]): string =>
    cells.map((cell) => cell?.toString() ?? String(cell).toUpperCase()).join('|');
  return events
    .flatMap((event) => {
      if (!('relation' in event) || event.relation.name !== table) return [];
      switch (event.kind) {
        case 'insert':
          return [`+ ${row(event.row.toArray())}`];
        case 'update':
          return [
            `${event.old === undefined ? '' : `${row(event.old.values.toArray())} `}= ${row(event.row.toArray())}`,
          ];
        case 'delete':
          return [`- ${row(event.old.values.toArray())}`];
        default:
          return [];
      }
    })
    .toSorted();
}
