import type { Malformed, TypeCase, Value } from './type-case.ts';

/** What it becomes on each of the two, where they differ. */
type Becomes = string | null | { readonly mysql: string; readonly mariadb: string };
type Flavour = 'mysql' | 'mariadb';

interface FamilyMalformed extends Omit<Malformed, 'becomes'> {
  readonly becomes?: Becomes;
}
interface FamilyCase extends Omit<TypeCase, 'malformed'> {
  readonly malformed: readonly FamilyMalformed[];
}

const bad = (value: Value, becomes?: Becomes): FamilyMalformed =>
  becomes === undefined ? { value } : { value, becomes };
const hexOf = (text: string): string => Buffer.from(text).toString('hex').toUpperCase();

function integers(): readonly FamilyCase[] {
  return ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'].flatMap((type, at): readonly FamilyCase[] => {
    const half = 1n << ([7n, 15n, 23n, 31n, 63n][at] ?? 7n);
    const [low, high, most] = [-half, half - 1n, 2n * half - 1n].map(String);
    const form = 'integer';
    return [
      {
        type,
        form,
        values: ['1', '0', '-1', low ?? '', high ?? ''],
        malformed: [bad(String(half), high), bad(`'x'`, '0')],
      },
      {
        type: `${type} unsigned`,
        form,
        // From the half on it is negative where the sign is not known.
        values: ['1', '0', String(half), most ?? ''],
        malformed: [bad('-1', '0')],
      },
    ];
  });
}

const nul = (sql: string, without: string): FamilyMalformed => ({
  value: sql,
  policy: { called: 'remove', makes: hexOf(without) },
});
const noDate = (sql: string): FamilyMalformed => ({ value: sql, policy: { called: 'null', makes: null } });
const noLabel = (sql: string): FamilyMalformed => ({ value: sql, policy: { called: 'null', makes: null } });
/** Half of a pair that UTF-16 writes for one character: three bytes that MySQL takes for UTF-8. */
const surrogate = bad([`_ucs2 x'0061d800'`, 'half of a surrogate pair']);

/** Between two of these a tool has taken one for the other. */
const traps: readonly Value[] = [`'A'`, `'á'`, `''`, `'😀'`, `'NULL'`, `'\\\\N'`, `'\\\\.'`];
const quoting: Value = [`' , "(\\\\)\\t\\n\\r{}'''`, 'quotes, brackets, tab, line end'];

const types: readonly FamilyCase[] = Object.freeze([
  ...integers(),
  { type: 'int(7) unsigned zerofill', form: 'integer', values: ['42', '0'], malformed: [bad('-1', '0')] },
  { type: 'tinyint(1)', form: 'boolean', values: ['1', '0'], malformed: [bad('5')] },
  {
    type: 'decimal(10,2)',
    form: 'text',
    values: ['1.50', '0', '-0.01', '99999999.99', '-99999999.99'],
    malformed: [bad('1e30', '99999999.99')],
  },
  {
    type: 'decimal(65,30)',
    form: 'text',
    values: [
      '1',
      [`-${'9'.repeat(35)}.${'9'.repeat(30)}`, 'the smallest'],
      [`0.${'0'.repeat(29)}1`, 'the least above 0'],
    ],
    malformed: [bad(`'x'`, `0.${'0'.repeat(30)}`)],
  },
  {
    type: 'decimal(20,0) unsigned',
    form: 'text',
    values: ['1', '0', '99999999999999999999'],
    malformed: [bad('-1', '0')],
  },
  {
    type: 'float',
    form: 'real',
    values: ['0.1', '0', '-0e0', '-3.4028234663852886e38', '1.17549435e-38', '1.4e-45', '16777217'],
    malformed: [bad('1e39', String(Math.fround(3.402_823_466_385_288_6e38)))],
  },
  { type: 'float(7,2)', form: 'real', values: ['1.5', '-12345.67'], malformed: [bad(`'x'`, '0')] },
  {
    type: 'double',
    form: 'real',
    values: ['0.1', '0', '-0e0', '-1.7976931348623157e308', '5e-324', '-0.30000000000000004', '1e23'],
    malformed: [bad(`'nan'`, '0')],
  },
  { type: 'double unsigned', form: 'real', values: ['0.1', '0', '1e300'], malformed: [bad('-1', '0')] },
  { type: 'bit(1)', form: 'bits', values: [`b'1'`, `b'0'`], malformed: [bad('2', '1')] },
  {
    type: 'bit(10)',
    form: 'bits',
    values: [`b'101'`, `b'0'`, `b'1000000001'`],
    malformed: [bad('1024', '1'.repeat(10))],
  },
  {
    type: 'bit(64)',
    form: 'bits',
    values: [`b'101'`, ['~0', 'all ones'], [`b'1${'0'.repeat(63)}'`, 'the first alone']],
    malformed: [bad(`'123456789'`, '1'.repeat(64))],
  },
  {
    type: 'char(5)',
    form: 'characters',
    values: [`'ab'`, ...traps, `'é  '`, `'é😀日本x'`],
    malformed: [nul(`'a\\0b'`, 'ab'), surrogate, bad(`'abcdefg'`, hexOf('abcde'))],
  },
  {
    type: 'varchar(50)',
    form: 'characters',
    values: [`'ab'`, ...traps, quoting, `'ab '`, `' '`, [`repeat('é', 50)`, 'the longest']],
    malformed: [
      nul(`'a\\0b'`, 'ab'),
      surrogate,
      bad([`_binary x'61ff62'`, 'bytes that are no UTF-8'], { mysql: hexOf('a'), mariadb: hexOf('a?b') }),
    ],
  },
  {
    type: 'varchar(9) character set latin1',
    form: 'characters',
    values: [`'ab'`, `'äß€'`, [`_latin1 x'8081ff'`, '80, 81 and ff']],
    malformed: [nul(`'a\\0b'`, 'ab')],
  },
  {
    type: 'varchar(9) character set utf8mb3',
    form: 'characters',
    values: [`'ab'`, `'é日'`],
    malformed: [nul(`'a\\0b'`, 'ab')],
  },
  {
    type: 'varchar(9) character set utf16',
    form: 'characters',
    values: [`'ab'`, `'日😀?'`],
    malformed: [nul(`'a\\0b'`, 'ab')],
  },
  {
    type: 'varchar(9) character set ucs2',
    form: 'characters',
    values: [`'ab'`, `'é日'`],
    malformed: [bad([`_ucs2 x'd800'`, 'half of a surrogate pair'])],
  },
  {
    type: 'varchar(9) character set cp1251',
    form: 'characters',
    values: [`'ab'`, `'жук'`],
    malformed: [nul(`'a\\0b'`, 'ab')],
  },
  {
    type: 'varchar(9) character set sjis',
    form: 'characters',
    values: [`'ab'`, `'?'`],
    malformed: [
      bad([`'日本ソ'`, 'characters beyond ASCII']),
      bad([`_sjis x'f040'`, 'a character that Unicode has not']),
    ],
  },
  { type: 'tinytext', form: 'characters', values: [`'ab'`, `''`, `'é '`], malformed: [nul(`'a\\0b'`, 'ab')] },
  {
    type: 'text',
    form: 'characters',
    values: [`'ab'`, ...traps, quoting, [`repeat('é', 30000)`, '60 000 bytes']],
    malformed: [nul(`'a\\0b'`, 'ab'), surrogate],
  },
  { type: 'mediumtext', form: 'characters', values: [`'ab'`, `''`], malformed: [nul(`'a\\0b'`, 'ab')] },
  {
    type: 'longtext',
    form: 'characters',
    values: [`'ab'`, `''`, [`repeat('\\\\', 300000)`, '300 000 backslashes']],
    malformed: [nul(`'a\\0b'`, 'ab')],
  },
  {
    type: 'json',
    form: 'characters',
    values: [
      `'{"b": [1, 2.50, "é\\\\n"], "a": null}'`,
      `'[]'`,
      `'1'`,
      `'null'`,
      `'"text"'`,
      `'18446744073709551615'`,
      `'1e300'`,
      [`'{"a": "\\\\u0000"}'`, 'an escaped NUL'],
    ],
    malformed: [bad(`'{"a"'`)],
  },
  {
    type: 'binary(4)',
    form: 'bytes',
    // Zeros at the end are not in the log.
    values: [`'A'`, `x'41000000'`, `x'00000000'`, `x'20202020'`, `x'ff00fe0a'`],
    malformed: [bad(`x'4142434445'`, '41424344')],
  },
  {
    type: 'varbinary(20)',
    form: 'bytes',
    values: [`'A'`, `x''`, `x'4100'`, `x'4120'`, `x'00ff5c09'`, [`repeat('x', 20)`, 'the longest']],
    malformed: [bad([`repeat('x', 21)`, '21 bytes'], '78'.repeat(20))],
  },
  ...['tinyblob', 'blob', 'mediumblob', 'longblob'].map((type): FamilyCase => ({
    type,
    form: 'bytes',
    values: [
      `x'41'`,
      `x''`,
      `x'00ff5c0a'`,
      ...(type === 'longblob' ? [[`repeat(x'00', 400000)`, '400 000 zeros'] as const] : []),
    ],
    malformed: type === 'tinyblob' ? [bad([`repeat('x', 256)`, '256 bytes'], '78'.repeat(255))] : [],
  })),
  {
    type: 'date',
    form: 'date',
    values: [`'2024-02-29'`, `'1000-01-01'`, `'9999-12-31'`, `'0001-01-01'`],
    malformed: [noDate(`'0000-00-00'`), noDate(`'2024-02-30'`), noDate(`'2024-00-10'`), noDate(`'0000-01-01'`)],
  },
  {
    type: 'datetime',
    form: 'moment',
    values: [`'2024-02-29 23:59:59'`, `'1000-01-01 00:00:00'`, `'9999-12-31 23:59:59'`],
    malformed: [noDate(`'0000-00-00 00:00:00'`), noDate(`'2024-02-30 01:02:03'`)],
  },
  {
    type: 'datetime(6)',
    form: 'moment',
    values: [`'2024-01-02 03:04:05.120000'`, `'1000-01-01 00:00:00'`, `'9999-12-31 23:59:59.999999'`],
    malformed: [noDate(`'2024-00-10 01:02:03.5'`)],
  },
  {
    type: 'timestamp null',
    form: 'instant',
    values: [`'2024-10-27 00:30:00'`, `'1970-01-01 00:00:01'`, `'2038-01-19 03:14:07'`],
    malformed: [noDate(`'0000-00-00 00:00:00'`), noDate(`'1960-01-01 00:00:00'`)],
  },
  {
    type: 'timestamp(6) null',
    form: 'instant',
    values: [`'2024-06-01 12:00:00.25'`, `'1970-01-01 00:00:01'`, `'2038-01-19 03:14:07.999999'`],
    malformed: [noDate(`0`)],
  },
  {
    type: 'time',
    form: 'span',
    values: [`'12:34:56'`, `'00:00:00'`, `'-00:00:01'`, `'-838:59:59'`, `'838:59:59'`],
    malformed: [bad(`'900:00:00'`, '3020399000000')],
  },
  {
    type: 'time(6)',
    form: 'span',
    values: [`'12:34:56.7'`, `'00:00:00'`, `'-00:00:00.000001'`, `'-838:59:58.999999'`],
    malformed: [bad(`'x'`, '0')],
  },
  { type: 'year', form: 'integer', values: ['2024', '0', '1901', '2155'], malformed: [bad('1800', '0')] },
  {
    type: `enum('a','b,c','d''e','é')`,
    form: 'characters',
    values: [`'a'`, `'b,c'`, `'d''e'`, `'é'`],
    malformed: [noLabel(`'zzz'`)],
  },
  { type: `enum('a','')`, form: 'characters', values: [`'a'`, `''`], malformed: [noLabel(`'zzz'`)] },
  {
    type: `set('x','y z','é')`,
    form: 'characters',
    values: [`'x'`, `''`, `'é,x'`, `'x,y z,é'`],
    malformed: [bad(`'q'`, '')],
  },
  {
    type: 'point',
    form: 'geometry',
    // MariaDB takes its first bytes for a key.
    keyApart: true,
    values: [`st_geomfromtext('point(1 -2)')`, `st_geomfromtext('point(10 20)', 4326)`],
    malformed: [bad(`x'00'`)],
  },
  {
    type: 'geometry',
    form: 'geometry',
    values: [`st_geomfromtext('point(1 2)')`, `st_geomfromtext('polygon((0 0,1 0,1 1,0 0))')`],
    malformed: [bad(`'x'`)],
  },
  {
    type: 'uuid',
    form: 'text',
    values: [`'123e4567-E89B-12d3-a456-426655440000'`, `'00000000-0000-0000-0000-000000000000'`],
    malformed: [bad(`'x'`, null)],
  },
  { type: 'inet4', form: 'address', values: [`'10.0.0.255'`, `'0.0.0.0'`], malformed: [bad(`'x'`, null)] },
  {
    type: 'inet6',
    form: 'address',
    values: [`'2001:DB8::8:800:200c:417a'`, `'::'`, `'::ffff:1.2.3.4'`, `'ff00::1:0:0:1'`],
    malformed: [bad(`'x'`, null)],
  },
  { type: 'vector(3)', form: 'bytes', values: [`x'0000803f0000803f0000803f'`], malformed: [] },
]);

/** Of MySQL and MariaDB; a server that has not one of them says so. */
export function mysqlTypesOf(flavour: Flavour): readonly TypeCase[] {
  return types.map((each) => ({
    ...each,
    malformed: each.malformed.map(({ becomes, ...more }) =>
      becomes === undefined
        ? more
        : { ...more, becomes: becomes === null || typeof becomes === 'string' ? becomes : becomes[flavour] },
    ),
  }));
}
