import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { parseType } from '../model/mysql-type.ts';
import { mapCatalog } from './map-catalog.ts';
import { keepsOrRefuses } from './silent-changes.ts';
import { catalog, column, table } from './test-support/catalog.ts';

/** Types of MySQL, each with canonical texts that something is likely to change. */
const sources: readonly (readonly [type: string, ...texts: readonly string[]])[] = [
  ['tinyint(1)', '0', '1'],
  ['tinyint', '5', '-128'],
  ['smallint unsigned', '65535', '7'],
  ['mediumint', '1000000', '-8388608'],
  ['int', '5', '20240101', '16777217', '-2147483648', '100000'],
  ['bigint', '9007199254740993', '20240101'],
  ['bigint unsigned', '18446744073709551615'],
  ['decimal(10,2)', '1.50', '-12345678.99', '0.00'],
  ['decimal(20,0)', '12345678901234567890', '20240101'],
  ['float', '0.1', '1e+06', '-0', '3.4028235e+38', '5'],
  ['double', '0.1', '1e+15', '-0', '0.1234567890123', '20240101'],
  ['bit(1)', '0', '1'],
  ['bit(8)', '00000101'],
  ['char(5)', 'a', 'ABCDE'],
  ['varchar(20)', 'a', 'true', 'x1F', '007', '{"b":1,  "a":2}', '2024-01-01 10:00:00', '\\x41', '1.2.3.4/32'],
  ['text', 'yes', ' 5 ', '1e3', '10:00', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'],
  ['varbinary(20)', '\\x00ff', '\\x'],
  ['date', '2024-01-31'],
  ['time', '10:00:00', '-838:59:59'],
  ['time(6)', '10:00:00.123456'],
  ['datetime', '2024-01-31 10:00:00'],
  ['datetime(6)', '2024-01-31 10:00:00.123456'],
  ['timestamp', '2024-01-31 10:00:00+00'],
  ['timestamp(6)', '2024-01-31 10:00:00.123456+00'],
  ['year', '2024', '0'],
  [`enum('a','yes','5')`, 'a', 'yes', '5'],
  [`set('a','1')`, 'a,1', '1'],
  ['json', '{"a": 1}', '5', 'true', '-0'],
  ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['inet6', '::1'],
];

const numbers = [
  'smallint',
  'integer',
  'bigint',
  'numeric',
  'numeric(10)',
  'numeric(10,2)',
  'numeric(12,4)',
  'real',
  'double precision',
  'money',
];
const texts = ['text', 'varchar', 'varchar(40)', 'char(3)', 'char(40)', 'name', 'json', 'bytea'];
const times = [
  'date',
  'time',
  'time(0)',
  'time with time zone',
  'timestamp',
  'timestamp(0)',
  'timestamptz',
  'timestamptz(3)',
  'interval',
  'interval(0)',
  'interval hour to minute',
];
const others = ['boolean', 'bit(8)', 'bit varying(8)', 'uuid', 'inet', 'cidr'];

describe.each([...new Set([blueMajor(), greenMajor()])])('on PostgreSQL %s', (major) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase(major);
    // A literal without a type is read by the type's input function, as a parameter and a line of COPY are.
    await database.query(`create function keep(type text, t text) returns text language plpgsql set timezone = 'UTC' as $$
      declare made text;
      begin
        execute format('create table kept (v %s)', type);
        execute format('insert into kept values (%L)', t);
        select concat(v) into made from kept;
        drop table kept;
        return made;
      exception when others then return null;
      end $$`);
  });
  afterAll(async () => database[Symbol.asyncDispose]());

  /** What columns of a type make of texts, as the stream and the copy bring them; null where they refuse. */
  async function stored(
    asked: readonly { readonly type: string; readonly text: string }[],
  ): Promise<readonly (string | null)[]> {
    const rows = await database.query(
      'select keep(y, t) as v from unnest($1::text[], $2::text[]) with ordinality u (y, t, n) order by n',
      [asked.map(({ type }) => type), asked.map(({ text }) => text)],
    );
    return rows.map((row) => row['v'] ?? null);
  }

  test('no type changes a value that it takes of the types that may become it', async () => {
    const asked = [...numbers, ...texts, ...times, ...others].flatMap((type) =>
      sources
        .filter(([source]) => keepsOrRefuses(parseType(source), type))
        .flatMap(([source, ...values]) => values.map((text) => ({ type, source, text }))),
    );
    const found = await stored(asked);
    const changed = asked.flatMap(({ type, source, text }, place) => {
      const made = found[place] ?? null;
      // Numbers and truth values are compared as one.
      const same = type === 'boolean' ? { t: '1', f: '0' }[made ?? ''] : made;
      return made === null || same === text ? [] : [`${source} ${text} in ${type}: ${made}`];
    });
    expect(changed).toEqual([]);
    expect(found.filter((made) => made !== null).length).toBeGreaterThan(200);
  });

  test('what is refused as a choice would have been changed', async () => {
    const wrong = [
      ['decimal(10,4)', 'numeric(10,2)', '1.2345'],
      ['datetime(6)', 'timestamp(0)', '2024-01-31 10:00:00.6'],
      ['datetime', 'date', '2024-01-31 10:00:00'],
      ['datetime', 'time', '2024-01-31 10:00:00'],
      ['timestamp', 'timestamp', '2024-01-31 10:00:00+00'],
      ['time(3)', 'interval(0)', '10:00:00.6'],
      ['time', 'interval hour to minute', '10:00:01'],
      ['double', 'real', '0.1234567890123'],
      ['bigint', 'double precision', '9007199254740993'],
      ['int', 'numeric(10,2)', '5'],
      ['bit(8)', 'integer', '00000101'],
      ['varchar(9)', 'char(20)', 'a'],
      ['varchar(9)', 'integer', '007'],
      ['text', 'uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'],
      ['text', 'bytea', 'abc'],
      ['int', 'interval', '5'],
    ] as const;
    const found = await stored(wrong.map(([, type, text]) => ({ type, text })));
    for (const [place, [source, type, text]] of wrong.entries()) {
      const made = found[place] ?? null;
      expect([source, type, made === null || made === text]).toEqual([source, type, false]);
      expect([source, type, keepsOrRefuses(parseType(source), type)]).toEqual([source, type, false]);
    }
  });

  test('a choice that changes values is a mistake of the file, with the column and what would happen', () => {
    const source = catalog([
      table('shop.t', [column('at', 'datetime(6)'), column('n', 'decimal(10,2)'), column('w', 'varchar(50)')]),
    ]);
    const chosen = (types: Readonly<Record<string, string>>): readonly string[] =>
      mapCatalog(source, {
        postgresMajor: major,
        tables: {
          'shop.t': { columns: Object.fromEntries(Object.entries(types).map(([name, type]) => [name, { type }])) },
        },
      }).mistakes;
    expect(chosen({ at: 'timestamp', n: 'numeric', w: 'text' })).toEqual([]);
    expect(chosen({ at: 'timestamp(3)', n: 'numeric(10,1)' })).toEqual([
      expect.stringMatching(/^shop\.t\.at cannot become timestamp\(3\): /),
      expect.stringMatching(/^shop\.t\.n cannot become numeric\(10,1\): /),
    ]);
    const narrower = mapCatalog(source, {
      postgresMajor: major,
      tables: { 'shop.t': { columns: { w: { type: 'varchar(20)' } } } },
    });
    expect(narrower.mistakes).toEqual([]);
    expect(narrower.tables[0]?.columns[2]?.loss.join()).toContain('Blanks beyond 20 characters');
  });
});
