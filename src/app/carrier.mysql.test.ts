import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { longSeriesOr } from '../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { sleep, waitFor } from '../kernel/clock.ts';
import { removeFirstPosition } from './first-position.ts';
import {
  give,
  mysqlEnd,
  patienceMs,
  postgresEnd,
  unlikePair,
  type End,
  type Row,
  type UnlikePair,
} from './test-support/mysql-carrier-pair.ts';

interface TypePair {
  readonly mysql: string;
  readonly postgres: string;
  /** Literals that both systems read alike, or each its own. */
  readonly values: readonly (string | readonly [mysql: string, postgres: string])[];
  /** How each shows what it holds, so that equal values are equal texts. */
  readonly seen?: readonly [mysql: (name: string) => string, postgres: (name: string) => string];
}

const plain = (name: string): string => name;

/** As the mapping chooses them (mapping/type-rules.ts). */
const types: readonly TypePair[] = [
  {
    mysql: 'tinyint(1)',
    postgres: 'boolean',
    values: [
      ['1', 'true'],
      ['0', 'false'],
    ],
    seen: [plain, (c) => `${c}::int::text`],
  },
  { mysql: 'smallint unsigned', postgres: 'integer', values: ['65535', '0'] },
  { mysql: 'bigint unsigned', postgres: 'numeric(20,0)', values: ['18446744073709551615', '7'] },
  { mysql: 'decimal(10,2)', postgres: 'numeric(10,2)', values: ['12345678.90', '-0.01'] },
  {
    mysql: 'float',
    postgres: 'real',
    // MySQL shows a double with up to a digit less than there are, so the second one has few.
    values: ['0.1', '-1.25e10'],
    seen: [(c) => `cast(${c} + 0e0 as char)`, (c) => `${c}::float8::text`],
  },
  { mysql: 'double', postgres: 'double precision', values: ['0.1', '-1.5e-300'] },
  {
    mysql: 'bit(5)',
    postgres: 'bit(5)',
    values: [
      [`b'10101'`, `B'10101'`],
      [`b'00001'`, `B'00001'`],
    ],
    seen: [(c) => `lpad(bin(${c} + 0), 5, '0')`, plain],
  },
  { mysql: 'varchar(40)', postgres: 'varchar(40)', values: [`'it''s a\tword 💧'`, `''`] },
  { mysql: 'mediumtext', postgres: 'text', values: [`'long'`, `' ends in a blank '`] },
  { mysql: `enum('low','high')`, postgres: 'text', values: [`'low'`, `'high'`] },
  { mysql: `set('a','b','c')`, postgres: 'text', values: [`'a,c'`, `''`] },
  {
    mysql: 'longblob',
    postgres: 'bytea',
    values: [
      [`x'00ff5c27'`, `'\\x00ff5c27'`],
      [`x''`, `''`],
    ],
    seen: [(c) => `lower(hex(${c}))`, (c) => `encode(${c}, 'hex')`],
  },
  { mysql: 'date', postgres: 'date', values: [`'2024-02-29'`, `'0001-01-01'`] },
  {
    mysql: 'datetime(6)',
    postgres: 'timestamp(6)',
    values: [`'2024-01-01 00:00:00.000001'`, `'9999-12-31 23:59:59'`],
    seen: [plain, (c) => `to_char(${c}, 'YYYY-MM-DD HH24:MI:SS.US')`],
  },
  {
    mysql: 'timestamp(6)',
    postgres: 'timestamptz(6)',
    values: [`'2024-10-27 02:30:00.5'`, `'2038-01-19 03:14:07'`],
    seen: [plain, (c) => `to_char(${c} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')`],
  },
  {
    mysql: 'time(6)',
    postgres: 'interval(6)',
    values: [`'838:59:59'`, `'-02:03:04.25'`],
    seen: [
      (c) => `cast(truncate(time_to_sec(${c}), 0) * 1000000 + if(${c} < 0, -1, 1) * microsecond(${c}) as char)`,
      (c) => `(extract(epoch from ${c}) * 1000000)::int8::text`,
    ],
  },
  { mysql: 'year', postgres: 'smallint', values: ['2024', '1901'] },
  { mysql: 'json', postgres: 'json', values: [`'{"a": [1, "x", null]}'`, `'[]'`] },
];

const fields = (system: 'mysql' | 'postgres'): string =>
  types
    .map((type, place) => `c${place} ${type[system]}${type[system].startsWith('timestamp(') ? ' null' : ''}`)
    .join(', ');

const tables = {
  mysql: [
    `create table shop.kinds (id int primary key, ${fields('mysql')})`,
    'create table shop.account (id int primary key, balance bigint not null, note varchar(40), place int unique)',
    'create table shop.log (what varchar(40), n int)',
    'create table shop.word (k varchar(20) primary key, n int)',
  ],
  postgres: [
    `create table shop.kinds (id int primary key, ${fields('postgres')})`,
    'create table shop.account (id int primary key, balance bigint not null, note varchar(40), place int unique)',
    'create table shop.log (what varchar(40), n int)',
    'create table shop.word (k varchar(20) primary key, n int)',
    'alter table shop.log replica identity full',
  ],
};

/** Rows of `kinds` from `first` on: each value of each type, and one of NULLs; then moves and deletes. */
async function writeKinds(end: End, first: number): Promise<void> {
  const at = end.system === 'mysql' ? 0 : 1;
  const literal = (value: TypePair['values'][number] | undefined): string =>
    typeof value === 'string' ? value : (value?.[at] ?? 'null');
  const tuple = (n: number): string => types.map(({ values }) => literal(values[n % values.length])).join(', ');
  await using client = await end.client();
  for (const n of [0, 1]) await client.query(`insert into shop.kinds values (${first + n}, ${tuple(n)})`);
  await client.query(`insert into shop.kinds (id) values (${first + 2})`);
  await client.query(`insert into shop.kinds values (${first + 3}, ${tuple(0)})`);
  await client.query('begin');
  const sets = types.map(({ values }, place) => `c${place} = ${literal(values[1])}`).join(', ');
  await client.query(`update shop.kinds set ${sets} where id = ${first}`);
  await client.query(
    `update shop.kinds set ${types.map((_, place) => `c${place} = null`).join(', ')} where id = ${first + 1}`,
  );
  await client.query(`update shop.kinds set id = ${first + 9} where id = ${first + 2}`);
  await client.query(`delete from shop.kinds where id = ${first + 3}`);
  await client.query('commit');
  await client.query(
    `insert into shop.log values ('twice', ${first}), ('twice', ${first}), (null, ${first}), ('gone', null)`,
  );
  await client.query(`delete from shop.log where what = 'gone'`);
  await client.query(`update shop.log set n = ${first + 1} where what is null`);
}

async function contents(end: End): Promise<Readonly<Record<string, readonly unknown[]>>> {
  const at = end.system === 'mysql' ? 0 : 1;
  const shown = types.map(({ seen }, place) => `${seen?.[at](`c${place}`) ?? `c${place}`} as c${place}`).join(', ');
  const order = end.system === 'mysql' ? 'cast(what as binary)' : 'what collate "C" nulls first';
  return {
    kinds: (await end.query(`select id, ${shown} from shop.kinds order by id`)).map(asValues),
    account: await end.query('select id, balance, note, place from shop.account order by id'),
    log: await end.query(`select what, n from shop.log order by ${order}, n`),
    word: (await end.query('select k, n from shop.word order by n')).map((row) => ({ ...row })),
  };
}

/** Numbers are equal as numbers, JSON as JSON: each system has its own way to write an exponent and a blank. */
function asValues(row: Row): unknown {
  return Object.fromEntries(
    Object.entries(row).map(([name, text]) => {
      if (text === null) return [name, null];
      if (/^[[{]/.test(text)) return [name, JSON.parse(text) as unknown];
      return [name, /^-?\d[\d.]*(e[-+]?\d+)?$/i.test(text) && /[.e]/i.test(text) ? Number(text) : text];
    }),
  );
}

/** Transfers in transactions of several statements, of which some are taken back, until told to stop. Answers how many were made. */
async function transfers(end: End, writer: number, stop: AbortSignal): Promise<number> {
  await using client = await end.client();
  let made = 0;
  for (let n = 0; !stop.aborted; n += 1) {
    const [from, to] = [(n * 7 + writer) % 20, (n * 11 + writer + 1) % 20];
    await client.query('begin');
    // In one order, so that two writers do not wait for each other.
    for (const id of [from, to].sort((a, b) => a - b)) {
      const change = from === to ? 0 : id === from ? -n : n;
      await client.query(
        `update shop.account set balance = balance + ${change}, note = 'by ${writer}' where id = ${id}`,
      );
    }
    // One of them alone: a search without an index locks what others have just written.
    if (writer === 1 && n % 4 === 0) await client.query(`insert into shop.log values ('${writer}', ${n})`);
    if (writer === 1 && n % 8 === 4)
      await client.query(`delete from shop.log where what = '${writer}' and n = ${n - 4}`);
    await client.query(n % 13 === 12 ? 'rollback' : 'commit');
    if (n % 13 !== 12) made += 1;
  }
  return made;
}

async function openAccounts(end: End): Promise<void> {
  const rows = Array.from({ length: 20 }, (_, id) => `(${id}, 1000, null, ${id})`).join(', ');
  await end.query(`insert into shop.account values ${rows}`);
}

async function expectEqual(pair: UnlikePair, why: string): Promise<void> {
  expect(await contents(pair.ends.green), why).toEqual(await contents(pair.ends.blue));
}

/** Writes, kills the worker, and looks at the target all the while: no transaction may ever be seen in parts. */
async function carriedThroughKills(pair: UnlikePair, flow: 'forward' | 'reverse', kills: number): Promise<void> {
  const [source, target] = flow === 'forward' ? [pair.ends.blue, pair.ends.green] : [pair.ends.green, pair.ends.blue];
  const stop = new AbortController();
  const writing = Promise.all([1, 2].map(async (writer) => transfers(source, writer, stop.signal)));
  // It is awaited below.
  writing.catch(() => undefined);
  const sums = new Set<string | null | undefined>();
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(Math.random() * 1_000);
      await pair.kill(flow);
      for (let look = 0; look < 5; look += 1) {
        const [row] = await target.query('select sum(balance) as total from shop.account');
        sums.add(row?.['total']);
      }
    }
  } finally {
    stop.abort();
    // Whatever the kills come to: the tables go with the pair.
    await writing.catch(() => undefined);
  }
  const made = (await writing).reduce((sum, count) => sum + count, 0);
  await pair.caughtUp(flow);
  expect(made).toBeGreaterThan(10);
  expect([...sums]).toEqual(['20000']);
  await expectEqual(pair, `after the worker of ${flow} was killed`);
}

/** The whole way: forward under kills, the decision, back under kills, and what each flow says of what the other one wrote. */
async function thereAndBack(pair: UnlikePair): Promise<void> {
  const { blue, green } = pair.ends;
  await pair.carrier.deploy('forward');
  await pair.carrier.deploy('reverse');
  await openAccounts(blue);
  await writeKinds(blue, 100);
  await pair.caughtUp('forward');
  await expectEqual(pair, 'forward');
  await carriedThroughKills(pair, 'forward', 2);
  const still = await pair.caughtUp('reverse');
  expect([still.mode, still.changes, still.rogueTransactions]).toEqual(['shadow', 0, 0]);

  await give(pair, 'green', 1);
  await writeKinds(green, 200);
  await pair.caughtUp('reverse');
  await expectEqual(pair, 'reverse');
  await carriedThroughKills(pair, 'reverse', 1);
  const back = await pair.caughtUp('forward');
  expect([back.mode, back.rogueTransactions]).toEqual(['shadow', 0]);

  await give(pair, 'blue', 2);
  await blue.query(`insert into shop.word values ('again', 1)`);
  await pair.caughtUp('forward');
  await expectEqual(pair, 'forward again');
  const last = await pair.caughtUp('reverse');
  expect([last.mode, last.rogueTransactions]).toEqual(['shadow', 0]);
}

describe.for(longSeriesOr('mariadb-11.4'))('the embedded carrier with $series', ({ series, tested }) => {
  let first: MysqlServer;
  let second: MysqlServer;
  beforeAll(async () => {
    if (!tested) return;
    first = await startMysql({ series });
    second = await startMysql({ series, settings: { 'server-id': '2' } });
  });
  afterAll(async () => {
    await first?.[Symbol.asyncDispose]();
    await second?.[Symbol.asyncDispose]();
  });
  const toPostgres = async (): Promise<UnlikePair> =>
    unlikePair(await mysqlEnd(first, 'blue', tables.mysql), await postgresEnd('green', tables.postgres));

  test.skipIf(!tested)(
    'carries to PostgreSQL and back, through kill -9 of its workers',
    { timeout: 5 * patienceMs },
    async () => {
      await using pair = await toPostgres();
      await thereAndBack(pair);
    },
  );

  test.skipIf(!tested)(
    'carries to another server of its family and back, whatever log that keeps',
    { timeout: 5 * patienceMs },
    async () => {
      await using pair = await unlikePair(
        await mysqlEnd(first, 'blue', tables.mysql),
        await mysqlEnd(second, 'green', tables.mysql),
      );
      await thereAndBack(pair);
      const { budget, retainedLimitBytes } = await pair.status('forward');
      expect([budget, retainedLimitBytes]).toEqual(['ok', undefined]);
    },
  );

  test.skipIf(!tested)(
    'tells what the other side lacks, and goes on before a change that it has not',
    { timeout: 2 * patienceMs },
    async () => {
      await using pair = await toPostgres();
      const { blue, green } = pair.ends;
      await pair.carrier.deploy('forward');
      await blue.query('alter table shop.word add column more int');
      await blue.query(`insert into shop.word values ('new', 1, 2)`);
      const waiting = await waitFor({ what: 'the flow to wait', timeoutMs: patienceMs }, async () => {
        const { now, schema } = await pair.status('forward');
        return now.state === 'waiting' && now.code === 'TEAL-SYNC-102' && schema !== undefined
          ? { now, schema }
          : undefined;
      });
      expect(waiting.now.reason).toContain('green has no column shop.word.more (int)');
      expect(waiting.schema).toEqual(['green has no column shop.word.more (int)']);
      await green.query('alter table shop.word add column more int');
      const came = await waitFor({ what: 'the row', timeoutMs: patienceMs }, async () => {
        const rows = await green.query('select k, n, more from shop.word');
        return rows.length > 0 ? rows : undefined;
      });
      expect(came).toEqual([{ k: 'new', n: '1', more: '2' }]);
    },
  );

  test.skipIf(!tested)('does not begin where nobody knows the place', { timeout: 2 * patienceMs }, async () => {
    await using pair = await toPostgres();
    await removeFirstPosition(pair.stateDir, 'forward');
    await pair.carrier.deploy('forward');
    const failed = await waitFor({ what: 'the flow to fail', timeoutMs: patienceMs }, async () => {
      const { now } = await pair.status('forward');
      return now.state === 'failed' ? now : undefined;
    });
    expect(failed.code).toBe('TEAL-CARRIERS-009');
  });
});
