import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { blueMajor, greenMajor, type TestDatabase } from '../../test/support/postgres.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import type { Side } from '../model/catalog.ts';
import { quoteIdent, quoteLiteral } from '../systems/postgres/quote.ts';
import { postgresRepairer } from '../systems/postgres/digest/repair.ts';
import { twoSides, type TwoSides } from '../verify/test-support/two-sides.ts';
import { comparedTables, type ComparedTable } from './differences.ts';

const schemaName = `sch'e"ma \\`;
const tableName = `ta"b'le; drop table x; -- \n\\`;
const table = `${quoteIdent(schemaName)}.${quoteIdent(tableName)}`;
const mood = `${quoteIdent(schemaName)}.${quoteIdent(`mo"od`)}`;
const labels = [`it's`, 'back\\slash', 'a"b', ' ', 'é😀', '{,}'];

const hostileTexts = [
  '',
  ' ',
  "'",
  "''",
  '\\',
  "\\'",
  '\\x41',
  '$$',
  '$1',
  '?',
  '--',
  '/*',
  ';\n\\q\n',
  '\r\n\t\b\f\u0001\u007f\u0085',
  'a\u202eb\u200b\ufeff',
  'é😀ä\u0301',
  'NULL',
  'null',
  '\\N',
  '%s',
  '\\.\n',
  '\u2028',
];
const anyText = fc.oneof(
  fc.constantFrom(...hostileTexts),
  fc.string({ unit: 'binary', maxLength: 12 }).map((value) => value.replaceAll('\0', '')),
);
const jsonText = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value).replaceAll('\\u0000', ''));
const of = (...values: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
/** As an array of PostgreSQL is written. */
const arrayText = fc
  .array(fc.option(anyText), { maxLength: 3 })
  .map((all) => `{${all.map((one) => (one === null ? 'NULL' : `"${one.replaceAll(/["\\]/g, '\\$&')}"`)).join(',')}}`);

/** Type, and values as texts beside NULL. */
const columns: readonly (readonly [type: string, values: fc.Arbitrary<string>])[] = [
  ['text', anyText],
  ['varchar(40)', anyText],
  ['char(9)', of('', 'a', "it's", 'é  ', '\\')],
  ['bytea', fc.uint8Array({ maxLength: 9 }).map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`)],
  ['json', fc.oneof(jsonText, of('{"a" : 1, "a": 2}', ' null ', '"\\u00e9\\\\"'))],
  ['jsonb', fc.oneof(jsonText, of('{"a": 1.00}', '[1, "\\""]'))],
  ['float8', of('NaN', 'Infinity', '-Infinity', '-0', '0.1', '5e-324', '1.7976931348623157e308', '123456789.12345678')],
  ['float4', of('NaN', '-Infinity', '-0', '0.1', '1e-45', '16777217')],
  ['numeric', of('NaN', 'Infinity', '-Infinity', '1', '1.0', '1.00', '-0.000', `1${'0'.repeat(60)}.5`)],
  ['numeric(9,3)', of('NaN', '-1.500', '999999.999')],
  [
    'timestamptz',
    of('infinity', '-infinity', '2026-03-29 01:30:00.123456+02', '0044-03-15 12:00:00 BC', '2026-10-25 02:30:00+00'),
  ],
  ['timestamp', of('infinity', '2026-02-03 04:05:06.000001', '0001-02-03 00:00:00 BC')],
  ['date', of('infinity', '-infinity', '2026-02-03', '2026-12-11', '0044-03-15 BC')],
  ['timetz', of('23:59:59.999999+15:59', '00:00:00-12:30')],
  ['time', of('24:00:00', '01:02:03.5')],
  [
    'interval',
    of('-1 year 2 mons -3 days +04:05:06.7', '1 day -00:00:00.000001', '-1 mons', '00:00:00', '178000 years'),
  ],
  ['uuid', of('00000000-0000-0000-0000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')],
  ['text[]', arrayText],
  ['int[][]', of('{}', '{{1,2},{3,NULL}}', '[2:3]={4,5}')],
  [mood, of(...labels)],
  ['bit(5)', of('00000', '10101')],
  ['varbit', of('', '1', '0101')],
  ['bool', of('t', 'f')],
  ['int8', of('-9223372036854775808', '9223372036854775807')],
  ['money', of('$1,234.56', '-$0.01')],
  ['inet', of('10.0.0.1/8', '::1')],
  ['int4range', of('empty', '[1,5)', '(,3)')],
  ['tsvector', of(`'it''s':1A 'b':2`, '')],
  ['point', of('(0.1,-0)', '(1e300,2)')],
  ['xml', of('<a b="&lt;\'">x</a>', 'no element')],
  ['pg_lsn', of('0/0', 'FFFFFFFF/FFFFFFFF')],
];
const nameOf = (index: number): string => (index === 0 ? `co"l'umn \\ ; --` : `c${index}`);
const nameSQL = columns.map((_, index) => quoteIdent(nameOf(index)));

type Row = readonly (string | null)[];
const anyRow: fc.Arbitrary<Row> = fc.tuple(...columns.map(([, values]) => fc.option(values, { freq: 6 })));
/** One row on both sides: some columns differ, or it is on one alone. */
const anyPair = fc.record({
  key: anyText,
  blue: fc.option(anyRow, { freq: 5 }),
  other: anyRow,
  change: fc.array(fc.nat(columns.length - 1), { maxLength: 5 }),
  onGreen: fc.boolean(),
});

async function made(): Promise<TwoSides> {
  const sides = await twoSides();
  const defined = columns.map(([type], index) => `${nameSQL[index]} ${type}`);
  const quoted = labels.map((label) => quoteLiteral(label));
  await sides.both(`create schema ${quoteIdent(schemaName)}; create type ${mood} as enum (${quoted.join(', ')});
    set lc_monetary = 'C';
    create table ${table} ("k'ey" text, "n" int, ${defined.join(', ')}, made text generated always as (left("k'ey", 3)) stored, primary key ("k'ey", "n"));
    create table parent (id int primary key); create table child (id int primary key, of int references parent);
    create function no() returns trigger language plpgsql as 'begin raise ''a trigger''; end';
    create trigger no before insert or update or delete on ${table} for each row execute function no();`);
  return sides;
}

async function fill(database: TestDatabase, rows: readonly (readonly [number, string, Row])[]): Promise<void> {
  await database.query(`set session_replication_role = replica; truncate ${table}`);
  for (const [n, key, row] of rows) {
    const casts = columns.map(([type], index) => `$${index + 3}::text::${type}`);
    await database.query(
      `insert into ${table} ("k'ey", "n", ${nameSQL.join(', ')}) values ($1, $2, ${casts.join(', ')})`,
      [key, n, ...row],
    );
  }
}

/** What the page and the API show of a comparison. */
async function shown(sides: TwoSides, values: true | 'shown' = 'shown'): Promise<readonly ComparedTable[]> {
  const { tables } = await sides.verify({ values });
  const urls: Readonly<Record<Side, string>> = { blue: sides.blue.url, green: sides.green.url };
  const repairer = (side: Side): ReturnType<typeof postgresRepairer> =>
    postgresRepairer({ url: urls[side], origin: `teal_${sides.green.name}` });
  const { tables: known } = await sides.greenSide.describe();
  const uniqueKeys = (name: string): number =>
    known.find((each) => `${each.schema}.${each.name}` === name)?.uniqueKeys.length ?? 0;
  return comparedTables(tables, 'blue', { repairer, uniqueKeys });
}

/** Everything that a person's session can have set otherwise. */
const oddSession = [
  'datestyle=sql,dmy',
  'intervalstyle=sql_standard',
  'timezone=Asia/Kathmandu',
  'bytea_output=escape',
  'extra_float_digits=-5',
  'standard_conforming_strings=off',
  'xmloption=document',
  'search_path=information_schema',
  'row_security=on',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** As a person does with what was copied. Fails where a statement does. */
async function runAsPerson(url: string, sql: string): Promise<void> {
  const tools = await pgTools(blueMajor(), greenMajor());
  const env = { ...process.env, PGOPTIONS: oddSession, PGCLIENTENCODING: 'LATIN1' };
  const child = spawn(tools.psql, ['-X', '-q', '-v', 'ON_ERROR_STOP=1', url], {
    env,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  child.stdin.end(`${sql}\n`);
  const [said, exit] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect(exit, `${said}\n${sql}`).toEqual([0, null]);
}

async function isRepaired(
  sides: TwoSides,
  pairs: readonly (readonly [Row | null, Row | null])[],
  keys: readonly string[],
): Promise<void> {
  const rowsOf = (side: 0 | 1): readonly (readonly [number, string, Row])[] =>
    pairs.flatMap((pair, n) => (pair[side] === null ? [] : [[n, keys[n] ?? '', pair[side]] as const]));
  await Promise.all([fill(sides.blue, rowsOf(0)), fill(sides.green, rowsOf(1))]);
  for (let round = 0; ; round += 1) {
    const [found] = (await shown(sides)).filter(({ outcome }) => outcome !== 'equal');
    if (found === undefined) return;
    expect(found.repair, 'rows that differ are shown with what repairs them').toBeDefined();
    expect(round, 'twenty rows at a time').toBeLessThan(1 + pairs.length / 20);
    const { on, rows, of: all, sql } = found.repair ?? { on: 'blue', rows: [], of: 0, sql: '' };
    expect([on, rows.length]).toEqual(['green', Math.min(20, all)]);
    // Nothing that is not seen, and no line that ends within a value, but for the name of the table.
    expect(sql.replaceAll(tableName, '')).not.toMatch(/[\p{Cf}\u2028]|[^\P{Cc}\n]/u);
    await runAsPerson(sides.green.url, sql);
  }
}

test('what is shown repairs, in whatever session it is run: hostile names, and every kind of value', async () => {
  await using sides = await made();
  // Each value that is written here once at least, against NULL and against another one.
  const sample = columns.map(([, values]) => fc.sample(values, { numRuns: 60, seed: 5 }));
  const row = (n: number): Row => sample.map((values) => values[n % values.length] ?? null);
  const nulls = columns.map(() => null);
  const fixed = Array.from({ length: 60 }, (_, n): readonly [Row | null, Row | null] => {
    if (n % 4 === 0) return [row(n), nulls];
    if (n % 4 === 1) return [nulls, row(n)];
    return n % 4 === 2 ? [row(n), null] : [null, row(n)];
  });
  await isRepaired(
    sides,
    fixed,
    fixed.map((_, n) => hostileTexts[n % hostileTexts.length] ?? ''),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anyPair, { minLength: 1, maxLength: 12 }), async (pairs) => {
      const both = pairs.map(({ blue, other, change, onGreen }): readonly [Row | null, Row | null] => {
        if (blue === null) return [null, other];
        return [
          blue,
          onGreen ? blue.map((value, index) => (change.includes(index) ? (other[index] ?? null) : value)) : null,
        ];
      });
      await isRepaired(
        sides,
        both,
        pairs.map(({ key }) => key),
      );
    }),
    { numRuns: 8 },
  );
});

test('where a row has changed since, nothing is done to it; rows that are long, or differ in what is computed alone, are not shown', async () => {
  await using sides = await twoSides();
  await sides.both(`create table t (id int primary key, v text, made text generated always as (left(v, 1)) stored);
    insert into t select n, 'v' from generate_series(1, 9) n`);
  await sides.green.query(`update t set v = 'w' where id = 1; update t set v = repeat('x', 10000) where id = 2`);
  const [found] = await shown(sides);
  expect(await shown(sides, true)).toEqual([found]);
  expect(found?.repair).toMatchObject({ on: 'green', of: 2, rows: [{ key: { id: '1' }, columns: ['v', 'made'] }] });
  await sides.green.query(`update t set v = 'newer' where id = 1`);
  await runAsPerson(sides.green.url, found?.repair?.sql ?? '');
  expect(await sides.green.query('select v from t where id = 1')).toEqual([{ v: 'newer' }]);
});
