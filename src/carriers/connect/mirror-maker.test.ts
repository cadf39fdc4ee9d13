import { expect, test } from 'vitest';
import {
  isSkippedByMirrorMaker,
  mirrorMakerConfigs,
  mirrorMakerNames,
  mirrorMakerTopics,
  type MirrorMakerPlan,
} from './mirror-maker.ts';

const plan: MirrorMakerPlan = {
  migration: 'events',
  run: '0badcafe',
  alias: 'teal.events.mm2-0badcafe',
  source: { 'bootstrap.servers': 'blue:9092', 'security.protocol': 'PLAINTEXT' },
  target: { 'bootstrap.servers': 'green:9092', 'security.protocol': 'PLAINTEXT' },
  topics: ['shop.orders', 'a-b_c'],
  replicationFactor: 3,
  tasks: 4,
  exactlyOnce: true,
};

test('the source copies these topics under their own names, every byte, and nothing of their settings', () => {
  expect(mirrorMakerConfigs(plan).source).toEqual({
    'connector.class': 'org.apache.kafka.connect.mirror.MirrorSourceConnector',
    'tasks.max': '4',
    'source.cluster.alias': 'teal.events.mm2-0badcafe',
    'target.cluster.alias': 'green',
    'source.cluster.bootstrap.servers': 'blue:9092',
    'source.cluster.security.protocol': 'PLAINTEXT',
    'target.cluster.bootstrap.servers': 'green:9092',
    'target.cluster.security.protocol': 'PLAINTEXT',
    'producer.override.bootstrap.servers': 'green:9092',
    'producer.override.security.protocol': 'PLAINTEXT',
    'consumer.override.bootstrap.servers': 'green:9092',
    'consumer.override.security.protocol': 'PLAINTEXT',
    'admin.override.bootstrap.servers': 'green:9092',
    'admin.override.security.protocol': 'PLAINTEXT',
    'replication.policy.class': 'org.apache.kafka.connect.mirror.IdentityReplicationPolicy',
    'key.converter': 'org.apache.kafka.connect.converters.ByteArrayConverter',
    'value.converter': 'org.apache.kafka.connect.converters.ByteArrayConverter',
    'header.converter': 'org.apache.kafka.connect.converters.ByteArrayConverter',
    topics: String.raw`shop\.orders,a-b_c`,
    'topics.exclude': '(?!)',
    'sync.topic.configs.enabled': 'false',
    'sync.topic.acls.enabled': 'false',
    'source.consumer.isolation.level': 'read_committed',
    'source.consumer.auto.offset.reset': 'earliest',
    'producer.override.max.request.size': '268435456',
    'offset-syncs.topic.location': 'target',
    'offset-syncs.topic.replication.factor': '3',
    'offsets.storage.topic': 'teal.events.mm2-0badcafe.offsets',
    'exactly.once.support': 'required',
  });
  expect(mirrorMakerConfigs({ ...plan, exactlyOnce: false }).source['exactly.once.support']).toBe('requested');
});

test('checkpoints are written and groups are left to Teal', () => {
  const { checkpoint, heartbeat } = mirrorMakerConfigs(plan);
  expect(checkpoint).toMatchObject({ 'sync.group.offsets.enabled': 'false', 'tasks.max': '1' });
  expect(heartbeat).toMatchObject({ 'connector.class': 'org.apache.kafka.connect.mirror.MirrorHeartbeatConnector' });
});

test('connectors and topics carry the attempt in their names', () => {
  const names = mirrorMakerNames(plan);
  expect(names.source).toBe('teal-events-0badcafe-mm2-source');
  expect(mirrorMakerTopics(plan.alias)).toContain('mm2-offset-syncs.teal.events.mm2-0badcafe.internal');
});

test.each(['__own', '.dotted', 'a.internal', 'a-internal', 'heartbeats', 'x.heartbeats'])(
  '%s is never copied',
  (topic) => {
    expect(isSkippedByMirrorMaker(topic)).toBe(true);
  },
);

test.each(['internal', 'orders', 'heartbeats.v2', 'a_internal'])('%s is copied', (topic) => {
  expect(isSkippedByMirrorMaker(topic)).toBe(false);
});
