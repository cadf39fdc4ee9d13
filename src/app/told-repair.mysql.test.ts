import fc from 'fast-check';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { longSeries } from '../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import type { Side, TableName } from '../model/catalog.ts';
import type { Names } from '../model/name-map.ts';
import type { Repairer } from '../ports/digester.ts';
import { connect, type MysqlConnection, type MysqlParameter } from '../systems/mysql/connection.ts';
import { mysqlRepairer } from '../systems/mysql/digest/repair.ts';
import { mysqlSide } from '../systems/mysql/digest/side.ts';
import { readCatalog } from '../systems/mysql/inspect/catalog.ts';
import { quoteIdent, quoteTable } from '../systems/mysql/quote.ts';
import { familyPolicy } from '../systems/mysql/values/policy.ts';
import { columnWriter } from '../systems/mysql/values/to-sql.ts';
import { verifySamePosition } from '../verify/same-position.ts';
import { translatedRepairer, translatedSide } from '../verify/translated-side.ts';
import { comparedTables, type ComparedTable } from './differences.ts';

const schemas: Readonly<Record<Side, string>> = { blue: 'blue `of\' "shop', green: 'green `of\' "shop' };
const tableName = 'ta`b\'l"e; -- \\ $1';
const tableOf = (side: Side): TableName => ({ schema: schemas[side], name: tableName });

const hostileTexts = [
  '',
  "'",
  "''",
  '\\',
  "\\'",
  '\\0',
  'a\0b',
  '?',
  '--',
  ';\n\\q\n',
  '\r\n\t\b\f\u0001\u001a\u007f',
  'a\u202eb\u200b',
  'é😀ä\u0301',
  'NULL',
  '\\N',
  '"',
  '`',
  '\u2028',
];
const anyText = fc.oneof(fc.constantFrom(...hostileTexts), fc.string({ unit: 'binary', maxLength: 9 }));
const of = <T extends MysqlParameter>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength }).map((all) => Buffer.from(all));

/** Numbers are short: MySQL reads some long doubles of a text as their neighbours, so that a text cannot bring them back (see below). */
const json = fc
  .jsonValue({ maxDepth: 2 })
  .map((value) =>
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'number' ? Math.trunc(part % 1e6) / 4 : part)),
  );

/** Type, and values as they are inserted. */
const columns: readonly (readonly [type: string, values: fc.Arbitrary<MysqlParameter>])[] = [
  ['varchar(40) character set utf8mb4', anyText],
  ['text character set utf8mb4', anyText],
  ['varchar(20) character set latin1', of('äß', "it's", '\\', '')],
  ['char(5) character set utf8mb4', of('', 'é', "'", '\\')],
  ['varbinary(9)', bytes(0, 9)],
  ['binary(3)', bytes(3, 3)],
  ['blob', bytes(0, 9)],
  ['json', json],
  ['decimal(20,4)', of('-0.0001', '1234567890123456.7891', '0')],
  ['double', of('-0.1', '1.7976931348623157e308', '5e-324', '0')],
  ['float', of('0.1', '-3.4028234663852886e38', '16777216')],
  ['bit(9)', of(Buffer.from([0]), Buffer.from([1, 255]), Buffer.from([1, 1]))],
  ['bit(1)', of(Buffer.from([0]), Buffer.from([1]))],
  ["enum('it''s','a\\\\b','\"','é')", of("it's", 'a\\b', '"', 'é')],
  ["set('it''s','a\\\\b','é')", of('', "it's", "it's,é", 'a\\b')],
  ['datetime(6)', of('2026-02-03 04:05:06.000001', '1000-01-01 00:00:00', '9999-12-31 23:59:59.999999')],
  ['timestamp(6) null', of('2026-03-29 01:30:00.5', '1970-01-01 00:00:01', '2026-10-25 00:30:00')],
  ['date', of('2026-02-03', '9999-12-31', '0000-00-00', '2026-02-30')],
  ['time(3)', of('-838:59:59', '00:00:00.001', '25:00:00')],
  ['year', of('1901', '2155', '0000')],
  ['bigint unsigned', of(0n, 18446744073709551615n)],
  ['tinyint', of(-128, 127)],
];
const nameOf = (index: number): string => (index === 0 ? 'co`l\'umn \\ " ; --' : `c${index}`);
const names = columns.map((_, index) => quoteIdent(nameOf(index)));

type Row = readonly MysqlParameter[];
const anyRow: fc.Arbitrary<Row> = fc.tuple(...columns.map(([, values]) => fc.option(values, { freq: 6 })));
const anyPair = fc.record({
  blue: fc.option(anyRow, { freq: 5 }),
  other: anyRow,
  change: fc.array(fc.nat(columns.length - 1), { maxLength: 5 }),
  onGreen: fc.boolean(),
});

/** Everything is of one schema, by another name. */
function inSchema(schema: string): Names {
  return {
    table: ({ name }) => ({ schema, name }),
    column: (_, column) => column,
    travels: () => true,
    nullOf: () => undefined,
  };
}

describe.for(longSeries)('$series', ({ series, tested }) => {
  let server: MysqlServer;
  let session: MysqlConnection;
  let url = '';
  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series });
    url = `mysql://root@127.0.0.1:${server.port}/`;
    session = await connect({ url, applicationName: 'teal test' });
    await session.query('create database teal');
    await session.query('create table teal.stream (name varchar(255) primary key, writes bigint not null)');
    for (const side of ['blue', 'green'] as const) {
      await session.query(`create database ${quoteIdent(schemas[side])}`);
      const defined = columns.map(([type], index) => `${names[index]} ${type}`);
      await session.query(`create table ${quoteTable(tableOf(side))} (id int primary key, ${defined.join(', ')})`);
    }
  });
  afterAll(async () => {
    if (!tested) return;
    await session[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  async function fill(side: Side, rows: readonly (readonly [number, Row])[]): Promise<void> {
    const table = quoteTable(tableOf(side));
    await session.query(`truncate table ${table}`);
    const places = columns.map(() => '?').join(', ');
    for (const [id, row] of rows) await session.query(`insert into ${table} values (?, ${places})`, [id, ...row]);
  }

  async function shown(): Promise<ComparedTable | undefined> {
    const sideOf = (side: Side): ReturnType<typeof mysqlSide> =>
      mysqlSide({
        side,
        url,
        readCatalog: async (connection) => readCatalog(connection, schemas[side]),
        policy: familyPolicy,
      });
    const byNames = { ofSide: inSchema(schemas.blue), ofOther: inSchema(schemas.green) };
    const { tables } = await verifySamePosition({
      migration: 'test',
      flow: 'forward',
      live: sideOf('blue'),
      other: translatedSide(sideOf('green'), byNames),
      tables: [tableOf('blue')],
      stopAt: async (position) => position,
      resume: async () => undefined,
      signal: new AbortController().signal,
      values: 'shown',
    });
    const plain = mysqlRepairer({ url, columns: columnWriter, origin: 'teal_test' });
    const repairer = (side: Side): Repairer => (side === 'blue' ? plain : translatedRepairer(plain, byNames));
    return comparedTables(tables, 'blue', { repairer, uniqueKeys: () => 1 }).find(({ outcome }) => outcome !== 'equal');
  }

  /** As a person does with what was copied, in a session that has everything otherwise. */
  async function runAsPerson(sql: string): Promise<void> {
    const person = await createConnection({
      host: server.host,
      port: server.port,
      user: 'root',
      multipleStatements: true,
    });
    try {
      await person.query(
        `set sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,NO_ZERO_DATE'; set time_zone = '+05:45'; set names latin1`,
      );
      // A statement a line; the driver writes each in the character set that the session has by then.
      for (const line of sql.split('\n')) await person.query(line);
    } finally {
      await person.end();
    }
  }

  async function isRepaired(pairs: readonly (readonly [Row | null, Row | null])[]): Promise<void> {
    const rowsOf = (side: 0 | 1): readonly (readonly [number, Row])[] =>
      pairs.flatMap((pair, id) => (pair[side] === null ? [] : [[id, pair[side]] as const]));
    await fill('blue', rowsOf(0));
    await fill('green', rowsOf(1));
    for (let round = 0; ; round += 1) {
      const found = await shown();
      if (found === undefined) return;
      expect(found.repair, 'rows that differ are shown with what repairs them').toBeDefined();
      expect(round, 'twenty rows at a time').toBeLessThan(1 + pairs.length / 20);
      const sql = found.repair?.sql ?? '';
      expect(sql).not.toMatch(/[\p{Cf}\u2028]|[^\P{Cc}\n]/u);
      await runAsPerson(sql);
    }
  }

  test.skipIf(!tested)(
    'what is shown repairs, in whatever session it is run: hostile names, and every kind of value',
    async () => {
      const sample = columns.map(([, values]) => fc.sample(values, { numRuns: 40, seed: 5 }));
      const row = (n: number): Row => sample.map((values) => values[n % values.length] ?? null);
      const nulls = columns.map(() => null);
      const fixed = Array.from({ length: 40 }, (_, n): readonly [Row | null, Row | null] => {
        if (n % 4 === 0) return [row(n), nulls];
        if (n % 4 === 1) return [nulls, row(n)];
        return n % 4 === 2 ? [row(n), null] : [null, row(n)];
      });
      await isRepaired(fixed);
      await fc.assert(
        fc.asyncProperty(fc.array(anyPair, { minLength: 1, maxLength: 12 }), async (pairs) => {
          await isRepaired(
            pairs.map(({ blue, other, change, onGreen }): readonly [Row | null, Row | null] => {
              if (blue === null) return [null, other];
              if (!onGreen) return [blue, null];
              return [blue, blue.map((value, index) => (change.includes(index) ? (other[index] ?? null) : value))];
            }),
          );
        }),
        { numRuns: 8 },
      );
    },
  );

  test.skipIf(!tested)(
    'a row is known by a JSON number that its server reads otherwise than it prints it',
    async () => {
      const odd = ['-3.1830606044394554e-244', '[2.3032300296569373e-211]', '{"a": 6.178947045175437e-77}'];
      const rowOf = (text: string, first: string): Row =>
        columns.map(([, values], index) => (values === json ? text : index === 0 ? first : null));
      await isRepaired(odd.map((text): readonly [Row, Row] => [rowOf(text, 'blue'), rowOf(text, 'green')]));
    },
  );
});
