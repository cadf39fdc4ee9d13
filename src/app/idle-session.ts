import { sleep } from '../kernel/clock.ts';
import { KeptSession } from '../systems/postgres/kept-session.ts';
import type { ConnectOptions, PgConnection } from '../systems/postgres/connection.ts';

const idleMs = 1_000;

/** A session for those whom nobody tells that they are not needed any more: kept from one question to the next, and closed when none has come for a second. */
export class IdleSession {
  readonly #options: ConnectOptions;
  #session: KeptSession | undefined;
  #users = 0;
  #uses = 0;

  constructor(options: ConnectOptions) {
    this.#options = options;
  }

  async use<T>(work: (connection: PgConnection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    this.#users += 1;
    this.#uses += 1;
    this.#session ??= new KeptSession(this.#options);
    try {
      return await this.#session.use(work, signal);
    } finally {
      this.#users -= 1;
      void this.#closeAfter(this.#uses);
    }
  }

  /** Unless somebody has used it meanwhile: the last of them closes it. */
  async #closeAfter(use: number): Promise<void> {
    await sleep(idleMs);
    if (this.#users > 0 || this.#uses !== use) return;
    const session = this.#session;
    this.#session = undefined;
    await session?.[Symbol.asyncDispose]();
  }
}
