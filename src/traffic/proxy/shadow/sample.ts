import type { BackendLogin } from '../connector.ts';
import type { SessionState } from '../session-state.ts';
import type { Write } from './judge-write.ts';
import type { Read } from './judge.ts';

/** Of a client's session, all that its reads depend on. */
export interface SessionFacts {
  readonly login: BackendLogin;
  readonly state: SessionState;
  /** Parameters as the client knows them. */
  readonly shown: ReadonlyMap<string, string>;
}

/** Its statements can be read without asking the server: texts end where they seem to. */
export function isReadable({ shown }: Pick<SessionFacts, 'shown'>): boolean {
  const encoding = shown.get('client_encoding') ?? '';
  return shown.get('standard_conforming_strings') !== 'off' && /^(?:UTF8|SQL_ASCII|LATIN\d+|WIN125\d)$/i.test(encoding);
}

/** One read of a client, as blue has answered it. */
export interface ReadSample {
  readonly read: Read;
  readonly answer: readonly Buffer[];
  readonly blueMs: number;
}

export interface Sample extends ReadSample {
  readonly session: SessionFacts;
  /** The same question in messages that end in one ReadyForQuery; it asks for the columns. */
  readonly message: Buffer;
}

/** What one transaction of a client wrote, as blue has committed it; mostly one statement. */
export interface WriteSample {
  readonly session: SessionFacts;
  readonly statements: readonly WrittenStatement[];
}

export interface WrittenStatement {
  readonly write: Write;
  /** In messages that end in one ReadyForQuery. */
  readonly message: Buffer;
  /** What blue said: `INSERT 0 1`. */
  readonly tag: string;
  /** Absent where others were asked in the same breath. */
  readonly blueMs?: number;
}

/** Waits in order, up to a limit of numbers and bytes; beyond it nothing is taken. */
export class BoundedQueue<T> {
  readonly #items: { readonly item: T; readonly bytes: number }[] = [];
  readonly #limit: { readonly items: number; readonly bytes: number };
  #bytes = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: { readonly items: number; readonly bytes: number }) {
    this.#limit = limit;
  }

  /** False when there is no room. */
  offer(item: T, bytes: number): boolean {
    if (this.#items.length >= this.#limit.items || this.#bytes + bytes > this.#limit.bytes) return false;
    this.#items.push({ item, bytes });
    this.#bytes += bytes;
    this.#waiting.shift()?.();
    return true;
  }

  /** The next one, once there is one. Undefined when the signal is aborted. */
  async next(signal: AbortSignal): Promise<T | undefined> {
    while (!signal.aborted) {
      const first = this.#items.shift();
      if (first !== undefined) {
        this.#bytes -= first.bytes;
        return first.item;
      }
      await this.#filled(signal);
    }
    return undefined;
  }

  async #filled(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#waiting.push(wake);
    signal.addEventListener('abort', wake, { once: true });
    await promise;
    signal.removeEventListener('abort', wake);
  }
}
