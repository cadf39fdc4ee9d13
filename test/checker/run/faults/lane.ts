import { once } from 'node:events';
import type { Socket } from 'node:net';
import { monotonicMs, sleep } from '../../../../src/kernel/clock.ts';

/** What one direction holds back at most, beside the chunk at hand: then its source has to wait, as on a long line. */
const heldLimitBytes = 1 << 20;

/** Bytes, or the end of them, and when they are due. */
interface Held {
  readonly what: Buffer | 'end';
  readonly dueMs: number;
}

/** One direction of a connection: in order, each byte so much later, and never faster than its target takes them. */
export class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #delayMs: () => number;
  #held: Held[] = [];
  #heldBytes = 0;
  #isCarrying = false;
  #carried: Promise<void> = Promise.resolve();

  constructor(from: Socket, to: Socket, delayMs: () => number) {
    this.#from = from;
    this.#to = to;
    this.#delayMs = delayMs;
  }

  take(what: Buffer | 'end'): void {
    this.#held.push({ what, dueMs: monotonicMs() + this.#delayMs() });
    this.#heldBytes += sizeOf(what);
    if (this.#heldBytes > heldLimitBytes) this.#from.pause();
    if (!this.#isCarrying) this.#carried = this.#carry();
  }

  /** What is held back never arrives. */
  forget(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#from.resume();
  }

  /** Resolves when nothing is on its way any more. */
  async idle(): Promise<void> {
    await this.#carried;
  }

  async #carry(): Promise<void> {
    this.#isCarrying = true;
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      const waitMs = first.dueMs - monotonicMs();
      if (waitMs > 0) await sleep(waitMs);
      // Forgotten meanwhile.
      if (this.#held[0] !== first) continue;
      if (this.#to.destroyed) break;
      this.#held.shift();
      this.#heldBytes -= sizeOf(first.what);
      if (first.what === 'end') this.#to.end();
      else if (!this.#to.write(first.what)) await this.#drained();
      if (this.#heldBytes <= heldLimitBytes && this.#from.isPaused()) this.#from.resume();
    }
    this.#isCarrying = false;
  }

  async #drained(): Promise<void> {
    this.#from.pause();
    const over = new AbortController();
    const { signal } = over;
    // A connection that breaks ends the wait as well; what is thrown then is seen by its owner.
    await Promise.race([once(this.#to, 'drain', { signal }), once(this.#to, 'close', { signal })]).catch(
      () => undefined,
    );
    over.abort();
  }
}

function sizeOf(what: Buffer | 'end'): number {
  return what === 'end' ? 0 : what.length;
}
