import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../support/postgres.ts';
import { TestFlow, rowsOf } from './flow.ts';

/** Values of each type that one system or another has written wrongly; as SQL literals. */
const types: Readonly<Record<string, readonly string[]>> = {
  bool: ['t', 'f'],
  '"char"': ['x', ''],
  name: ['a name', 'ünï'],
  int2: ['-32768', '32767'],
  int4: ['-2147483648', '0'],
  int8: ['9223372036854775807', '-9223372036854775808'],
  oid: ['4294967295', '0'],
  'numeric(10,2)': ['12345678.90', '-0.01'],
  numeric: ['NaN', 'Infinity', '1.0', '1.00', '123456789012345678901234567890.123456789012345678901234567890'],
  float4: ['NaN', 'Infinity', '-Infinity', '-0', '1.1754944e-38', '3.4028235e+38'],
  float8: ['NaN', 'Infinity', '-Infinity', '-0', '0.1', '5e-324', '1.7976931348623157e+308'],
  money: ['$1,234.56', '-$0.01'],
  text: ['', ' ', 'E\\ttab', 'line\nline\r\n\\.\n', '\\N', 'null', '💧', 'quote \' " \\', '{"a"}'],
  varchar: ['', 'x  '],
  'varchar(3)': ['äöü', 'x  '],
  'char(4)': ['ab', ''],
  bpchar: ['ab  ', 'ab'],
  bytea: ['\\x00ff5c0a0d09', '\\x'],
  date: ['infinity', '-infinity', '0044-03-15 BC', '5874897-12-31', '2024-02-29'],
  time: ['24:00:00', '00:00:00.000001'],
  timetz: ['12:34:56.789+05:30', '00:00:00-12'],
  timestamp: [
    'infinity',
    '-infinity',
    '0001-01-01 00:00:00 BC',
    '294276-12-31 23:59:59.999999',
    '2024-01-01 00:00:00.000001',
  ],
  timestamptz: ['infinity', '4713-01-01 00:00:00+00 BC', '2024-10-27 02:30:00+02', '1900-01-01 00:00:00+00:19:32'],
  interval: ['1 mon', '30 days', '-1 years -2 mons +3 days -04:05:06.7', '24:00:00', '1 day'],
  'interval day to second(3)': ['1 day 02:03:04.567'],
  'bit(5)': ['10101', '00000'],
  varbit: ['', '1010101010101'],
  inet: ['10.0.0.1', '10.0.0.1/8', '::1'],
  cidr: ['10.0.0.0/8', '2001:db8::/32'],
  macaddr: ['08:00:2b:01:02:03'],
  macaddr8: ['08:00:2b:01:02:03:04:05'],
  uuid: ['00000000-0000-0000-0000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  json: ['{"a":  1, "a": 2}', ' null ', '[]'],
  jsonb: ['{"a": 1.0, "b": [1e400, "\\n"]}', 'null', '{"a": 1.00}'],
  jsonpath: ['$."a"[*]?(@ > 1)'],
  xml: ['<a>&amp; <b/></a>', 'only text'],
  tsvector: ["'a':1A 'b ''c''':2", ''],
  tsquery: ["'a' & !'b' <2> 'c'"],
  point: ['(1,2)', '(NaN,-0)'],
  line: ['{1,-1,0}'],
  lseg: ['[(0,0),(1,1)]'],
  box: ['(2,2),(0,0)'],
  path: ['[(0,0),(1,1)]', '((0,0),(1,1))'],
  polygon: ['((0,0),(1,1),(1,0))'],
  circle: ['<(0,0),2>'],
  int4range: ['empty', '[1,5)', '(,)', '[3,)'],
  numrange: ['[1.0,2.00]', '(,5]'],
  tstzrange: ['["2024-01-01 00:00:00+00","infinity"]'],
  int8multirange: ['{}', '{[1,3),[5,9)}'],
  'int4[]': ['{}', '{1,NULL,3}', '{{1,2},{3,4}}', '[0:2]={1,2,3}'],
  'text[]': ['{"a b","c,d","e\\"f\\\\g",NULL,"NULL",""}'],
  'numeric(6,2)[]': ['{1.00,NaN}'],
  'jsonb[]': ['{"{\\"a\\": 1}",NULL}'],
  pg_lsn: ['16/B374D848', '0/0'],
  txid_snapshot: ['10:20:10,14,15'],
  xid: ['4294967295'],
  tid: ['(4294967295,65535)'],
  regtype: ['integer', 'text'],
  'odd.mood': ['happy', "sad 'n' grey", 'a\\b'],
  'odd.mood[]': ['{happy,"sad \'n\' grey"}'],
  'odd.positive': ['1', '2147483647'],
  'odd.exactly': ['1.0', '1.00'],
  'odd.pair': ['(1,"a,b ""c""")', '(,)', '(2,)'],
  'odd.pair[]': ['{"(1,x)","(,)"}'],
  'odd.span': ['[a,c)', 'empty'],
  'odd."Strange type"': ['one'],
};

const prelude = `create schema odd;
  create type odd.mood as enum ('happy', 'sad ''n'' grey', 'a\\b');
  create domain odd.positive as int check (value > 0);
  create domain odd.exactly as numeric;
  create type odd.pair as (a int, b text);
  create type odd.span as range (subtype = text, collation = "C");
  create type odd."Strange type" as enum ('one');
  create collation odd.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`;

const names = Object.keys(types);
const tableFor = (at: number, kind: string): string => `${kind}${at}`;

/** Of each type: a table with a key, one whose old rows come whole, one without any key. */
function schema(): string {
  const tables = names.flatMap((type, at) => [
    `create table ${tableFor(at, 'keyed')} (id int primary key, v ${type}, w ${type})`,
    `create table ${tableFor(at, 'whole')} (id int not null unique, v ${type}); alter table ${tableFor(at, 'whole')} replica identity full`,
    `create table ${tableFor(at, 'bare')} (v ${type}); alter table ${tableFor(at, 'bare')} replica identity full`,
  ]);
  return [prelude, ...tables].join(';\n');
}

const literal = (value: string): string => `E'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

/** Rows that hold each value, and NULL. */
function inserts(type: string, at: number): string {
  const values = [...(types[type] ?? []).map((value) => `${literal(value)}::${type}`), 'null'];
  const keyed = values.map((value, row) => `(${row}, ${value}, ${values[(row + 1) % values.length] ?? 'null'})`);
  const whole = values.map((value, row) => `(${row}, ${value})`);
  const bare = [...values, ...values].map((value) => `(${value})`);
  return `insert into ${tableFor(at, 'keyed')} values ${keyed.join(', ')};
    insert into ${tableFor(at, 'whole')} values ${whole.join(', ')};
    insert into ${tableFor(at, 'bare')} values ${bare.join(', ')}`;
}

const everyTable = names.flatMap((_, at) => ['keyed', 'whole', 'bare'].map((kind) => tableFor(at, kind)));

test(
  'every type survives insert, update and delete, by a key, by whole rows and without a key',
  { timeout: 240_000 },
  async () => {
    for (const [from, to] of [
      [blueMajor(), greenMajor()],
      [greenMajor(), blueMajor()],
    ] as const) {
      await using source = await testDatabase(from);
      await using target = await testDatabase(to);
      for (const db of [source, target]) await db.query(schema());
      await using flow = await TestFlow.open(source, target);
      await flow.start();
      const same = async (): Promise<void> => {
        await flow.carry();
        for (const table of everyTable) expect(await rowsOf(target, table), table).toEqual(await rowsOf(source, table));
      };
      for (const [at, type] of names.entries()) await source.query(inserts(type, at));
      await same();
      // Every value becomes another one; one row of two equal ones changes.
      for (const at of names.keys()) {
        await source.query(`update ${tableFor(at, 'keyed')} set v = w, w = v;
        update ${tableFor(at, 'whole')} o set v = (select i.v from ${tableFor(at, 'whole')} i where i.id = o.id + 1);
        update ${tableFor(at, 'bare')} set v = (select v from ${tableFor(at, 'bare')} limit 1) where ctid = (select max(ctid) from ${tableFor(at, 'bare')})`);
      }
      await same();
      for (const at of names.keys()) {
        await source.query(`delete from ${tableFor(at, 'keyed')} where id % 2 = 0; delete from ${tableFor(at, 'whole')} where id % 2 = 0;
        delete from ${tableFor(at, 'bare')} where ctid in (select min(ctid) from ${tableFor(at, 'bare')} group by v::text)`);
      }
      await same();
    }
  },
);

/** What `create table … primary key` takes, with many rows: the batch's own table holds the keys and is joined to the target. */
const keys: Readonly<Record<string, string>> = {
  int8: 'i::int8',
  text: `'key ' || i`,
  'varchar(20)': `'key ' || i`,
  'char(8)': 'i::text',
  uuid: `md5(i::text)::uuid`,
  bytea: `decode(md5(i::text), 'hex')`,
  numeric: `i + 0.50`,
  float8: 'i / 7.0::float8',
  date: `date '2000-01-01' + i`,
  timestamptz: `timestamptz '2000-01-01' + i * interval '1 microsecond'`,
  interval: `i * interval '1 mon'`,
  inet: `inet '10.0.0.0' + i`,
  'int4[]': 'array[i, -i]',
  'text[]': `array['a,' || i, null]`,
  int4range: `int4range(i, i + 1)`,
  jsonb: `jsonb_build_object('k', i)`,
  'odd.exactly': 'i::numeric',
  'odd.positive': 'i',
  'odd.pair': `row(i, 'x,' || i)::odd.pair`,
  'text collate odd.nocase': `'Key ' || i`,
  macaddr: `('08:00:2b:00:' || lpad(to_hex(i / 256), 2, '0') || ':' || lpad(to_hex(i % 256), 2, '0'))::macaddr`,
  varbit: `i::bit(16)::varbit`,
  time: `time '00:00' + i * interval '1 second'`,
};

test('keys of every kind find their rows, one by one and many at once', { timeout: 120_000 }, async () => {
  await using source = await testDatabase(blueMajor());
  await using target = await testDatabase(greenMajor());
  const kinds = Object.keys(keys);
  const made = kinds.map((type, at) => `create table t${at} (k ${type} primary key, n int, v text)`);
  for (const db of [source, target]) await db.query([prelude, ...made].join(';\n'));
  await using flow = await TestFlow.open(source, target);
  await flow.start();
  const same = async (): Promise<void> => {
    await flow.carry();
    for (const [at, type] of kinds.entries()) {
      expect(await rowsOf(target, `t${at}`), type).toEqual(await rowsOf(source, `t${at}`));
    }
  };
  for (const [at, type] of kinds.entries()) {
    await source.query(`insert into t${at} select ${keys[type] ?? ''}, i, 'v' || i from generate_series(1, 200) i`);
  }
  await same();
  for (const at of kinds.keys()) await source.query(`update t${at} set v = v || '!'`);
  await same();
  for (const at of kinds.keys()) {
    await source.query(`update t${at} set v = 'few' where n <= 3; delete from t${at} where n between 4 and 6`);
  }
  await same();
  for (const [at, type] of kinds.entries()) {
    await source.query(
      `delete from t${at} where n > 20; update t${at} set k = (select ${keys[type] ?? ''} from (select n + 1000 as i) x)`,
    );
  }
  await same();
});

test('types of extensions, whose operators are in a schema of their own', async () => {
  await using source = await testDatabase(blueMajor());
  await using target = await testDatabase(greenMajor());
  const schema = `create schema ext; create extension citext schema ext; create extension hstore schema ext;
    create table c (k ext.citext primary key, h ext.hstore); create table b (c ext.citext, h ext.hstore); alter table b replica identity full`;
  for (const db of [source, target]) await db.query(schema);
  await using flow = await TestFlow.open(source, target);
  await flow.start();
  const same = async (): Promise<void> => {
    await flow.carry();
    for (const table of ['c', 'b']) expect(await rowsOf(target, table)).toEqual(await rowsOf(source, table));
  };
  await source.query(`insert into c select 'Key' || i, ext.hstore('a"b', i::text) from generate_series(1, 200) i;
    insert into b values ('A', 'a=>1'), ('a', 'a=>1'), ('a', null)`);
  await same();
  await source.query(
    `update c set h = h operator(ext.||) 'x=>NULL'; delete from b where c::text = 'a' and h is not null; update b set h = 'q=>2' where c::text = 'A'`,
  );
  await same();
  await source.query(
    `update c set k = ext.citext(lower(k::text)); update c set h = null where k::text = 'key7'; delete from c where k::text like 'key1%'`,
  );
  await same();
});
