import { clusterLinkCalls, type LinkCalls } from '../carriers/confluent/cluster-link.ts';
import { replicatorConfig, type ReplicatorConfig } from '../carriers/confluent/replicator.ts';
import { TealError } from '../kernel/errors.ts';
import type { Spec } from '../spec/spec.ts';
import { javaClientSettings } from '../systems/kafka/java-client.ts';
import { assessKafkaClusters } from './assess-kafka.ts';

const defaultReplicationFactor = 3;
const defaultTasks = 4;
const secrets = ['sasl.jaas.config', 'ssl.keystore.key'];

/** Looks at both clusters and changes nothing. TEAL-APP-006 where no topics are moved. */
export async function exportReplicator(
  spec: Spec,
  signal?: AbortSignal,
): Promise<{ readonly name: string; readonly config: ReplicatorConfig }> {
  const { topics } = await lookAtTopics(spec, signal);
  const { connect } = spec;
  return replicatorConfig({
    migration: migrationOf(spec),
    source: withoutSecrets('BLUE', connect?.blue ?? spec.blue.url),
    target: withoutSecrets('GREEN', connect?.green ?? spec.green.url),
    topics,
    tasks: connect?.tasks ?? defaultTasks,
    replicationFactor: connect?.replicationFactor ?? defaultReplicationFactor,
  });
}

/** The same. */
export async function exportClusterLink(spec: Spec, signal?: AbortSignal): Promise<LinkCalls> {
  const { topics, blue, green } = await lookAtTopics(spec, signal);
  return clusterLinkCalls({
    migration: migrationOf(spec),
    sourceCluster: blue.identity.clusterId,
    targetCluster: green.identity.clusterId,
    source: withoutSecrets('BLUE', spec.connect?.blue ?? spec.blue.url),
    topics,
    replicationFactor: spec.connect?.replicationFactor ?? defaultReplicationFactor,
  });
}

async function lookAtTopics(spec: Spec, signal: AbortSignal | undefined) {
  const { blue, green } = spec;
  if (blue.system !== 'kafka' || green.system !== 'kafka')
    throw new TealError('TEAL-APP-006', `from ${blue.system} to ${green.system}`);
  return assessKafkaClusters(spec, signal);
}

function migrationOf({ name }: Spec): string {
  return name.replaceAll('-', '_');
}

/** What is printed holds no password: a variable stands in its place, `BLUE_SASL_JAAS_CONFIG` for example. */
function withoutSecrets(side: 'BLUE' | 'GREEN', url: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(javaClientSettings(url)).map(([name, value]) => [
      name,
      secrets.includes(name) ? `\${${side}_${name.toUpperCase().replaceAll('.', '_')}}` : value,
    ]),
  );
}
