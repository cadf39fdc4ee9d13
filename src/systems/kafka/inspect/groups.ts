import type { Fact } from '../../../model/facts.ts';
import type { KafkaBroker, KafkaGroup, KafkaMember, KafkaOffset } from '../../../model/kafka-facts.ts';
import { ifGiven } from '../library.ts';
import type { Asker } from './asker.ts';
import { factOf, unknown } from './fact.ts';

interface ListedGroup {
  readonly groupId: string;
  readonly protocolType: string;
  readonly groupState: string;
  readonly groupType?: string;
}

/** Each broker tells of the groups that it coordinates, and is asked for their members and offsets. One group that is refused does not hide the others. */
export async function readGroups(asker: Asker): Promise<readonly KafkaGroup[]> {
  const groups: KafkaGroup[] = [];
  for (const broker of asker.brokers) {
    const listed = await asker.connection.ask(broker, asker.requests.listGroups, [], []);
    for (const group of listed.groups) groups.push(await readGroup(asker, broker, group));
  }
  return groups.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

async function readGroup(asker: Asker, broker: KafkaBroker, listed: ListedGroup): Promise<KafkaGroup> {
  const { groupId: id, groupState: state, protocolType } = listed;
  const type = typeOf(listed.groupType);
  const described = await factOf(async () => describe(asker, broker, id, type, protocolType));
  const assignor = described.known ? described.value.assignor : '';
  return {
    id,
    state,
    type,
    protocolType,
    ...(assignor === '' ? {} : { assignor }),
    members: described.known ? described.value.members : described,
    offsets: type === 'share' ? unknown('a share group commits no offsets') : await readOffsets(asker, broker, id),
  };
}

function typeOf(told: string | undefined): string {
  return told === undefined || told === '' ? 'unknown' : told.toLowerCase();
}

interface Described {
  readonly assignor: string;
  readonly members: Fact<readonly KafkaMember[]>;
}

async function describe(
  asker: Asker,
  broker: KafkaBroker,
  id: string,
  type: string,
  protocolType: string,
): Promise<Described> {
  if (type === 'consumer') return describeNew(asker, broker, id);
  if (type !== 'classic' && type !== 'unknown') {
    return { assignor: '', members: unknown(`Teal does not ask for the members of a ${type} group`) };
  }
  return describeClassic(asker, broker, id, protocolType);
}

async function describeClassic(
  { connection, requests }: Asker,
  broker: KafkaBroker,
  id: string,
  protocolType: string,
): Promise<Described> {
  const { groups } = await connection.ask(broker, requests.describeGroups, [id], false);
  const members = (groups[0]?.members ?? []).map(
    ({ clientId, clientHost, groupInstanceId, memberMetadata }): KafkaMember => ({
      clientId,
      host: clientHost,
      ...ifGiven('instanceId', groupInstanceId),
      // What members of other kinds of group say to one another is theirs.
      ...(protocolType === 'consumer' && memberMetadata.length >= 2
        ? { subscriptionVersion: memberMetadata.readInt16BE(0) }
        : {}),
    }),
  );
  return { assignor: groups[0]?.protocolData ?? '', members: { known: true, value: members } };
}

async function describeNew({ connection, requests }: Asker, broker: KafkaBroker, id: string): Promise<Described> {
  const { groups } = await connection.ask(broker, requests.describeConsumerGroup, [id], false);
  const members = (groups[0]?.members ?? []).map(({ clientId, clientHost, instanceId }): KafkaMember => ({
    clientId,
    host: clientHost,
    ...ifGiven('instanceId', instanceId),
  }));
  return { assignor: groups[0]?.assignorName ?? '', members: { known: true, value: members } };
}

async function readOffsets(
  { connection, requests }: Asker,
  broker: KafkaBroker,
  groupId: string,
): Promise<Fact<readonly KafkaOffset[]>> {
  return factOf(async () => {
    const wanted = [{ groupId, memberId: null, memberEpoch: -1, topics: null }];
    const { groups } = await connection.ask(broker, requests.offsetFetch, wanted, false);
    return groups
      .flatMap(({ topics }) => topics)
      .flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, committedOffset }) => ({
          topic: name,
          partition: partitionIndex,
          offset: committedOffset,
        })),
      )
      .filter(({ offset }) => offset >= 0n)
      .toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
  });
}
