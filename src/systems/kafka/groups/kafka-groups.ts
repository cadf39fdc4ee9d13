import { TealError } from '../../../kernel/errors.ts';
import { otherSide, type Side } from '../../../model/catalog.ts';
import type { GroupOffset, TranslatedGroup, TranslatedOffset } from '../../../ports/groups.ts';
import { openSide, openSides, signalOr } from '../both-sides.ts';
import { newestOwner } from '../control/control-state.ts';
import { askerOf } from '../inspect/asker.ts';
import { readGroups } from '../inspect/groups.ts';
import type { Cluster } from '../mirror/cluster.ts';
import { joinMaps, readAllMaps } from '../mirror/read-maps.ts';
import { answerOf } from '../mirror/refusals.ts';
import type { KafkaGroups, KafkaMove, MovedGroup } from '../roles.ts';
import { settled } from '../settled.ts';

/** How long somebody's transaction may hold back what is read of a map. */
const openTransactionsMs = 120_000;

export function kafkaGroups(move: KafkaMove): KafkaGroups {
  const within = async <T>(
    side: Side,
    signal: AbortSignal | undefined,
    work: (cluster: Cluster) => Promise<T>,
  ): Promise<T> => {
    await using open = await openSide(move, side, 'groups', signal);
    return await work(open.cluster);
  };
  return Object.freeze({
    list: async (side: Side, signal?: AbortSignal) =>
      within(side, signal, async (cluster) => listGroups(cluster, move.topics)),
    committed: async (side: Side, group: string, signal?: AbortSignal) =>
      within(side, signal, async (cluster) => committedOffsets(cluster, group, move.topics, signalOr(signal))),
    translate: async (from: Side, group: string, signal?: AbortSignal) =>
      translate(move, from, group, signalOr(signal)),
    commit: async (to: Side, group: string, offsets: readonly GroupOffset[], signal?: AbortSignal) =>
      within(to, signal, async (cluster) => commitOffsets(cluster, group, offsets, signalOr(signal))),
    lag: async (side: Side, group: string, signal?: AbortSignal) =>
      within(side, signal, async (cluster) => ({
        lag: lagOf(
          await committedOffsets(cluster, group, move.topics, signalOr(signal)),
          await stableEnds(cluster, move.topics),
        ),
        members: await membersOf(cluster, group),
      })),
  });
}

async function listGroups(cluster: Cluster, topics: readonly string[]): Promise<readonly MovedGroup[]> {
  const wanted = new Set(topics);
  const ends = await stableEnds(cluster, topics);
  return (await readGroups(askerOf(cluster.connection))).flatMap(
    ({ id, state, type, protocolType, members, offsets }): MovedGroup[] => {
      const isOfConsumers = protocolType === 'consumer' || protocolType === '';
      if (!isOfConsumers || !offsets.known) return [];
      const moved = offsets.value.filter(({ topic }) => wanted.has(topic));
      if (moved.length === 0) return [];
      return [{ id, state, type, members: members.known ? members.value.length : 0, lag: lagOf(moved, ends) }];
    },
  );
}

async function translate(move: KafkaMove, from: Side, group: string, signal: AbortSignal): Promise<TranslatedGroup> {
  await using sides = await openSides(move, 'groups', signal);
  const clusters = { blue: sides.blue.cluster, green: sides.green.cluster };
  // Read before the maps: what is committed here lies on records that are there when the maps are read.
  const committed = await committedOffsets(clusters[from], group, move.topics, signal);
  const states = { blue: await sides.blue.control.state(signal), green: await sides.green.control.state(signal) };
  const epochs = await readAllMaps(clusters, move.migration, newestOwner(states).epoch, { openTransactionsMs, signal });
  const there = await clusters[otherSide(from)].partitionsOf(move.topics);
  const offsets: TranslatedOffset[] = [];
  const behind: { topic: string; partition: number; offset: bigint }[] = [];
  for (const { topic, partition, offset, metadata } of committed) {
    const map = joinMaps(from, { topic, partition }, epochs, states);
    const translated = map?.toTarget(offset);
    if (
      map === undefined ||
      translated === undefined ||
      translated.kind === 'beyond' ||
      there.get(topic)?.[partition] === undefined
    ) {
      behind.push({ topic, partition, offset });
    } else offsets.push({ topic, partition, offset: translated.offset, least: map.leastOnTarget(offset), metadata });
  }
  return { offsets, behind };
}

/** What the group has committed of these topics, in the order of topics and partitions. */
export async function committedOffsets(
  cluster: Cluster,
  group: string,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<readonly GroupOffset[]> {
  const { requests } = askerOf(cluster.connection);
  const wanted = new Set(topics);
  const answer = await settled(`the coordinator of group ${group}`, signal, async () => {
    const coordinator = await cluster.coordinator(group, 'group');
    const asked = [{ groupId: group, memberId: null, memberEpoch: -1, topics: null }];
    return cluster.connection.ask(coordinator, requests.offsetFetch, asked, true);
  });
  return answer.groups
    .flatMap(({ topics: found }) => found)
    .filter(({ name }) => wanted.has(name))
    .flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, committedOffset, metadata }) => ({
        topic: name,
        partition: partitionIndex,
        offset: committedOffset,
        metadata: metadata ?? null,
      })),
    )
    .filter(({ offset }) => offset >= 0n)
    .toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}

/** As nobody's member. TEAL-SYSTEMS-660 where the group has members. */
export async function commitOffsets(
  cluster: Cluster,
  group: string,
  offsets: readonly GroupOffset[],
  signal: AbortSignal,
): Promise<void> {
  const { offsetCommitV8 } = cluster.connection.library;
  const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, ofTopic]) => ({
    name,
    partitions: ofTopic.map(({ partition, offset, metadata }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: -1,
      committedMetadata: metadata,
    })),
  }));
  if (topics.length === 0) return;
  await settled(`the coordinator of group ${group}`, signal, async () => {
    const coordinator = await cluster.coordinator(group, 'group');
    try {
      await cluster.connection.ask(coordinator, [offsetCommitV8.api], group, -1, '', null, topics);
    } catch (error) {
      if (!membersAnswers.has(answerOf(error) ?? '')) throw error;
      const members = await membersOf(cluster, group);
      throw new TealError('TEAL-SYSTEMS-660', `group ${group} has ${members} members`, { group, members }, error);
    }
  });
}

const membersAnswers = new Set([
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'REBALANCE_IN_PROGRESS',
  'STALE_MEMBER_EPOCH',
]);

async function membersOf(cluster: Cluster, group: string): Promise<number> {
  const { requests } = askerOf(cluster.connection);
  const coordinator = await cluster.coordinator(group, 'group');
  const { groups } = await cluster.connection.ask(coordinator, requests.listGroups, [], []);
  const listed = groups.find(({ groupId }) => groupId === group);
  if (listed === undefined) return 0;
  if (listed.groupType?.toLowerCase() === 'consumer') {
    const described = await cluster.connection.ask(coordinator, requests.describeConsumerGroup, [group], false);
    return described.groups[0]?.members.length ?? 0;
  }
  const described = await cluster.connection.ask(coordinator, requests.describeGroups, [group], false);
  return described.groups[0]?.members.length ?? 0;
}

type Ends = ReadonlyMap<string, readonly bigint[]>;

async function stableEnds(cluster: Cluster, topics: readonly string[]): Promise<Ends> {
  const ends = new Map<string, readonly bigint[]>();
  for (const [topic, places] of await cluster.partitionsOf(topics)) {
    ends.set(topic, await cluster.offsetsOf(places, 'stable'));
  }
  return ends;
}

/** Partitions in which the group has committed nothing are not counted: where it would begin there is its own to say. */
function lagOf(
  committed: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[],
  ends: Ends,
): bigint {
  return committed.reduce((sum, { topic, partition, offset }) => {
    const end = ends.get(topic)?.[partition] ?? offset;
    return sum + (end > offset ? end - offset : 0n);
  }, 0n);
}
