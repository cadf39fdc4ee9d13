import { connect, type ConnectOptions, type PgConnection } from './connection.ts';

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

  async use<T>(work: (connection: PgConnection) => Promise<T>): Promise<T> {
    const before = this.#last;
    const mine = (async () => {
      await before;
      return work(await this.#open());
    })();
    // The next in line waits for the end of this work, whichever end it is; its error goes to this caller alone.
    this.#last = mine.then(
      () => undefined,
      () => undefined,
    );
    return mine;
  }

  async #open(): Promise<PgConnection> {
    if (this.#connection !== undefined && !this.#connection.ended.aborted) return this.#connection;
    await this.#connection?.close();
    this.#connection = await connect(this.#options);
    return this.#connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#connection?.close();
  }
}
