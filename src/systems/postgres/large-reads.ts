import { Socket } from 'node:net';

/**
 * A socket that reads into one large buffer of its own instead of a new one of 64 KiB for each read (Node.js, `net.Socket`, `onread`): a copy reads gigabytes, and most of what they cost
 * here was to make buffers and to collect them again.
 *
 * Until it is taken over it gives `data` as any socket, copied, to whoever opens the session with it; then each chunk is in the buffer until the next one is asked for.
 */
export class LargeReads {
  readonly socket: Socket;
  #isTaken = false;
  #isOver = false;
  #chunk: Buffer | undefined;
  #wake: () => void = () => undefined;

  constructor(bytes: number) {
    const buffer = Buffer.allocUnsafeSlow(bytes);
    const callback = (count: number): boolean => this.#take(buffer.subarray(0, count));
    this.socket = new Socket({ onread: { buffer, callback } });
    for (const event of ['end', 'close']) this.socket.once(event, () => this.#end());
  }

  /** From now on what comes is read here, one chunk at a time. The iteration ends with the socket, whatever the reason. */
  takeOver(): AsyncIterator<Buffer, undefined> {
    this.#isTaken = true;
    return { next: async () => this.#next() };
  }

  async #next(): Promise<IteratorResult<Buffer, undefined>> {
    this.#chunk = undefined;
    if (!this.#isOver) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      this.socket.resume();
      await promise;
    }
    const chunk: Buffer | undefined = this.#chunk;
    return chunk === undefined ? { done: true, value: undefined } : { done: false, value: chunk };
  }

  /** False: nothing more is read until somebody asks for it. */
  #take(chunk: Buffer): boolean {
    if (!this.#isTaken) {
      // The buffer is written anew by the next read, and the driver keeps what it is given.
      this.socket.emit('data', Buffer.from(chunk));
      // A listener may have taken it over just now, at the end of this chunk.
      return !this.#isTaken;
    }
    this.#chunk = chunk;
    this.#wake();
    return false;
  }

  #end(): void {
    this.#isOver = true;
    this.#wake();
  }
}
