import { createConnection } from 'mysql2/promise';
import type { MysqlServer } from '../../tools/servers/mysql.ts';
import { account, connectTimeoutMs, database, execute, withSession } from '../mysql-pair.ts';
import { bigColumns, bigValues, insertNumbered, numbersAfter, numbersRows } from './mysql-sets.ts';
import {
  bulkInserts,
  deletes,
  hotKeys,
  hugeTransaction,
  indexedUpdates,
  plainUpdates,
  singleRows,
  type Size,
  type Workload,
} from './workloads.ts';

/** The workloads of workloads.ts, written on a server of the family of MySQL. */
export type MysqlWorkload = Omit<Workload, 'write'> & {
  readonly write: (blue: MysqlServer, size: Size) => Promise<void>;
};

function onMysql(like: Workload, write: MysqlWorkload['write']): MysqlWorkload {
  return { ...like, write: async (blue, size) => withoutWaiting(blue, async () => write(blue, size)) };
}

/** The clients of a workload are not what is measured: their commits wait for no disk. */
async function withoutWaiting(blue: MysqlServer, work: () => Promise<void>): Promise<void> {
  await execute(blue, ['set global innodb_flush_log_at_trx_commit = 2, global sync_binlog = 0']);
  await work();
  await execute(blue, ['set global innodb_flush_log_at_trx_commit = 1, global sync_binlog = 1', 'flush engine logs']);
}

/** One statement with so many rows is one transaction; `statement` is told the numbers of its rows, which no other round has. */
async function inTransactions(
  blue: MysqlServer,
  { round, changes }: Size,
  rowsEach: number,
  statement: (numbers: string) => string,
): Promise<void> {
  await withSession(blue, async (session) => {
    // A DELETE of a join finds its table by an alias only in a database that was chosen.
    await session.query(`use ${database}`);
    for (let at = 0; at < changes; at += rowsEach) {
      await session.query(statement(numbersAfter((round - 1) * changes + at, Math.min(rowsEach, changes - at))));
    }
  });
}

/** Spread over the table as in workloads.ts. */
const picked = (numbers: string, rows: number): string =>
  `join (select 1 + (n * 1000003) % ${rows} as id from ${numbers}) picked on picked.id = big.id`;

const updates = (like: Workload, set: string): MysqlWorkload =>
  onMysql(like, async (blue, size) =>
    inTransactions(
      blue,
      size,
      100,
      (numbers) => `update ${database}.big ${picked(numbers, size.tableRows)} set ${set}`,
    ),
  );

async function write16Clients(blue: MysqlServer, { round, tableRows, changes }: Size): Promise<void> {
  const clients = 16;
  const client = async (number: number): Promise<void> => {
    const { host, port } = blue;
    const session = await createConnection({ host, port, ...account, database, connectTimeout: connectTimeoutMs });
    try {
      for (let turn = 0; turn < changes / clients; turn += 1) {
        const n = 1 + (((round * changes + turn * clients + number) * 7_919) % tableRows);
        if (turn % 2 === 0) await session.execute('update big set a = a + 1 where id = ?', [n]);
        else {
          await session.execute(
            `insert into big (a, b, c, d, e, f, g, h, i) values (?, ?, null, ?, concat('the text of ', ?), null, 1.5, now(6), 7)`,
            [n % 1_000, n, n, n],
          );
        }
      }
    } finally {
      session.destroy();
    }
  };
  await Promise.all(Array.from({ length: clients }, async (_, number) => client(number)));
}

async function writeHugeTransaction(blue: MysqlServer, { changes }: Size): Promise<void> {
  await withSession(blue, async (session) => {
    const inserted = Math.round(changes / 2);
    await session.query('start transaction');
    await session.query(`select max(id) into @newest from ${database}.big`);
    await insertNumbered(session, bigColumns, bigValues, inserted, Math.min(numbersRows, inserted));
    await session.query(`update ${database}.big set a = a + 1 where id > @newest`);
    await session.query('commit');
  });
}

export const mysqlWorkloads = {
  bulkInserts: onMysql(bulkInserts, async (blue, size) =>
    inTransactions(
      blue,
      size,
      1_000,
      (numbers) => `insert into ${bigColumns} select ${bigValues} from ${numbers} order by n`,
    ),
  ),
  plainUpdates: updates(plainUpdates, 'big.a = big.a + 1'),
  singleRows: onMysql(singleRows, write16Clients),
  indexedUpdates: updates(indexedUpdates, 'big.b = big.b + 1'),
  deletes: onMysql(deletes, async (blue, size) =>
    inTransactions(
      blue,
      size,
      100,
      (numbers) => `delete big from ${database}.big as big ${picked(numbers, size.tableRows)}`,
    ),
  ),
  hotKeys: onMysql(hotKeys, async (blue, size) =>
    inTransactions(blue, size, 100, () => `update ${database}.big set a = a + 1 where id <= 100`),
  ),
  hugeTransaction: onMysql(hugeTransaction, writeHugeTransaction),
} as const;
