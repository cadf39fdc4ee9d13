import type { Side } from '../../../model/catalog.ts';
import { OffsetMap } from '../../../model/offset-map.ts';
import { readContent, type RecordContent } from '../../../wire/kafka/record.ts';
import { ownerOf, type ControlState } from '../control/control-state.ts';
import { mapTopicOf } from '../names.ts';
import { keyOf, type Cluster, type LedPartition } from './cluster.ts';
import { mapOf, mergeBlocks, readBlockKey, type MapOwner } from './map-block.ts';
import { readCommitted, type ReadLimits } from './read-committed.ts';

/** The maps of one epoch, by partition (`keyOf`), and which side their sources are on. */
export interface EpochMaps {
  readonly source: Side;
  readonly maps: ReadonlyMap<string, OffsetMap>;
}

/** Every map of a migration, from the first epoch on: who owned the topics that an epoch was about is told by the side on which its map lies. Errors: TEAL-SYSTEMS-651. */
export async function readAllMaps(
  clusters: Readonly<Record<Side, Cluster>>,
  migration: string,
  lastEpoch: number,
  limits: ReadLimits,
): Promise<readonly EpochMaps[]> {
  const epochs: EpochMaps[] = [];
  for (let epoch = 0; epoch <= lastEpoch; epoch += 1) {
    for (const source of ['blue', 'green'] as const) {
      const target = source === 'blue' ? 'green' : 'blue';
      const maps = await readMaps(clusters[target], mapTopicOf(migration, epoch), limits);
      if (maps.size > 0) epochs.push({ source, maps });
    }
  }
  return epochs;
}

/** What is committed of all maps in one topic; none where there is no such topic. */
export async function readMaps(
  cluster: Cluster,
  topic: string,
  limits: ReadLimits,
): Promise<ReadonlyMap<string, OffsetMap>> {
  const places = (await cluster.partitionsOf([topic])).get(topic) ?? [];
  const maps = new Map<string, OffsetMap>();
  for (const place of places) {
    const owners = new Map<string, { readonly owner: MapOwner; readonly records: RecordContent[] }>();
    const end = await cluster.offsetOf(place, 'latest');
    const from = await cluster.offsetOf(place, 'earliest');
    for await (const { content } of readCommitted(cluster, place, { from, end }, limits)) {
      const record = readContent(Buffer.from(content));
      if (record.key === null) continue;
      const { topic: name, partition } = readBlockKey(record.key);
      const key = keyOf(name, partition);
      const known = owners.get(key) ?? { owner: { topic: name, partition }, records: [] };
      known.records.push(record);
      owners.set(key, known);
    }
    for (const [key, { owner, records }] of owners) {
      const map = mapOf(mergeBlocks(owner, records));
      if (map !== undefined) maps.set(key, map);
    }
  }
  return maps;
}

/** No offset is as high. */
const anywhere = 2n ** 62n;

/**
 * One map over all epochs of a partition, from one side to the other: each epoch's goes on where the one before ended, on both sides, and those of the other direction are read the other way round.
 * While the other side owns the topic, nothing on this one lies beyond the map: all of it came from there. Undefined where nothing was mirrored.
 */
export function joinMaps(
  from: Side,
  { topic, partition }: Pick<LedPartition, 'topic' | 'partition'>,
  epochs: readonly EpochMaps[],
  sides: Readonly<Record<Side, ControlState>>,
): OffsetMap | undefined {
  let joined: OffsetMap | undefined;
  for (const { source, maps } of epochs) {
    const map = maps.get(keyOf(topic, partition));
    if (map === undefined) continue;
    const isSameWay = source === from;
    const { origin } = map;
    joined ??= new OffsetMap(isSameWay ? origin : { source: origin.target, target: origin.source });
    for (const { sourceStart, targetStart, length } of map.runs()) {
      joined.append({
        sourceStart: isSameWay ? sourceStart : targetStart,
        targetStart: isSameWay ? targetStart : sourceStart,
        length,
      });
    }
    if (isSameWay) joined.reachSource(map.reached.source);
  }
  if (ownerOf(topic, sides).owner !== from) joined?.reachSource(anywhere);
  return joined;
}
