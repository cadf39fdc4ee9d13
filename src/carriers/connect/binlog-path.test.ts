import { expect, test } from 'vitest';
import { printableConfig } from './connectors.ts';
import { binlogPath, binlogSourceConfig, type BinlogPathPlan } from './binlog-path.ts';

const plan: BinlogPathPlan = {
  migration: 'shop',
  run: '00c0ffee',
  topicPrefix: 'teal.',
  replicationFactor: 3,
  flavour: 'mysql',
  sourceUrl: 'mysql://ann:s%40fe@blue.example/shop?ssl-mode=REQUIRED',
  targetUrl: 'postgres://bob:p%2Fw@green.example/shop',
  history: { 'bootstrap.servers': 'one:9092,two:9092', 'security.protocol': 'SASL_SSL', 'sasl.jaas.config': 'secret' },
  tables: [
    { schema: 'shop', name: 'order' },
    { schema: 'a,b', name: 'x$' },
  ],
  left: [{ schema: 'shop', name: 'order', column: 'sum' }],
  booleans: [{ schema: 'shop', name: 'order', column: 'paid' }],
  signs: [{ schema: 'teal', name: 'cut' }],
  heartbeatEveryMs: 250,
  sinkApplication: 'teal sink',
};

test('the source reads the tables and the signs, and no rows of signs that were there before', () => {
  expect(binlogSourceConfig(plan)).toMatchObject({
    'connector.class': 'io.debezium.connector.mysql.MySqlConnector',
    'database.hostname': 'blue.example',
    'database.port': '3306',
    'database.user': 'ann',
    'database.password': 's@fe',
    'database.ssl.mode': 'required',
    'database.server.id': String(100_001 + 0xc0ffee),
    'database.include.list': String.raw`shop,a\,b,teal`,
    'table.include.list': String.raw`shop\.order,a\,b\.x\$,teal\.cut`,
    'snapshot.select.statement.overrides': 'teal.cut',
    'snapshot.select.statement.overrides.teal.cut': 'select * from teal.cut where 1 = 0',
    'column.exclude.list': String.raw`shop\.order\.sum`,
    'truth.selector': String.raw`shop\.order\.paid`,
    'bigint.unsigned.handling.mode': 'precise',
    'enable.time.adjuster': 'false',
    'include.schema.changes': 'false',
    'schema.history.internal.kafka.bootstrap.servers': 'one:9092,two:9092',
    'schema.history.internal.kafka.topic': 'teal.shop.00c0ffee.history',
    'schema.history.internal.producer.security.protocol': 'SASL_SSL',
    'schema.history.internal.consumer.security.protocol': 'SASL_SSL',
    'schema.history.internal.consumer.sasl.jaas.config': 'secret',
    'transforms.lane.replacement': 'teal.shop.00c0ffee.lane',
    'heartbeat.interval.ms': '250',
  });
});

test('no list is empty, and no encryption is asked for where the address says nothing', () => {
  const config = binlogSourceConfig({ ...plan, left: [], booleans: [], sourceUrl: 'mysql://ann@[::1]:3307/shop' });
  expect(config).toMatchObject({ 'database.hostname': '::1', 'database.port': '3307', 'database.password': '' });
  for (const absent of ['column.exclude.list', 'converters', 'database.ssl.mode'])
    expect(config).not.toHaveProperty([absent]);
});

test('MariaDB has a connector of its own, with words of its own, whatever its address begins with', () => {
  expect(binlogSourceConfig({ ...plan, flavour: 'mariadb' })).toMatchObject({
    'connector.class': 'io.debezium.connector.mariadb.MariaDbConnector',
    'database.ssl.mode': 'trust',
  });
});

test('no secret is printed', () => {
  const { source, sink } = binlogPath({ ...plan, history: { ...plan.history, 'ssl.keystore.key': 'secret' } });
  expect(JSON.stringify([source, sink].map(({ config }) => printableConfig(config)))).not.toMatch(/secret|s@fe|p\/w/);
});

test('the sink writes into the schema that is called as the database, and the history goes with the other topics', () => {
  const { source, sink, topics } = binlogPath(plan);
  expect([source.name, sink.name]).toEqual(['teal-shop-00c0ffee-source', 'teal-shop-00c0ffee-sink']);
  expect(sink.config).toMatchObject({ 'collection.name.format': '${source.db}.${source.table}' });
  expect(topics).toEqual([
    'teal.shop.00c0ffee.lane',
    'teal.shop.00c0ffee.history',
    '__debezium-heartbeat.teal.shop.00c0ffee',
  ]);
});

test.each(['mysql:///shop', 'mysql://blue.example/shop'])(
  'an address that no worker could use is refused: %s',
  (sourceUrl) => {
    expect(() => binlogSourceConfig({ ...plan, sourceUrl })).toThrow(
      expect.objectContaining({ code: 'TEAL-CARRIERS-011' }),
    );
  },
);
