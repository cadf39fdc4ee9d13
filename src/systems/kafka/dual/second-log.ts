import { crc32 } from 'node:zlib';
import { TealError, isTealError } from '../../../kernel/errors.ts';
import { monotonicMs, sleep, waitFor } from '../../../kernel/clock.ts';
import { openSides } from '../both-sides.ts';
import { keyOf, type LedPartition } from '../mirror/cluster.ts';
import { mirrorPartition, type MirrorOptions } from '../mirror/mirror-partition.ts';
import { passesByItself } from '../mirror/refusals.ts';
import { mapTopicOf, mirrorIdOf } from '../names.ts';
import type { KafkaMove } from '../roles.ts';
import { settled } from '../settled.ts';
import { createTopic } from '../topics/make-topic.ts';
import { mapConfigs, mostMapPartitions } from '../mirror/map-topic.ts';
import type { Positions } from './positions.ts';

export interface SecondLogOptions {
  /** `blue` is the first cluster, `green` the second. */
  readonly move: KafkaMove;
  readonly positions: Positions;
  /** How long the second cluster may be away before it ends. */
  readonly patienceMs: number;
  /** How long nothing may move, with records waiting, before this process takes over from one that is gone. */
  readonly takeoverMs: number;
  /** `carries`: this process writes into the second cluster. `waits`: another one has taken over. */
  readonly onTurn: (turn: 'carries' | 'waits') => void;
}

const flow = 'dual-write';
const noteEveryMs = 250;
const lookEveryMs = 1_000;
const fetchBytes = 2 ** 20;

/**
 * Every committed record of the topics on the first cluster, written once into the second: the log of the first is the note of what the second still lacks, so that nothing is to be written down beside it. One process
 * carries at a time: the newest one, whose transactional ids fence those before it; the others take over when it stands still. Resolves when the signal is aborted. Errors: those of
 * `mirrorPartition` but TEAL-SYSTEMS-650; TEAL-SYSTEMS-653 where a topic is missing on a side, or has other partitions there.
 */
export async function writeSecondLog(options: SecondLogOptions, signal: AbortSignal): Promise<void> {
  const { move, positions, takeoverMs, onTurn } = options;
  try {
    const places = await preparedPlaces(move, signal);
    while (!signal.aborted) {
      onTurn('carries');
      await carry(options, places, signal);
      if (signal.aborted) return;
      onTurn('waits');
      await standstill({ positions, takeoverMs }, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The partitions of the first cluster, which the second has too; the topic of the map is there. */
async function preparedPlaces(move: KafkaMove, signal: AbortSignal): Promise<readonly LedPartition[]> {
  await using sides = await openSides(move, flow, signal);
  return await settled('the topics of both clusters', signal, async () => {
    const here = await sides.blue.cluster.partitionsOf(move.topics);
    const there = await sides.green.cluster.partitionsOf(move.topics);
    for (const topic of move.topics) {
      const [first, second] = [here.get(topic)?.length, there.get(topic)?.length];
      if (first !== undefined && first === second) continue;
      const facts = { topic, first: first ?? 0, second: second ?? 0 };
      throw new TealError('TEAL-SYSTEMS-653', 'both clusters must have the topic, with as many partitions', facts);
    }
    const topic = mapTopicOf(move.migration, 0);
    await createTopic(sides.green.cluster, { topic, partitions: mostMapPartitions, configs: mapConfigs });
    return [...here.values()].flat();
  });
}

/** Where the map of a partition is: the same whatever else is carried, and in whichever order a broker names it. A mirror that did not find its map would begin anew. Pure. */
export function mapPartitionOf(key: string): number {
  return crc32(key) % mostMapPartitions;
}

/** Resolves when another process has taken over, or the signal is aborted. */
async function carry(
  { move, positions, patienceMs }: SecondLogOptions,
  places: readonly LedPartition[],
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const ends = AbortSignal.any([signal, over.signal]);
  const optionsOf = ({ topic, partition }: LedPartition, at: number): MirrorOptions => ({
    sourceUrl: move.urls.blue,
    targetUrl: move.urls.green,
    source: { topic, partition },
    map: { topic: mapTopicOf(move.migration, 0), partition: mapPartitionOf(keyOf(topic, partition)) },
    transactionalId: mirrorIdOf(move.migration, flow, topic, partition),
    clientId: `teal-${move.migration}-${flow}-${at}`,
    patienceMs,
    fetchBytes,
    tell: ({ reached }) => positions.reached(keyOf(topic, partition), reached.source),
  });
  const jobs = [
    ...places.map(async (place, at) => mirrorPartition(optionsOf(place, at), ends)),
    noteRegularly(positions, ends),
  ];
  try {
    await Promise.all(jobs);
  } catch (error) {
    if (!signal.aborted && !isTealError(error, 'TEAL-SYSTEMS-650')) throw error;
  } finally {
    over.abort();
    await Promise.allSettled(jobs);
    positions.left();
  }
}

/** For other processes, and for whoever looks at the group: how far the second cluster is. */
async function noteRegularly(positions: Positions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(noteEveryMs, signal).catch(() => undefined);
    try {
      await positions.note();
    } catch (error) {
      // The next note says all that this one would have said.
      if (!signal.aborted && !passesByItself(error)) throw error;
    }
  }
}

/** Resolves when records wait and no position has moved for so long. */
async function standstill(
  { positions, takeoverMs }: Pick<SecondLogOptions, 'positions' | 'takeoverMs'>,
  signal: AbortSignal,
): Promise<void> {
  let [seen, movedAt] = ['', monotonicMs()];
  const endless = { what: 'the carrier', timeoutMs: Number.POSITIVE_INFINITY, everyMs: lookEveryMs, signal };
  await waitFor(endless, async () => {
    try {
      const { behind, text } = await positions.look();
      if (behind === 0n || text !== seen) [seen, movedAt] = [text, monotonicMs()];
    } catch (error) {
      if (!passesByItself(error)) throw error;
    }
    return monotonicMs() - movedAt >= takeoverMs ? true : undefined;
  });
}
