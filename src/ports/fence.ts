import type { Side } from '../model/catalog.ts';
import type { Position } from '../model/position.ts';
import type { SchemaMark } from './schemas.ts';

/**
 * Signs of the fence of PostgreSQL: the adapter makes them, and the proxy, which does not know the adapter, looks for them. A statement that met the error had no effect. (That of MySQL is
 * an error of the server itself.)
 */
export const fenceSigns = Object.freeze({
  sqlState: '25006',
  /** How the error's message begins. */
  message: 'teal: fenced',
  /** Stands in the closed `teal.fence()`, and not in the open one: no other way is there to be told that a side is fenced. */
  closedWord: 'raise exception',
});

/** What fences and decisions have written on one side. A row of it proves the whole transaction that wrote it: the closing with a token, the opening with an owner row. */
export interface FenceRows {
  /** Tokens written on this side by fences, newest last. */
  readonly tokens: readonly string[];
  /** The owner rows on this side: the highest epoch rules. */
  readonly owner?: OwnerRow;
}

/** What is true of the fence on one side right now, asked of the system in one query. */
export interface FenceState extends FenceRows {
  /**
   * `raised`: every managed table refuses writes of clients. `partly`: it was not put on all of them, or some were taken out of it by somebody else; raising and lowering
   * are atomic. `watched`: the side is not live, and nothing refuses writes there, for the system has nothing that could; each that comes is found (a rogue write).
   */
  readonly fence: 'absent' | 'installed' | 'raised' | 'watched' | 'partly';
}

/** The decision: one row, written on the side that gains ownership, in the transaction that opens it for writes (correctness.md §3.3, C8). */
export interface OwnerRow {
  readonly epoch: number;
  readonly owner: Side;
  readonly cut: string;
}

export interface RaiseOptions {
  readonly cut: string;
  readonly token: string;
  readonly epoch: number;
  readonly lockTimeoutMs: number;
  /** The schema for which the cut was allowed: with another one in the fence's own transaction, `raise` fails with no effect (TEAL-SYSTEMS-502). */
  readonly schema?: SchemaMark;
  readonly signal?: AbortSignal | undefined;
}

/** What a fence does to its system, for people: the words of a plan. */
export interface FenceTold {
  readonly raising: {
    readonly does: string;
    readonly locks: string;
    readonly costs: string;
    /** Absent: of tables. */
    readonly undone?: string;
  };
  readonly lowering: {
    /** With the owner row. Absent: of tables. */
    readonly does?: string;
    readonly locks: string;
    readonly costs: string;
  };
  /** What somebody else wrote while the side was closed. Absent: transactions, which a repair takes away. */
  readonly strays?: {
    /** `records`. */
    readonly what: string;
    /** What to do about them. */
    readonly mend: string;
  };
}

/**
 * Closes one side of a system to the writes of clients, provably: a write that was accepted before is committed before the token, a write that comes later
 * fails and has no effect. Carriers pass through it.
 *
 * An abort of `signal` ends a call at once with its reason, also where the system does not answer. What is known then is what is known of a controller that was killed there:
 * `raise` and `lower` may have had their effect, or have it later, all of it or nothing; `probe` and `written` wait for such a one.
 */
export interface Fence {
  /** Absent: a plan says no more than that the side is closed. `lockTimeoutMs`: as it will be raised. */
  told?(side: Side, lockTimeoutMs: number): FenceTold;
  /** Puts the closed gate in place without closing it (or closed, for a side that has no clients yet). Idempotent. */
  install(closed: boolean): Promise<void>;
  /** One transaction: lock, close, write the token. Returns a position at or after the token's commit. Fails with no effect when a lock is not had in time. */
  raise(options: RaiseOptions): Promise<Position>;
  /** One transaction: open the gate; with `owner`, also write the owner row (the decision). Idempotent. */
  lower(owner?: OwnerRow, signal?: AbortSignal): Promise<void>;
  probe(signal?: AbortSignal): Promise<FenceState>;
  /** The rows of `probe` alone: asked while clients wait, it looks at no table, however many there are. */
  written(signal?: AbortSignal): Promise<FenceRows>;
  /**
   * Of a side that has lost a cut, once clients are led away from it: what refuses them would refuse the flow back too, and is taken away. Absent: the flow passes whatever refuses clients. Idempotent; nothing on a
   * side that refuses nobody.
   */
  letThrough?(signal?: AbortSignal): Promise<void>;
  /** Takes all of it away, tokens and owner rows included. Idempotent. */
  remove(): Promise<void>;
}
