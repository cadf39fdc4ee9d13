import { valueOr, type Fact } from '../../../model/facts.ts';
import type { KafkaFacts, KafkaGroup } from '../../../model/kafka-facts.ts';
import type { Inventory, InventorySection } from '../inventory.ts';
import { bytesText, countText } from '../text.ts';
import { subjectsSection } from './registry.ts';
import { entityText } from './security.ts';
import {
  configsOf,
  recordsOf,
  settingOf,
  sidesOf,
  type Extents,
  type KafkaSideView,
  type KafkaSituation,
} from './situation.ts';

/** What the clusters hold and hang on, as tables of plain texts. */
export function kafkaInventory(situation: KafkaSituation): Inventory {
  const sections = [
    clustersSection(situation),
    settingsSection(situation),
    topicsSection(situation),
    topicSettingsSection(situation),
    groupsSection(situation.blue),
    transactionsSection(situation.blue),
    aclsSection(situation.blue),
    usersSection(situation.blue),
    quotasSection(situation.blue),
    subjectsSection(situation),
    unknownSection(situation),
  ];
  return Object.freeze({ sections: sections.filter(({ rows }) => rows.length > 0) });
}

function clustersSection(situation: KafkaSituation): InventorySection {
  const views = sidesOf(situation).map(([, view]) => view);
  const shown = <T>(fact: Fact<T>, text: (value: T) => string): string => (fact.known ? text(fact.value) : 'unknown');
  const row = (what: string, of: (view: KafkaSideView) => string): readonly string[] => [what, ...views.map(of)];
  return {
    title: 'Clusters',
    about: 'Who the two sides are.',
    columns: ['', 'blue', 'green'],
    rows: [
      row('address', ({ identity }) => identity.address),
      row('cluster', ({ identity }) => identity.clusterId),
      row('brokers', ({ identity }) =>
        identity.brokers.map(({ id, host, port }) => `${id}: ${host}:${port}`).join(', '),
      ),
      row('features', ({ facts }) =>
        shown(
          facts.features,
          (features) => [...features].map(([name, level]) => `${name} ${level}`).join(', ') || 'none',
        ),
      ),
      row('authorizer', ({ facts }) => shown(facts.acls, ({ enforced }) => (enforced ? 'yes' : 'none'))),
    ],
  };
}

/** Of a broker: what a topic is when it says nothing, and how long the cluster remembers. */
const settingsShown = [
  'auto.create.topics.enable',
  'num.partitions',
  'default.replication.factor',
  'min.insync.replicas',
  'message.max.bytes',
  'log.retention.ms',
  'log.retention.bytes',
  'log.cleanup.policy',
  'log.message.timestamp.type',
  'log.message.timestamp.after.max.ms',
  'log.message.timestamp.before.max.ms',
  'offsets.retention.minutes',
  'transactional.id.expiration.ms',
  'transaction.max.timeout.ms',
  'authorizer.class.name',
] as const;

function settingsSection(situation: KafkaSituation): InventorySection {
  const ofSides = sidesOf(situation).map(([, { facts }]) => valueOr(facts.brokerConfigs, new Map()));
  return {
    title: 'Configuration of brokers',
    about:
      'Of the broker with the lowest id: what topics are that say nothing themselves, and how long the cluster remembers.',
    columns: ['setting', 'blue', 'green'],
    rows: settingsShown
      .filter((name) => ofSides.some((configs) => configs.has(name)))
      .map((name) => [name, ...ofSides.map((configs) => configs.get(name)?.value ?? '–')]),
  };
}

function topicsSection({ blue, managed, leftOut }: KafkaSituation): InventorySection {
  const extents: Extents = valueOr(blue.facts.extents, new Map());
  const bytes = valueOr(blue.facts.topicBytes, new Map<string, bigint>());
  const isLeftOut = new Set(leftOut);
  return {
    title: 'Topics',
    about: 'Records are offsets between the ends, at most so many; the size is that of one replica.',
    columns: ['topic', 'moved', 'partitions', 'replicas', 'records', 'size', 'cleanup.policy', 'retention.ms'],
    rows: [...managed, ...leftOut].map((topic) => {
      const size = bytes.get(topic.name);
      return [
        topic.name,
        isLeftOut.has(topic) ? 'no' : 'yes',
        String(topic.partitions.length),
        [...new Set(topic.partitions.map(({ replicas }) => replicas.length))].join('/'),
        extents.has(topic.name) ? countText(Number(recordsOf(extents, topic.name))) : 'unknown',
        size === undefined ? 'unknown' : bytesText(size),
        settingOf(blue, topic.name, 'cleanup.policy') ?? 'unknown',
        settingOf(blue, topic.name, 'retention.ms') ?? 'unknown',
      ];
    }),
  };
}

function topicSettingsSection({ blue, managed }: KafkaSituation): InventorySection {
  return {
    title: 'Configuration of topics',
    about: 'What topics of blue say for themselves: it must be said on green too.',
    columns: ['topic', 'setting', 'value'],
    rows: managed.flatMap(({ name }) =>
      [...configsOf(blue, name)]
        .filter(([, { source }]) => source === 'topic')
        .map(([setting, { value }]) => [name, setting, value ?? 'secret']),
    ),
  };
}

function groupsSection({ facts }: KafkaSideView): InventorySection {
  const extents: Extents = valueOr(facts.extents, new Map());
  return {
    title: 'Groups',
    about:
      'Lag in offsets, over all partitions in which the group has committed; it counts markers of transactions too.',
    columns: ['group', 'kind', 'state', 'assignor', 'members', 'static', 'clients', 'topics', 'lag'],
    rows: valueOr(facts.groups, []).map((group) => {
      const members = valueOr(group.members, []);
      return [
        group.id,
        [group.type, group.protocolType].filter((text) => text !== '').join(', '),
        group.state,
        group.assignor ?? '–',
        group.members.known ? String(members.length) : 'unknown',
        String(members.filter(({ instanceId }) => instanceId !== undefined).length),
        [...new Set(members.map(({ clientId }) => clientId))].join(', ') || '–',
        [...new Set(valueOr(group.offsets, []).map(({ topic }) => topic))].join(', ') || '–',
        lagText(group, extents),
      ];
    }),
  };
}

function lagText({ offsets }: KafkaGroup, extents: Extents): string {
  if (!offsets.known) return 'unknown';
  let lag = 0n;
  for (const { topic, partition, offset } of offsets.value) {
    const extent = extents.get(topic)?.[partition];
    if (extent === undefined) return 'unknown';
    if (extent.end > offset) lag += extent.end - offset;
  }
  return countText(Number(lag));
}

function transactionsSection({ facts }: KafkaSideView): InventorySection {
  return {
    title: 'Transactional ids',
    about: 'Used within transactional.id.expiration.ms; none of them is known on green.',
    columns: ['transactional id', 'producer', 'state'],
    rows: valueOr(facts.transactions, []).map(({ transactionalId, producerId, state }) => [
      transactionalId,
      String(producerId),
      state,
    ]),
  };
}

function aclsSection({ facts }: KafkaSideView): InventorySection {
  return {
    title: 'Rules',
    about: 'Who may do what on blue.',
    columns: ['principal', 'may', 'operation', 'on', 'pattern', 'from'],
    rows: valueOr(facts.acls, { enforced: false, entries: [] }).entries.map((acl) => [
      acl.principal,
      acl.permission,
      acl.operation,
      `${acl.resourceType} ${acl.resourceName}`,
      acl.pattern,
      acl.host,
    ]),
  };
}

function usersSection({ facts }: KafkaSideView): InventorySection {
  return {
    title: 'Users of SCRAM',
    about:
      'No broker gives out what their passwords are checked by. Users of PLAIN stand in files of the brokers, and are not told.',
    columns: ['user', 'mechanisms'],
    rows: valueOr(facts.scramUsers, []).map(({ name, mechanisms }) => [name, mechanisms.join(', ')]),
  };
}

function quotasSection({ facts }: KafkaSideView): InventorySection {
  return {
    title: 'Quotas',
    about: 'How much clients may take of blue.',
    columns: ['of', 'quota', 'value'],
    rows: valueOr(facts.quotas, []).map(({ entity, key, value }) => [entityText(entity), key, String(value)]),
  };
}

function unknownSection(situation: KafkaSituation): InventorySection {
  return {
    title: 'What could not be known',
    about:
      'Beside these no broker tells: topics that the user may not describe, versions of client software, what schema registries and applications keep elsewhere.',
    columns: ['side', 'fact', 'why'],
    rows: sidesOf(situation).flatMap(([side, { facts }]) =>
      (Object.keys(facts) as (keyof KafkaFacts)[]).flatMap((name) => {
        const fact = facts[name];
        return !('known' in fact) || fact.known
          ? []
          : [[side, name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`), fact.why]];
      }),
    ),
  };
}
