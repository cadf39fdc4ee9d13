import type {
  KafkaApi,
  KafkaConfig,
  KafkaFacts,
  KafkaGroup,
  KafkaIdentity,
  KafkaTopic,
} from '../../../model/kafka-facts.ts';
import type { KafkaSideView } from '../kafka/situation.ts';
import { known } from './fixtures.ts';

export interface KafkaSideChanges {
  readonly identity?: Partial<KafkaIdentity>;
  readonly facts?: Partial<KafkaFacts>;
  readonly registry?: KafkaSideView['registry'];
}

/** Of one partition, which one broker keeps. */
export function kafkaTopic(changes: Partial<KafkaTopic> & { readonly size?: number } = {}): KafkaTopic {
  const { size = 1, ...rest } = changes;
  const partitions = Array.from({ length: size }, (_, index) => ({ index, leader: 1, replicas: [1], inSync: [1] }));
  return { name: 'orders', internal: false, partitions, ...rest };
}

/** What Kafka 4 makes of a topic of which nothing is said, with these words of the topic itself. */
export function kafkaConfigs(own: Readonly<Record<string, string>> = {}): ReadonlyMap<string, KafkaConfig> {
  const defaults: Readonly<Record<string, string>> = {
    'cleanup.policy': 'delete',
    'compression.type': 'producer',
    'delete.retention.ms': '86400000',
    'max.message.bytes': '1048588',
    'message.timestamp.after.max.ms': '3600000',
    'message.timestamp.before.max.ms': '9223372036854775807',
    'message.timestamp.type': 'CreateTime',
    'min.insync.replicas': '1',
    'remote.storage.enable': 'false',
    'retention.bytes': '-1',
    'retention.ms': '604800000',
    'unclean.leader.election.enable': 'false',
  };
  return new Map<string, KafkaConfig>([
    ...Object.entries(defaults).map(([name, value]) => [name, { value, source: 'default' }] as const),
    ...Object.entries(own).map(([name, value]) => [name, { value, source: 'topic' }] as const),
  ]);
}

export function kafkaApis(
  changes: Readonly<Record<string, readonly [number, number] | undefined>> = {},
): readonly KafkaApi[] {
  const all: Readonly<Record<string, readonly [number, number] | undefined>> = {
    Produce: [0, 13],
    Fetch: [4, 18],
    Metadata: [0, 13],
    ConsumerGroupHeartbeat: [0, 1],
    ...changes,
  };
  return Object.entries(all).flatMap(([name, range], key) =>
    range === undefined ? [] : [{ key, name, min: range[0], max: range[1] }],
  );
}

export function kafkaGroup(changes: Partial<KafkaGroup> = {}): KafkaGroup {
  return {
    id: 'billing',
    state: 'Stable',
    type: 'classic',
    protocolType: 'consumer',
    assignor: 'range',
    members: known([{ clientId: 'app', host: '/10.0.0.1', subscriptionVersion: 3 }]),
    offsets: known([{ topic: 'orders', partition: 0, offset: 10n }]),
    ...changes,
  };
}

/** A cluster in which nothing stands in the way; green has nothing in it yet. */
export function healthyKafka(side: 'blue' | 'green', changes: KafkaSideChanges = {}): KafkaSideView {
  const topics = changes.facts?.topics ?? (side === 'blue' ? [kafkaTopic()] : []);
  const own = topics.filter(({ internal }) => !internal);
  const records = side === 'blue' ? 10n : 0n;
  return {
    identity: {
      kind: 'kafka',
      clusterId: `id of ${side}`,
      address: `${side}:9092`,
      brokers: [{ id: 1, host: side, port: 9092 }],
      ...changes.identity,
    },
    facts: {
      topics,
      topicConfigs: known(new Map(own.map(({ name }) => [name, kafkaConfigs()]))),
      extents: known(
        new Map(
          own.map(({ name, partitions }) => [
            name,
            partitions.map(() => ({ start: 0n, end: records, stable: records })),
          ]),
        ),
      ),
      topicBytes: known(new Map(own.map(({ name }) => [name, 1_000_000n]))),
      brokerConfigs: known(
        new Map(
          Object.entries({
            'auto.create.topics.enable': 'false',
            'log.cleanup.policy': 'delete',
            'log.message.timestamp.type': 'CreateTime',
            'log.message.timestamp.after.max.ms': '3600000',
            'log.message.timestamp.before.max.ms': '9223372036854775807',
            'message.max.bytes': '1048588',
            'transaction.max.timeout.ms': '900000',
          }).map(([name, value]) => [name, { value, source: 'default' }] as const),
        ),
      ),
      apis: known(kafkaApis()),
      features: known(
        new Map([
          ['metadata.version', 30],
          ['group.version', 1],
        ]),
      ),
      acls: known({ enforced: true, entries: [] }),
      quotas: known([]),
      groups: known([]),
      transactions: known([]),
      openProducers: known([]),
      scramUsers: known([]),
      ...changes.facts,
    },
    ...(changes.registry === undefined ? {} : { registry: changes.registry }),
  };
}
