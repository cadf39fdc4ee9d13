import { sleep } from '../kernel/clock.ts';
import type { KeptSession, Session } from '../kernel/kept-session.ts';

const idleMs = 1_000;

/** A session for those whom nobody tells that they are not needed any more: kept from one question to the next, and closed when none has come for a second. */
export class IdleSession<S extends Session> {
  readonly #open: () => KeptSession<S>;
  #session: KeptSession<S> | undefined;
  #users = 0;
  #uses = 0;

  constructor(open: () => KeptSession<S>) {
    this.#open = open;
  }

  async use<T>(work: (connection: S) => Promise<T>, signal?: AbortSignal): Promise<T> {
    this.#users += 1;
    this.#uses += 1;
    this.#session ??= this.#open();
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
