import type { KafkaFacts, KafkaIdentity } from '../../../model/kafka-facts.ts';
import type { KafkaConnection } from '../connection.ts';
import { askerOf, type Asker } from './asker.ts';
import { factOf } from './fact.ts';
import { readGroups } from './groups.ts';
import { readAcls, readQuotas, readScramUsers } from './security.ts';
import { readBrokerConfigs, readExtents, readTopicBytes, readTopicConfigs, readTopics } from './topics.ts';
import { readOpenProducers, readTransactions } from './transactions.ts';

/** Looks at one cluster and changes nothing. Each call asks anew; a cluster has no snapshot, so that what is asked later may know more than what was asked before. */
export interface KafkaIntrospector {
  identify(): Promise<KafkaIdentity>;
  facts(): Promise<KafkaFacts>;
}

/** `address`: the brokers as the user knows them, without secrets. Kafka 3.0 and later. */
export function createIntrospector(
  connection: KafkaConnection,
  { address }: { readonly address: string },
): KafkaIntrospector {
  return Object.freeze({
    identify: async (): Promise<KafkaIdentity> => ({
      kind: 'kafka',
      clusterId: connection.clusterId,
      address,
      brokers: connection.brokers,
    }),
    facts: async () => readFacts(askerOf(connection)),
  });
}

async function readFacts(asker: Asker): Promise<KafkaFacts> {
  const topics = await readTopics(asker);
  // What the cluster keeps for itself is neither moved nor measured.
  const own = topics.filter(({ internal }) => !internal);
  const extents = await factOf(async () => readExtents(asker, own));
  return Object.freeze({
    topics,
    topicConfigs: await factOf(async () => readTopicConfigs(asker, own)),
    extents,
    topicBytes: await factOf(async () => readTopicBytes(asker, own)),
    brokerConfigs: await factOf(async () => readBrokerConfigs(asker)),
    apis: await factOf(async () => asker.connection.apisOf(asker.any)),
    features: await factOf(async () => readFeatures(asker)),
    acls: await factOf(async () => readAcls(asker)),
    quotas: await factOf(async () => readQuotas(asker)),
    groups: await factOf(async () => readGroups(asker)),
    transactions: await factOf(async () => readTransactions(asker)),
    openProducers: extents.known
      ? await factOf(async () => readOpenProducers(asker, own, extents.value))
      : { known: false, why: extents.why },
    scramUsers: await factOf(async () => readScramUsers(asker)),
  } satisfies KafkaFacts);
}

async function readFeatures({ connection, requests, any }: Asker): Promise<ReadonlyMap<string, number>> {
  const { finalizedFeatures = [] } = await connection.ask(any, requests.apiVersions, 'teal', '1');
  return new Map(finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]));
}
