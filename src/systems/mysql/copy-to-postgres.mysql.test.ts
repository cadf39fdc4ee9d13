import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyMysqlCatalog } from '../../../test/support/catalogs.ts';
import { longSeries } from '../../../test/support/mysql.ts';
import { greenMajor, testDatabase } from '../../../test/support/postgres.ts';
import { startMysql, type MysqlServer } from '../../../tools/servers/mysql.ts';
import { must } from '../../kernel/assert.ts';
import { isTealError, type TealError } from '../../kernel/errors.ts';
import type { MysqlCatalog, MysqlTable } from '../../model/mysql-catalog.ts';
import type { SideAccess } from '../../ports/digester.ts';
import { copyInEpochs } from '../../sync/epochs.ts';
import { planRepair } from '../../verify/repair.ts';
import { verifySamePosition, type VerifyResult } from '../../verify/same-position.ts';
import { connect as connectPostgres } from '../postgres/connection.ts';
import { CopySession, rowsOfTag } from '../postgres/copy-session.ts';
import { postgresCopyTarget } from '../postgres/copy-target.ts';
import { postgresSide } from '../postgres/digest/side.ts';
import { installTealSchema } from '../postgres/teal-schema.ts';
import { connect, type MysqlConnection } from './connection.ts';
import { mysqlCopyTarget, type TargetColumn } from './copy-target.ts';
import { mysqlRepairer } from './digest/repair.ts';
import { mysqlSide } from './digest/side.ts';
import { mysqlSnapshotKeeper } from './snapshot.ts';
import { describeTable } from './test-support/tables.ts';
import { selectionOf, type Cell } from './values/from-select.ts';
import { strictPolicy, type ValuePolicy } from './values/policy.ts';

const signal = new AbortController().signal;

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'no error';
  } catch (error) {
    return isTealError(error) ? error.code : String(error);
  }
}
const slow = { timeout: 300_000 };

/** Column, type here, type there, and values beside NULL: SQL here, text there. */
type ColumnCase = readonly [string, string, string, ...(readonly [string, string])[]];

const longZeros = '0'.repeat(30);
const cases: readonly ColumnCase[] = [
  ['ti', 'tinyint', 'smallint', ['-128', '-128'], ['127', '127']],
  ['tu', 'tinyint unsigned', 'smallint', ['0', '0'], ['255', '255']],
  ['si', 'smallint', 'smallint', ['-32768', '-32768'], ['32767', '32767']],
  ['su', 'smallint unsigned', 'integer', ['0', '0'], ['65535', '65535']],
  ['mi', 'mediumint', 'integer', ['-8388608', '-8388608'], ['8388607', '8388607']],
  ['mu', 'mediumint unsigned', 'integer', ['0', '0'], ['16777215', '16777215']],
  ['i', 'int', 'integer', ['-2147483648', '-2147483648'], ['2147483647', '2147483647']],
  ['iu', 'int unsigned', 'bigint', ['0', '0'], ['4294967295', '4294967295']],
  [
    'bi',
    'bigint',
    'bigint',
    ['-9223372036854775808', '-9223372036854775808'],
    ['9223372036854775807', '9223372036854775807'],
  ],
  ['bu', 'bigint unsigned', 'numeric(20)', ['0', '0'], ['18446744073709551615', '18446744073709551615']],
  ['z', 'int(7) unsigned zerofill', 'bigint', ['0', '0'], ['42', '42']],
  ['yes', 'tinyint(1)', 'boolean', ['0', 'f'], ['1', 't']],
  [
    'de',
    'decimal(65,30)',
    'numeric(65,30)',
    [`-${'9'.repeat(35)}.${'9'.repeat(30)}`, `-${'9'.repeat(35)}.${'9'.repeat(30)}`],
    ['0', `0.${longZeros}`],
  ],
  ['dw', 'decimal(10,0)', 'numeric(10,0)', ['-9999999999', '-9999999999'], ['7', '7']],
  ['dz', 'decimal(8,2) zerofill', 'numeric(8,2)', ['0', '0.00'], ['3.5', '3.50']],
  ['fl', 'float', 'real', ['-3.4028234663852886e38', '-3.4028235e+38'], ['16777217', '1.6777216e+07']],
  ['fm', 'float(7,2)', 'real', ['-12345.67', '-12345.67'], ['1.5', '1.5']],
  ['dd', 'double', 'double precision', ['-1.7976931348623157e308', '-1.7976931348623157e+308'], ['0.1', '0.1']],
  ['dm', 'double(10,3)', 'double precision', ['-1234567.125', '-1234567.125'], ['0.001', '0.001']],
  ['b1', 'bit(1)', 'bit(1)', [`b'0'`, '0'], [`b'1'`, '1']],
  ['b10', 'bit(10)', 'bit(10)', [`b'1000000001'`, '1000000001'], [`b'101'`, '0000000101']],
  ['b64', 'bit(64)', 'bit(64)', [`b'${'1'.repeat(64)}'`, '1'.repeat(64)], [`b'1'`, `${'0'.repeat(63)}1`]],
  ['ch', 'char(5)', 'varchar(5)', [`''`, ''], [`'é  '`, 'é']],
  ['vc', 'varchar(50)', 'varchar(50)', [`' , "(\\\\)\\t\\n\\r😀'`, ' , "(\\)\t\n\r😀'], [`'\\\\N'`, '\\N']],
  ['vl', 'varchar(50) character set latin1', 'varchar(50)', [`'äß€'`, 'äß€'], [`_latin1 x'8081ff'`, '€\u0081ÿ']],
  ['vs', 'varchar(50) character set sjis', 'varchar(50)', [`'日本ソ'`, '日本ソ'], [`'?'`, '?']],
  ['vu', 'varchar(50) character set utf16', 'varchar(50)', [`'日😀?'`, '日😀?'], [`''`, '']],
  ['tt', 'tinytext', 'text', [`''`, ''], [`'\\\\.'`, '\\.']],
  ['lt', 'longtext', 'text', [`repeat('\\\\', 300000)`, '\\'.repeat(300_000)], [`'null'`, 'null']],
  ['bn', 'binary(4)', 'bytea', [`'A'`, '\\x41000000'], [`x'ff00fe0a'`, '\\xff00fe0a']],
  ['vb', 'varbinary(20)', 'bytea', [`''`, '\\x'], [`x'00ff5c09'`, '\\x00ff5c09']],
  ['bl', 'blob', 'bytea', [`x''`, '\\x'], [`repeat(x'00', 100)`, `\\x${'00'.repeat(100)}`]],
  ['lb', 'longblob', 'bytea', [`repeat(x'ab', 400000)`, `\\x${'ab'.repeat(400_000)}`], [`x'0a'`, '\\x0a']],
  ['da', 'date', 'date', [`'1000-01-01'`, '1000-01-01'], [`'9999-12-31'`, '9999-12-31']],
  [
    'dt',
    'datetime',
    'timestamp',
    [`'1000-01-01 00:00:00'`, '1000-01-01 00:00:00'],
    [`'2024-02-29 23:59:59'`, '2024-02-29 23:59:59'],
  ],
  [
    'dt6',
    'datetime(6)',
    'timestamp',
    [`'2024-01-02 03:04:05.120000'`, '2024-01-02 03:04:05.12'],
    [`'9999-12-31 23:59:59.999999'`, '9999-12-31 23:59:59.999999'],
  ],
  [
    'ts',
    'timestamp(3) null default null',
    'timestamptz',
    [`'1970-01-01 00:00:01'`, '1970-01-01 00:00:01+00'],
    [`'2038-01-19 03:14:07.999'`, '2038-01-19 03:14:07.999+00'],
  ],
  ['tm', 'time', 'interval', [`'-838:59:59'`, '-838:59:59'], [`'838:59:59'`, '838:59:59']],
  ['tm6', 'time(6)', 'interval', [`'-00:00:00.000001'`, '-00:00:00.000001'], [`'00:00:00'`, '00:00:00']],
  ['ye', 'year', 'smallint', ['0', '0'], ['2155', '2155']],
  ['en', `enum('a','b,c','d''e','é','')`, 'text', [`'b,c'`, 'b,c'], [`''`, '']],
  ['se', `set('x','y z','w')`, 'text', [`''`, ''], [`'x,w'`, 'x,w']],
  [
    'ge',
    'geometry',
    'bytea',
    [`st_geomfromtext('POINT(1 2)')`, '\\x000000000101000000000000000000f03f0000000000000040'],
    ['null', ''],
  ],
];

/** Whose text is not the same in both families. */
const byFlavour: Readonly<Record<'mysql' | 'mariadb', readonly ColumnCase[]>> = {
  mysql: [
    [
      'js',
      'json',
      'json',
      [`'{"b": [1, 2.50, "é\\\\n"], "a":null}'`, '{"a": null, "b": [1, 2.5, "é\\n"]}'],
      [`'1'`, '1'],
    ],
  ],
  mariadb: [
    [
      'js',
      'json',
      'json',
      [`'{"b": [1, 2.50, "é\\\\n"], "a":null}'`, '{"b": [1, 2.50, "é\\n"], "a":null}'],
      [`'1'`, '1'],
    ],
    [
      'uu',
      'uuid',
      'uuid',
      [`'123e4567-E89B-12d3-a456-426655440000'`, '123e4567-e89b-12d3-a456-426655440000'],
      ['null', ''],
    ],
    ['i6', 'inet6', 'text', [`'2001:DB8::0:1'`, '2001:db8::1'], [`'::'`, '::']],
  ],
};

const doubles: readonly number[] = [
  0,
  0.1,
  1 / 3,
  1e-5,
  1e-4,
  99_999.5,
  1e5,
  1e6,
  1e15,
  1e16,
  1e22,
  1e23,
  2_097_152.25,
  16_777_217,
  33_554_431,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
  2 ** -1022,
  2 ** 53,
  // Ends of FLOAT: the greatest, the least with all its digits, the least.
  2 ** 128 - 2 ** 104,
  2 ** -126,
  2 ** -149,
  ...Array.from({ length: 60 }, (_, n) => 2 ** (4 * n - 120)),
  ...Array.from({ length: 300 }, (_, n) => (Math.sin(n) * 10 ** (n % 37)) / 10 ** (n % 19)),
].flatMap((value) => [value, -value]);

const greatestFloat = 2 ** 128 - 2 ** 104;

const chunkTable = `create table teal.chunk (run int not null, rel bigint unsigned not null, chunk int not null, kind varchar(8) not null, lo text, hi text,
  snap mediumtext not null, \`rows\` bigint not null default 0, primary key (run, rel, chunk)) engine=InnoDB`;

/** Table, type of its key here, there, and keys: SQL here, text there. */
const keyCases: readonly ColumnCase[] = [
  [
    'k_big',
    'bigint unsigned',
    'numeric(20)',
    ['18446744073709551615', '18446744073709551615'],
    ['0', '0'],
    ['18446744073709551614', '18446744073709551614'],
  ],
  [
    'k_dec',
    'decimal(20,5)',
    'numeric(20,5)',
    ['-1.5', '-1.50000'],
    ['0', '0.00000'],
    ['999999999999999.99999', '999999999999999.99999'],
  ],
  [
    'k_word',
    'varchar(20) character set utf8mb4 collate utf8mb4_general_ci',
    'varchar(20)',
    [`'Éa'`, 'Éa'],
    [`'x'`, 'x'],
    [`'it''s \\\\'`, `it's \\`],
    [`''`, ''],
  ],
  ['k_latin', 'varchar(20) character set latin1', 'varchar(20)', [`'ä€'`, 'ä€'], [`'x'`, 'x'], [`'y'`, 'y']],
  ['k_sjis', 'varchar(20) character set sjis', 'varchar(20)', [`'日本ソ'`, '日本ソ'], [`'x'`, 'x']],
  ['k_char', 'char(5)', 'varchar(5)', [`'a '`, 'a'], [`'x'`, 'x'], [`''`, '']],
  ['k_bin', 'binary(3)', 'bytea', [`x'00ff'`, '\\x00ff00'], [`'x'`, '\\x780000'], [`x'5c'`, '\\x5c0000']],
  ['k_vbin', 'varbinary(9)', 'bytea', [`x''`, '\\x'], [`'x'`, '\\x78'], [`x'00'`, '\\x00']],
  [
    'k_date',
    'date',
    'date',
    [`'1000-01-01'`, '1000-01-01'],
    [`'2024-02-29'`, '2024-02-29'],
    [`'9999-12-31'`, '9999-12-31'],
  ],
  [
    'k_moment',
    'datetime(6)',
    'timestamp',
    [`'2024-01-02 03:04:05.12'`, '2024-01-02 03:04:05.12'],
    [`'2024-01-02'`, '2024-01-02 00:00:00'],
    [`'9999-12-31 23:59:59.999999'`, '9999-12-31 23:59:59.999999'],
  ],
  [
    'k_stamp',
    'timestamp(3)',
    'timestamptz',
    [`'2024-01-02 03:04:05.12'`, '2024-01-02 03:04:05.12+00'],
    [`'2024-01-02'`, '2024-01-02 00:00:00+00'],
    [`'1970-01-01 00:00:01'`, '1970-01-01 00:00:01+00'],
  ],
  [
    'k_time',
    'time',
    'interval',
    [`'-838:59:59'`, '-838:59:59'],
    [`'00:00:00'`, '00:00:00'],
    [`'100:00:00'`, '100:00:00'],
  ],
  ['k_year', 'year', 'smallint', ['2024', '2024'], ['1999', '1999'], ['0', '0']],
  ['k_enum', `enum('b','a','1')`, 'text', [`'a'`, 'a'], [`'b'`, 'b'], [`'1'`, '1']],
  ['k_bit', 'bit(9)', 'bit(9)', [`b'100000000'`, '100000000'], [`b'1'`, '000000001'], [`b'0'`, '000000000']],
  ['k_real', 'double', 'double precision', ['0.1', '0.1'], ['1e300', '1e+300'], ['-5e-324', '-5e-324']],
];

describe.for(longSeries)('rows of $series in PostgreSQL', ({ series, tested }) => {
  let server: MysqlServer;
  let url = '';
  const open = async (): Promise<MysqlConnection> => connect({ url, applicationName: 'teal test' });

  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series, settings: { 'max-allowed-packet': '64M' } });
    url = `mysql://root@127.0.0.1:${server.port}/`;
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  test.skipIf(!tested)('are the same, of every type, at its ends and as NULL', slow, async () => {
    await using session = await open();
    await using green = await testDatabase(greenMajor());
    const all = [...cases, ...byFlavour[server.flavour]];
    await makeTables(session, async (sql) => green.query(sql), all);
    const tables: MysqlTable[] = [];
    for (const name of ['every', 'reals', 'words', 'nokey']) {
      tables.push(await describeTable(session, 'shop', name, 100 + tables.length));
    }
    {
      await using control = await connectPostgres({ url: green.url, applicationName: 'teal test' });
      await installTealSchema(control, 'green');
    }
    await using keeper = mysqlSnapshotKeeper({ url, tables, sessions: 2, stretchBytes: 16_384 });
    const report = await copyInEpochs({
      keeper,
      target: postgresCopyTarget(green.url),
      tables,
      workers: 2,
      signal,
      minRangeBytes: 20_000,
    });
    expect(report.lost).toBe(0);
    expect(report.ranges).toBeGreaterThan(tables.length);
    await keeper.letGo(signal);

    // What PostgreSQL has, in its own words.
    const names = all.map(([name]) => `"${name}"::text as "${name}"`);
    const kept = await green.query(`set timezone to utc; select id, ${names.join(', ')} from shop.every order by id`);
    expect(kept).toHaveLength(3);
    for (const [name, , , ...values] of all) {
      const expected = [null, ...values.map(([sql, text]) => (sql === 'null' ? null : text))];
      // A cast of a boolean is a word, its output a letter.
      const found = kept.map((row) => (name === 'yes' ? (row[name]?.slice(0, 1) ?? null) : row[name]));
      expect([name, ...found]).toEqual([name, ...expected]);
    }
    const reals = await green.query('select id::text, f::text, d::text from shop.reals order by reals.id');
    expect(reals).toHaveLength(doubles.length);
    reals.forEach((row, index) => {
      const value = must(doubles[index], 'a number');
      expect(Number(row['d'])).toBe(value === 0 ? Number(row['d']) : value);
      if (Math.abs(value) <= greatestFloat && value !== 0)
        expect(Math.fround(Number(row['f']))).toBe(Math.fround(value));
    });

    // Both sides' hashes, and what they say where rows were changed.
    const sides = bothSides(green.url, tables);
    const equal = await verify(sides, tables);
    expect(equal.tables.map(({ outcome, name }) => `${name.name}: ${outcome}`)).toEqual(
      tables.map(({ name }) => `${name}: equal`),
    );
    const rows = equal.tables.map((table) => (table.outcome === 'equal' ? (table.live?.rows ?? 0n) : 0n));
    expect(rows).toEqual([3n, BigInt(doubles.length), 4_000n, 5n]);
    await green.query(`update shop.words set v = v || ' ' where id = 'word 17'`);
    await green.query(`delete from shop.words where id = 'word 3999'`);
    await green.query(`insert into shop.words values ('x', null)`);
    await green.query(`insert into shop.nokey values ('a', 1)`);
    const differing = await verify(sides, tables);
    const ofWords = differing.tables.find(({ name }) => name.name === 'words');
    expect(ofWords).toMatchObject({
      outcome: 'differs',
      differences: { missingOnLive: 1, missingOnOther: 1, different: 1, columns: { v: 1 } },
    });
    if (ofWords?.outcome === 'differs') {
      const keys = ofWords.differences.kept.map(({ kind, key }) => `${kind}: ${key.join(' ')}`);
      expect(keys.toSorted()).toEqual(['different: word 17', 'missing: word 3999', 'missing: x']);
    }
    expect(differing.tables.find(({ name }) => name.name === 'nokey')).toMatchObject({
      outcome: 'differs',
      differences: { missingOnLive: 1, missingOnOther: 0, different: 0 },
    });
  });

  test.skipIf(!tested)('come back from PostgreSQL as they went', slow, async () => {
    await using session = await open();
    await using green = await testDatabase(greenMajor());
    await session.query('drop database if exists shop');
    await session.query('create database shop');
    await session.query('create database if not exists teal');
    await session.query('drop table if exists teal.chunk, teal.copy_run');
    await session.query(chunkTable);
    await session.query('create table shop.words (id int primary key, v text)');
    await green.query(
      `create schema shop; create table shop.words (id integer primary key, v text);
       insert into shop.words select n, case when n % 7 <> 0 then repeat(chr(1 + n % 60) || '\\' || chr(n + 200), n % 40) end from generate_series(1, 5000) n`,
    );
    const table = await describeTable(session, 'shop', 'words', 5);
    await using source = await CopySession.open({ url: green.url, applicationName: 'teal test', signal });
    const literals = ({ type }: Pick<TargetColumn, 'type'>): { literal(text: Buffer): string } => ({
      literal: (text: Buffer) => (type.startsWith('int') ? text.toString() : `_utf8mb4 x'${text.toString('hex')}'`),
    });
    const target = mysqlCopyTarget({ url, literals });
    const run = { epoch: 2, snapshot: 'one', tables: [table] };
    await target.begin(run, signal);
    await using writer = await target.open(run, signal);
    let count = -1n;
    const spans = source.copyOut('copy shop.words (id, v) to stdout', (tag) => {
      count = rowsOfTag(tag);
    });
    const written = await writer.write({ table, from: 0 }, { format: 'text', spans, rowCount: () => count });
    expect(written).toEqual({ state: 'written', rows: 5_000n });
    const { tables } = await verify(bothSides(green.url, [table]), [table]);
    expect(tables).toMatchObject([{ outcome: 'equal', live: { rows: 5_000n }, other: { rows: 5_000n } }]);

    // What differs here is put right by what is live there, and no row that was changed meanwhile.
    await session.query(`update shop.words set v = concat(v, ' ') where id = 3`);
    await session.query('delete from shop.words where id in (4, 7)');
    await session.query(`insert into shop.words values (6000, 'more'), (6001, null)`);
    await session.query(
      'create table if not exists teal.stream (name varchar(255) primary key, writes bigint not null)',
    );
    const sides = bothSides(green.url, [table]);
    const compare = async (): Promise<VerifyResult> => verify({ blue: sides.green, green: sides.blue }, [table]);
    const repairer = mysqlRepairer({
      url,
      origin: 'teal_test',
      columns: (column) => {
        const literal = (text: Buffer): string => literals(column).literal(text);
        return { literal, holds: (name, text) => `${name} = ${literal(text)} and length(${name}) = ${text.length}` };
      },
    });
    const repairs = planRepair((await compare()).tables, await sides.blue.describe());
    expect(repairer.render(repairs).filter((line) => line.includes('`words`'))).toHaveLength(5);
    await session.query(`update shop.words set v = 'other' where id = 3`);
    expect(await codeOf(repairer.apply(repairs, signal))).toBe('TEAL-VERIFY-005');
    expect((await session.query('select count(*) as n from shop.words')).rows).toEqual([{ n: '5000' }]);
    const now = planRepair((await compare()).tables, await sides.blue.describe());
    expect(await repairer.apply(now, signal)).toBe(5);
    expect((await compare()).tables).toMatchObject([{ outcome: 'equal' }]);
    expect((await session.query('select name, writes from teal.stream')).rows).toEqual([
      { name: 'teal_test', writes: '1' },
    ]);
  });

  test.skipIf(!tested)('are found again by keys of every type', slow, async () => {
    await using session = await open();
    await using green = await testDatabase(greenMajor());
    await session.query('drop database if exists shop');
    await session.query('create database shop');
    await green.query('create schema shop');
    const tables: MysqlTable[] = [];
    for (const [name, type, greenType, ...values] of keyCases) {
      await session.query(`create table shop.${name} (k ${type}, n int, v int, primary key (k, n))`);
      await green.query(`create table shop.${name} (k ${greenType}, n integer, v integer, primary key (k, n))`);
      for (const [n, [sql, text]] of values.entries()) {
        await session.query(`insert into shop.${name} values (${sql}, ${n}, 1), (${sql}, -1 - ${n}, 1)`);
        await green.query(`insert into shop.${name} values ($1, $2, 1), ($1, $3, $2)`, [text, n, -1 - n]);
      }
      tables.push(await describeTable(session, 'shop', name, 100 + tables.length));
    }
    const { tables: outcomes } = await verify(bothSides(green.url, tables), tables);
    for (const [name, , , ...values] of keyCases) {
      const outcome = outcomes.find((one) => one.name.name === name);
      const changed = values.map(([, text], n) => ({ text, n })).filter(({ n }) => n !== 1);
      expect(outcome).toMatchObject({
        outcome: 'differs',
        differences: { different: changed.length, columns: { v: changed.length } },
      });
      if (outcome?.outcome !== 'differs') continue;
      const keys = outcome.differences.kept.map(({ key }) => key.join(' / '));
      expect([name, ...keys.toSorted()]).toEqual([
        name,
        ...changed.map(({ text, n }) => `${text} / ${-1 - n}`).toSorted(),
      ]);
    }
  });

  function bothSides(
    greenUrl: string,
    tables: readonly MysqlTable[],
  ): { readonly blue: SideAccess; readonly green: SideAccess } {
    const catalog: MysqlCatalog = {
      ...emptyMysqlCatalog,
      tables: tables.map((table) => ({ ...table, estimatedRows: 4_000, pages: 10_000 })),
    };
    const blue = mysqlSide({
      side: 'blue',
      url,
      readCatalog: async () => catalog,
      isBoolean: (_, column) => column === 'yes',
    });
    return { blue, green: postgresSide({ side: 'green', url: greenUrl }) };
  }

  async function verify(
    { blue, green }: { readonly blue: SideAccess; readonly green: SideAccess },
    tables: readonly MysqlTable[],
  ): Promise<VerifyResult> {
    return verifySamePosition({
      migration: 'test',
      flow: 'forward',
      live: blue,
      other: green,
      tables,
      stopAt: async (position) => position,
      resume: async () => undefined,
      signal,
      values: true,
    });
  }

  test.skipIf(!tested)('are refused, or become what the policy says, where they have no form', slow, async () => {
    await using session = await open();
    await session.query('drop database if exists odd');
    await session.query('create database odd');
    await session.query(
      `create table odd.t (id int primary key, da date, dt datetime(2), ts timestamp null, en enum('a', 'b'), em enum('a', ''),
         vs varchar(20) character set sjis, nu varchar(20)) engine=innodb`,
    );
    await session.query(`set @@session.sql_mode = ''`);
    await session.query(
      `insert into odd.t values (0, '0000-00-00', '2024-00-10', 0, 'zzz', 'zzz', '日', 'a\\0b\\0'),
         (1, '2023-02-29', '2024-02-30 01:02:03', '2000-01-01', 'a', '', '?', ''), (2, '2024-01-01', '0000-01-01', null, null, 'a', null, null)`,
    );
    const table = await describeTable(session, 'odd', 't', 1);
    const read = async (
      policy: ValuePolicy,
      columns: readonly string[],
    ): Promise<readonly (readonly (string | null)[])[]> => {
      const some = table.columns.filter(({ name }) => columns.includes(name));
      const selection = selectionOf({ table, columns: some, key: table.primaryKey }, policy);
      await using other = await open();
      const rows: (readonly (string | null)[])[] = [];
      const text = (cell: Cell): string | null => cell?.toString() ?? null;
      for await (const row of other.rows(`select ${selection.list.join(', ')} from odd.t order by id`)) {
        rows.push(selection.canonical(row).map(text));
      }
      return rows;
    };
    const kinds = {
      da: 'zeroDate',
      dt: 'zeroDate',
      ts: 'zeroDate',
      en: 'invalidEnum',
      em: 'invalidEnum',
      nu: 'nulByte',
    };
    for (const [column, kind] of Object.entries(kinds)) {
      const error = await read(strictPolicy, [column]).catch((thrown: unknown) => thrown as TealError);
      expect(isTealError(error, 'TEAL-SYNC-130') && error.facts).toEqual({ schema: 'odd', table: 't', column, kind });
    }
    const lax: ValuePolicy = { zeroDate: 'null', invalidEnum: 'null', nulByte: 'remove', invalidText: 'stop' };
    expect(
      await read(
        lax,
        table.columns.map(({ name }) => name),
      ),
    ).toEqual([
      ['0', null, null, null, null, null, '日', 'ab'],
      ['1', null, null, '2000-01-01 00:00:00+00', 'a', '', '?', ''],
      ['2', '2024-01-01', null, null, null, 'a', null, null],
    ]);
    // A character of sjis that Unicode has not: the server would say `?`.
    await session.query(`update odd.t set vs = _sjis x'f040' where id = 2`);
    const stored = await session.query('select hex(vs) as h from odd.t where id = 2');
    expect(stored.rows).toEqual([{ h: 'F040' }]);
    const error = await read(lax, ['vs']).catch((thrown: unknown) => thrown);
    expect(isTealError(error, 'TEAL-SYNC-130')).toBe(true);
  });
});

async function makeTables(
  session: MysqlConnection,
  green: (sql: string) => Promise<unknown>,
  all: readonly ColumnCase[],
): Promise<void> {
  await session.query('drop database if exists shop');
  await session.query('create database shop');
  await green('create schema shop');
  await session.query(
    `create table shop.every (id int primary key auto_increment, ${all.map(([name, type]) => `${name} ${type}`).join(', ')})`,
  );
  await green(
    `create table shop.every (id integer primary key, ${all.map(([name, , type]) => `"${name}" ${type}`).join(', ')})`,
  );
  await session.query('insert into shop.every (id) values (1)');
  for (const place of [0, 1]) {
    const values = all.map(([, , , ...list]) => must(list[place], 'a value')[0]);
    await session.query(`insert into shop.every values (${place + 2}, ${values.join(', ')})`);
  }
  await session.query('create table shop.reals (id int primary key, f float, d double)');
  await green('create table shop.reals (id integer primary key, f real, d double precision)');
  const reals = doubles.map((value, id) => {
    const literal = Object.is(value, -0) ? '-0e0' : value.toExponential();
    return `(${id}, ${Math.abs(value) <= greatestFloat ? literal : 'null'}, ${literal})`;
  });
  await session.query(`insert into shop.reals values ${reals.join(', ')}`);
  await session.query('create table shop.words (id varchar(40) character set utf8mb4 primary key, v text)');
  await green('create table shop.words (id varchar(40) primary key, v text)');
  const odd = ['', '"', '\\', '(,)', ' ', 'a b', '\t', '\v', '\f', 'é\u00a0', 'NULL', '\\N', '{}', `'`];
  const words = Array.from({ length: 4_000 }, (_, n) => {
    const text = `${odd[n % odd.length]}${odd[Math.floor(n / odd.length) % odd.length]}`;
    return `('word ${n}', ${n % 50 === 49 ? 'null' : `_utf8mb4 x'${Buffer.from(text).toString('hex')}'`})`;
  });
  await session.query(`insert into shop.words values ${words.join(', ')}`);
  await session.query('create table shop.nokey (a varchar(10), b int)');
  await green('create table shop.nokey (a varchar(10), b integer)');
  await session.query(`insert into shop.nokey values ('a', 1), ('a', 1), (null, null), (null, null), ('', 0)`);
  await session.query('analyze table shop.every, shop.reals, shop.words');
}
