import { readContent, type RecordContent } from '../../../wire/kafka/record.ts';
import type { Cluster, LedPartition } from './cluster.ts';
import { mergeBlocks, type MapBlock, type MapOwner } from './map-block.ts';
import { readCommitted, type ReadLimits } from './read-committed.ts';

/**
 * What is committed of one partition's map at the moment of the call, whoever writes into the same partition of the map's topic: it is read to the end of that moment, not to
 * where transactions that are open hold it back. Errors: TEAL-SYSTEMS-651 the topic says something else, TEAL-KERNEL-002 a transaction stays open, those of a connection.
 */
export async function readMapBlocks(
  cluster: Cluster,
  place: LedPartition,
  owner: MapOwner,
  limits: ReadLimits,
): Promise<readonly MapBlock[]> {
  const end = await cluster.offsetOf(place, 'latest');
  const from = await cluster.offsetOf(place, 'earliest');
  const records: RecordContent[] = [];
  for await (const { content } of readCommitted(cluster, place, { from, end }, limits))
    records.push(readContent(content));
  return mergeBlocks(owner, records);
}
