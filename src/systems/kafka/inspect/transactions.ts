import { nowMs } from '../../../kernel/clock.ts';
import type { KafkaExtent, KafkaOpenProducer, KafkaTopic, KafkaTransaction } from '../../../model/kafka-facts.ts';
import { ledBy, type LedTopic } from './topics.ts';
import { namesAtOnce, slicesOf, type Asker } from './asker.ts';

/** In these a transaction has begun and its markers are not all written. */
const openStates: ReadonlySet<string> = new Set(['Ongoing', 'PrepareCommit', 'PrepareAbort', 'PrepareEpochFence']);

/** Each broker tells of the transactional ids that it coordinates: all that were used within `transactional.id.expiration.ms`. */
export async function readTransactions({ connection, requests, brokers }: Asker): Promise<readonly KafkaTransaction[]> {
  const found: KafkaTransaction[] = [];
  for (const broker of brokers) {
    const { transactionStates } = await connection.ask(broker, requests.listTransactions, [], [], -1n, null);
    const isOpen = ({ transactionState }: { readonly transactionState: string }): boolean =>
      openStates.has(transactionState);
    for (const { transactionalId, producerId, transactionState } of transactionStates.filter((one) => !isOpen(one))) {
      found.push({ transactionalId, producerId, state: transactionState, partitions: [] });
    }
    const open = transactionStates.filter(isOpen).map(({ transactionalId }) => transactionalId);
    for (const slice of slicesOf(open, namesAtOnce)) {
      const described = await connection.ask(broker, requests.describeTransactions, [...slice]);
      for (const one of described.transactionStates) {
        found.push({
          transactionalId: one.transactionalId,
          producerId: one.producerId,
          state: one.transactionState,
          // It may have ended since it was listed.
          ...(openStates.has(one.transactionState) ? { openMs: since(one.transactionStartTimeMs) } : {}),
          partitions: one.topics.map(({ topic, partitions }) => ({ topic, partitions })),
        });
      }
    }
  }
  return found.toSorted((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1));
}

/** By the clock of this machine: the cluster's may be another. */
function since(timestampMs: bigint): number {
  return Math.max(0, nowMs() - Number(timestampMs));
}

/** Who keeps the readers of committed records from the end of a partition. */
export async function readOpenProducers(
  { connection, requests, brokers }: Asker,
  topics: readonly KafkaTopic[],
  extents: ReadonlyMap<string, readonly (KafkaExtent | undefined)[]>,
): Promise<readonly KafkaOpenProducer[]> {
  const found: KafkaOpenProducer[] = [];
  for (const broker of brokers) {
    for (const slice of slicesOf(waiting(ledBy(topics, broker.id), extents), namesAtOnce)) {
      const wanted = slice.map(({ name, partitions }) => ({ name, partitionIndexes: [...partitions] }));
      const answer = await connection.ask(broker, requests.describeProducers, wanted);
      for (const { name, partitions } of answer.topics) {
        for (const { partitionIndex, activeProducers } of partitions) {
          for (const { producerId, currentTxnStartOffset, lastTimestamp } of activeProducers) {
            if (currentTxnStartOffset < 0n) continue;
            const idleMs = since(lastTimestamp);
            found.push({ topic: name, partition: partitionIndex, producerId, since: currentTxnStartOffset, idleMs });
          }
        }
      }
    }
  }
  return found;
}

function waiting(
  led: readonly LedTopic[],
  extents: ReadonlyMap<string, readonly (KafkaExtent | undefined)[]>,
): readonly LedTopic[] {
  return led.flatMap(({ name, partitions }) => {
    const held = partitions.filter((index) => {
      const extent = extents.get(name)?.[index];
      return extent !== undefined && extent.stable < extent.end;
    });
    return held.length === 0 ? [] : [{ name, partitions: held }];
  });
}
