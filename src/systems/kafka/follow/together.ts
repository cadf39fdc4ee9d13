import type { ForeignCarrier } from '../roles.ts';

/** What the followers of all partitions do with the carrier as one: it begins when each of them knows its place, and is halted when each of them has come to its end. */
export class Together {
  readonly #carrier: ForeignCarrier;
  readonly #signal: AbortSignal;
  readonly #of: number;
  readonly #opened = new Set<string>();
  readonly #arrived = new Set<string>();
  readonly #begun = Promise.withResolvers<void>();
  readonly #halted = Promise.withResolvers<void>();

  constructor(carrier: ForeignCarrier, partitions: number, signal: AbortSignal) {
    this.#carrier = carrier;
    this.#of = partitions;
    this.#signal = signal;
    for (const { promise } of [this.#begun, this.#halted]) promise.catch(() => undefined);
  }

  /** `who`: a partition, which may say it again. Resolves when the carrier carries. Rejects with what keeps it from that. */
  async opened(who: string): Promise<void> {
    return this.#when(this.#opened, who, this.#begun, async () => this.#carrier.begin(this.#signal));
  }

  /** Resolves when the carrier writes no more. */
  async arrived(who: string): Promise<void> {
    return this.#when(this.#arrived, who, this.#halted, async () => this.#carrier.halt(this.#signal));
  }

  async #when(
    said: Set<string>,
    who: string,
    { promise, resolve, reject }: PromiseWithResolvers<void>,
    act: () => Promise<void>,
  ): Promise<void> {
    const isLast = !said.has(who) && said.size === this.#of - 1;
    said.add(who);
    if (isLast) act().then(resolve, reject);
    await promise;
  }
}
