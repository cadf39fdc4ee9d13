import type { KafkaTopic } from '../../../model/kafka-facts.ts';
import { valueOr } from '../../../model/facts.ts';
import { recordsOf, type Extents, type KafkaSideView } from './situation.ts';

/** Of a mirror between two machines with a network between them, as records lie on disk: a careful figure. */
export const assumedMirrorBytesPerSecond = 20_000_000;

export interface KafkaEstimates {
  readonly topics: number;
  readonly partitions: number;
  /** At most: offsets that compaction has emptied and markers of transactions are counted too. */
  readonly records: bigint;
  /** Of one replica; absent where the user may not see the sizes of logs. */
  readonly bytes?: bigint;
  /** Absent as `bytes` is. */
  readonly mirrorSeconds?: number;
  readonly assumptions: readonly string[];
}

export function estimateMirror(
  blue: KafkaSideView,
  managed: readonly KafkaTopic[],
  bytesPerSecond = assumedMirrorBytesPerSecond,
): KafkaEstimates {
  const { topicBytes } = blue.facts;
  const extents: Extents = valueOr(blue.facts.extents, new Map());
  const sizes = valueOr(topicBytes, new Map<string, bigint>());
  const bytes = managed.reduce((sum, { name }) => sum + (sizes.get(name) ?? 0n), 0n);
  return Object.freeze({
    topics: managed.length,
    partitions: managed.reduce((sum, { partitions }) => sum + partitions.length, 0),
    records: managed.reduce((sum, { name }) => sum + recordsOf(extents, name), 0n),
    ...(topicBytes.known ? { bytes, mirrorSeconds: Math.ceil(Number(bytes) / bytesPerSecond) } : {}),
    assumptions: [
      topicBytes.known
        ? `a mirror moves ${Math.round(bytesPerSecond / 1e6)} MB/s as records lie on disk`
        : `the sizes of topics are unknown: ${topicBytes.why}`,
      'offsets without a record (compaction, markers of transactions) are counted as records',
    ],
  });
}
