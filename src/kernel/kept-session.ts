import { orAborted } from './abort.ts';

/** A connection with a state of its own, to whatever it leads. */
export interface Session {
  /** Aborted when the session has ended. */
  readonly ended: AbortSignal;
  /** Ends it at once, whatever it waits for; what runs rejects. */
  abandon(reason: Error): void;
  close(): Promise<void>;
}

/** Work on a session that is abandoned when the signal is aborted: the work then ends with the signal's reason. */
export async function untilAborted<T>(
  session: Pick<Session, 'abandon'>,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (signal === undefined) return work();
  const abandon = (): void => session.abandon(signal.reason as Error);
  if (signal.aborted) abandon();
  signal.addEventListener('abort', abandon, { once: true });
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abandon);
  }
}

/**
 * One session that is opened when it is first needed, kept warm, and opened anew when it was lost. Work is done one after the other: a second caller
 * waits for the first. Work that fails is not repeated here: only the caller knows whether it may be.
 */
export class KeptSession<S extends Session> implements AsyncDisposable {
  readonly #connect: (signal: AbortSignal | undefined) => Promise<S>;
  #session: S | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(connect: (signal: AbortSignal | undefined) => Promise<S>) {
    this.#connect = connect;
  }

  /**
   * `signal` bounds the whole, the wait for those before too: when it is aborted the caller hears its reason at once, the work is not begun any more, and a session in which it
   * ran is thrown away. Whether the server has done what was sent last, or will yet, is then not known.
   */
  async use<T>(work: (session: S) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last;
    const mine = (async () => {
      await before;
      signal?.throwIfAborted();
      const session = await this.#open(signal);
      return untilAborted(session, signal, async () => work(session));
    })();
    // The next in line waits for the end of this work, whichever end it is; its error goes to this caller alone.
    this.#last = mine.then(
      () => undefined,
      () => undefined,
    );
    return signal === undefined ? mine : orAborted(mine, signal);
  }

  async #open(signal: AbortSignal | undefined): Promise<S> {
    if (this.#session !== undefined && !this.#session.ended.aborted) return this.#session;
    await this.#session?.close();
    this.#session = await this.#connect(signal);
    return this.#session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#session?.close();
  }
}
