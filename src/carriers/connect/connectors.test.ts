import { expect, test } from 'vitest';
import { pathNames, printableConfig, sinkConfig, sourceConfig, type PathPlan } from './connectors.ts';

const plan: PathPlan = {
  migration: 'shop',
  run: 'r1',
  topicPrefix: 'teal.',
  replicationFactor: 3,
  sourceUrl: 'postgres://ann:s%40fe@blue.example/shop?sslmode=verify-full',
  targetUrl: 'postgres://bob:p%2Fw@[::1]:6543/shop%201',
  publication: 'teal_shop_fwd',
  slot: 'teal_shop_connect',
  tables: [
    { schema: 'public', name: 'order' },
    { schema: 'a.b', name: 'x,y$' },
  ],
  computed: [{ schema: 'a.b', name: 'x,y$', column: 'sum' }],
  signs: [{ schema: 'teal', name: 'cut' }],
  heartbeatEveryMs: 250,
  sinkApplication: 'teal sink',
};

test('everything has names of this attempt', () => {
  expect(pathNames(plan)).toEqual({
    source: 'teal-shop-r1-source',
    sink: 'teal-shop-r1-sink',
    prefix: 'teal.shop.r1',
    lane: 'teal.shop.r1.lane',
  });
});

test('the source reads the slot and the publication of Teal, into one lane', () => {
  expect(sourceConfig(plan)).toEqual({
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'tasks.max': '1',
    'plugin.name': 'pgoutput',
    'database.hostname': 'blue.example',
    'database.port': '5432',
    'database.user': 'ann',
    'database.password': 's@fe',
    'database.dbname': 'shop',
    'database.sslmode': 'verify-full',
    'topic.prefix': 'teal.shop.r1',
    'slot.name': 'teal_shop_connect',
    'slot.drop.on.stop': 'false',
    'publication.name': 'teal_shop_fwd',
    'publication.autocreate.mode': 'disabled',
    'table.include.list': String.raw`public\.order,a\.b\.x\,y\$,teal\.cut`,
    'column.exclude.list': String.raw`a\.b\.x\,y\$\.sum`,
    'snapshot.mode': 'initial',
    'snapshot.include.collection.list': String.raw`public\.order,a\.b\.x\,y\$`,
    'skipped.operations': 'none',
    'tombstones.on.delete': 'false',
    'message.prefix.exclude.list': '.*',
    'heartbeat.interval.ms': '250',
    'heartbeat.action.query':
      "insert into teal.heartbeat (side, at) values ('blue', pg_catalog.clock_timestamp()) on conflict (side) do update set at = excluded.at",
    'interval.handling.mode': 'string',
    'hstore.handling.mode': 'json',
    'event.processing.failure.handling.mode': 'fail',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'key.converter.schemas.enable': 'true',
    'key.converter.replace.null.with.default': 'false',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'true',
    'value.converter.replace.null.with.default': 'false',
    transforms: 'lane',
    'transforms.lane.type': 'org.apache.kafka.connect.transforms.RegexRouter',
    'transforms.lane.regex': String.raw`teal\.shop\.r1\..*`,
    'transforms.lane.replacement': 'teal.shop.r1.lane',
    'topic.creation.default.replication.factor': '3',
    'topic.creation.default.partitions': '1',
    'topic.creation.default.cleanup.policy': 'delete',
    'topic.creation.default.retention.ms': '-1',
  });
});

test('the sink writes as a replica, by the keys, and changes no schema', () => {
  expect(sinkConfig(plan)).toEqual({
    'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
    'tasks.max': '1',
    topics: 'teal.shop.r1.lane',
    'connection.url':
      'jdbc:postgresql://[::1]:6543/shop%201?ApplicationName=teal%20sink&options=-c%20session_replication_role%3Dreplica&stringtype=unspecified',
    'connection.username': 'bob',
    'connection.password': 'p/w',
    'connection.pool.min_size': '1',
    'connection.pool.max_size': '2',
    'connection.pool.acquire_increment': '1',
    'collection.name.format': '${source.schema}.${source.table}',
    'insert.mode': 'upsert',
    'delete.enabled': 'true',
    'truncate.enabled': 'true',
    'primary.key.mode': 'record_key',
    'schema.evolution': 'none',
    'quote.identifiers': 'true',
    'use.time.zone': 'UTC',
    'consumer.override.auto.offset.reset': 'earliest',
    'consumer.override.isolation.level': 'read_committed',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'key.converter.schemas.enable': 'true',
    'key.converter.replace.null.with.default': 'false',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'true',
    'value.converter.replace.null.with.default': 'false',
  });
});

test('an address that a worker elsewhere could not use is refused; passwords are not shown', () => {
  const refused = expect.objectContaining({ code: 'TEAL-CARRIERS-011' });
  expect(() => sourceConfig({ ...plan, sourceUrl: 'postgres:///shop' })).toThrow(refused);
  expect(JSON.stringify([printableConfig(sourceConfig(plan)), printableConfig(sinkConfig(plan))])).not.toMatch(
    /s@fe|p\/w/,
  );
});
