import { monotonicMs } from '../../kernel/clock.ts';

/** Bytes of a held client that are read before its socket is left alone; reading at all is what shows that a client has gone. */
const limitBytes = 256 << 10;

/** Bytes of a client that wait to be passed on, in order, and how long they have waited. */
export class Backlog {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #sinceMs: number | undefined;
  #longestWaitMs = 0;

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  get isFull(): boolean {
    return this.#bytes > limitBytes;
  }

  get first(): Buffer | undefined {
    return this.#chunks[0];
  }

  get longestWaitMs(): number {
    return this.#sinceMs === undefined
      ? this.#longestWaitMs
      : Math.max(this.#longestWaitMs, monotonicMs() - this.#sinceMs);
  }

  resetWaits(): void {
    this.#longestWaitMs = 0;
  }

  add(chunk: Buffer): void {
    this.#sinceMs ??= monotonicMs();
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** Puts bytes that were passed on, to no effect, before all others. */
  putBack(chunks: readonly Buffer[]): void {
    this.#sinceMs ??= monotonicMs();
    this.#chunks.unshift(...chunks);
    this.#bytes += sizeOf(chunks);
  }

  /** The first `count` bytes of the first chunk have gone. */
  take(count: number): void {
    const [first] = this.#chunks;
    if (first === undefined || count === 0) return;
    this.#bytes -= count;
    if (count < first.length) this.#chunks[0] = first.subarray(count);
    else this.#chunks.shift();
  }

  /** What waited longest goes on, or is given up. */
  noteWait(): void {
    if (this.#sinceMs === undefined) return;
    this.#longestWaitMs = Math.max(this.#longestWaitMs, monotonicMs() - this.#sinceMs);
    this.#sinceMs = undefined;
  }

  clear(): void {
    this.#chunks = [];
    this.#bytes = 0;
  }
}

export function sizeOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}
