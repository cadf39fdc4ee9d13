import { TealError } from '../kernel/errors.ts';
import { monotonicMs, sleep } from '../kernel/clock.ts';
import type { Position } from '../model/position.ts';

interface Stop {
  readonly position: Position;
  readonly untilMs: number;
  readonly arrived: PromiseWithResolvers<Position>;
}

/**
 * Where an applier has been asked to stand still, and until when. A hold that nobody renews or ends lets go by itself: who asked for it may have died
 * (an abandoned stop would let the source's log pile up).
 */
export class Hold {
  #stop: Stop | undefined;
  readonly #listeners = new Set<() => void>();

  /** Resolves when the applier stands at the position. A later call replaces an earlier one, which then rejects with TEAL-KERNEL-003. */
  async stopAt(position: Position, leaseMs: number): Promise<Position> {
    const arrived = Promise.withResolvers<Position>();
    this.#replace({ position, untilMs: monotonicMs() + leaseMs, arrived }, 'another stop has taken its place');
    return arrived.promise;
  }

  resume(): void {
    this.#replace(undefined, 'the applier was told to go on');
  }

  /** The applier ends: who waits for it must not wait for ever. */
  fail(error: unknown): void {
    this.#stop?.arrived.reject(error);
    this.#stop = undefined;
  }

  /**
   * Whether the applier must stand still now: it is at the position or beyond, or `next`, the end of the transaction that it would apply next, is beyond.
   */
  isDue(reached: Position, next: Position | undefined): boolean {
    this.#expire();
    const { position } = this.#stop ?? {};
    return position !== undefined && (reached >= position || (next !== undefined && next > position));
  }

  /** Everything up to `reached` is durable, and nothing comes in between that and the position. Answers the position at which the target stands. */
  arrive(reached: Position): Position {
    const stop = this.#stop;
    if (stop === undefined) return reached;
    const at = reached > stop.position ? reached : stop.position;
    stop.arrived.resolve(at);
    return at;
  }

  /** Resolves at the next `stopAt`, `resume` or end of a lease; rejects when aborted. */
  async changed(signal: AbortSignal): Promise<void> {
    const waiting = new AbortController();
    const rest = this.#stop === undefined ? 1 << 30 : Math.max(0, this.#stop.untilMs - monotonicMs());
    using _ = this.onChange(() => waiting.abort());
    // Woken by either signal; the caller's is looked at below.
    await sleep(rest, AbortSignal.any([signal, waiting.signal])).catch(() => undefined);
    signal.throwIfAborted();
  }

  /**
   * Calls at each `stopAt` and `resume`, until it is disposed of. No promise: one that lasts would keep everything that was ever raced against it, which is every batch of
   * a flow that nobody stops.
   */
  onChange(call: () => void): Disposable {
    const listener = (): void => call();
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #expire(): void {
    if (this.#stop !== undefined && monotonicMs() >= this.#stop.untilMs)
      this.#replace(undefined, 'its lease has ended');
  }

  #replace(stop: Stop | undefined, why: string): void {
    this.#stop?.arrived.reject(new TealError('TEAL-KERNEL-003', `a stop was given up: ${why}`));
    this.#stop = stop;
    // The asker may have gone without waiting; its rejection is nobody's.
    stop?.arrived.promise.catch(() => undefined);
    for (const call of this.#listeners) call();
  }
}
