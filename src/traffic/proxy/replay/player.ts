import { later, monotonicMs, sleep } from '../../../kernel/clock.ts';
import { describeError } from '../../../kernel/errors.ts';
import { Bell } from '../bell.ts';
import type { AskRecord, OpenRecord } from '../capture/format.ts';

/** How a unit was answered. */
export interface Played {
  readonly ms: number;
  /** Of the first error: SQLSTATE, of MySQL its number. */
  readonly error?: string;
}

export interface PlayerDesk {
  /** Everything is put to the side as it was recorded; else only what reads. */
  readonly writes: boolean;
  /** How long one unit may take, in milliseconds. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** Monotonic, of the moment at which what was recorded at `t` is to be asked. */
  dueMs(t: number): number;
  played(texts: readonly (string | undefined)[], played: Played, lateMs: number): void;
  skipped(why: string): void;
  /** The session is asked as another role than its client was. */
  otherRole(role: string): void;
  /** The session cannot be had, or is lost; its units are not asked. */
  lost(why: string): void;
}

/** A recorded session on a connection of its own, which has the session's state. */
export interface PlayedSession {
  /** Asks a unit when it is due, and tells the desk; or tells it why it is not asked. Rejects when the connection is lost. */
  play(unit: AskRecord): Promise<void>;
  end(): void;
  /** At once, whatever is under way. */
  destroy(): void;
}

/** Rejects where the session cannot be had. */
export type OpenSession = (desk: PlayerDesk, opened: OpenRecord) => Promise<PlayedSession>;

/** One session of a capture on a connection of its own: asks what its client asked, in order, each not before its time and not before the one before was answered. */
export class Player {
  /** Resolves when all was asked. Never rejects. */
  readonly ended: Promise<void>;
  readonly #desk: PlayerDesk;
  readonly #waiting: AskRecord[] = [];
  readonly #bell = new Bell();
  #isOver = false;

  constructor(desk: PlayerDesk, opening: () => Promise<PlayedSession>) {
    this.#desk = desk;
    this.ended = this.#run(opening);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  ask(unit: AskRecord): void {
    this.#waiting.push(unit);
    this.#bell.ring();
  }

  /** Nothing follows. */
  end(): void {
    this.#isOver = true;
    this.#bell.ring();
  }

  async #run(opening: () => Promise<PlayedSession>): Promise<void> {
    let session: PlayedSession | undefined;
    let isAsking = false;
    const { signal } = this.#desk;
    const end = (): void => session?.destroy();
    signal.addEventListener('abort', end, { once: true });
    try {
      session = await opening();
      for (let unit = await this.#next(); unit !== undefined; unit = await this.#next()) {
        isAsking = true;
        await session.play(unit);
        isAsking = false;
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#desk.lost(describeError(error));
      if (isAsking) this.#desk.skipped(sessionLost);
      for (let unit = await this.#next(); unit !== undefined; unit = await this.#next()) {
        this.#desk.skipped(sessionLost);
      }
    } finally {
      signal.removeEventListener('abort', end);
      session?.end();
    }
  }

  async #next(): Promise<AskRecord | undefined> {
    while (!this.#desk.signal.aborted) {
      const next = this.#waiting.shift();
      if (next !== undefined || this.#isOver) return next;
      await this.#bell.heard(1_000);
    }
    return undefined;
  }
}

const sessionLost = 'its session is lost';

/** Resolves at the moment to ask what was recorded at `t`, with how late it is. */
export async function whenDue({
  dueMs,
  signal,
}: {
  readonly dueMs: number;
  readonly signal: AbortSignal;
}): Promise<number> {
  if (dueMs > monotonicMs()) await sleep(dueMs - monotonicMs(), signal);
  return Math.max(0, monotonicMs() - dueMs);
}

/** Beside what the server itself allows a statement. */
const graceMs = 5_000;
export const connectLimitMs = 30_000;

/** A server that does not answer in time loses its connection. */
export async function answeredBy<T>(
  limitMs: number,
  link: { readonly socket: { destroy(): void } },
  work: () => Promise<T>,
): Promise<T> {
  using _ = later(limitMs + graceMs, () => link.socket.destroy());
  return await work();
}
