import type { KafkaGroup, KafkaOpenProducer, KafkaTransaction } from '../../../model/kafka-facts.ts';
import { countOf, finding, look, type Finding } from '../finding.ts';
import type { FindingCode } from '../finding-codes.ts';
import { durationText } from '../text.ts';
import { kafkaCommand, type Extents, type KafkaSideView, type KafkaSituation } from './situation.ts';

/** Who reads and who writes in transactions, and what of it a cut must look after. */
export function checkGroups(situation: KafkaSituation): readonly Finding[] {
  const { blue, green } = situation;
  return [
    ...look(blue.facts.transactions, 'blue', 'transactional ids', (transactions) => [
      ...checkTransactionalIds(transactions),
      ...checkOpen(transactions),
      ...look(blue.facts.openProducers, 'blue', 'open transactions of partitions', (producers) =>
        checkHanging(situation, transactions, producers),
      ),
    ]),
    ...look(blue.facts.groups, 'blue', 'groups', (groups) => {
      const ofMigration = groups.filter((group) => readsManaged(situation, group));
      return [
        ...checkKinds(ofMigration),
        ...checkProtocol(green, ofMigration),
        ...(blue.facts.transactions.known ? checkExactlyOnce(ofMigration, blue.facts.transactions.value) : []),
        ...checkMembers(ofMigration),
        ...(blue.facts.extents.known ? checkOffsets(situation, ofMigration, blue.facts.extents.value) : []),
        ...look(green.facts.groups, 'green', 'groups', (there) => checkThere(green, ofMigration, there)),
      ];
    }),
  ];
}

/** One that has committed nothing, or whose offsets are unknown, may read any topic. */
function readsManaged({ managed }: KafkaSituation, { offsets }: KafkaGroup): boolean {
  if (!offsets.known || offsets.value.length === 0) return true;
  const names = new Set(managed.map(({ name }) => name));
  return offsets.value.some(({ topic }) => names.has(topic));
}

function aboutGroups(
  code: FindingCode,
  groups: readonly KafkaGroup[],
  what: string,
  why: string,
  mend?: string,
): readonly Finding[] {
  if (groups.length === 0) return [];
  const names = groups.map(({ id }) => id);
  return [
    finding(code, {
      side: 'blue',
      object: names.join(', '),
      what: `${countOf('group', names)} ${what}.`,
      why,
      ...(mend === undefined ? {} : { mend }),
    }),
  ];
}

function checkTransactionalIds(transactions: readonly KafkaTransaction[]): readonly Finding[] {
  if (transactions.length === 0) return [];
  const ids = transactions.map(({ transactionalId }) => transactionalId);
  return [
    finding('ASSESS-KAFKA-TRANSACTIONS', {
      side: 'blue',
      object: ids.join(', '),
      what: `${countOf('transactional id', ids)} ${ids.length === 1 ? 'is' : 'are'} in use on blue, or ${ids.length === 1 ? 'was' : 'were'} not long ago.`,
      why: 'The numbers of producers live in one cluster. At a cut each must end its transaction and begin anew on green (initTransactions); clients of before Kafka 2.5 take that for a fatal error and must be restarted.',
    }),
  ];
}

/** `transaction.timeout.ms` of a producer that says nothing (manual: "Producer Configs"). */
const defaultTransactionMs = 60_000;

function checkOpen(transactions: readonly KafkaTransaction[]): readonly Finding[] {
  return transactions.flatMap(({ transactionalId, openMs, partitions }) => {
    if (openMs === undefined || openMs < defaultTransactionMs) return [];
    const topics = partitions.map(({ topic }) => topic);
    return [
      finding('ASSESS-KAFKA-OPEN-TRANSACTION', {
        side: 'blue',
        object: transactionalId,
        what: `The transaction of ${transactionalId} has been open for ${durationText(openMs / 1_000)}${topics.length === 0 ? '' : `, in ${countOf('topic', topics)}`}.`,
        why: 'Readers of committed records, and the mirror is one, come no further in these partitions until it ends; so does a cut.',
        mend: '# let its producer commit or abort it',
      }),
    ];
  });
}

/** `transaction.max.timeout.ms` of a broker that says nothing: no coordinator lets a transaction be open for longer. */
const defaultLongestMs = 900_000;

/** Open in a partition, and known to no coordinator (KIP-664). */
function checkHanging(
  { blue, managed }: KafkaSituation,
  transactions: readonly KafkaTransaction[],
  producers: readonly KafkaOpenProducer[],
): readonly Finding[] {
  const configs = blue.facts.brokerConfigs;
  const told = configs.known ? configs.value.get('transaction.max.timeout.ms')?.value : undefined;
  const longestMs = told === undefined ? defaultLongestMs : Number(told);
  const open = new Set(transactions.filter(({ openMs }) => openMs !== undefined).map(({ producerId }) => producerId));
  const names = new Set(managed.map(({ name }) => name));
  return producers
    .filter(({ topic, producerId, idleMs }) => names.has(topic) && idleMs > longestMs && !open.has(producerId))
    .map(({ topic, partition, producerId, since, idleMs }) =>
      finding('ASSESS-KAFKA-HANGING', {
        side: 'blue',
        object: `${topic}-${partition}`,
        what: `In ${topic}-${partition} a transaction of producer ${producerId} has been open since offset ${since}, without a word for ${durationText(idleMs / 1_000)}, and no coordinator knows it.`,
        why: 'Nobody will end it: readers of committed records, and the mirror is one, would wait there for ever, and the partition is not compacted.',
        mend: kafkaCommand(
          blue,
          'kafka-transactions',
          'abort',
          '--topic',
          topic,
          '--partition',
          String(partition),
          '--start-offset',
          String(since),
        ),
      }),
    );
}

function checkKinds(groups: readonly KafkaGroup[]): readonly Finding[] {
  const isStreams = ({ type, assignor }: KafkaGroup): boolean => type === 'streams' || assignor === 'stream';
  const others = groups.filter(
    (group) => !isStreams(group) && (group.type === 'share' || !['consumer', ''].includes(group.protocolType)),
  );
  return [
    ...aboutGroups(
      'ASSESS-KAFKA-STREAMS',
      groups.filter(isStreams),
      'of blue run Kafka Streams',
      'Their state is rebuilt from changelog and repartition topics, which must be moved with them, at one moment: such an application moves while it is stopped.',
    ),
    ...others.map(({ id, type, protocolType }) =>
      finding('ASSESS-KAFKA-GROUP-OTHER', {
        side: 'blue',
        object: id,
        what: `${id} is a group of ${type === 'share' ? 'share consumers' : `protocol type ${protocolType}`}.`,
        why:
          type === 'share'
            ? 'What a share group has acknowledged is kept record by record inside of the cluster: it cannot be brought to another.'
            : 'Its members coordinate themselves through the cluster (workers of Kafka Connect, a schema registry): it moves by its own means, and its topics with it.',
      }),
    ),
  ];
}

function checkProtocol({ facts }: KafkaSideView, groups: readonly KafkaGroup[]): readonly Finding[] {
  const modern = groups.filter(({ type }) => type === 'consumer');
  if (modern.length === 0 || !facts.apis.known) return [];
  // Brokers before 4.0 have the request, and the feature says whether it is served.
  const level = facts.features.known ? facts.features.value.get('group.version') : undefined;
  const has = facts.apis.value.some(({ name }) => name === 'ConsumerGroupHeartbeat');
  if (has && (level === undefined || level >= 1)) return [];
  return aboutGroups(
    'ASSESS-KAFKA-GROUP-PROTOCOL',
    modern,
    'of blue use the protocol of KIP-848 (group.protocol=consumer), which green does not serve',
    'Their members fail on green as soon as they join.',
    '# upgrade green and set its feature group.version to 1, or set group.protocol=classic in these clients',
  );
}

/**
 * That a group commits inside of transactions is written nowhere outside of them. Kafka Streams and Spring name their transactional ids after the group, followed by a dash, a dot or nothing.
 */
function checkExactlyOnce(
  groups: readonly KafkaGroup[],
  transactions: readonly KafkaTransaction[],
): readonly Finding[] {
  const byName = groups.filter(({ id }) =>
    transactions.some(({ transactionalId }) => transactionalId === id || /^[-._]/.test(rest(transactionalId, id))),
  );
  return aboutGroups(
    'ASSESS-KAFKA-EOS-GROUP',
    byName,
    'have the name of transactional ids, as if they consumed, transformed and produced exactly once',
    'Such an application commits what it read together with what it wrote: its consumers and producers move together, at the end of a transaction.',
  );
}

function rest(text: string, beginning: string): string {
  return beginning !== '' && text.startsWith(beginning) ? text.slice(beginning.length) : '';
}

function checkMembers(groups: readonly KafkaGroup[]): readonly Finding[] {
  const old = groups.flatMap(({ id, members }) => {
    const clients = members.known ? members.value.filter(({ subscriptionVersion }) => subscriptionVersion === 0) : [];
    return clients.length === 0 ? [] : [`${id}: ${[...new Set(clients.map(({ clientId }) => clientId))].join(', ')}`];
  });
  if (old.length === 0) return [];
  return [
    finding('ASSESS-KAFKA-OLD-MEMBERS', {
      side: 'blue',
      object: old.map((text) => text.replace(/:.*/s, '')).join(', '),
      what: `${countOf('group', old)} ${old.length === 1 ? 'has' : 'have'} members whose subscriptions are of the first version.`,
      why: "They are Java clients of before Kafka 2.4, or of another library; look whether green's versions of requests still serve them.",
    }),
  ];
}

function checkOffsets(
  { blue, managed }: KafkaSituation,
  groups: readonly KafkaGroup[],
  extents: Extents,
): readonly Finding[] {
  const names = new Set(managed.map(({ name }) => name));
  return groups.flatMap(({ id, offsets }) => {
    if (!offsets.known) return [];
    const lost = offsets.value.flatMap(({ topic, partition, offset }) => {
      const extent = names.has(topic) ? extents.get(topic)?.[partition] : undefined;
      if (extent === undefined || (offset >= extent.start && offset <= extent.end)) return [];
      return [`${topic}-${partition}: ${offset}, there are ${extent.start} to ${extent.end}`];
    });
    if (lost.length === 0) return [];
    return [
      finding('ASSESS-KAFKA-OFFSETS-LOST', {
        side: 'blue',
        object: id,
        what: `Group ${id} has committed offsets that its partitions do not have: ${countOf('partition', lost)}.`,
        why: 'Records between were deleted before it read them, or the topic was made anew. On green it goes on with the first record that there is, as auto.offset.reset would have it do on blue.',
        mend: `# where the group stands, and its lag:\n${kafkaCommand(blue, 'kafka-consumer-groups', '--describe', '--group', id)}`,
      }),
    ];
  });
}

function checkThere(
  green: KafkaSideView,
  groups: readonly KafkaGroup[],
  there: readonly KafkaGroup[],
): readonly Finding[] {
  const byId = new Map(there.map((group) => [group.id, group]));
  const taken = groups.filter(({ id }) => {
    const found = byId.get(id);
    if (found === undefined) return false;
    return !(found.offsets.known && found.offsets.value.length === 0 && found.state === 'Empty');
  });
  return aboutGroups(
    'ASSESS-KAFKA-GROUP-ON-GREEN',
    taken,
    'are on green already, with members or offsets',
    'Offsets of a group can be set only while it has no members, and what it committed on green is not where blue stands.',
    taken
      .map(
        ({ id }) =>
          `# when its members on green are stopped:\n${kafkaCommand(green, 'kafka-consumer-groups', '--delete', '--group', id)}`,
      )
      .join('\n'),
  );
}
