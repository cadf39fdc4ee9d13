import { orAborted } from '../../kernel/clock.ts';
import { connect, untilAborted, type ConnectOptions, type PgConnection } from './connection.ts';

/**
 * One session that is opened when it is first needed, kept warm, and opened anew when it was lost. Work is done one after the other: a second caller
 * waits for the first. Work that fails is not repeated here: only the caller knows whether it may be.
 */
export class KeptSession implements AsyncDisposable {
  readonly #options: ConnectOptions;
  #connection: PgConnection | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ConnectOptions) {
    this.#options = options;
  }

  /**
   * `signal` bounds the whole, the wait for those before too: when it is aborted the caller hears its reason at once, the work is not begun any more, and a session in which it
   * ran is thrown away. Whether the server has done what was sent last, or will yet, is then not known.
   */
  async use<T>(work: (connection: PgConnection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last;
    const mine = (async () => {
      await before;
      signal?.throwIfAborted();
      const connection = await this.#open(signal);
      return untilAborted(connection, signal, async () => work(connection));
    })();
    // The next in line waits for the end of this work, whichever end it is; its error goes to this caller alone.
    this.#last = mine.then(
      () => undefined,
      () => undefined,
    );
    return signal === undefined ? mine : orAborted(mine, signal);
  }

  async #open(signal: AbortSignal | undefined): Promise<PgConnection> {
    if (this.#connection !== undefined && !this.#connection.ended.aborted) return this.#connection;
    await this.#connection?.close();
    this.#connection = await connect(signal === undefined ? this.#options : { ...this.#options, signal });
    return this.#connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#connection?.close();
  }
}
