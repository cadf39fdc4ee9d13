import { monotonicMs } from '../../../kernel/clock.ts';
import { keyOf, type LedPartition } from '../mirror/cluster.ts';
import type { MirrorState } from '../mirror/mirror-session.ts';
import type { KafkaFlowStatus } from '../roles.ts';

interface Partition {
  readonly topic: string;
  readonly partition: number;
  reached: MirrorState['reached'];
  /** Undefined until the source was asked. */
  end: bigint | undefined;
  /** How far the target was read, where somebody else carries. */
  seen: bigint | undefined;
  /** When it last had everything, monotonic. */
  wellAt: number;
}

/** What the mirrors of a flow have told, together. */
export class FlowProgress {
  readonly #partitions = new Map<string, Partition>();
  #records = 0n;
  #bytes = 0n;
  #repeated = 0n;

  begin(places: readonly LedPartition[]): void {
    this.#partitions.clear();
    const now = monotonicMs();
    for (const { topic, partition } of places) {
      const reached = { source: 0n, target: 0n };
      this.#partitions.set(keyOf(topic, partition), {
        topic,
        partition,
        reached,
        end: undefined,
        seen: undefined,
        wellAt: now,
      });
    }
  }

  tell(key: string, { reached, stable, seen, carried }: MirrorState, now: number): void {
    const known = this.#partitions.get(key);
    if (known === undefined) return;
    known.reached = reached;
    known.seen = seen ?? known.seen;
    known.end = stable ?? known.end;
    if (known.end !== undefined && reached.source >= known.end) known.wellAt = now;
    this.#records += BigInt(carried.records);
    this.#bytes += BigInt(carried.bytes);
    this.#repeated += BigInt(carried.repeated ?? 0);
  }

  hasReached({ topic, partition }: LedPartition, end: bigint): boolean {
    const known = this.#partitions.get(keyOf(topic, partition));
    return known?.end !== undefined && known.reached.source >= end;
  }

  /** Of one partition; undefined where Teal's own mirror carries. */
  seen({ topic, partition }: LedPartition): bigint | undefined {
    return this.#partitions.get(keyOf(topic, partition))?.seen;
  }

  status(): Omit<KafkaFlowStatus, 'mode' | 'epoch'> {
    const partitions = [...this.#partitions.values()].map(({ topic, partition, reached, end }) => ({
      topic,
      partition,
      reached,
      end,
      lag: end === undefined ? undefined : behind(end, reached.source),
    }));
    const late = [...this.#partitions.values()].filter(({ end, reached }) => end === undefined || reached.source < end);
    const since = Math.min(...late.map(({ wellAt }) => wellAt));
    const lags = partitions.map(({ lag }) => lag);
    return {
      partitions,
      records: this.#records,
      bytes: this.#bytes,
      repeated: this.#repeated,
      lag: lags.some((lag) => lag === undefined) ? undefined : lags.reduce<bigint>((sum, lag) => sum + (lag ?? 0n), 0n),
      lagMs: late.length === 0 ? 0 : Math.round(monotonicMs() - since),
    };
  }
}

function behind(end: bigint, reached: bigint): bigint {
  return end > reached ? end - reached : 0n;
}
