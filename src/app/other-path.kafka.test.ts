import { createConnection } from 'mysql2/promise';
import { describe, expect, test, vi } from 'vitest';
import { connectIsTested, namePrefix, testCluster, type TestCluster } from '../../test/support/kafka.ts';
import { isLong } from '../../test/support/long.ts';
import { isTested } from '../../test/support/mysql.ts';
import { testDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { startConnect, type ConnectCluster } from '../../tools/servers/connect.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import type { MysqlSeries } from '../../tools/servers/install-mysql.ts';
import { otherSourceConfig, type OtherSourcePlan } from '../carriers/connect/other-sources.ts';
import { ConnectRest, type ConnectorConfig } from '../carriers/connect/rest.ts';
import { waitFor } from '../kernel/clock.ts';
import {
  checkConnectors,
  deployConnectors,
  lookAtConnectors,
  retireConnectors,
  type OtherPathOptions,
} from './other-path.ts';

vi.setConfig({ testTimeout: 600_000 });

const series: readonly MysqlSeries[] = isLong ? ['mysql-8.0', 'mariadb-11.4'] : ['mysql-8.0'];

/** Nobody listens there: what a plugin says of the rest of a configuration is said all the same. */
const unreachable = {
  oracle: 'oracle://c%23%23teal:${SECRET}@127.0.0.1:1/CDB?pdb=SHOPPDB',
  sqlserver: 'sqlserver://teal:${SECRET}@127.0.0.1:1/shop',
} as const;

function optionsOf(
  cluster: TestCluster,
  connect: ConnectCluster,
  more: Pick<OtherPathOptions, 'name' | 'from' | 'to' | 'tables'>,
): OtherPathOptions {
  return {
    workers: connect.urls,
    brokers: cluster.bootstrap,
    replicationFactor: 1,
    topicPrefix: namePrefix(),
    serverId: 4_711,
    env: { SECRET: 's3cret' },
    ...more,
  };
}

describe.skipIf(!connectIsTested)('connectors from other systems', () => {
  test('are taken by the plugins of Oracle and SQL Server, and carry MySQL and MariaDB', async () => {
    const cluster = await testCluster('blue');
    await using connect = await startConnect({
      bootstrap: cluster.bootstrap,
      plugins: ['debezium-oracle', 'debezium-sqlserver', 'debezium-mysql', 'debezium-mariadb', 'debezium-jdbc'],
    });
    await using green = await testDatabase(18);
    for (const [name, from] of Object.entries(unreachable)) {
      const given = optionsOf(cluster, connect, { name, from, to: green.url, tables: ['shop.orders'] });
      // The one mistake is that nobody answers at the address.
      expect(await checkConnectors(given), name).toEqual([{ connector: 'source', setting: 'database.hostname' }]);
      await expect(deployConnectors(given)).rejects.toMatchObject({ code: 'TEAL-CARRIERS-011' });
      expect(await lookAtConnectors(given)).toBeUndefined();
    }
    await expectJudged(connect, cluster);
    for (const each of series.filter(isTested)) {
      await using blue = await startMysql({ series: each });
      await expectCarried(
        blue,
        optionsOf(cluster, connect, {
          name: each.replaceAll('.', '-'),
          from: `${each.startsWith('mysql') ? 'mysql' : 'mariadb'}://root@127.0.0.1:${blue.port}/shop`,
          to: green.url,
          tables: ['shop.account'],
        }),
        green,
      );
    }
  });
});

/** That the plugins look at all: what is wrong they name. */
async function expectJudged(connect: ConnectCluster, { bootstrap }: TestCluster): Promise<void> {
  const rest = new ConnectRest({ url: connect.urls });
  const plan = {
    migration: 'x',
    run: 'r',
    topicPrefix: '',
    replicationFactor: 1,
    heartbeatEveryMs: 1_000,
    serverId: 1,
  };
  for (const [sourceUrl, setting] of [
    [unreachable.oracle, 'log.mining.strategy'],
    [unreachable.sqlserver, 'snapshot.isolation.mode'],
  ] as const) {
    const asked: OtherSourcePlan = { ...plan, sourceUrl, brokers: bootstrap, tables: [{ schema: 's', name: 't' }] };
    const config: ConnectorConfig = { name: 'x', ...otherSourceConfig(asked), [setting]: 'nonsense' };
    const mistakes = await rest.validate(config['connector.class'] ?? '', config);
    expect(mistakes.map((mistake) => mistake.setting)).toContain(setting);
  }
}

const made = `
  create database shop;
  create table shop.account (id int primary key, owner varchar(40) not null, balance decimal(12,2), seen datetime(6), big bigint unsigned);
  insert into shop.account values (1, 'ann', 12.50, '2026-01-02 03:04:05.678901', 18446744073709551615), (2, 'ünï', null, null, 0)`;
const changed = `
  update shop.account set balance = balance + 1 where id = 1;
  delete from shop.account where id = 2;
  insert into shop.account values (3, 'eve', -0.01, '1999-12-31 23:59:59', 7)`;

/** Rows that are there, and what is done to them; then nothing of it is left on the cluster. */
async function expectCarried(blue: MysqlServer, options: OtherPathOptions, green: TestDatabase): Promise<void> {
  await run(blue, made);
  await green.query(
    'drop schema if exists shop cascade; create schema shop; create table shop.account (id int primary key, owner varchar(40) not null, balance numeric(12,2), seen timestamp, big numeric(20))',
  );
  // Never that of a migration of the same name, which `retire` would take away.
  const name = expect.stringMatching(/^teal-connectors-(mysql|mariadb)-/);
  expect(await deployConnectors(options)).toMatchObject({
    source: { state: 'runs', name },
    sink: { state: 'runs', name },
  });
  const arrived = async (wanted: readonly string[]): Promise<void> => {
    const text = JSON.stringify(wanted);
    await waitFor({ what: `rows ${text}`, timeoutMs: 60_000 }, async () => {
      const rows = await green.query('select a::text as row from shop.account a order by id');
      return JSON.stringify(rows.map(({ row }) => row)) === text ? true : undefined;
    });
  };
  await arrived(['(1,ann,12.50,"2026-01-02 03:04:05.678901",18446744073709551615)', '(2,ünï,,,0)']);
  await run(blue, changed);
  await arrived([
    '(1,ann,13.50,"2026-01-02 03:04:05.678901",18446744073709551615)',
    '(3,eve,-0.01,"1999-12-31 23:59:59",7)',
  ]);
  // Its place is kept once a second; then it is one of the log.
  await waitFor({ what: 'the snapshot to be told as over', timeoutMs: 60_000, everyMs: 500 }, async () =>
    (await lookAtConnectors(options))?.inSnapshot === false ? true : undefined,
  );
  expect(await deployConnectors(options)).toMatchObject({ source: { state: 'runs' }, sink: { state: 'runs' } });
  expect((await retireConnectors(options)).length).toBe(3);
  expect(await lookAtConnectors(options)).toBeUndefined();
  expect(await retireConnectors(options)).toEqual([]);
}

async function run({ port }: MysqlServer, sql: string): Promise<void> {
  const client = await createConnection({ host: '127.0.0.1', port, user: 'root', multipleStatements: true });
  try {
    await client.query(sql);
  } finally {
    client.destroy();
  }
}
