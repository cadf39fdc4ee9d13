import type { KafkaBroker } from '../../../model/kafka-facts.ts';
import { askerOf } from '../inspect/asker.ts';
import { readAcls } from '../inspect/security.ts';
import { readTopicConfigs } from '../inspect/topics.ts';
import type { Cluster } from '../mirror/cluster.ts';
import { ownSettings, type Settings } from '../topics/held-back.ts';
import { alterConfigs } from '../topics/make-topic.ts';

/** A way to refuse producers, topic by topic. Every method may be called again. */
export interface Closing {
  readonly kind: 'acl' | 'limit';
  close(topics: readonly string[]): Promise<void>;
  open(topics: readonly string[]): Promise<void>;
  /** Of these, those that this broker knows to be closed. */
  closedOn(broker: KafkaBroker, topics: readonly string[]): Promise<readonly string[]>;
}

/** How many of these topics each broker knows to be closed. */
export async function closedByBroker(
  cluster: Cluster,
  closing: Closing,
  topics: readonly string[],
): Promise<readonly number[]> {
  const known = cluster.connection.brokers.map(async (broker) => closing.closedOn(broker, topics));
  return (await Promise.all(known)).map(({ length }) => length);
}

/** By rules where the cluster has an authorizer. TEAL-SYSTEMS-010 where Teal may not read them. */
export async function closingOf(cluster: Cluster, heldSettings: HeldSettings): Promise<Closing> {
  const { enforced } = await readAcls(askerOf(cluster.connection));
  return enforced ? closeByRules(cluster) : closeByLimit(cluster, heldSettings);
}

/** What DENY is said to whom; the strongest rule there is: it wins over every ALLOW, and super users alone pass. */
const everybody = { principal: 'User:*', host: '*' };

export function closeByRules(cluster: Cluster): Closing {
  const { connection } = cluster;
  const { AclOperations, AclPermissionTypes, ResourcePatternTypes, ResourceTypes } = connection.library;
  const { createAclsV3, createAclsV2, deleteAclsV3, deleteAclsV2, describeAclsV3, describeAclsV2 } = connection.library;
  const denied = {
    ...everybody,
    resourceType: ResourceTypes.TOPIC,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    operation: AclOperations.WRITE,
    permissionType: AclPermissionTypes.DENY,
  } as const;
  return {
    kind: 'acl',
    close: async (topics) => {
      const rules = topics.map((resourceName) => ({ ...denied, resourceName }));
      if (rules.length > 0) await cluster.askAny([createAclsV3.api, createAclsV2.api], rules);
    },
    open: async (topics) => {
      const rules = topics.map((resourceName) => ({ ...denied, resourceName }));
      if (rules.length > 0) await cluster.askAny([deleteAclsV3.api, deleteAclsV2.api], rules);
    },
    // Answered by the authorizer of the broker that is asked: what it says it also does.
    closedOn: async (broker, topics) => {
      const filter = { ...denied, resourceName: null };
      const { resources } = await connection.ask(broker, [describeAclsV3.api, describeAclsV2.api], filter);
      const closed = new Set(resources.map(({ resourceName }) => resourceName));
      return topics.filter((topic) => closed.has(topic));
    },
  };
}

/**
 * The bytes of a control batch, which ends a transaction: no batch that is larger is taken. A record has at least 68, so that one of up to ten bytes of key and value in a batch of its own
 * still passes. (Fewer bytes would leave transactions open that were open when it came. More replicas in sync than there are is no way: brokers count no more than the topic has.)
 */
const leastBytes = '78';
export const limitSetting = 'max.message.bytes';

/** What a topic's own setting was before: kept outside of here, before the first change. */
export interface HeldSettings {
  remember(found: ReadonlyMap<string, Settings>): Promise<void>;
  before(topic: string): Promise<Settings | undefined>;
  forget(topics: readonly string[]): Promise<void>;
}

function closeByLimit(cluster: Cluster, held: HeldSettings): Closing {
  const read = async (broker: KafkaBroker, topics: readonly string[]) => {
    const named = topics.map((name) => ({ name, internal: false, partitions: [] }));
    return readTopicConfigs({ ...askerOf(cluster.connection), any: broker }, named);
  };
  const isClosed = (value: string | undefined): boolean => value === leastBytes;
  return {
    kind: 'limit',
    close: async (topics) => {
      const configs = await read(askerOf(cluster.connection).any, topics);
      const open = [...configs].filter(([, config]) => !isClosed(config.get(limitSetting)?.value));
      await held.remember(new Map(open.map(([topic, config]) => [topic, ownSettings(config, [limitSetting])])));
      for (const [topic] of open) await alterConfigs(cluster, topic, { [limitSetting]: leastBytes });
    },
    open: async (topics) => {
      const configs = await read(askerOf(cluster.connection).any, topics);
      for (const [topic, config] of configs) {
        if (!isClosed(config.get(limitSetting)?.value)) continue;
        await alterConfigs(cluster, topic, (await held.before(topic)) ?? { [limitSetting]: null });
      }
      await held.forget(topics);
    },
    closedOn: async (broker, topics) => {
      const configs = await read(broker, topics);
      return topics.filter((topic) => isClosed(configs.get(topic)?.get(limitSetting)?.value));
    },
  };
}
