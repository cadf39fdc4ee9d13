import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { longSeries } from '../../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../../tools/servers/mysql.ts';
import { must } from '../../../kernel/assert.ts';
import { waitFor } from '../../../kernel/clock.ts';
import { isTealError, type ErrorCode } from '../../../kernel/errors.ts';
import { PackedValues } from '../../../kernel/packed-values.ts';
import type { ActingKey } from '../../../model/acting-keys.ts';
import type { Relation, RowValues } from '../../../model/change.ts';
import type { ReferencedRows } from '../../../ports/cascade.ts';
import { asPosition } from '../../../model/position.ts';
import type { Sink, SinkCommit, SinkProgress, SinkStep, TargetTable } from '../../../ports/sink.ts';
import { connect, type MysqlConnection, type MysqlRow } from '../connection.ts';
import { installTealSchema } from '../teal-schema.ts';
import { openMysqlSink } from './sink.ts';

const initial: SinkProgress = { applied: asPosition('0001'), mode: 'live', epoch: 0, rogueTransactions: 0 };

function commitAt(position: string): SinkCommit {
  return { ...initial, applied: asPosition(position), committedAtUs: 1_700_000_000_123_456n };
}

function row(...cells: readonly (string | null | undefined)[]): RowValues {
  return PackedValues.of(cells.map((cell) => (typeof cell === 'string' ? Buffer.from(cell) : cell)));
}

/** Columns by name; those with a star are the key. */
function relation(name: string, columns: string, more: Partial<Relation> = {}): Relation {
  return {
    id: 1,
    schema: 'shop',
    name,
    replicaIdentity: 'default',
    columns: columns.split(' ').map((column) => ({
      name: column.replace('*', ''),
      typeOid: 0,
      typeModifier: -1,
      key: column.endsWith('*'),
    })),
    ...more,
  };
}

type Showing = 'text' | 'number' | 'single' | 'bits' | 'bytes' | 'json';

/** Values of each type that one system or another has written wrongly, in canonical text, and how the server shows what it holds. */
const commonTypes: readonly (readonly [string, Showing, readonly string[]])[] = [
  ['tinyint(1)', 'text', ['1', '0']],
  ['smallint unsigned', 'text', ['65535', '0']],
  ['mediumint', 'text', ['-8388608', '8388607']],
  ['int', 'text', ['-2147483648', '2147483647']],
  ['bigint', 'text', ['-9223372036854775808', '9223372036854775807']],
  ['bigint unsigned', 'text', ['18446744073709551615', '9007199254740993', '0']],
  ['decimal(65,30)', 'text', [`${'9'.repeat(35)}.${'9'.repeat(30)}`, `-0.${'0'.repeat(29)}1`]],
  ['decimal(10,2)', 'text', ['-12345678.90', '0.01']],
  ['float', 'single', ['0.1', '3.4028235e38', '-1.1754944e-38', '16777216']],
  ['double', 'number', ['0.1', '1.7976931348623157e308', '5e-324', '-0.30000000000000004']],
  ['bit(1)', 'bits', ['1', '0']],
  ['bit(12)', 'bits', ['000000000101', '111111111111']],
  ['bit(64)', 'bits', ['1'.repeat(64), `${'0'.repeat(63)}1`]],
  ['char(4)', 'text', ['ab', '', '日本']],
  ['varchar(20)', 'text', ['', ' x ', `quote ' " \\ \n\0`, '💧', 'a', 'A', 'á']],
  ['varchar(20) character set latin1', 'text', ['äöü', '€', 'a', 'A']],
  ['text', 'text', ['x'.repeat(60_000), 'é']],
  ['longtext', 'text', ['y'.repeat(300_000), '']],
  ['binary(3)', 'bytes', ['\\x410000', '\\xff00ff']],
  ['varbinary(20)', 'bytes', ['\\x', '\\x00270a5c']],
  ['blob', 'bytes', ['\\x', `\\x${'00ff'.repeat(20_000)}`]],
  ['date', 'text', ['2024-02-29', '1000-01-01', '9999-12-31']],
  ['datetime', 'text', ['2024-01-01 00:00:00', '9999-12-31 23:59:59']],
  ['datetime(6)', 'text', ['2024-01-01 00:00:00.000001', '1000-01-01 00:00:00']],
  ['timestamp null', 'text', ['2024-01-01 00:00:00+00', '2038-01-19 03:14:07+00']],
  ['timestamp(6) null', 'text', ['2024-10-27 00:30:00.123456+00', '1970-01-01 00:00:01+00']],
  ['time', 'text', ['838:59:59', '-838:59:59', '00:00:00']],
  ['time(6)', 'text', ['-00:00:00.000001', '12:34:56.789012']],
  ['year', 'text', ['2024', '1901', '0000']],
  [`enum('a','it''s','B')`, 'text', ['a', `it's`, 'B']],
  [`set('x','y','z')`, 'text', ['x,z', '', 'y']],
  ['json', 'json', ['{"a": [1, "x\\ny", null]}', '[]', `"'"`]],
  [
    'point',
    'bytes',
    ['\\x000000000101000000000000000000f03f0000000000000040', '\\x0000000001010000000000000000000000000000000000f0bf'],
  ],
];
const mariadbTypes: typeof commonTypes = [
  ['uuid', 'text', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  ['inet6', 'text', ['::1']],
];

const showing: Readonly<Record<Showing, (column: string) => string>> = {
  text: (column) => `cast(${column} as char)`,
  number: (column) => column,
  single: (column) => `${column} + 0e0`,
  bits: (column) => `bin(${column} + 0)`,
  bytes: (column) => `concat('\\\\x', lower(hex(${column})))`,
  json: (column) => `cast(${column} as char)`,
};

/** Without what no value has: zeros behind the point, leading zeros of bits, the offset of UTC, blanks of JSON. */
function asCompared(how: Showing, text: string | null): unknown {
  if (text === null) return null;
  if (how === 'number') return Number(text);
  if (how === 'single') return Math.fround(Number(text));
  if (how === 'bits') return BigInt(`0b${text}`);
  if (how === 'json') return JSON.parse(text) as unknown;
  return text
    .replace(/\+00$/, '')
    .replace(/^(.*\d\.\d*?)0+$/, '$1')
    .replace(/^(.*\d)\.$/, '$1');
}

async function expectRefused(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error: unknown = await work.then(
    () => 'no error',
    (thrown: unknown) => thrown,
  );
  expect(isTealError(error) ? error.code : error).toBe(code);
}

describe.for(longSeries)('the sink of $series', ({ series, tested }) => {
  let server: MysqlServer;
  let root: MysqlConnection;
  const url = (): string => `mysql://root@127.0.0.1:${server.port}/`;

  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series });
    root = await connect({ url: url(), applicationName: 'teal test' });
    await installTealSchema(root, 'green');
  });
  afterAll(async () => {
    await root?.close();
    await server?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    if (!tested) return;
    await root.query('drop database if exists shop');
    await root.query('create database shop');
    for (const table of ['stream', 'cut', 'owner', 'heartbeat']) await root.query(`delete from teal.${table}`);
  });

  const openSink = async (stream = 'shop_fwd'): Promise<Sink> => {
    const sink = await openMysqlSink({ url: url(), stream });
    await sink.progress(initial);
    return sink;
  };
  const read = async (sql: string): Promise<readonly MysqlRow[]> => (await root.query(sql)).rows;
  const described = async (sink: Sink, of: Relation): Promise<TargetTable> => {
    const fit = await sink.describe(of);
    if (!fit.fits) throw new Error(fit.reason);
    return fit.table;
  };
  const inserts = (table: TargetTable, ...rows: readonly RowValues[]): SinkStep => ({ kind: 'insert', table, rows });
  const deletes = (table: TargetTable, ...rows: readonly RowValues[]): SinkStep => ({ kind: 'delete', table, rows });

  test.skipIf(!tested)(
    'keeps progress with the data, names its origin first, and undoes what has no commit',
    async () => {
      await root.query('create table shop.a (id int primary key, v text)');
      {
        await using sink = await openMysqlSink({ url: url(), stream: 'shop_fwd' });
        await expectRefused(sink.progress(), 'TEAL-SYNC-118');
        expect(await sink.progress(initial)).toEqual(initial);
        const table = await described(sink, relation('a', 'id* v'));
        const [before] = await read('show master status');
        const commit = {
          ...commitAt('0002'),
          mode: 'fenced',
          epoch: 3,
          rogueTransactions: 2,
          rogueFirst: 'shop.a',
        } as const;
        await sink.apply({ steps: [inserts(table, row('1', `it's`), row('2', null))], commit });
        await sink.apply({ steps: [inserts(table, row('3', 'open'))] });
        await sink.abandon();
        await sink.apply({ steps: [inserts(table, row('4', 'first'))] });
        await sink.apply({ steps: [inserts(table, row('5', 'second'))], commit: commitAt('0003') });
        expect((await sink.progress()).applied).toBe('0003');
        const log = await read(`show binlog events in '${before?.['File']}' from ${before?.['Position']}`);
        const maps = log
          .filter((event) => event['Event_type'] === 'Table_map')
          .map((event) => /\((.*)\)/.exec(event['Info'] ?? '')?.[1]);
        const short = maps.map((name) => must(name, 'a table').replaceAll('`', ''));
        // Each transaction begins with the stream's row; the second one, whose end was not known, ends with it too.
        expect(short.join(' ')).toMatch(/^teal\.stream shop\.a teal\.stream shop\.a (shop\.a )?teal\.stream$/);
      }
      expect(await read('select * from shop.a order by id')).toEqual([
        { id: '1', v: `it's` },
        { id: '2', v: null },
        { id: '4', v: 'first' },
        { id: '5', v: 'second' },
      ]);
      await using again = await openMysqlSink({ url: url(), stream: 'shop_fwd' });
      expect(await again.progress({ ...initial, applied: asPosition('0000') })).toMatchObject({ applied: '0003' });
      expect(await read('select name, committed_at from teal.stream')).toEqual([
        { name: 'teal_shop_fwd', committed_at: '2023-11-14 22:13:20.123456' },
      ]);
    },
  );

  test.skipIf(!tested)(
    'carries every type as it is, in one row and in many, and finds each by all that it holds',
    async () => {
      const types = server.flavour === 'mariadb' ? [...commonTypes, ...mariadbTypes] : commonTypes;
      const names = types.map((_, place) => `c${place}`);
      const columns = types.map(([type], place) => `c${place} ${type}`).join(', ');
      await root.query(`create table shop.keyed (id int primary key, ${columns})`);
      await root.query(`create table shop.many (id int primary key, ${columns})`);
      await root.query(`create table shop.plain (${columns})`);
      // Each value once, beside others, and a row of nothing.
      const most = Math.max(...types.map(([, , values]) => values.length));
      const rows: readonly (string | null)[][] = Array.from({ length: most + 1 }, (_, n) =>
        types.map(([, , values]) => (n === most ? null : (values[n] ?? values[0] ?? ''))),
      );
      await using sink = await openSink();
      const keyed = await described(sink, relation('keyed', `id* ${names.join(' ')}`));
      const many = await described(sink, relation('many', `id* ${names.join(' ')}`));
      const plain = await described(sink, relation('plain', names.join(' '), { replicaIdentity: 'full' }));
      expect(plain.key).toBeUndefined();
      const set = names.map((_, place) => place + 1);
      const steps: SinkStep[] = [inserts(keyed, ...rows.map((cells, n) => row(String(n), ...cells)))];
      // Rows that get their values by one UPDATE of several.
      const bare = rows.map((_, n) => row(String(n), ...names.map(() => null)));
      steps.push(inserts(many, ...bare));
      steps.push({
        kind: 'update',
        table: many,
        set,
        rows: rows.map((cells, n) => ({ old: must(bare[n], 'a row'), row: row(String(n), ...cells) })),
      });
      for (const cells of rows) steps.push(inserts(plain, row(...cells)), inserts(plain, row(...cells)));
      await sink.apply({ steps, commit: commitAt('0002') });
      const shown = types.map(([, how], place) => `${showing[how](`c${place}`)} as c${place}`).join(', ');
      for (const name of ['keyed', 'many']) {
        const found = await read(`select ${shown} from shop.${name} order by id`);
        for (const [n, cells] of rows.entries()) {
          for (const [place, [type, how]] of types.entries()) {
            const text = found[n]?.[`c${place}`] ?? null;
            const wanted = cells[place] ?? null;
            expect(asCompared(how, text), `${type} of ${name}`).toEqual(asCompared(how, wanted));
          }
        }
      }
      expect(await read('select count(*) as n from shop.plain')).toEqual([{ n: String(2 * rows.length) }]);
      // One of two equal rows each time; the values that differ in case alone are not mistaken for each other.
      await sink.apply({ steps: rows.map((cells) => deletes(plain, row(...cells))), commit: commitAt('0003') });
      expect(await read('select count(*) as n from shop.plain')).toEqual([{ n: String(rows.length) }]);
      const [first, second] = [must(rows[0], 'a row'), must(rows[1], 'a row')];
      await sink.apply({
        steps: [
          {
            kind: 'update',
            table: plain,
            set: names.map((_, place) => place),
            rows: [{ old: row(...first), row: row(...second) }],
          },
        ],
        commit: commitAt('0004'),
      });
      await sink.apply({
        steps: [deletes(plain, row(...second)), deletes(plain, row(...second))],
        commit: commitAt('0005'),
      });
      await expectRefused(
        sink.apply({ steps: [deletes(plain, row(...second))], commit: commitAt('0006') }),
        'TEAL-SYNC-110',
      );
      await sink.apply({
        steps: rows.slice(2).map((cells) => deletes(plain, row(...cells))),
        commit: commitAt('0006'),
      });
      expect(await read('select count(*) as n from shop.plain')).toEqual([{ n: '0' }]);
    },
  );

  test.skipIf(!tested)('stops where a row is missing, is there too often, or meets another', async () => {
    await root.query('create table shop.a (id int primary key, v int, u int unique)');
    await root.query('insert into shop.a values (1, 1, 1), (2, 2, 2), (3, 3, 3)');
    await using sink = await openSink();
    const table = await described(sink, relation('a', 'id* v u'));
    const update = (...ids: readonly string[]): SinkStep => ({
      kind: 'update',
      table,
      set: [1],
      rows: ids.map((id) => ({ old: row(id, null, null), row: row(id, '9', undefined) })),
    });
    const refused = async (code: ErrorCode, ...steps: readonly SinkStep[]): Promise<void> => {
      await expectRefused(
        sink.apply({ steps: [inserts(table, row('50', '1', null)), ...steps], commit: commitAt('0009') }),
        code,
      );
      expect((await sink.progress()).applied).toBe('0001');
      expect(
        await read('select group_concat(concat_ws(",", id, v, u) order by id separator " ") as all_rows from shop.a'),
      ).toEqual([{ all_rows: '1,1,1 2,2,2 3,3,3' }]);
    };
    await refused('TEAL-SYNC-110', update('7'));
    await refused('TEAL-SYNC-110', update('1', '7', '3'));
    await refused('TEAL-SYNC-110', deletes(table, row('7', null, null)));
    await refused('TEAL-SYNC-110', deletes(table, row('1', null, null), row('7', null, null), row('3', null, null)));
    await refused('TEAL-SYNC-111', inserts(table, row('2', null, null)));
    await refused('TEAL-SYNC-111', inserts(table, row('60', null, '3')));
    await refused('TEAL-SYNC-113', inserts(table, row('99999999999', null, null)));
    await refused('TEAL-SYNC-130', inserts(table, row('1.5', null, null)));
    await refused('TEAL-SYNC-117', inserts(table, row('4', undefined, null)));
    // Found though nothing of it changes.
    await sink.apply({
      steps: [
        { kind: 'update', table, set: [1], rows: [{ old: row('1', null, null), row: row('1', '1', undefined) }] },
      ],
      commit: commitAt('0002'),
    });
  });

  test.skipIf(!tested)('a target that is busy refuses for now, and the same is done again', async () => {
    await root.query('create table shop.a (id int primary key, v int)');
    await root.query('insert into shop.a values (1, 1)');
    await using sink = await openSink();
    const table = await described(sink, relation('a', 'id* v'));
    await using other = await connect({ url: url(), applicationName: 'teal test' });
    // The other one holds row 1 and then wants the stream's own: the server ends one of the two.
    await other.query('start transaction');
    await other.query('update shop.a set v = 5 where id = 1');
    for (let n = 10; n < 40; n += 1) await other.query(`insert into shop.a values (${n}, 1)`);
    const step: SinkStep = { kind: 'update', table, set: [1], rows: [{ old: row('1', null), row: row('1', '2') }] };
    const applying = sink.apply({ steps: [step], commit: commitAt('0002') });
    applying.catch(() => undefined);
    await waitFor({ what: 'the sink to wait', timeoutMs: 60_000, everyMs: 120 }, async () => {
      const [seen] = await read(
        `select count(*) as n from information_schema.innodb_trx where trx_state = 'LOCK WAIT'`,
      );
      return seen?.['n'] === '1' ? true : undefined;
    });
    const wants = other.query(`update teal.stream set rogue_first = 'x' where name = 'teal_shop_fwd'`);
    wants.catch(() => undefined);
    const error: unknown = await applying.catch((thrown: unknown) => thrown);
    // ER_LOCK_DEADLOCK.
    expect(isTealError(error, 'TEAL-SYNC-112') && error.facts['number']).toBe(1213);
    await wants;
    await other.query('rollback');
    expect((await sink.progress()).applied).toBe('0001');
    await sink.apply({ steps: [step], commit: commitAt('0002') });
    expect(await read('select v from shop.a where id = 1')).toEqual([{ v: '2' }]);
  });

  test.skipIf(!tested)('unique values that pass from row to row: quick where it goes, in order where not', async () => {
    await root.query('create table shop.u (id int primary key, v int unique)');
    await root.query('insert into shop.u values (1, 1), (2, 2)');
    await using sink = await openSink();
    const table = await described(sink, relation('u', 'id* v'));
    expect(table.uniques).toEqual([[1]]);
    const set = (id: string, v: string): SinkStep => ({
      kind: 'update',
      table,
      set: [1],
      rows: [{ old: row(id, null), row: row(id, v) }],
    });
    // Twice, there and back: few changes go in order at once, many are tried quickly first, which here meets the unique index.
    for (const [changes, position, one, two] of [
      [4, '0002', '2', '1'],
      [400, '0003', '1', '2'],
    ] as const) {
      const rows = [
        { old: row('1', null), row: row('1', one) },
        { old: row('2', null), row: row('2', two) },
      ];
      const quick: SinkStep[] = [{ kind: 'update', table, set: [1], rows }];
      let inOrder = 0;
      const ordered = (): readonly SinkStep[] => {
        inOrder += 1;
        return [set('1', '-1'), set('2', two), set('1', one)];
      };
      const next = String(Number(position) + 1);
      const steps: SinkStep[] = [inserts(table, row(next, next)), { kind: 'either', changes, quick, ordered }];
      await sink.apply({ steps, commit: commitAt(position) });
      expect(inOrder).toBe(1);
      expect(await read('select id, v from shop.u where id < 3 order by id')).toEqual([
        { id: '1', v: one },
        { id: '2', v: two },
      ]);
    }
    expect(await read('select id, v from shop.u order by id')).toEqual(
      ['1', '2', '3', '4'].map((id) => ({ id, v: id })),
    );
  });

  test.skipIf(!tested)(
    'many rows go in few statements, a key moves, a table is emptied within its transaction',
    async () => {
      await root.query('create table shop.parent (id int primary key)');
      await root.query(
        'create table shop.a (id int, `k ``2` varchar(20), v mediumtext, p int references shop.parent (id), twice int as (id * 2) stored, primary key (id, `k ``2`))',
      );
      await using sink = await openSink();
      const odd = relation('a', 'id* k* v p twice');
      const columns = odd.columns.map((column) => (column.name === 'k' ? { ...column, name: 'k `2' } : column));
      const table = await described(sink, { ...odd, columns });
      expect(table.written).toEqual([0, 1, 2, 3]);
      const big = 'z'.repeat(400_000);
      const rows = Array.from({ length: 5_000 }, (_, n) =>
        row(String(n), `k${n}`, n % 1_000 === 0 ? big : `v${n}`, '77', null),
      );
      await sink.apply({ steps: [inserts(table, ...rows)], commit: commitAt('0002') });
      expect(await read('select count(*) as n, sum(length(v)) > 2000000 as big, sum(twice) as t from shop.a')).toEqual([
        { n: '5000', big: '1', t: '24995000' },
      ]);
      await sink.apply({
        steps: [
          {
            kind: 'update',
            table,
            set: [2],
            rows: rows
              .slice(0, 300)
              .map((old, n) => ({ old, row: row(String(n), `k${n}`, `new ${n}`, undefined, undefined) })),
          },
          {
            kind: 'update',
            table,
            set: [0, 1],
            rows: [{ old: must(rows[400], 'a row'), row: row('400000', 'moved', undefined, undefined, undefined) }],
          },
          deletes(table, ...rows.slice(1_000)),
        ],
        commit: commitAt('0003'),
      });
      expect(
        await read(
          `select count(*) as n, sum(v like 'new %') as fresh, max(id) as most, sum(v = concat('new ', id)) as right_ones from shop.a`,
        ),
      ).toEqual([{ n: '1000', fresh: '300', most: '400000', right_ones: '300' }]);
      await sink.apply({
        steps: [
          { kind: 'truncate', tables: [table], restartIdentity: true },
          inserts(table, row('1', 'k', 'v', null, null)),
        ],
      });
      expect(await read('select count(*) as n from shop.a')).toEqual([{ n: '1000' }]);
      await sink.abandon();
      expect(await read('select count(*) as n from shop.a')).toEqual([{ n: '1000' }]);
      await sink.apply({
        steps: [{ kind: 'truncate', tables: [table], restartIdentity: true }],
        commit: commitAt('0004'),
      });
      expect(await read('select count(*) as n from shop.a')).toEqual([{ n: '0' }]);
    },
  );

  test.skipIf(!tested)('rows of Teal’s own tables come once, a heartbeat again and again', async () => {
    await using sink = await openSink();
    const control = (
      table: 'cut' | 'owner' | 'heartbeat',
      values: Readonly<Record<string, string | null>>,
    ): SinkStep => ({
      kind: 'control',
      row: {
        table,
        values: new Map(Object.entries(values).map(([name, text]) => [name, text === null ? null : Buffer.from(text)])),
      },
    });
    const at = '2024-01-02 03:04:05.678901+00';
    const steps = [
      control('cut', { token: 'c/blue', kind: 'fence', cut: 'c', epoch: '1', at }),
      control('owner', { epoch: '1', owner: 'green', cut: 'c', token_lsn: '16/B374D848', at }),
      control('heartbeat', { side: 'blue', at }),
    ];
    await sink.apply({ steps, commit: commitAt('0002') });
    const later = '2024-01-02 05:04:06+02';
    await sink.apply({
      steps: [...steps, control('heartbeat', { side: 'blue', at: later })],
      commit: commitAt('0003'),
    });
    expect(await read('select token, kind, cut, epoch, at from teal.cut')).toEqual([
      { token: 'c/blue', kind: 'fence', cut: 'c', epoch: '1', at: '2024-01-02 03:04:05.678901' },
    ]);
    expect(await read('select epoch, owner, cut from teal.owner')).toEqual([{ epoch: '1', owner: 'green', cut: 'c' }]);
    expect(await read('select side, at from teal.heartbeat')).toEqual([
      { side: 'blue', at: '2024-01-02 03:04:06.000000' },
    ]);
  });

  test.skipIf(!tested)('says why a table does not fit', async () => {
    await root.query(
      'create table shop.a (id int primary key, v int, n int not null, f int not null default 5, auto int not null)',
    );
    await root.query('create table shop.m (id int primary key) engine=MyISAM');
    await root.query('create table shop.t (id int primary key)');
    await root.query('create trigger shop.acts before insert on shop.t for each row set new.id = 1');
    await root.query('create table shop.p (id varchar(50), unique key (id(10)))');
    await root.query('create view shop.v as select 1 as id');
    await using sink = await openSink();
    const reasonOf = async (of: Relation): Promise<string> => {
      const fit = await sink.describe(of);
      return fit.fits ? 'fits' : fit.reason;
    };
    expect(await reasonOf(relation('none', 'id*'))).toBe('the target has no table shop.none');
    expect(await reasonOf(relation('v', 'id*'))).toBe('the target has no table shop.v');
    expect(await reasonOf(relation('a', 'id* w n auto'))).toBe('table shop.a of the target has no column w');
    expect(await reasonOf(relation('a', 'id* v auto'))).toBe(
      'column n of shop.a must have a value on the target, and none comes',
    );
    expect(await reasonOf(relation('a', 'id v* n auto'))).toBe(
      'table shop.a of the target has no unique index on its key (v)',
    );
    expect(await reasonOf(relation('m', 'id*'))).toContain('of engine MyISAM');
    expect(await reasonOf(relation('t', 'id*'))).toContain(
      'has triggers, which would act once more on what has been done (acts)',
    );
    expect(await reasonOf(relation('p', 'id*'))).toContain('no unique index on its key');
    expect(await reasonOf(relation('a', 'id* v n f auto'))).toBe('fits');
    // Where old rows come whole, a unique index finds them as well.
    expect((await described(sink, relation('a', 'id v n auto', { replicaIdentity: 'full' }))).key).toEqual([0]);
    const table = await described(sink, relation('a', 'id* v n auto'));
    await expectRefused(
      sink.apply({ steps: [inserts(table, row('1', '1', null, '1'))], commit: commitAt('0002') }),
      'TEAL-SYNC-113',
    );
  });

  test.skipIf(!tested)(
    'many rows are parted as the server’s packets need it, and a row that fits in none is told',
    async () => {
      const [before] = await read('select @@global.max_allowed_packet as most');
      await root.query('create table shop.a (id int primary key, v longtext)');
      await root.query(`set global max_allowed_packet = ${1 << 16}`);
      try {
        await using sink = await openSink();
        const table = await described(sink, relation('a', 'id* v'));
        const rows = Array.from({ length: 40 }, (_, n) => row(String(n), 'ü'.repeat(4_000)));
        await sink.apply({ steps: [inserts(table, ...rows)], commit: commitAt('0002') });
        const updated = rows.map((old, n) => ({ old, row: row(String(n), 'é'.repeat(5_000)) }));
        await sink.apply({ steps: [{ kind: 'update', table, set: [1], rows: updated }], commit: commitAt('0003') });
        expect(await read(`select count(*) as n from shop.a where v = repeat('é', 5000)`)).toEqual([{ n: '40' }]);
        const long = inserts(table, row('50', 'x'), row('51', 'x'.repeat(1 << 16)));
        await expectRefused(sink.apply({ steps: [long], commit: commitAt('0004') }), 'TEAL-SYNC-113');
        expect(await read('select count(*) as n from shop.a')).toEqual([{ n: '40' }]);
        expect((await sink.progress()).applied).toBe('0003');
      } finally {
        await root.query(`set global max_allowed_packet = ${before?.['most']}`);
      }
    },
  );

  test.skipIf(!tested)('a stream has one sink, and its place is free when the session is gone', async () => {
    const first = await openSink();
    await expectRefused(openMysqlSink({ url: url(), stream: 'shop_fwd' }), 'TEAL-SYNC-119');
    await (await openSink('shop_rev'))[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await (await openSink())[Symbol.asyncDispose]();
  });

  test.skipIf(!tested)(
    'what is durable is true: nothing that was told so is lost when the server is killed',
    async () => {
      await root.query('create table shop.a (id int primary key)');
      const sink = await openSink();
      const table = await described(sink, relation('a', 'id*'));
      // These servers do not wait for the disk at a commit.
      for (let n = 2; n < 30; n += 1)
        await sink.apply({ steps: [inserts(table, row(String(n)))], commit: commitAt(String(n).padStart(4, '0')) });
      expect(await sink.durable(true)).toBe('0029');
      await root.query('set global innodb_flush_log_at_trx_commit = 1');
      await root.query('set global sync_binlog = 1');
      {
        await using careful = await openSink('shop_rev');
        const other = await described(careful, relation('a', 'id*'));
        expect(await careful.apply({ steps: [inserts(other, row('1000'))], commit: commitAt('0100') })).toBe('0100');
      }
      await sink.apply({ steps: [inserts(table, row('30'))] });
      await root.close();
      await server.kill9();
      await expectRefused(
        sink.apply({ steps: [inserts(table, row('31'))], commit: commitAt('0031') }),
        'TEAL-SYSTEMS-006',
      );
      await sink[Symbol.asyncDispose]();
      await server.restart();
      root = await connect({ url: url(), applicationName: 'teal test' });
      await using again = await openMysqlSink({ url: url(), stream: 'shop_fwd' });
      expect((await again.progress()).applied).toBe('0029');
      expect(await read('select count(*) as n, max(id) as most from shop.a')).toEqual([{ n: '29', most: '1000' }]);
    },
  );

  test.skipIf(!tested)('a commit whose answer is lost shows in the progress, whole or not at all', async () => {
    await root.query('create table shop.a (id int primary key)');
    let position = 1;
    for (let round = 0; round < 3; round += 1) {
      const sink = await openMysqlSink({ url: url(), stream: 'shop_fwd' });
      const { applied } = await sink.progress(initial);
      const there = await read('select count(*) as n from shop.a');
      expect(there).toEqual([{ n: String(Number(applied) - 1) }]);
      position = Number(applied);
      const table = await described(sink, relation('a', 'id*'));
      const applying = (async () => {
        for (;;) {
          position += 1;
          await sink.apply({
            steps: [inserts(table, row(String(position)))],
            commit: commitAt(String(position).padStart(4, '0')),
          });
        }
      })();
      applying.catch(() => undefined);
      await root.query('select sleep(0.3)');
      await root.close();
      await server.kill9();
      await expectRefused(applying, 'TEAL-SYSTEMS-006');
      await sink[Symbol.asyncDispose]();
      await server.restart();
      root = await connect({ url: url(), applicationName: 'teal test' });
      const [held] = await read(`select position from teal.stream where name = 'teal_shop_fwd'`);
      expect([position, position - 1]).toContain(Number(held?.['position']));
      expect(await read('select count(*) as n, max(id) as most from shop.a')).toEqual([
        { n: String(Number(held?.['position']) - 1), most: String(Number(held?.['position'])) },
      ]);
    }
  });

  describe('what foreign keys of the source did', () => {
    const key = (
      name: string,
      columns: string,
      child: string,
      parent: string,
      more: Partial<ActingKey>,
    ): ActingKey => ({
      name,
      child: { schema: 'shop', name: child },
      columns: columns.split(' '),
      parent: { schema: 'shop', name: parent },
      referencedColumns: ['id'],
      onDelete: 'none',
      onUpdate: 'none',
      ...more,
    });
    const rowsOf = (table: string, ...changes: readonly (readonly [string, string?])[]): ReferencedRows => ({
      table: { schema: 'shop', name: table },
      columns: ['id'],
      changes: changes.map(([old, now]) => ({
        old: [Buffer.from(old)],
        ...(now === undefined ? {} : { row: [Buffer.from(now)] }),
      })),
    });
    const keys = [
      key('a', 'p', 'child', 'parent', { onDelete: 'cascade', onUpdate: 'cascade' }),
      key('b', 'c', 'grandchild', 'child', { onDelete: 'set null' }),
      key('c', 'p', 'gone', 'parent', { onDelete: 'cascade' }),
    ];
    const cascadeOf = (rows: ReferencedRows): SinkStep => ({ kind: 'cascade', cascade: { keys, rows } });

    test.skipIf(!tested)('is done without the target’s own, and sets no time of its own', async () => {
      await root.query('create table shop.parent (id bigint unsigned primary key)');
      await root.query(
        `create table shop.child (id varbinary(9) primary key, p bigint unsigned, t timestamp(6) default '2020-01-01' on update current_timestamp(6),
           foreign key (p) references shop.parent (id) on delete cascade)`,
      );
      await root.query('create table shop.grandchild (id int primary key, c varbinary(9))');
      await root.query('insert into shop.parent values (1), (2), (18446744073709551615)');
      await root.query(
        `insert into shop.child (id, p) values ('a', 1), (x'00ff', 1), ('c', 2), ('d', 18446744073709551615)`,
      );
      await root.query(`insert into shop.grandchild values (1, 'a'), (2, x'00ff'), (3, 'c'), (4, null)`);
      await using sink = await openSink();
      const parent = await described(sink, relation('parent', 'id*'));
      const moved: SinkStep = {
        kind: 'update',
        table: parent,
        set: [0],
        rows: [{ old: row('18446744073709551615'), row: row('7') }],
      };
      await sink.apply({
        steps: [
          moved,
          cascadeOf(rowsOf('parent', ['18446744073709551615', '7'])),
          deletes(parent, row('1')),
          cascadeOf(rowsOf('parent', ['1'])),
        ],
        commit: commitAt('0002'),
      });
      expect(await read('select hex(id) as id, p, t from shop.child order by id')).toEqual([
        { id: '63', p: '2', t: '2020-01-01 00:00:00.000000' },
        { id: '64', p: '7', t: '2020-01-01 00:00:00.000000' },
      ]);
      expect(await read('select id, c from shop.grandchild order by id')).toEqual([
        { id: '1', c: null },
        { id: '2', c: null },
        { id: '3', c: 'c' },
        { id: '4', c: null },
      ]);
      // Without such a step nothing follows from a change.
      await sink.apply({ steps: [deletes(parent, row('2'))], commit: commitAt('0003') });
      expect(await read('select p from shop.child order by p')).toEqual([{ p: '2' }, { p: '7' }]);
    });

    test.skipIf(!tested)('waits for a child that takes nothing back, and looks again', async () => {
      await root.query('create table shop.parent (id int primary key)');
      await root.query('create table shop.child (id int primary key, p int) engine=MyISAM');
      await root.query('insert into shop.child values (1, 1)');
      await using sink = await openSink();
      await expectRefused(sink.apply({ steps: [cascadeOf(rowsOf('parent', ['1']))] }), 'TEAL-SYNC-113');
      await root.query('alter table shop.child engine=InnoDB');
      await sink.apply({ steps: [cascadeOf(rowsOf('parent', ['1']))], commit: commitAt('0002') });
      expect(await read('select id from shop.child')).toEqual([]);
    });
  });
});
