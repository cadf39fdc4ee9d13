import type { Cluster } from '../mirror/cluster.ts';
import { answerOf } from '../mirror/refusals.ts';

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  /** Default: as the cluster does it by itself. */
  readonly replicas?: number;
  readonly configs: Readonly<Record<string, string>>;
}

const timeoutMs = 25_000;

/** Makes the topic where there is none of its name. Answers whether it made it. */
export async function createTopic(cluster: Cluster, wanted: NewTopic): Promise<boolean> {
  const { createTopicsV7 } = cluster.connection.library;
  const request = {
    name: wanted.topic,
    numPartitions: wanted.partitions,
    replicationFactor: wanted.replicas ?? -1,
    assignments: [],
    configs: Object.entries(wanted.configs).map(([name, value]) => ({ name, value })),
  };
  try {
    await cluster.askAny([createTopicsV7.api], [request], timeoutMs, false);
    return true;
  } catch (error) {
    if (answerOf(error) === 'TOPIC_ALREADY_EXISTS') return false;
    throw error;
  }
}

/** Of topics that are not there nothing is said. */
export async function deleteTopics(cluster: Cluster, topics: readonly string[]): Promise<void> {
  const { deleteTopicsV6 } = cluster.connection.library;
  for (const name of topics) {
    try {
      await cluster.askAny([deleteTopicsV6.api], [{ name, topicId: noId }], timeoutMs);
    } catch (error) {
      if (answerOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
    }
  }
}

const noId = '00000000-0000-0000-0000-000000000000';

/** Settings of one topic; null takes one away, so that the cluster's own is there again. */
export async function alterConfigs(
  cluster: Cluster,
  topic: string,
  configs: Readonly<Record<string, string | null>>,
): Promise<void> {
  const { incrementalAlterConfigsV1, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } =
    cluster.connection.library;
  const changes = Object.entries(configs).map(([name, value]) =>
    value === null
      ? { name, configOperation: IncrementalAlterConfigOperationTypes.DELETE }
      : { name, configOperation: IncrementalAlterConfigOperationTypes.SET, value },
  );
  if (changes.length === 0) return;
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs: changes };
  await cluster.askAny([incrementalAlterConfigsV1.api], [resource], false);
}
