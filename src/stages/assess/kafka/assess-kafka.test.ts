import { describe, expect, test } from 'vitest';
import type { KafkaAcl, KafkaExtent, KafkaFacts, KafkaTransaction } from '../../../model/kafka-facts.ts';
import type { RegisteredSchema } from '../../../model/schema-registry.ts';
import { findingCodes, type FindingCode } from '../finding-codes.ts';
import type { Finding } from '../finding.ts';
import { kafkaFindingCodes } from '../kafka-finding-codes.ts';
import { renderAssessment } from '../render.ts';
import { known, unknown } from '../test-support/fixtures.ts';
import {
  healthyKafka,
  kafkaApis,
  kafkaConfigs,
  kafkaGroup,
  kafkaTopic,
  type KafkaSideChanges,
} from '../test-support/kafka-fixtures.ts';
import { assessKafka } from './assess-kafka.ts';

interface Case {
  readonly name: string;
  readonly blue?: KafkaSideChanges;
  readonly green?: KafkaSideChanges;
  readonly exclude?: readonly string[];
  /** Exactly these, in the order of the findings, but for the note that a topic is yet to be made. */
  readonly finds: readonly FindingCode[];
  /** Must stand in the first finding's texts. */
  readonly says?: readonly string[];
}

const facts = (changes: Partial<KafkaFacts>): KafkaSideChanges => ({ facts: changes });
const apis = (changes: Parameters<typeof kafkaApis>[0]): KafkaSideChanges => facts({ apis: known(kafkaApis(changes)) });
/** `orders` and what it says for itself. */
const orders = (own: Readonly<Record<string, string>> = {}, more: Partial<KafkaFacts> = {}): KafkaSideChanges =>
  facts({ topics: [kafkaTopic()], topicConfigs: known(new Map([['orders', kafkaConfigs(own)]])), ...more });
const extent = (start: bigint, end: bigint, stable = end): KafkaFacts['extents'] =>
  known(new Map<string, readonly KafkaExtent[]>([['orders', [{ start, end, stable }]]]));
/** Of topics that are not there yet. */
const broker = (own: Readonly<Record<string, string>>): KafkaSideChanges =>
  facts({
    brokerConfigs: known(
      new Map(Object.entries(own).map(([name, value]) => [name, { value, source: 'broker' }] as const)),
    ),
  });
const transaction = (changes: Partial<KafkaTransaction>): KafkaTransaction => ({
  transactionalId: 'payer',
  state: 'CompleteCommit',
  producerId: 7n,
  partitions: [],
  ...changes,
});
const acl = (changes: Partial<KafkaAcl> = {}): KafkaAcl => ({
  principal: 'User:app',
  host: '*',
  operation: 'READ',
  permission: 'ALLOW',
  resourceType: 'TOPIC',
  resourceName: 'orders',
  pattern: 'LITERAL',
  ...changes,
});
const rules = (...entries: readonly KafkaAcl[]): KafkaSideChanges =>
  facts({ acls: known({ enforced: true, entries }) });
const noRules = facts({ acls: known({ enforced: false, entries: [] }) });
const groups = (...list: readonly Parameters<typeof kafkaGroup>[0][]): KafkaSideChanges =>
  facts({ groups: known(list.map(kafkaGroup)) });

const cases: readonly Case[] = [
  { name: 'nothing stands in the way', finds: [] },
  { name: 'a topic that is there and empty', green: orders({ 'retention.ms': '-1' }), finds: [] },
  {
    name: 'one cluster',
    green: { identity: { clusterId: 'id of blue' } },
    finds: ['ASSESS-KAFKA-SAME-CLUSTER'],
    says: ['id of blue'],
  },
  { name: 'no topic', exclude: ['ord*'], finds: ['ASSESS-KAFKA-NO-TOPIC'] },
  {
    name: 'topics of the cluster itself are not moved',
    blue: facts({ topics: [kafkaTopic({ name: '__consumer_offsets', internal: true })] }),
    finds: ['ASSESS-KAFKA-NO-TOPIC'],
  },
  {
    name: 'no leader',
    blue: facts({ topics: [kafkaTopic({ partitions: [{ index: 0, replicas: [1], inSync: [] }] })] }),
    finds: ['ASSESS-KAFKA-LEADERLESS'],
    says: ['orders-0'],
  },
  {
    name: 'no leader in a topic that is not moved',
    blue: facts({
      topics: [kafkaTopic(), kafkaTopic({ name: 'x', partitions: [{ index: 0, replicas: [1], inSync: [] }] })],
    }),
    exclude: ['x'],
    finds: [],
  },
  {
    name: 'replicas behind',
    blue: facts({ topics: [kafkaTopic({ partitions: [{ index: 0, leader: 1, replicas: [1, 2], inSync: [1] }] })] }),
    green: { identity: { brokers: [1, 2].map((id) => ({ id, host: 'g', port: id })) } },
    finds: ['ASSESS-KAFKA-UNDER-REPLICATED'],
  },
  {
    name: 'green speaks no old versions',
    blue: apis({ Fetch: [0, 18] }),
    finds: ['ASSESS-KAFKA-OLD-CLIENTS'],
    says: ['Fetch 0 → 4', 'DeprecatedRequestsPerSec'],
  },
  {
    name: 'green speaks older versions',
    green: apis({ Produce: [0, 9] }),
    finds: ['ASSESS-KAFKA-GREEN-OLDER'],
    says: ['Produce 13 → 9'],
  },
  {
    name: 'green is on an older level',
    green: facts({ features: known(new Map([['metadata.version', 20]])) }),
    finds: ['ASSESS-KAFKA-GREEN-OLDER'],
    says: ['metadata.version 30 → 20', 'group.version 1 → 0'],
  },
  {
    name: 'topics appear by themselves',
    green: broker({ 'auto.create.topics.enable': 'true', 'num.partitions': '3' }),
    finds: ['ASSESS-KAFKA-AUTO-CREATE'],
    says: ['3 partitions'],
  },
  {
    name: 'fewer partitions',
    blue: facts({ topics: [kafkaTopic({ size: 3 })] }),
    green: orders({ 'retention.ms': '-1' }),
    finds: ['ASSESS-KAFKA-PARTITIONS'],
    says: ['3 partitions on blue and 1 on green', '--alter --topic orders --partitions 3'],
  },
  {
    name: 'more partitions',
    green: orders({ 'retention.ms': '-1' }, { topics: [kafkaTopic({ size: 2 })] }),
    finds: ['ASSESS-KAFKA-PARTITIONS'],
    says: ['--delete --topic orders', '# partitions cannot be taken away'],
  },
  {
    name: 'records on green',
    green: orders({ 'retention.ms': '-1' }, { extents: extent(5n, 6n) }),
    finds: ['ASSESS-KAFKA-GREEN-NOT-EMPTY'],
    says: ['everything in it is lost'],
  },
  {
    name: 'records were on green once',
    green: orders({ 'retention.ms': '-1' }, { extents: extent(6n, 6n) }),
    finds: [],
  },
  {
    name: 'more replicas than brokers',
    blue: facts({
      topics: [kafkaTopic({ partitions: [{ index: 0, leader: 1, replicas: [1, 2, 3], inSync: [1, 2, 3] }] })],
    }),
    finds: ['ASSESS-KAFKA-REPLICAS'],
    says: ['than green has (1)'],
  },
  {
    name: 'more replicas in sync than brokers',
    blue: orders({ 'min.insync.replicas': '2' }),
    finds: ['ASSESS-KAFKA-REPLICAS'],
  },
  {
    name: 'smaller records on a topic of green',
    blue: orders({ 'max.message.bytes': '2000000' }),
    green: orders({ 'retention.ms': '-1' }),
    finds: ['ASSESS-KAFKA-MESSAGE-SIZE'],
    says: ['--add-config max.message.bytes=2000000'],
  },
  {
    name: 'smaller records on brokers of green',
    green: broker({ 'message.max.bytes': '1000' }),
    finds: ['ASSESS-KAFKA-MESSAGE-SIZE'],
    says: ['# when orders is made on green'],
  },
  {
    name: 'smaller records on brokers of green, and the topic brings its own size',
    blue: orders({ 'max.message.bytes': '2000000' }),
    finds: [],
  },
  {
    name: 'times of green',
    green: orders({ 'message.timestamp.type': 'LogAppendTime', 'retention.ms': '-1' }),
    finds: ['ASSESS-KAFKA-GREEN-TIMESTAMPS'],
    says: ['message.timestamp.type=CreateTime'],
  },
  {
    name: 'times of brokers of green',
    green: broker({ 'log.message.timestamp.type': 'LogAppendTime' }),
    finds: ['ASSESS-KAFKA-GREEN-TIMESTAMPS'],
  },
  {
    name: 'old records',
    green: broker({ 'log.message.timestamp.before.max.ms': '86400000' }),
    finds: ['ASSESS-KAFKA-TIMESTAMP-OLD'],
    says: ['INVALID_TIMESTAMP', 'message.timestamp.before.max.ms=9223372036854775807'],
  },
  {
    name: 'records from the future, to a cluster that is newer',
    blue: orders({ 'message.timestamp.after.max.ms': '9223372036854775807' }),
    green: orders({ 'retention.ms': '-1' }),
    finds: ['ASSESS-KAFKA-TIMESTAMP-FUTURE'],
    says: ['an hour from Kafka 4.0 on'],
  },
  {
    name: 'compacted on green alone',
    green: orders({ 'cleanup.policy': 'compact' }),
    finds: ['ASSESS-KAFKA-GREEN-COMPACTS', 'ASSESS-KAFKA-CONFIGS'],
    says: ['--add-config cleanup.policy=delete'],
  },
  {
    name: 'other policies, of which one is a list',
    blue: orders({ 'cleanup.policy': 'compact,delete' }),
    green: orders({ 'cleanup.policy': 'delete', 'retention.ms': '-1' }),
    finds: ['ASSESS-KAFKA-CONFIGS', 'ASSESS-KAFKA-COMPACTED'],
    says: ["--add-config 'cleanup.policy=[compact,delete]'"],
  },
  {
    name: 'deleted by age on green',
    green: orders(),
    finds: ['ASSESS-KAFKA-GREEN-RETENTION'],
    says: ['retention.ms=604800000', '--add-config retention.ms=-1'],
  },
  {
    name: 'deleted by size on green',
    green: orders({ 'retention.ms': '-1', 'retention.bytes': '1000' }),
    finds: ['ASSESS-KAFKA-GREEN-RETENTION'],
  },
  {
    name: 'times of the broker',
    blue: orders({ 'message.timestamp.type': 'LogAppendTime' }),
    finds: ['ASSESS-KAFKA-LOG-APPEND-TIME'],
  },
  {
    name: 'deleted after an hour',
    blue: orders({ 'retention.ms': '3600000' }),
    finds: ['ASSESS-KAFKA-RETENTION'],
    says: ['the shortest: 1 h', 'retention.ms=86400000'],
  },
  {
    name: 'deleted by size',
    blue: orders({ 'retention.bytes': '1000000' }),
    finds: ['ASSESS-KAFKA-RETENTION'],
    says: ['now 1000000'],
  },
  {
    name: 'deletions forgotten soon',
    blue: orders({ 'cleanup.policy': 'compact', 'delete.retention.ms': '60000' }),
    finds: ['ASSESS-KAFKA-TOMBSTONES', 'ASSESS-KAFKA-COMPACTED'],
    says: ['the shortest: 1 min'],
  },
  {
    name: 'compacted',
    blue: orders({ 'cleanup.policy': 'compact,delete' }),
    finds: ['ASSESS-KAFKA-COMPACTED'],
  },
  { name: 'tiered', blue: orders({ 'remote.storage.enable': 'true' }), finds: ['ASSESS-KAFKA-TIERED'] },
  {
    name: 'other promises',
    blue: orders({ 'compression.type': 'zstd' }),
    green: orders({ 'retention.ms': '-1', 'unclean.leader.election.enable': 'true' }),
    finds: ['ASSESS-KAFKA-CONFIGS'],
    says: ['compression.type zstd → producer', 'unclean.leader.election.enable false → true'],
  },
  {
    name: 'transactional ids',
    blue: facts({ transactions: known([transaction({})]) }),
    finds: ['ASSESS-KAFKA-TRANSACTIONS'],
    says: ['payer'],
  },
  {
    name: 'an open transaction',
    blue: facts({
      transactions: known([
        transaction({ state: 'Ongoing', openMs: 600_000, partitions: [{ topic: 'orders', partitions: [0] }] }),
      ]),
      openProducers: known([{ topic: 'orders', partition: 0, producerId: 7n, since: 3n, idleMs: 1_000_000 }]),
    }),
    finds: ['ASSESS-KAFKA-TRANSACTIONS', 'ASSESS-KAFKA-OPEN-TRANSACTION'],
  },
  {
    name: 'a transaction that nobody ends',
    blue: facts({
      transactions: known([]),
      openProducers: known([{ topic: 'orders', partition: 0, producerId: 7n, since: 3n, idleMs: 1_000_000 }]),
    }),
    finds: ['ASSESS-KAFKA-HANGING'],
    says: ['offset 3', 'abort --topic orders --partition 0 --start-offset 3'],
  },
  {
    name: 'a transaction whose coordinator was only asked too early',
    blue: facts({ openProducers: known([{ topic: 'orders', partition: 0, producerId: 7n, since: 3n, idleMs: 900 }]) }),
    finds: [],
  },
  {
    name: 'exactly once by names',
    blue: facts({
      groups: known([kafkaGroup(), kafkaGroup({ id: 'bill' })]),
      transactions: known([transaction({ transactionalId: 'billing-7f3-1' })]),
    }),
    finds: ['ASSESS-KAFKA-TRANSACTIONS', 'ASSESS-KAFKA-EOS-GROUP'],
  },
  { name: 'Kafka Streams', blue: groups({ assignor: 'stream' }), finds: ['ASSESS-KAFKA-STREAMS'], says: ['billing'] },
  { name: 'the new Kafka Streams', blue: groups({ type: 'streams' }), finds: ['ASSESS-KAFKA-STREAMS'] },
  {
    name: 'a share group, and workers of Connect',
    blue: groups(
      { type: 'share', protocolType: 'share', offsets: unknown('none') },
      { id: 'workers', protocolType: 'connect', offsets: known([]) },
    ),
    finds: ['ASSESS-KAFKA-GROUP-OTHER', 'ASSESS-KAFKA-GROUP-OTHER'],
    says: ['share consumers'],
  },
  {
    name: 'a group of topics that are not moved',
    blue: groups({ assignor: 'stream', offsets: known([{ topic: 'others', partition: 0, offset: 1n }]) }),
    finds: [],
  },
  {
    name: 'a protocol that green does not serve',
    blue: groups({ type: 'consumer' }),
    green: apis({ ConsumerGroupHeartbeat: undefined }),
    finds: ['ASSESS-KAFKA-GROUP-PROTOCOL', 'ASSESS-KAFKA-GREEN-OLDER'],
    says: ['group.protocol=classic'],
  },
  {
    name: 'a group that is on green',
    blue: groups({}),
    green: groups({ state: 'Empty' }),
    finds: ['ASSESS-KAFKA-GROUP-ON-GREEN'],
    says: ['--delete --group billing'],
  },
  {
    name: 'a group that left nothing on green',
    blue: groups({}),
    green: groups({ state: 'Empty', offsets: known([]) }),
    finds: [],
  },
  {
    name: 'offsets before the first record',
    blue: facts({ groups: known([kafkaGroup()]), extents: extent(11n, 20n) }),
    finds: ['ASSESS-KAFKA-OFFSETS-LOST'],
    says: ['orders-0: 10, there are 11 to 20'],
  },
  {
    name: 'offsets after the last record',
    blue: facts({ groups: known([kafkaGroup({ id: "it's" })]), extents: extent(0n, 9n) }),
    finds: ['ASSESS-KAFKA-OFFSETS-LOST'],
    says: [String.raw`--group 'it'\''s'`],
  },
  {
    name: 'an old client',
    blue: groups({ members: known([{ clientId: 'legacy', host: '/h', subscriptionVersion: 0 }]) }),
    finds: ['ASSESS-KAFKA-OLD-MEMBERS'],
    says: ['billing: legacy'],
  },
  {
    name: 'rules',
    blue: rules(
      acl(),
      acl({
        operation: 'DESCRIBE_CONFIGS',
        resourceName: 'ord',
        pattern: 'PREFIXED',
        permission: 'DENY',
        host: '10.0.0.1',
      }),
      acl({ resourceType: 'CLUSTER', resourceName: 'kafka-cluster', operation: 'IDEMPOTENT_WRITE' }),
    ),
    green: rules(acl()),
    finds: ['ASSESS-KAFKA-ACL'],
    says: [
      '2 rules',
      '1 of them deny',
      '--deny-principal User:app --deny-host 10.0.0.1 --operation DescribeConfigs --topic ord --resource-pattern-type prefixed',
      '--operation IdempotentWrite --cluster',
    ],
  },
  {
    name: 'a rule about a topic that is not moved',
    blue: facts({
      topics: [kafkaTopic(), kafkaTopic({ name: 'x' })],
      acls: known({ enforced: true, entries: [acl({ resourceName: 'x' })] }),
    }),
    green: rules(),
    exclude: ['x'],
    finds: [],
  },
  {
    name: 'blue alone has rules',
    blue: rules(acl()),
    green: noRules,
    finds: ['ASSESS-KAFKA-AUTHORIZER'],
    says: ['everything'],
  },
  {
    name: 'green alone has rules',
    blue: noRules,
    finds: ['ASSESS-KAFKA-UNGUARDED', 'ASSESS-KAFKA-AUTHORIZER'],
    says: ['on blue alone'],
  },
  { name: 'nobody has rules', blue: noRules, green: noRules, finds: ['ASSESS-KAFKA-UNGUARDED'] },
  {
    name: 'users',
    blue: facts({ scramUsers: known([{ name: 'a b', mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-512'] }]) }),
    green: facts({ scramUsers: known([{ name: 'a b', mechanisms: ['SCRAM-SHA-256'] }]) }),
    finds: ['ASSESS-KAFKA-SCRAM'],
    says: [`--entity-name 'a b' --add-config 'SCRAM-SHA-512=[password=…]'`],
  },
  {
    name: 'quotas',
    blue: facts({
      quotas: known([
        { entity: [{ type: 'user' }, { type: 'client-id', name: 'c' }], key: 'producer_byte_rate', value: 1024 },
      ]),
    }),
    finds: ['ASSESS-KAFKA-QUOTA'],
    says: [
      '--add-config producer_byte_rate=1024 --entity-type users --entity-default --entity-type clients --entity-name c',
    ],
  },
];

const schema = (changes: Partial<RegisteredSchema> = {}): RegisteredSchema => ({
  subject: 'orders-value',
  version: 1,
  id: 7,
  type: 'AVRO',
  schema: '"string"',
  references: [],
  isDeleted: false,
  ...changes,
});
const registry = (compatibility: string, ...schemas: readonly RegisteredSchema[]): KafkaSideChanges => ({
  registry: known({ address: 'http://registry:8081', compatibility, schemas, ownCompatibility: new Map() }),
});

const registryCases: readonly Case[] = [
  {
    name: 'schemas that green has',
    blue: registry('BACKWARD', schema()),
    green: registry('BACKWARD', schema({ schema: ' "string" ' }), schema({ subject: 'own', id: 9 })),
    finds: [],
  },
  {
    name: 'schemas that green lacks, in the order of their ids',
    blue: registry('BACKWARD', schema({ version: 2, id: 8 }), schema({ subject: 'it’s', id: 7 })),
    green: registry('BACKWARD'),
    finds: ['ASSESS-KAFKA-REGISTRY-MISSING'],
    says: [
      '2 versions of 2 subjects',
      "curl -s 'http://registry:8081/subjects/it%E2%80%99s/versions/1?deleted=true' | curl -X POST",
    ],
  },
  {
    name: 'another id of the same schema',
    blue: registry('BACKWARD', schema()),
    green: registry('BACKWARD', schema({ id: 8 })),
    finds: ['ASSESS-KAFKA-REGISTRY-CONFLICT'],
    says: ['orders-value version 1 has id 7 here and 8 there'],
  },
  {
    name: 'another schema under the same id',
    blue: registry('BACKWARD', schema()),
    green: registry('FULL', schema({ subject: 'theirs', schema: '"int"' })),
    finds: ['ASSESS-KAFKA-REGISTRY-CONFLICT', 'ASSESS-KAFKA-REGISTRY-COMPATIBILITY'],
    says: ['id 7 of orders-value version 1 is theirs version 1 there'],
  },
  {
    name: 'a registry that does not answer',
    blue: { registry: unknown('it does not answer') },
    green: registry('BACKWARD'),
    finds: ['ASSESS-UNKNOWN'],
    says: ['it does not answer'],
  },
];

function findingsOf({ blue, green, exclude = [] }: Pick<Case, 'blue' | 'green' | 'exclude'>): readonly Finding[] {
  const { findings } = assessKafka(healthyKafka('blue', blue), healthyKafka('green', green), { exclude });
  return findings.filter(({ code }) => code !== 'ASSESS-KAFKA-TOPIC-MISSING');
}

describe('an assessment of two clusters', () => {
  test.each([...cases, ...registryCases])('finds: $name', (one) => {
    const findings = findingsOf(one);
    expect(findings.map(({ code }) => code)).toEqual(one.finds);
    const [first] = findings;
    const text = `${first?.object} ${first?.what} ${first?.why} ${first?.mend}`;
    for (const said of one.says ?? []) expect(text).toContain(said);
  });

  test('says how a topic is made that is not on green, with what it says for itself', () => {
    const blue = healthyKafka(
      'blue',
      orders({ 'cleanup.policy': 'compact', 'leader.replication.throttled.replicas': '*' }),
    );
    const { findings } = assessKafka(blue, healthyKafka('green'), {});
    expect(findings.find(({ code }) => code === 'ASSESS-KAFKA-TOPIC-MISSING')?.mend).toBe(
      'kafka-topics.sh --bootstrap-server green:9092 --create --topic orders --partitions 1 --replication-factor 1 --config cleanup.policy=compact',
    );
  });

  test('makes a topic so that nothing is deleted or changed while it is mirrored', () => {
    const own = { 'retention.ms': '172800000', 'message.timestamp.type': 'LogAppendTime', 'segment.ms': '1000' };
    const { findings } = assessKafka(healthyKafka('blue', orders(own)), healthyKafka('green'), {});
    expect(findings.find(({ code }) => code === 'ASSESS-KAFKA-TOPIC-MISSING')?.mend).toMatch(
      /--config segment\.ms=1000 --config retention\.ms=-1 --config retention\.bytes=-1 --config message\.timestamp\.type=CreateTime$/,
    );
  });

  test('lists the subjects of blue’s registry', () => {
    const blue = healthyKafka('blue', registry('BACKWARD', schema({ isDeleted: true }), schema({ version: 3, id: 9 })));
    const { inventory } = assessKafka(blue, healthyKafka('green', registry('BACKWARD')), {});
    expect(inventory.sections.find(({ title }) => title === 'Subjects of the schema registry')?.rows).toEqual([
      ['orders-value', 'AVRO', '(1), 3', '(7), 9', 'BACKWARD (of all)', 'not all'],
    ]);
  });

  test('has a case for every code of Kafka', () => {
    const found = new Set<string>([
      'ASSESS-KAFKA-TOPIC-MISSING',
      ...[...cases, ...registryCases].flatMap(({ finds }) => finds),
    ]);
    expect(Object.keys(kafkaFindingCodes).filter((code) => !found.has(code))).toEqual([]);
  });

  test('every finding says what and why in whole sentences, and every blocker says how', () => {
    for (const { code, severity, what, why, mend } of [...cases, ...registryCases].flatMap(findingsOf)) {
      expect(what, code).toMatch(/^\S.*\.$/s);
      expect(why, code).toMatch(/^\S.*\.$/s);
      expect(severity, code).toBe(findingCodes[code].severity);
      if (severity === 'blocker') expect(mend, code).toMatch(/\S/);
    }
  });

  test('an unknown fact that could hide a blocker is never taken for a good one', () => {
    const decisive = [
      'topicConfigs',
      'apis',
      'transactions',
      'openProducers',
      'groups',
      'acls',
      'scramUsers',
      'quotas',
    ] as const;
    for (const name of decisive) {
      const found = findingsOf({ blue: { facts: { [name]: unknown('not permitted') } } });
      expect(
        found.map(({ code }) => code),
        name,
      ).toEqual(['ASSESS-UNKNOWN']);
    }
    for (const name of ['topicConfigs', 'extents', 'brokerConfigs'] as const) {
      const found = findingsOf({ green: { facts: { [name]: unknown('not permitted') } } });
      expect(
        found.map(({ code }) => code),
        name,
      ).toEqual(['ASSESS-UNKNOWN']);
    }
  });
});

test('the document has inventory, findings and estimates, and shows what is not known', () => {
  const blue = healthyKafka(
    'blue',
    facts({
      groups: known([kafkaGroup({ offsets: known([{ topic: 'orders', partition: 0, offset: 4n }]) })]),
      quotas: unknown('no'),
    }),
  );
  const assessment = assessKafka(blue, healthyKafka('green'), {});
  const text = renderAssessment(assessment, 'markdown');
  for (const said of [
    'Ready to begin',
    '| billing | classic, consumer | Stable |',
    '| 6 |',
    '| blue | quotas | no |',
    '```sh',
    'id of green',
  ]) {
    expect(text.toLowerCase()).toContain(said.toLowerCase());
  }
  expect(text).toContain('1 topic, 1 partition, at most 10 records');
  expect(renderAssessment(assessment, 'text')).toContain('room needed on green: 1.0 MB for each replica');
  expect(assessment.estimates).toMatchObject({
    topics: 1,
    partitions: 1,
    records: 10n,
    bytes: 1_000_000n,
    mirrorSeconds: 1,
  });
});

test('one is told of as one, and two as two', () => {
  const two = [kafkaTopic(), kafkaTopic({ name: 'paid' })];
  const what = (topics: typeof two): string =>
    assessKafka(healthyKafka('blue', facts({ topics })), healthyKafka('green'), {}).findings[0]?.what ?? '';
  expect(what(two.slice(0, 1))).toBe('1 topic (orders) of blue is not on green.');
  expect(what(two)).toBe('2 topics (orders, paid) of blue are not on green.');
});
