import type { TypeCase, Malformed } from './type-case.ts';

/** Values of each type that one system or another has written wrongly; as SQL literals. */
export const postgresTypes: Readonly<Record<string, readonly string[]>> = {
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

/** What some of them need. */
export const typesPrelude = `create schema odd;
  create type odd.mood as enum ('happy', 'sad ''n'' grey', 'a\\b');
  create domain odd.positive as int check (value > 0);
  create domain odd.exactly as numeric;
  create type odd.pair as (a int, b text);
  create type odd.span as range (subtype = text, collation = "C");
  create type odd."Strange type" as enum ('one');
  create collation odd.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`;

/** A value as SQL, in one line. */
export function literalOf(value: string): string {
  const quoted = value.replaceAll("'", "''");
  if (!/[\\\r\n]/.test(value)) return `'${quoted}'`;
  return `E'${quoted.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`;
}

/** Types that take nearly every text: what they do not take is bytes that are none. */
const texts: ReadonlySet<string> = new Set([
  '"char"',
  'name',
  'text',
  'varchar',
  'varchar(3)',
  'char(4)',
  'bpchar',
  'xml',
  'tsvector',
]);

const noText: Malformed = { value: [`E'\\377'`, 'bytes that are no UTF-8'] };

/** What is no number is 0 to an xid. */
function noValue(type: string): Malformed {
  return { value: `'\\'`, ...(type === 'xid' ? { becomes: '0' } : {}) };
}

/** PostgreSQL checks what it is given whatever a session's settings are, so that nothing malformed gets in. */
export const postgresCases: readonly TypeCase[] = Object.entries(postgresTypes).map(([type, values]) => ({
  type,
  form: 'as it is',
  values: values.map(literalOf),
  malformed: [noText, ...(texts.has(type) ? [] : [noValue(type)])],
}));
