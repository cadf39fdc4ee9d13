/** Settings of a connector, every value a text. */
export type ReplicatorConfig = Readonly<Record<string, string>>;

export interface ReplicatorPlan {
  /** As in names: a-z, 0-9 and _. */
  readonly migration: string;
  /** Settings of Kafka's clients in Java for each cluster, `bootstrap.servers` among them. */
  readonly source: ReplicatorConfig;
  readonly target: ReplicatorConfig;
  readonly topics: readonly string[];
  readonly tasks: number;
  readonly replicationFactor: number;
}

const converter = 'io.confluent.connect.replicator.util.ByteArrayConverter';

/**
 * Confluent Replicator as a connector of Kafka Connect (Confluent Platform manual, "Replicator Configuration Reference"): topics under their own names, partition by partition, bytes as they are, committed
 * records only. Topics and their settings are there already; offsets of groups are not its concern, and it adds no header.
 */
export function replicatorConfig({ migration, source, target, topics, tasks, replicationFactor }: ReplicatorPlan): {
  readonly name: string;
  readonly config: ReplicatorConfig;
} {
  const name = `teal-${migration}-replicator`;
  return {
    name,
    config: {
      'connector.class': 'io.confluent.connect.replicator.ReplicatorSourceConnector',
      'tasks.max': String(tasks),
      ...prefixed('src.kafka.', source),
      ...prefixed('dest.kafka.', target),
      // The workers may use another cluster for themselves.
      ...prefixed('producer.override.', target),
      'topic.whitelist': topics.join(','),
      'topic.rename.format': '${topic}',
      'topic.preserve.partitions': 'true',
      'topic.auto.create': 'false',
      'topic.config.sync': 'false',
      'src.key.converter': converter,
      'src.value.converter': converter,
      'src.header.converter': converter,
      'key.converter': converter,
      'value.converter': converter,
      'header.converter': converter,
      'src.consumer.group.id': name,
      'src.consumer.isolation.level': 'read_committed',
      'src.consumer.auto.offset.reset': 'earliest',
      // A header for each record, which no comparison byte for byte passes over.
      'provenance.header.enable': 'false',
      'offset.timestamps.commit': 'false',
      'offset.topic.commit': 'true',
      // Of the topic that holds its licence.
      'confluent.topic.replication.factor': String(replicationFactor),
      ...prefixed('confluent.topic.', target),
    },
  };
}

function prefixed(prefix: string, settings: ReplicatorConfig): ReplicatorConfig {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [`${prefix}${name}`, value]));
}
