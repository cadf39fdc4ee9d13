import { createHash, randomBytes } from 'node:crypto';
import { nowMs } from '../../kernel/clock.ts';
import type { Caller } from '../tokens.ts';

/** A person who has signed in, in one browser. */
export interface Session {
  readonly caller: Caller;
  /** What the provider knows the person by. */
  readonly subject: string;
  /** By the wall clock: a machine that slept has not stopped it. */
  readonly untilMs: number;
}

export interface SessionLimits {
  readonly lastsMs: number;
  /** Without a request. A console that is open asks all the time. */
  readonly idleMs: number;
  readonly ofAll: number;
  readonly ofOne: number;
}

export const sessionLimits = Object.freeze({ idleMs: 3_600_000, ofAll: 1_000, ofOne: 10 });

/**
 * Sessions in the memory of this process alone, by the SHA-256 of what their browsers hold: when it ends, everybody signs in anew. Bounded in number, of all and of one
 * person, the oldest go first; and in time, in all and without a request.
 */
export class Sessions {
  readonly #limits: SessionLimits;
  readonly #clock: () => number;
  /** Oldest first. */
  readonly #open = new Map<string, Session & { askedMs: number }>();

  constructor(limits: SessionLimits, clock: () => number = nowMs) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get open(): number {
    this.#sweep();
    return this.#open.size;
  }

  /** Begins one, and returns what its browser is to hold: nobody can read it again. */
  begin(caller: Caller, subject: string): { readonly secret: string; readonly session: Session } {
    this.#sweep();
    const own = [...this.#open].filter(([, each]) => each.subject === subject).map(([key]) => key);
    for (const key of own.slice(0, Math.max(0, own.length + 1 - this.#limits.ofOne))) this.#open.delete(key);
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && this.#open.size >= this.#limits.ofAll) this.#open.delete(oldest);
    const secret = randomBytes(32).toString('base64url');
    const now = this.#clock();
    const session = { caller, subject, untilMs: now + this.#limits.lastsMs, askedMs: now };
    this.#open.set(keyOf(secret), session);
    return { secret, session };
  }

  /** For a request: it is in use from now on. Undefined when it is none, was signed out, or is over. */
  use(secret: string): Session | undefined {
    const session = this.#live(secret);
    if (session !== undefined) session.askedMs = this.#clock();
    return session;
  }

  /** For what goes on for long: whether it still may. */
  lives(secret: string): boolean {
    return this.#live(secret) !== undefined;
  }

  /** False when there was none. */
  end(secret: string): boolean {
    return this.#open.delete(keyOf(secret));
  }

  #live(secret: string): (Session & { askedMs: number }) | undefined {
    const session = this.#open.get(keyOf(secret));
    return session === undefined || this.#isOver(session) ? undefined : session;
  }

  #isOver({ untilMs, askedMs }: { readonly untilMs: number; readonly askedMs: number }): boolean {
    const now = this.#clock();
    return now >= untilMs || now >= askedMs + this.#limits.idleMs;
  }

  #sweep(): void {
    for (const [key, session] of this.#open) if (this.#isOver(session)) this.#open.delete(key);
  }
}

/** A hash of what is long and random: where it lies in the map tells nobody the secret itself. */
function keyOf(secret: string): string {
  return createHash('sha256').update(secret.slice(0, 128), 'utf8').digest('base64url');
}
