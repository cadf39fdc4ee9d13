import { prefixed } from './connectors.ts';
import type { ConnectorConfig } from './rest.ts';

const plugins = 'org.apache.kafka.connect.mirror';
export const mirrorMakerPlugins = Object.freeze({
  source: `${plugins}.MirrorSourceConnector`,
  checkpoint: `${plugins}.MirrorCheckpointConnector`,
  heartbeat: `${plugins}.MirrorHeartbeatConnector`,
});
export type MirrorMakerPart = keyof typeof mirrorMakerPlugins;

/** What the three connectors of MirrorMaker 2 are made from. */
export interface MirrorMakerPlan {
  /** As in names on the clusters: a-z, 0-9 and _. */
  readonly migration: string;
  /** Of this attempt: eight hexadecimal digits. */
  readonly run: string;
  /** What the connectors call blue: their own topics have it in their names. */
  readonly alias: string;
  /** Settings of Kafka's clients in Java for each cluster, `bootstrap.servers` among them, with their secrets. */
  readonly source: ConnectorConfig;
  readonly target: ConnectorConfig;
  readonly topics: readonly string[];
  /** Of the topics that the connectors keep on the target. */
  readonly replicationFactor: number;
  readonly tasks: number;
  /** The workers can write records and the place in the source in one transaction (`exactly.once.source.support=enabled`). */
  readonly exactlyOnce: boolean;
}

export function mirrorMakerNames({
  migration,
  run,
}: Pick<MirrorMakerPlan, 'migration' | 'run'>): Record<MirrorMakerPart, string> {
  const name = `teal-${migration}-${run}`;
  return {
    source: `${name}-mm2-source`,
    checkpoint: `${name}-mm2-checkpoint`,
    heartbeat: `${name}-mm2-heartbeat`,
  };
}

/** Topics that the connectors have on the target for themselves, in this attempt alone. */
export function mirrorMakerTopics(alias: string): readonly string[] {
  return [`mm2-offset-syncs.${alias}.internal`, `${alias}.checkpoints.internal`, `${alias}.heartbeats`];
}

/** As `DefaultReplicationPolicy` calls it. On the target: blue is not written to. */
export const heartbeatsTopic = 'heartbeats';

/** Where Kafka Connect keeps how far the connectors have come: compacted. */
export function offsetsTopic(alias: string): string {
  return `${alias}.offsets`;
}

/**
 * Topics that MirrorMaker never copies, whatever it is told: names that it takes for its own, Connect's or Kafka's (`ReplicationPolicy.isInternalTopic`), and heartbeats, which it copies under another name.
 */
export function isSkippedByMirrorMaker(topic: string): boolean {
  return /^(__|\.)|[.-]internal$|^heartbeats$|\.heartbeats$/.test(topic);
}

const bytes = 'org.apache.kafka.connect.converters.ByteArrayConverter';

/** Records as they are, each into the partition of its number. Headers too: the workers' own converter would make texts of them. */
const asTheyAre: ConnectorConfig = { 'key.converter': bytes, 'value.converter': bytes, 'header.converter': bytes };

/** No topic has such a name. */
const noTopic = '(?!)';

/** Larger than any record: what a topic of the source took, the target's takes too. */
const largestRequest = String(256 * 2 ** 20);

export function mirrorMakerConfigs(plan: MirrorMakerPlan): Record<MirrorMakerPart, ConnectorConfig> {
  const { source, target, topics, alias, replicationFactor, exactlyOnce } = plan;
  const both: ConnectorConfig = {
    'source.cluster.alias': alias,
    'target.cluster.alias': 'green',
    ...prefixed('source.cluster.', source),
    ...prefixed('target.cluster.', target),
    // The workers may use another cluster for themselves.
    ...prefixed('producer.override.', target),
    ...prefixed('consumer.override.', target),
    ...prefixed('admin.override.', target),
    'replication.policy.class': `${plugins}.IdentityReplicationPolicy`,
    ...asTheyAre,
  };
  return {
    source: {
      'connector.class': mirrorMakerPlugins.source,
      'tasks.max': String(plan.tasks),
      ...both,
      topics: topics.map(escaped).join(','),
      'topics.exclude': noTopic,
      // Teal makes topics and rules, and holds retention back.
      'sync.topic.configs.enabled': 'false',
      'sync.topic.acls.enabled': 'false',
      'source.consumer.isolation.level': 'read_committed',
      'source.consumer.auto.offset.reset': 'earliest',
      'producer.override.max.request.size': largestRequest,
      'offset-syncs.topic.location': 'target',
      'offset-syncs.topic.replication.factor': String(replicationFactor),
      // Of this attempt alone: places of an earlier one would leave records out.
      'offsets.storage.topic': offsetsTopic(alias),
      'exactly.once.support': exactlyOnce ? 'required' : 'requested',
    },
    checkpoint: {
      'connector.class': mirrorMakerPlugins.checkpoint,
      'tasks.max': '1',
      ...both,
      groups: '.*',
      'offset-syncs.topic.location': 'target',
      'checkpoints.topic.replication.factor': String(replicationFactor),
      // Groups are Teal's to move.
      'sync.group.offsets.enabled': 'false',
      'offsets.storage.topic': offsetsTopic(alias),
    },
    heartbeat: {
      'connector.class': mirrorMakerPlugins.heartbeat,
      'tasks.max': '1',
      ...both,
      'heartbeats.topic.replication.factor': String(replicationFactor),
      'offsets.storage.topic': offsetsTopic(alias),
    },
  };
}

/** Names of topics hold letters, digits and `.`, `_`, `-`: of these one means something in a pattern. */
function escaped(topic: string): string {
  return topic.replaceAll('.', String.raw`\.`);
}
