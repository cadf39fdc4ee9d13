import { expect, test } from 'vitest';
import { historyTopic, otherSourceConfig, type OtherSourcePlan } from './other-sources.ts';

const plan: OtherSourcePlan = {
  migration: 'shop',
  run: 'r1',
  topicPrefix: 'teal.',
  replicationFactor: 3,
  heartbeatEveryMs: 1_000,
  sourceUrl: 'oracle://c%23%23ann:s%40fe@blue.example/CDB?pdb=SHOPPDB',
  brokers: 'one:9092,two:9092',
  serverId: 4711,
  tables: [
    { schema: 'SHOP', name: 'ORDERS' },
    { schema: 'SHOP', name: 'X$Y' },
  ],
};

test('Oracle is read by LogMiner, LOBs too, from a pluggable database', () => {
  expect(otherSourceConfig(plan)).toMatchObject({
    'connector.class': 'io.debezium.connector.oracle.OracleConnector',
    'database.hostname': 'blue.example',
    'database.port': '1521',
    'database.user': 'c##ann',
    'database.password': 's@fe',
    'database.dbname': 'CDB',
    'database.pdb.name': 'SHOPPDB',
    'database.connection.adapter': 'logminer',
    'lob.enabled': 'true',
    'table.include.list': String.raw`SHOP\.ORDERS,SHOP\.X\$Y`,
    'schema.history.internal.kafka.bootstrap.servers': 'one:9092,two:9092',
    'schema.history.internal.kafka.topic': historyTopic(plan),
    'include.schema.changes': 'false',
    'transforms.lane.replacement': 'teal.shop.r1.lane',
    'topic.creation.default.replication.factor': '3',
  });
  expect(otherSourceConfig({ ...plan, sourceUrl: 'oracle://ann:x@b/ORCL' })).not.toHaveProperty('database.pdb.name');
});

test('what the address of SQL Server says beside the database is for its driver', () => {
  const sourceUrl = 'sqlserver://sa:x@blue.example/shop?trustServerCertificate=true';
  expect(otherSourceConfig({ ...plan, sourceUrl, tables: [{ schema: 'dbo', name: 'orders' }] })).toMatchObject({
    'connector.class': 'io.debezium.connector.sqlserver.SqlServerConnector',
    'database.port': '1433',
    'database.names': 'shop',
    'driver.trustServerCertificate': 'true',
    'snapshot.isolation.mode': 'snapshot',
    'table.include.list': String.raw`dbo\.orders`,
  });
});

test.each([
  ['mysql', 'io.debezium.connector.mysql.MySqlConnector'],
  ['mariadb', 'io.debezium.connector.mariadb.MariaDbConnector'],
])('%s has the connector of its own, and a number in the replication', (scheme, plugin) => {
  expect(otherSourceConfig({ ...plan, sourceUrl: `${scheme}://ann:x@[::1]:3307/shop` })).toMatchObject({
    'connector.class': plugin,
    'database.hostname': '::1',
    'database.port': '3307',
    'database.include.list': 'shop',
    'database.server.id': '4711',
    'bigint.unsigned.handling.mode': 'precise',
  });
});

test.each(['db2://ann:x@host/shop', 'oracle://ann:x@host', 'oracle://host/CDB', 'not an address'])(
  'an address that cannot be used is refused, and not repeated: %s',
  (sourceUrl) => {
    const refused = expect.objectContaining({ code: 'TEAL-CARRIERS-044', message: expect.not.stringContaining('ann') });
    expect(() => otherSourceConfig({ ...plan, sourceUrl })).toThrow(refused);
  },
);
