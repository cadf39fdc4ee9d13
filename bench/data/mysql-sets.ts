import type { Connection } from 'mysql2/promise';
import type { MysqlServer } from '../../tools/servers/mysql.ts';
import { database, execute, withSession, workshop } from '../mysql-pair.ts';
import { countText, scaled } from './data-set.ts';

/** Tables and rows of `database` on a server of the family of MySQL. The rows are the same in every run. */
export interface MysqlDataSet {
  readonly name: string;
  readonly about: string;
  /** Makes the database; past the log, which nobody follows yet. */
  readonly load: (server: MysqlServer, scale: number) => Promise<void>;
}

/** Rows of the workshop's table `numbers`, and so the most that one statement of `insertNumbered` makes. */
export const numbersRows = 100_000;

/** The whole numbers from 1 to `numbersRows`: neither family makes rows out of nothing in a way that the other has too. */
export const makeNumbers: readonly string[] = [
  `create database ${workshop}`,
  `create table ${workshop}.numbers (n bigint not null primary key) engine=InnoDB`,
  `insert into ${workshop}.numbers values ${Array.from({ length: 1_000 }, (_, at) => `(${at + 1})`).join(', ')}`,
  `insert into ${workshop}.numbers select a.n + 1000 * b.n from ${workshop}.numbers a join ${workshop}.numbers b where b.n < ${numbersRows / 1_000}`,
];

/** The numbers from `after + 1` on, as many as `count`, in a derived table of one column `n`. */
export function numbersAfter(after: number, count: number): string {
  return `(select n + ${after} as n from ${workshop}.numbers where n <= ${count}) numbered`;
}

/** `values`: expressions over `n`, one a column. */
export async function insertNumbered(
  session: Connection,
  into: string,
  values: string,
  rows: number,
  rowsEach = numbersRows,
): Promise<void> {
  for (let at = 0; at < rows; at += rowsEach) {
    const from = numbersAfter(at, Math.min(rowsEach, rows - at));
    await session.query(`insert into ${into} select ${values} from ${from} order by n`);
  }
}

interface FilledTable {
  readonly name: string;
  readonly columns: string;
  readonly values: string;
}

const narrow: FilledTable = {
  name: 'narrow',
  columns:
    'id bigint not null primary key, a int not null, b int not null, c int, d bigint not null, e int, f int, g smallint, h bigint, i int, key narrow_b (b)',
  values: 'n, n % 1000, (n * 7919) % 1000003, nullif(n % 10, 0), n * 1000003, n % 97, -(n % 2003), n % 300, n div 2, n',
};

/** Four of a hundred documents are long. */
const wide: FilledTable = {
  name: 'wide',
  columns:
    'id bigint not null primary key, kind varchar(10) not null, title varchar(60) not null, body text, doc json not null, made datetime not null, price decimal(12, 2), key wide_made (made)',
  values: `n, elt(1 + n % 4, 'note', 'mail', 'order', 'bill'), concat('title of the row ', n), repeat(md5(n), 4 + n % 5),
    case when n % 100 < 4 then json_object('n', n, 'text', repeat(md5(n), 80)) else json_object('n', n, 'tags', json_array(concat('a', n % 7), concat('b', n % 11)), 'ok', n % 3 = 0) end,
    timestamp '2026-01-01 00:00:00' + interval n * 7 second, (n % 100000) / 100`,
};

const texts: FilledTable = {
  name: 'texts',
  columns:
    'id char(36) character set ascii collate ascii_bin not null primary key, customer char(36) character set ascii collate ascii_bin not null, amount decimal(12, 2) not null, made datetime not null, key texts_customer (customer)',
  values: `insert(insert(insert(insert(md5(n), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-'), insert(insert(insert(insert(md5(concat('c', n % 1000)), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-'),
    (n % 10000) / 100, timestamp '2026-01-01 00:00:00' + interval n second`,
};

/** The collation is one that every series and every client has. */
export const createDatabase = `create database ${database} character set utf8mb4 collate utf8mb4_general_ci`;

function setOf(name: string, about: string, tables: readonly (readonly [FilledTable, number])[]): MysqlDataSet {
  return {
    name,
    about,
    load: async (server, scale) =>
      withSession(server, async (session) => {
        for (const sql of ['set sql_log_bin = 0', ...makeNumbers, createDatabase]) await session.query(sql);
        for (const [table, rows] of tables) {
          await session.query(`create table ${database}.${table.name} (${table.columns}) engine=InnoDB`);
          await insertNumbered(session, `${database}.${table.name}`, table.values, scaled(rows, scale));
          await session.query(`analyze no_write_to_binlog table ${database}.${table.name}`);
        }
        await session.query(`drop database ${workshop}`);
      }),
  };
}

export const mysqlBigTable = setOf(
  'one big table',
  `${countText(4_000_000)} rows of ten integers, a primary key and an index.`,
  [[narrow, 4_000_000]],
);

export const mysqlMixture = setOf(
  'narrow and wide',
  `${countText(3_000_000)} rows of ten integers, and ${countText(1_500_000)} of text and JSON; each with a primary key and an index.`,
  [
    [narrow, 3_000_000],
    [wide, 1_500_000],
  ],
);

export const mysqlTextKeys = setOf(
  'keys of text',
  `${countText(1_500_000)} rows with a UUID in text as primary key, in random order, and an index on another.`,
  [[texts, 1_500_000]],
);

/** For whoever follows: a table like `fillTable` of workloads.ts makes, and the numbers, which stay. Logged, so that a replica has it too. */
export async function fillBig(server: MysqlServer, rows: number): Promise<void> {
  await execute(server, [
    ...makeNumbers,
    createDatabase,
    `create table ${database}.big (id bigint not null auto_increment primary key, a int not null, b int not null, c int, d bigint not null, e varchar(60) not null, f varchar(60),
       g decimal(12, 2) not null, h datetime(6) not null, i int not null, key big_b (b)) engine=InnoDB`,
  ]);
  await withSession(server, async (session) => insertNumbered(session, `${database}.big`, `n, ${bigValues}`, rows));
}

/** Ten columns, 140 bytes a row. */
export const bigColumns = `${database}.big (a, b, c, d, e, f, g, h, i)`;
export const bigValues = `n % 1000, (n * 7919) % 1000003, nullif(n % 10, 0), n * 1000003, concat('the text of ', n), if(n % 3 = 0, md5(n), null), (n % 100000) / 100, timestamp '2026-01-01 00:00:00' + interval n second, n % 97`;
