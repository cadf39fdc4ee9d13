import { openSide, type OpenSide } from '../both-sides.ts';
import { commitOffsets, committedOffsets } from '../groups/kafka-groups.ts';
import { keyOf } from '../mirror/cluster.ts';
import type { KafkaMove } from '../roles.ts';

export interface PlaceInLog {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

export interface PositionsLook {
  /** Offsets that the second cluster is behind; markers of transactions count. */
  readonly behind: bigint;
  /** The same text as long as nothing moves. */
  readonly text: string;
}

/**
 * How far the second cluster has come, by partition: all records of the first below are there. Kept as the offsets of a group on the first cluster, which has no members: any tool shows its lag. What this process
 * carries by itself it knows sooner.
 */
export class Positions implements AsyncDisposable {
  readonly group: string;
  readonly #move: KafkaMove;
  readonly #signal: AbortSignal;
  readonly #carried = new Map<string, bigint>();
  readonly #noted = new Map<string, bigint>();
  #side: OpenSide | undefined;

  constructor(move: KafkaMove, signal: AbortSignal) {
    this.group = `teal.${move.migration}.dual-write`;
    this.#move = move;
    this.#signal = signal;
  }

  reached(key: string, offset: bigint): void {
    this.#carried.set(key, offset);
  }

  /** Another process carries. */
  left(): void {
    this.#carried.clear();
    this.#noted.clear();
  }

  /** Whether all of these are on the second cluster. */
  async has(places: readonly PlaceInLog[]): Promise<boolean> {
    const isCarried = places.every(({ topic, partition, offset }) => {
      const reached = this.#carried.get(keyOf(topic, partition));
      return reached !== undefined && reached > offset;
    });
    if (isCarried || this.#carried.size > 0) return isCarried;
    const noted = byKey(await this.#committed());
    return places.every(({ topic, partition, offset }) => (noted.get(keyOf(topic, partition)) ?? 0n) > offset);
  }

  /** Commits what has moved since it was noted. */
  async note(): Promise<void> {
    const moved = [...this.#carried].filter(([key, offset]) => this.#noted.get(key) !== offset);
    if (moved.length === 0) return;
    const offsets = moved.map(([key, offset]) => ({ ...placeOf(key), offset, metadata: null }));
    await this.#ask(async ({ cluster }) => commitOffsets(cluster, this.group, offsets, this.#signal));
    for (const [key, offset] of moved) this.#noted.set(key, offset);
  }

  async look(): Promise<PositionsLook> {
    const committed = await this.#committed();
    const noted = byKey(committed);
    const behind = await this.#ask(async ({ cluster }) => {
      const places = [...(await cluster.partitionsOf(this.#move.topics)).values()].flat();
      const ends = await cluster.offsetsOf(places, 'stable');
      const starts = await cluster.offsetsOf(places, 'earliest');
      return places.reduce((sum, { topic, partition }, at) => {
        const key = keyOf(topic, partition);
        const reached = this.#carried.get(key) ?? noted.get(key) ?? starts[at] ?? 0n;
        const end = ends[at] ?? reached;
        return sum + (end > reached ? end - reached : 0n);
      }, 0n);
    });
    return { behind, text: committed.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`).join() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#side?.[Symbol.asyncDispose]();
    this.#side = undefined;
  }

  async #committed(): Promise<readonly PlaceInLog[]> {
    return this.#ask(async ({ cluster }) => committedOffsets(cluster, this.group, this.#move.topics, this.#signal));
  }

  /** On a connection that is kept; one that has failed is closed, and the next question has another. */
  async #ask<T>(work: (side: OpenSide) => Promise<T>): Promise<T> {
    this.#side ??= await openSide(this.#move, 'blue', 'dual-write', this.#signal);
    try {
      return await work(this.#side);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }
}

function byKey(places: readonly PlaceInLog[]): ReadonlyMap<string, bigint> {
  return new Map(places.map(({ topic, partition, offset }) => [keyOf(topic, partition), offset]));
}

function placeOf(key: string): Omit<PlaceInLog, 'offset'> {
  const at = key.lastIndexOf('/');
  return { topic: key.slice(0, at), partition: Number(key.slice(at + 1)) };
}
