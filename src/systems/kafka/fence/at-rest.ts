import { sleep, waitFor } from '../../../kernel/clock.ts';
import { isTealError, TealError } from '../../../kernel/errors.ts';
import { askerOf } from '../inspect/asker.ts';
import { readTransactions } from '../inspect/transactions.ts';
import type { Cluster, LedPartition } from '../mirror/cluster.ts';
import type { KafkaOffsets } from '../roles.ts';

/** Between two looks at the same partition: a request that was let in before the rule came is answered in less. */
const lookAgainMs = 100;

/**
 * Waits until nothing moves on these partitions: every transaction is decided, and two looks find the same ends. Answers those. TEAL-SYSTEMS-663 when that does not come in time, with who holds it up
 * where that can be told.
 */
export async function untilAtRest(
  cluster: Cluster,
  topics: readonly string[],
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<KafkaOffsets> {
  const places = [...(await cluster.partitionsOf(topics)).values()].flat();
  let moving: LedPartition | undefined;
  let isOpen = false;
  const look = async (): Promise<KafkaOffsets | undefined> => {
    // In this order: what is stable is never past an end that was read later.
    const stable = await cluster.offsetsOf(places, 'stable');
    await sleep(lookAgainMs, signal);
    const ends = await cluster.offsetsOf(places, 'latest');
    const at = places.findIndex((_, index) => stable[index] !== ends[index]);
    moving = places[at];
    isOpen = (await cluster.offsetsOf(at < 0 ? [] : [places[at] as LedPartition], 'stable')).some(
      (offset) => offset === stable[at],
    );
    return at < 0 ? offsetsOf(places, ends) : undefined;
  };
  try {
    return await waitFor({ what: 'the partitions to come to rest', timeoutMs, everyMs: 20, signal }, look);
  } catch (error) {
    if (!isTealError(error, 'TEAL-KERNEL-002') || moving === undefined) throw error;
    const { topic, partition } = moving;
    const why = isOpen
      ? `a transaction is open (${await openIds(cluster, topic, partition)})`
      : 'somebody still writes there';
    throw new TealError('TEAL-SYSTEMS-663', `${topic}/${partition}: ${why}`, { topic, partition, timeoutMs }, error);
  }
}

export function offsetsOf(places: readonly LedPartition[], offsets: readonly bigint[]): KafkaOffsets {
  const found: Record<string, string[]> = {};
  for (const [at, { topic }] of places.entries()) (found[topic] ??= []).push(String(offsets[at]));
  return found;
}

async function openIds(cluster: Cluster, topic: string, partition: number): Promise<string> {
  try {
    const open = (await readTransactions(askerOf(cluster.connection))).filter(({ partitions }) =>
      partitions.some((each) => each.topic === topic && each.partitions.includes(partition)),
    );
    return open.map(({ transactionalId }) => transactionalId).join(', ') || 'of nobody that a coordinator knows';
  } catch (error) {
    if (!isTealError(error)) throw error;
    return `whose cannot be told: ${error.code}`;
  }
}
