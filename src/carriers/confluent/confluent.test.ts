import { expect, test } from 'vitest';
import { clusterLinkCalls, readMirrors, readPromotion } from './cluster-link.ts';
import { replicatorConfig } from './replicator.ts';

const source = { 'bootstrap.servers': 'blue:9092', 'security.protocol': 'PLAINTEXT' };
const target = { 'bootstrap.servers': 'green:9092', 'security.protocol': 'PLAINTEXT' };

test('Replicator copies bytes under the same names, and adds nothing', () => {
  const { name, config } = replicatorConfig({
    migration: 'events',
    source,
    target,
    topics: ['a', 'b.c'],
    tasks: 4,
    replicationFactor: 3,
  });
  expect(name).toBe('teal-events-replicator');
  expect(config).toMatchObject({
    'connector.class': 'io.confluent.connect.replicator.ReplicatorSourceConnector',
    'src.kafka.bootstrap.servers': 'blue:9092',
    'dest.kafka.bootstrap.servers': 'green:9092',
    'producer.override.bootstrap.servers': 'green:9092',
    'topic.whitelist': 'a,b.c',
    'topic.rename.format': '${topic}',
    'topic.preserve.partitions': 'true',
    'provenance.header.enable': 'false',
    'src.consumer.isolation.level': 'read_committed',
    'confluent.topic.bootstrap.servers': 'green:9092',
  });
  expect(Object.values(config).every((value) => typeof value === 'string')).toBe(true);
});

test('a link is made on green, with a mirror for each topic, promoted and deleted', () => {
  const calls = clusterLinkCalls({
    migration: 'events',
    sourceCluster: 'blue-id',
    targetCluster: 'green/id',
    source,
    topics: ['a', 'b'],
    replicationFactor: 3,
  });
  expect(calls).toEqual({
    begin: [
      {
        method: 'POST',
        path: '/kafka/v3/clusters/green%2Fid/links?link_name=teal-events',
        body: {
          source_cluster_id: 'blue-id',
          configs: [
            { name: 'bootstrap.servers', value: 'blue:9092' },
            { name: 'security.protocol', value: 'PLAINTEXT' },
            { name: 'consumer.offset.sync.enable', value: 'false' },
            { name: 'acl.sync.enable', value: 'false' },
          ],
        },
      },
      ...['a', 'b'].map((topic) => ({
        method: 'POST',
        path: '/kafka/v3/clusters/green%2Fid/links/teal-events/mirrors',
        body: { source_topic_name: topic, replication_factor: 3 },
      })),
    ],
    look: [{ method: 'GET', path: '/kafka/v3/clusters/green%2Fid/links/teal-events/mirrors' }],
    cut: [
      {
        method: 'POST',
        path: '/kafka/v3/clusters/green%2Fid/links/teal-events/mirrors:promote',
        body: { mirror_topic_names: ['a', 'b'] },
      },
    ],
    end: [{ method: 'DELETE', path: '/kafka/v3/clusters/green%2Fid/links/teal-events' }],
  });
});

/** As the API's document has its answers. */
const mirror = (topic: string, status: string, lags: unknown, partitions = 2) => ({
  kind: 'KafkaMirrorData',
  metadata: { self: `https://green/kafka/v3/clusters/g/links/teal-events/mirrors/${topic}` },
  link_name: 'teal-events',
  mirror_topic_name: topic,
  source_topic_name: topic,
  num_partitions: partitions,
  mirror_lags: lags,
  mirror_status: status,
  state_time_ms: 1_612_550_939_300,
});
const lagOf = (partition: number, lag: number) => ({ partition, lag, last_source_fetch_offset: 1_293_009 });

test('what mirrors tell of themselves is read, and what is not known is no success', () => {
  const answer = {
    kind: 'KafkaMirrorDataList',
    metadata: { self: 'https://green/kafka/v3/clusters/g/links/teal-events/mirrors' },
    data: [
      mirror('a', 'ACTIVE', [lagOf(0, 142_857), lagOf(1, 1)]),
      mirror('b', 'STOPPED', { items: [lagOf(0, 0), lagOf(1, 0)] }),
      mirror('c', 'PENDING_STOPPED', [lagOf(0, 0)]),
      mirror('d', 'LINK_FAILED', [lagOf(0, 0), lagOf(1, 0)]),
      mirror('e', 'OF_A_LATER_VERSION', []),
    ],
  };
  expect(readMirrors(answer)).toEqual([
    { topic: 'a', state: 'active', lag: 142_858 },
    { topic: 'b', state: 'ended', lag: 0 },
    { topic: 'c', state: 'waiting', lag: undefined },
    { topic: 'd', state: 'failed', lag: 0 },
    { topic: 'e', state: 'failed', lag: undefined },
  ]);
  expect(() => readMirrors({ error_code: 40_403, message: 'no such link' })).toThrow('TEAL-CARRIERS-053');
});

test('a promotion that went well for some alone is told', () => {
  const answer = {
    kind: 'KafkaAlterMirrorStatusResponseDataList',
    metadata: { self: 'https://green/kafka/v3/clusters/g/links/teal-events/mirrors:promote' },
    data: [
      { mirror_topic_name: 'a', error_message: null, error_code: null, mirror_lags: [lagOf(0, 0)] },
      { mirror_topic_name: 'b', error_message: 'Not authorized', error_code: 401, mirror_lags: [] },
    ],
  };
  expect(readPromotion(answer)).toEqual([{ topic: 'b', errorCode: 401 }]);
});
