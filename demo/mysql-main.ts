import { createConnection, type RowDataPacket } from 'mysql2/promise';
import type { Side } from '../src/model/catalog.ts';
import { startMysql } from '../tools/servers/mysql.ts';
import { pgTools } from '../tools/servers/pg-tools.ts';
import { startPostgres } from '../tools/servers/postgres.ts';
import { execute, withClient } from '../tools/servers/with-client.ts';
import type { Ask } from './judge.ts';
import type { FollowingOptions } from './mysql-clients.ts';
import { fillMysqlShop } from './mysql-fill.ts';
import { runDemo, type Sizes, type Stage } from './run-demo.ts';

/** `make demo-mysql`: from MySQL 8.0 to PostgreSQL 18. No proxy stands before two protocols: the shop's clients follow the cut, see examples/follow-the-cut.ts. */
async function set(stack: AsyncDisposableStack, { rows }: Sizes): Promise<Stage> {
  const [blue, green] = await Promise.all([
    startMysql({
      series: 'mysql-8.0',
      settings: { 'innodb-buffer-pool-size': '512M', 'innodb-redo-log-capacity': '512M', 'max-connections': '200' },
    }).then((server) => stack.use(server)),
    startPostgres({
      major: 18,
      superuserPassword: 'demo-superuser',
      auth: 'scram-sha-256',
      settings: { max_wal_size: '4GB' },
    }).then((server) => stack.use(server)),
  ]);
  const urls = { blue: `mysql://root@127.0.0.1:${blue.port}/shop`, green: green.url };
  const clients = {
    urls: {
      blue: `mysql://shop_app:shop-app-demo@127.0.0.1:${blue.port}/shop`,
      green: `postgres://shop_app:shop-app-demo@127.0.0.1:${green.port}/postgres`,
    },
    documents: Math.max(20, Math.floor(rows / 400)),
    events: Math.floor(rows / 20),
    patienceMs: 30_000,
  } satisfies Partial<FollowingOptions>;
  return {
    urls,
    fill: async () => fillMysqlShop(`mysql://root@127.0.0.1:${blue.port}/`, rows),
    sides: `
blue: { system: mysql, url: "\${BLUE_URL}" }
green: { url: "\${GREEN_URL}" }
traffic: { router: none }
mapping:
  tables:
    # MySQL puts JSON into a form of its own; json keeps what green is sent as it stands, jsonb does as MySQL does.
    "shop.customers": { columns: { preferences: { type: jsonb } } }
    "shop.products": { columns: { attributes: { type: jsonb } } }
    "shop.events": { columns: { detail: { type: jsonb } } }`,
    // Nobody holds the clients: a side is closed at a moment when no transaction of theirs has written, and such a moment is waited for.
    cutover: '  lockTimeout: 3s\n  maxPause: 10s',
    tools: await pgTools(18, 18),
    clients: { program: new URL('mysql-clients.ts', import.meta.url), options: clients },
    asking: async (side, work) => asking(side, urls, work),
    // Accounts are not carried: the application's role is made by hand, and has its rights before it comes.
    prepareCut: async () =>
      execute(green.url, [
        `create role shop_app login password 'shop-app-demo'`,
        'grant usage on schema shop to shop_app',
        'grant select, insert, update, delete on all tables in schema shop to shop_app',
      ]),
    cutAttempts: 5,
  };
}

async function asking<T>(side: Side, urls: Readonly<Record<Side, string>>, work: (ask: Ask) => Promise<T>): Promise<T> {
  if (side === 'green') {
    return withClient(urls.green, async (client) =>
      work(async (sql) => (await client.query<Record<string, unknown>>(sql)).rows),
    );
  }
  const client = await createConnection({ uri: urls.blue });
  try {
    return await work(async (sql) => (await client.query<RowDataPacket[]>(sql))[0]);
  } finally {
    client.destroy();
  }
}

await runDemo({ opening: 'starting MySQL 8.0 (blue) and PostgreSQL 18 (green)', rows: 200_000, set });
