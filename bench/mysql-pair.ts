import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { waitFor } from '../src/kernel/clock.ts';
import type { MysqlSeries } from '../tools/servers/install-mysql.ts';
import { startMysql, type MysqlServer } from '../tools/servers/mysql.ts';
import { openFolder } from './folder.ts';

/** Two servers of the family of MySQL, and a folder for whatever a contender writes. */
export interface MysqlPair extends AsyncDisposable {
  readonly blue: MysqlServer;
  readonly green: MysqlServer;
  readonly folder: string;
}

export interface Serieses {
  readonly blue: MysqlSeries;
  readonly green: MysqlSeries;
}

/** A machine that is measured may be busy. */
export const connectTimeoutMs = 120_000;
/** Of everybody that is measured: a way of logging in that all clients know, also old ones. */
export const account = Object.freeze({ user: 'bench', password: 'bench' });
/** What is moved. */
export const database = 'bench';
/** Beside it: what makes rows and is not moved. */
export const workshop = 'bench_workshop';

/**
 * The same for every contender. `sync_binlog` and `innodb_flush_log_at_trx_commit` are as the servers have them by themselves: a commit waits for the disk. The log has room for a
 * round, so that nobody waits until pages are written; what is left of them is for `settle`, before a clock starts.
 */
const settingsOfAll: Readonly<Record<string, string>> = Object.freeze({
  'innodb-buffer-pool-size': '512M',
  'innodb-flush-log-at-trx-commit': '1',
  'sync-binlog': '1',
  'innodb-io-capacity': '10000',
  'innodb-io-capacity-max': '20000',
  'max-allowed-packet': '64M',
  // Who is held by a signal while work gathers has not died.
  'net-write-timeout': '7200',
  'net-read-timeout': '7200',
});

const settingsOfFlavour: Readonly<Record<MysqlServer['flavour'], Readonly<Record<string, string>>>> = Object.freeze({
  mariadb: { 'innodb-log-file-size': '2G' },
  // pgloader refuses a server that names another way of logging in first, whatever the account has.
  mysql: { 'innodb-redo-log-capacity': '2G', 'default-authentication-plugin': 'mysql_native_password' },
});

const flavourOf = (series: MysqlSeries): MysqlServer['flavour'] => (series.startsWith('mariadb') ? 'mariadb' : 'mysql');

/** One server with the settings and the account of the benchmark. `serverId`: no two that replicate may have the same. */
export async function openMysql(
  series: MysqlSeries,
  serverId: number,
  more: Readonly<Record<string, string>> = {},
): Promise<MysqlServer> {
  const flavour = flavourOf(series);
  const settings = { ...settingsOfAll, ...settingsOfFlavour[flavour], 'server-id': String(serverId), ...more };
  const server = await startMysql({ series, settings });
  try {
    const how = flavour === 'mysql' ? 'identified with mysql_native_password by' : 'identified by';
    await execute(server, [
      'set sql_log_bin = 0',
      `create user '${account.user}'@'%' ${how} '${account.password}'`,
      `grant all on *.* to '${account.user}'@'%' with grant option`,
    ]);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

export async function openMysqlPair(series: Serieses, more: Readonly<Record<string, string>> = {}): Promise<MysqlPair> {
  await using stack = new AsyncDisposableStack();
  const blue = stack.use(await openMysql(series.blue, 1, more));
  const green = stack.use(await openMysql(series.green, 2, more));
  const folder = await openFolder(stack);
  const kept = stack.move();
  return { blue, green, folder, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

export function urlOf(server: MysqlServer, name = ''): string {
  return `mysql://${account.user}:${account.password}@${server.host}:${server.port}/${name}`;
}

/** As the administrator; one session for one piece of work. */
export async function withSession<T>(server: MysqlServer, work: (session: Connection) => Promise<T>): Promise<T> {
  const session = await createConnection({
    host: server.host,
    port: server.port,
    user: 'root',
    connectTimeout: connectTimeoutMs,
    charset: 'utf8mb4',
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
  try {
    return await work(session);
  } finally {
    session.destroy();
  }
}

/** One statement after another, in one session. */
export async function execute(server: MysqlServer, statements: readonly string[]): Promise<void> {
  await withSession(server, async (session) => {
    for (const statement of statements) await session.query(statement);
  });
}

/** The first column of all rows, as text. */
export async function column(server: MysqlServer, sql: string): Promise<readonly string[]> {
  return withSession(server, async (session) => {
    const [rows] = await session.query<RowDataPacket[]>(sql);
    return rows.map((row) => String(Object.values(row)[0]));
  });
}

/** Of the rows as they are stored, without other indexes than the primary keys. */
export async function bytesOf(server: MysqlServer): Promise<number> {
  const [bytes] = await column(
    server,
    `select coalesce(sum(data_length), 0) from information_schema.tables where table_schema = '${database}'`,
  );
  return Number(bytes);
}

/** `MySQL 8.0.33`. */
export async function versionOf(server: MysqlServer): Promise<string> {
  const [said = ''] = await column(server, 'select version()');
  return `${server.flavour === 'mysql' ? 'MySQL' : 'MariaDB'} ${/^[\d.]+/.exec(said)?.[0] ?? said}`;
}

/** Few enough pages that are not written yet: some always are, of the server's own tables. */
const mostDirtyPages = 64;

/** Has servers write out what earlier work has left in memory, so that a round does not pay for the one before it. */
export async function settle(...servers: readonly MysqlServer[]): Promise<void> {
  for (const server of servers) {
    await withSession(server, async (session) => {
      await session.query('set global innodb_max_dirty_pages_pct_lwm = 0, global innodb_max_dirty_pages_pct = 0');
      await waitFor({ what: 'a server to write its pages', timeoutMs: 600_000, everyMs: 20 }, async () => {
        const [rows] = await session.query<RowDataPacket[]>(`show global status like 'innodb_buffer_pool_pages_dirty'`);
        return Number(rows[0]?.['Value']) <= mostDirtyPages ? true : undefined;
      });
      await session.query(
        'set global innodb_max_dirty_pages_pct = default, global innodb_max_dirty_pages_pct_lwm = default',
      );
    });
  }
}

/** No database of that name any more. */
export async function dropDatabase(server: MysqlServer, name: string): Promise<void> {
  await execute(server, [`drop database if exists ${name}`]);
}
