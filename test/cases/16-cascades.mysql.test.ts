import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mysqlEnd, patienceMs, postgresEnd, unlikePair } from '../../src/app/test-support/mysql-carrier-pair.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { connect, type MysqlConnection } from '../../src/systems/mysql/connection.ts';
import { openMysqlSink } from '../../src/systems/mysql/sink/sink.ts';
import { installTealSchema as installOnMysql, removeTealSchema } from '../../src/systems/mysql/teal-schema.ts';
import { connect as connectPostgres } from '../../src/systems/postgres/connection.ts';
import { openPostgresSink } from '../../src/systems/postgres/sink/sink.ts';
import { installTealSchema as installOnPostgres } from '../../src/systems/postgres/teal-schema.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { openMysqlFlow, type MysqlFlow } from '../apply/mysql-flow.ts';
import { Random } from '../checker/random.ts';
import { longSeries } from '../support/mysql.ts';
import { greenMajor, testDatabase } from '../support/postgres.ts';

type Row = Readonly<Record<string, string | null>>;
/** Asks one side; `$` is the database or schema where its tables are. */
type Side = (sql: string) => Promise<readonly Row[]>;

/** Tables that both families take, parents first. */
const tables = [
  'create table $.customer (id int primary key, code varchar(10) unique, name varchar(20))',
  `create table $.orders (id int primary key, customer_id int,
     constraint o_customer foreign key (customer_id) references $.customer (id) on delete cascade on update cascade)`,
  `create table $.item (order_id int, line int, primary key (order_id, line),
     constraint i_order foreign key (order_id) references $.orders (id) on delete cascade on update cascade)`,
  `create table $.part (id int primary key, order_id int, line int,
     constraint p_item foreign key (order_id, line) references $.item (order_id, line) on delete set null on update cascade)`,
  `create table $.mail (id int primary key, code varchar(10),
     constraint m_code foreign key (code) references $.customer (code) on delete set null on update cascade)`,
  `create table $.tree (id int primary key, parent int,
     constraint t_parent foreign key (parent) references $.tree (id) on delete cascade)`,
  'create table $.plain (id int primary key, customer_id int)',
];
const keyless = 'create table $.tag (customer_id int, word varchar(10)';
const keylessKey =
  'constraint g_customer foreign key (customer_id) references $.customer (id) on delete cascade on update cascade';
const mysqlTables = [
  ...tables,
  `${keyless}, ${keylessKey})`,
  `create table $.seen (id int primary key, customer_id int, at datetime(6) default '2020-01-01' on update current_timestamp(6),
     constraint s_customer foreign key (customer_id) references $.customer (id) on delete set null on update cascade)`,
];
const postgresTables = [
  ...tables,
  `${keyless}, ${keylessKey})`,
  'alter table $.tag replica identity full',
  `create table $.seen (id int primary key, customer_id int, at timestamp(6) default '2020-01-01',
     constraint s_customer foreign key (customer_id) references $.customer (id) on delete set null on update cascade)`,
];
const kinds: Tables = { mysql: mysqlTables, postgres: postgresTables };
const orders: Readonly<Record<string, string>> = {
  customer: 'id',
  orders: 'id',
  item: 'order_id, line',
  part: 'id',
  mail: 'id',
  tree: 'id',
  plain: 'id',
  tag: 'customer_id, word',
  seen: 'id',
};

async function contents(side: Side): Promise<Readonly<Record<string, readonly string[]>>> {
  const found: Record<string, readonly string[]> = {};
  for (const [table, order] of Object.entries(orders)) {
    const there = await side(`select * from $.${table} order by ${order}`);
    // A time without fractions of a second.
    found[table] = there.map((row) => JSON.stringify(row).replace('.000000"', '"'));
  }
  return found;
}

const rows = [
  `insert into $.customer values (1, 'a', 'one'), (2, 'b', 'two'), (3, 'c', null), (4, null, 'four'), (5, 'e', 'five'), (6, 'f', 'six')`,
  'insert into $.orders values (10, 1), (11, 1), (20, 2), (30, 3), (40, 4), (50, 5), (60, 6), (90, null)',
  'insert into $.item values (10, 1), (10, 2), (11, 1), (20, 1), (30, 1), (30, 2), (50, 1)',
  'insert into $.part values (1, 10, 1), (2, 10, 2), (3, 20, 1), (4, 30, 2), (5, null, 1), (6, 50, 1)',
  `insert into $.mail values (1, 'a'), (2, 'b'), (3, 'b'), (4, 'c'), (5, null), (6, 'e')`,
  'insert into $.tree values (1, null), (2, 1), (3, 2), (4, 3), (5, 1), (6, null), (7, 6), (8, 8)',
  'insert into $.plain values (1, 1), (2, 2)',
  `insert into $.tag values (1, 'x'), (1, 'x'), (2, 'y'), (3, 'z'), (5, 'v')`,
  'insert into $.seen (id, customer_id) values (1, 1), (2, 2), (3, 5)',
];

/** Each is one session's; what MySQL and MariaDB do to other rows is in no log. */
const changes: readonly (readonly [what: string, ...statements: readonly string[]])[] = [
  ['a parent goes, with all below it', 'delete from $.customer where id = 1'],
  [
    'a parent’s key moves, and everything below with it',
    'update $.customer set id = 200 where id = 2',
    'update $.orders set id = 2000 where id = 20',
  ],
  ['a key that is not the primary one changes', `update $.customer set code = 'B' where id = 200`],
  ['and becomes NULL', 'update $.customer set code = null where id = 200'],
  ['a tree goes by its root, and one that refers to itself', 'delete from $.tree where id in (1, 8)'],
  [
    'rows come and go in one transaction',
    'begin',
    `insert into $.customer values (7, 'g', 'seven')`,
    'insert into $.orders values (70, 7)',
    'insert into $.item values (70, 1)',
    'delete from $.customer where id = 7',
    `insert into $.customer values (7, 'g', 'again')`,
    'insert into $.orders values (71, 7)',
    'update $.customer set id = 8 where id = 7',
    `insert into $.customer values (7, 'h', 'third')`,
    'insert into $.orders values (70, 7)',
    'commit',
  ],
  ['a REPLACE is a delete', `replace into $.customer values (7, 'h', 'replaced')`],
  ['what is rolled back did nothing', 'begin', 'delete from $.customer where id = 200', 'rollback'],
  [
    'with foreign keys off nothing follows',
    'set foreign_key_checks = 0',
    'delete from $.customer where id = 3',
    'update $.customer set id = 400 where id = 4',
    'set foreign_key_checks = 1',
  ],
  [
    'and then what was left behind goes with a new parent',
    `insert into $.customer values (3, 'c', 'new')`,
    'delete from $.customer where id = 3',
  ],
  ['many at once', 'delete from $.customer where id in (5, 6, 8)'],
];

interface Two extends AsyncDisposable {
  readonly blue: Side;
  readonly green: Side;
  readonly flow: MysqlFlow;
}

const greens = ['PostgreSQL', 'the family'] as const;

describe.for(longSeries)('16: what foreign keys of $series do', ({ series, tested }) => {
  let server: MysqlServer;
  let session: MysqlConnection;
  const url = (): string => `mysql://root@127.0.0.1:${server.port}/`;
  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series });
    session = await connect({ url: url(), applicationName: 'teal test' });
  });
  afterAll(async () => {
    await session?.close();
    await server?.[Symbol.asyncDispose]();
  });
  const on =
    (database: string): Side =>
    async (sql) =>
      (await session.query(sql.replaceAll('$', database))).rows;

  /** A database of the server and one of another, or of the same one: which of them is the target is all the same to a sink. */
  const twoSides = async (kind: (typeof greens)[number], of: Tables): Promise<Two> => {
    await removeTealSchema(session);
    for (const name of ['green', 'shop']) {
      await session.query(`drop database if exists ${name}`);
      await session.query(`create database ${name}`);
    }
    const blue = on('shop');
    for (const sql of of.mysql) await blue(sql);
    await installOnMysql(session, 'blue');
    if (kind === 'the family') {
      for (const sql of of.mysql) await on('green')(sql);
      const openSink = async (stream: string) => openMysqlSink({ url: url(), stream });
      const flow = await openMysqlFlow({ url: url(), database: 'shop', as: 'green', openSink });
      return { blue, green: on('green'), flow, [Symbol.asyncDispose]: async () => flow[Symbol.asyncDispose]() };
    }
    const db = await testDatabase(greenMajor());
    await db.query(['create schema shop', ...of.postgres].join(';').replaceAll('$', 'shop'));
    await using installer = await connectPostgres({ url: db.url, applicationName: 'teal test' });
    await installOnPostgres(installer, 'green');
    let origin = '';
    const openSink = async (stream: string) => {
      origin = `teal_${stream}`;
      return openPostgresSink({ url: db.url, stream });
    };
    const flow = await openMysqlFlow({ url: url(), database: 'shop', as: 'shop', openSink });
    return {
      blue,
      green: async (sql) => db.query(sql.replaceAll('$', 'shop')),
      flow,
      async [Symbol.asyncDispose]() {
        await flow[Symbol.asyncDispose]();
        await db.query('select pg_replication_origin_drop(roname) from pg_replication_origin where roname = $1', [
          origin,
        ]);
        await db[Symbol.asyncDispose]();
      },
    };
  };

  describe.for(greens)('on a green of %s', (kind) => {
    test.skipIf(!tested)('is there as on blue, no more and no less', { timeout: 2 * patienceMs }, async () => {
      await using two = await twoSides(kind, kinds);
      const { blue, green, flow } = two;
      for (const sql of rows) await blue(sql);
      for (const [what, ...statements] of changes) {
        const before = await contents(blue);
        for (const sql of statements) await blue(sql);
        if (!statements.includes('rollback')) expect(await contents(blue), what).not.toEqual(before);
        await flow.carry();
        expect(await contents(green), what).toEqual(await contents(blue));
      }
    });

    test.skipIf(!tested)('is there after any statements on any tables', { timeout: 2 * patienceMs }, async () => {
      const seed = Number(process.env['TEAL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
      const random = new Random(seed);
      const made = randomTables(random);
      const why = `TEAL_SEED=${seed}: ${made.mysql.join('; ')}`;
      await using two = await twoSides(kind, made);
      const { blue, green, flow } = two;
      const done: string[] = [];
      for (let n = 0; n < statementsOfRun; n += 1) {
        for (const sql of randomStatements(random, made.shapes)) {
          const isDone = await blue(sql).then(
            () => true,
            () => false,
          );
          if (isDone) done.push(sql);
        }
      }
      await blue('commit');
      await flow.carry();
      for (const { name } of made.shapes) {
        const sql = `select * from $.${name} order by id`;
        expect(await green(sql), `${name} of ${why}`).toEqual(await blue(sql));
      }
      expect(done.filter((each) => /^(delete|update)/.test(each)).length, why).toBeGreaterThan(50);
    });
  });

  test.skipIf(!tested)('waits where another key acts than when it began', { timeout: 3 * patienceMs }, async () => {
    const named = (all: readonly string[]): readonly string[] => all.map((sql) => sql.replaceAll('$', 'shop'));
    await using pair = await unlikePair(
      await mysqlEnd(server, 'blue', named(kinds.mysql)),
      await postgresEnd('green', named(kinds.postgres)),
    );
    const { blue, green } = pair.ends;
    await pair.carrier.deploy('forward');
    await blue.query(
      'alter table shop.plain add constraint late foreign key (customer_id) references shop.customer (id) on delete cascade',
    );
    await blue.query(`insert into shop.customer values (1, 'a', 'one'), (2, 'b', 'two')`);
    await blue.query('insert into shop.orders values (10, 1), (20, 2)');
    const waiting = await waitFor({ what: 'the flow to wait', timeoutMs: patienceMs }, async () => {
      const { now } = await pair.status('forward');
      return now.state === 'waiting' && now.code === 'TEAL-SYNC-102' ? now : undefined;
    });
    expect(waiting.reason).toContain('foreign key late of shop.plain acts on blue, and did not when the flow began');
    expect(await green.query('select id from shop.customer')).toEqual([]);
    await blue.query('alter table shop.plain drop foreign key late');
    await blue.query('delete from shop.customer where id = 1');
    await waitFor({ what: 'the rows', timeoutMs: patienceMs }, async () => {
      const found = await green.query('select id from shop.orders');
      return found.map(({ id }) => id).join() === '20' || undefined;
    });
    expect(await green.query('select id from shop.customer')).toEqual([{ id: '2' }]);
  });
});

interface Tables {
  readonly mysql: readonly string[];
  readonly postgres: readonly string[];
}

/** One run; each costs the server a commit. */
const statementsOfRun = 700;

interface Shape {
  readonly name: string;
  readonly columns: readonly string[];
}

const deleteRules = ['cascade', 'set null', 'restrict'] as const;

/** Tables of one form that refer to each other in any way that both families take. */
function randomTables(random: Random): {
  readonly shapes: readonly Shape[];
  readonly mysql: readonly string[];
  readonly postgres: readonly string[];
} {
  const shapes: Shape[] = [];
  const made: string[] = [];
  const count = random.between(3, 6);
  for (let at = 0; at < count; at += 1) {
    const name = `t${at}`;
    const columns = ['id', 'u', 'v'];
    const keys: string[] = [];
    for (let nth = 0; nth < (at === 0 ? 1 : random.between(1, 3)); nth += 1) {
      const isSelf = at === 0 || random.chance(0.15);
      const parent = isSelf ? name : `t${random.below(at)}`;
      const refers = random.pick([['id'], ['u'], ['u', 'v']] as const);
      // Its own unique values may be what refers, so that keys act on each other over several tables.
      const isOwn = nth === 0 && !isSelf && random.chance(0.5);
      const own = refers.map((_, part) => (isOwn ? (['u', 'v'][part] ?? 'u') : `f${nth}_${part}`));
      columns.push(...own.filter((column) => !columns.includes(column)));
      const [onDelete, onUpdate] = [random.pick(deleteRules), isSelf ? 'restrict' : random.pick(deleteRules)];
      keys.push(
        `constraint k${at}_${nth} foreign key (${own.join(', ')}) references $.${parent} (${refers.join(', ')}) on delete ${onDelete} on update ${onUpdate}`,
      );
    }
    const fields = columns.map((column) => (column === 'id' ? 'id int primary key' : `${column} int`));
    shapes.push({ name, columns });
    made.push(`create table $.${name} (${[...fields, 'unique (u)', 'unique (u, v)', ...keys].join(', ')})`);
  }
  return { shapes, mysql: made, postgres: made };
}

function randomStatements(random: Random, shapes: readonly Shape[]): readonly string[] {
  const { name, columns } = random.pick(shapes);
  const table = `$.${name}`;
  const value = (column: string): string => {
    if (column !== 'id' && random.chance(0.15)) return 'null';
    return String(random.below(column === 'id' ? 12 : 8));
  };
  const row = `(${columns.map(value).join(', ')})`;
  const where = random.pick([
    `id = ${random.below(12)}`,
    `id < ${random.below(4)}`,
    `u = ${random.below(8)}`,
    `v = ${random.below(8)}`,
  ]);
  const column = random.pick(['id', 'id', 'u', 'u', 'v', ...columns]);
  const statement = random.pick([
    `insert into ${table} values ${row}`,
    `insert into ${table} values ${row}`,
    `insert into ${table} values ${row}`,
    `insert into ${table} values ${row}`,
    `replace into ${table} values ${row}`,
    `insert into ${table} values ${row} on duplicate key update ${column} = ${value(column)}`,
    `delete from ${table} where ${where}`,
    `update ${table} set ${column} = ${value(column)} where ${where}`,
    `update ${table} set ${column} = ${value(column)} where id = ${random.below(12)}`,
    `update ${table} set ${column} = ${column} + 1 where ${where} order by id desc`,
  ]);
  if (random.chance(0.12)) return ['set foreign_key_checks = 0', statement, 'set foreign_key_checks = 1'];
  if (random.chance(0.1)) return [random.pick(['begin', 'begin', 'commit', 'rollback']), statement];
  return [statement];
}
