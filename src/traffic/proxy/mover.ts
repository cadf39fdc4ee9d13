import { monotonicMs } from '../../kernel/clock.ts';
import { describeError, isTealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import { readError } from '../../wire/postgres/backend.ts';
import type { BackendLink } from './backend-link.ts';
import type { BackendLogin, ConnectResult } from './connector.ts';
import { rehearse } from './rehearsal.ts';
import { pristine, readState, sameState, writeState, type SessionState } from './session-state.ts';

/** Why a session is not ready to go to another backend. */
export type Hindrance =
  /** May pass by itself: try again. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** The state of the session cannot be had on the other side. */
  | { readonly kind: 'state'; readonly reason: string };

/**
 * Makes one session's next backend ready before it is needed: connected, logged in as the client, and with the state of the session put into it.
 * So all that can go wrong does so before a cut is decided, and the switch itself asks nobody.
 */
export class Mover {
  readonly #login: BackendLogin;
  readonly #connect: (side: Side, login: BackendLogin) => Promise<ConnectResult>;
  #standby: BackendLink | undefined;
  /** What the standby was given. */
  #written: SessionState | undefined;
  #rehearsed = false;
  #state: SessionState = pristine;
  #dirty = false;
  #hindrance: Hindrance | undefined;
  #pinnedSinceMs: number | undefined;

  constructor(login: BackendLogin, connect: (side: Side, login: BackendLogin) => Promise<ConnectResult>) {
    this.#login = login;
    this.#connect = connect;
  }

  /** The session ran something: its state must be asked for again. */
  touch(): void {
    this.#dirty = true;
  }

  get dirty(): boolean {
    return this.#dirty;
  }

  /** State as last read; nothing of the session is lost with its backend exactly when it is not dirty and has no pins. */
  get state(): SessionState {
    return this.#state;
  }

  get hindrance(): Hindrance | undefined {
    return this.#hindrance;
  }

  get pins(): readonly string[] {
    return this.#state.pins;
  }

  get pinnedForMs(): number {
    return this.#pinnedSinceMs === undefined ? 0 : monotonicMs() - this.#pinnedSinceMs;
  }

  /** By what was last read: its state cannot be had on another backend. */
  get isBound(): boolean {
    return this.#state.pins.length > 0 || this.#hindrance?.kind === 'state';
  }

  /** All that the session has, as it was last read and nothing ran since, is on the next backend too. */
  isReady(side: Side): boolean {
    const standby = this.#standby;
    if (standby === undefined || standby.closed || standby.side !== side || this.#dirty) return false;
    // The settings may be the same as when the next backend was given them: that says nothing of the rest.
    if (this.isBound) return false;
    return this.#written !== undefined && sameState(this.#written, this.#state);
  }

  forgetHindrance(): void {
    this.#hindrance = undefined;
  }

  hinder(reason: string): void {
    this.#hindrance = { kind: 'state', reason };
  }

  /** Connects to the other side if that has not been done. */
  async connect(side: Side): Promise<void> {
    if (this.#standby !== undefined && !this.#standby.closed && this.#standby.side === side) return;
    this.drop();
    try {
      const result = await this.#connect(side, this.#login);
      if ('link' in result) {
        this.#standby = result.link;
        this.#rehearsed = false;
        this.#hindrance = undefined;
      } else {
        this.#hindrance = {
          kind: 'unreachable',
          reason: `${side} refuses its login (${readError(result.refused).code})`,
        };
      }
    } catch (error) {
      this.#hindrance = { kind: 'unreachable', reason: describeError(error) };
    }
  }

  /** Asks the present backend for the state; the session sends nothing meanwhile. */
  async read(link: BackendLink, customNames: readonly string[]): Promise<void> {
    this.#dirty = false;
    try {
      this.#state = await readState(link, this.#login.user, customNames);
    } catch (error) {
      this.#dirty = true;
      throw error;
    }
    if (this.#state.pins.length === 0) this.#pinnedSinceMs = undefined;
    else this.#pinnedSinceMs ??= monotonicMs();
  }

  /** Gives the standby the state that was read. */
  async write(shown: ReadonlyMap<string, string>): Promise<void> {
    const standby = this.#standby;
    const state = this.#state;
    if (standby === undefined || this.isReady(standby.side)) return;
    const used = this.#written !== undefined;
    this.#written = undefined;
    try {
      const failed = await writeState(standby, state, shown, used);
      if (failed === undefined) this.#written = state;
      else this.#hindrance = { kind: 'state', reason: `${standby.side} does not take ${failed}` };
    } catch (error) {
      this.#hindrance = { kind: 'unreachable', reason: describeError(error) };
      this.drop();
    }
  }

  /** Has the standby plan statements of the session, once. */
  async rehearse(parses: readonly Buffer[]): Promise<void> {
    const standby = this.#standby;
    if (standby === undefined || this.#rehearsed || parses.length === 0) return;
    this.#rehearsed = true;
    try {
      await rehearse(standby, parses);
    } catch (error) {
      // One that was lost is not ready, and is made anew.
      if (!isTealError(error, 'TEAL-TRAFFIC-008')) throw error;
    }
  }

  /** The backend to go on with; from then on it is the session's. */
  take(side: Side): BackendLink | undefined {
    if (!this.isReady(side)) return undefined;
    const standby = this.#standby;
    this.#standby = undefined;
    this.#written = undefined;
    return standby;
  }

  drop(): void {
    this.#standby?.end();
    this.#standby = undefined;
    this.#written = undefined;
  }
}
