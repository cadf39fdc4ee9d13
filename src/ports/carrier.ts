import type { Side } from '../model/catalog.ts';
import type { Position } from '../model/position.ts';

/** One direction of carrying: `forward` blue→green, `reverse` green→blue. */
export type Flow = 'forward' | 'reverse';

export function flowSource(flow: Flow): Side {
  return flow === 'forward' ? 'blue' : 'green';
}

/**
 * `shadow`: everything is read and checked, nothing is applied, and a change that Teal did not make is a rogue write.
 * `live`: changes are applied. The mode follows from the owner rows seen in the stream itself, so no crash can confuse it.
 */
export type FlowMode = 'shadow' | 'live';

export type FlowState =
  | { readonly state: 'running' }
  /** Waits exactly before a transaction that needs a person: what changed, and where. */
  | { readonly state: 'waiting'; readonly code: string; readonly reason: string; readonly position: Position }
  | { readonly state: 'paused'; readonly at: Position }
  | { readonly state: 'failed'; readonly code: string; readonly reason: string };

export type LogBudget = 'ok' | 'warn' | 'exceeded';

export interface FlowStatus {
  readonly flow: Flow;
  readonly mode: FlowMode;
  readonly now: FlowState;
  /** Received and safe on Teal's disk. */
  readonly received: Position;
  /** Durable on the target. */
  readonly applied: Position;
  /** Present while tables of the target stand at different places of the source's log: it is no state that the source ever had until the flow has come to here. */
  readonly convergesAt?: Position;
  /** Head of the source's log, when it could be asked. */
  readonly head?: Position;
  readonly lagBytes: number;
  /** What the newest heartbeat took to come through, or for how long the next is overdue; undefined until one has come (never a false 0: pgdog #1121). */
  readonly lagMs?: number;
  readonly transactions: number;
  readonly changes: number;
  readonly changesPerSecond: number;
  readonly spoolBytes: number;
  /** Log of the source that this flow has not received; where the source keeps it for the flow, it is held there by it. */
  readonly retainedBytes?: number;
  /** How much it may keep at most, by the file or by its own limit, whichever is nearer: past it the flow is ended, and its slot dropped. Absent where nothing is kept for the flow. */
  readonly retainedLimitBytes?: number;
  /** How near that is; absent while it was not looked at. */
  readonly budget?: LogBudget;
  /** Local transactions seen on managed tables while in shadow. Must be 0. */
  readonly rogueTransactions: number;
  /** What the schemas of both sides do not share, sentences without values; absent while it was not looked at, and for a flow in shadow. */
  readonly schema?: readonly string[];
  /** The last change of the schema that came through the stream: command and objects. */
  readonly ddl?: string;
  /** Of a log, while some of its topics were cut ahead of the others: each flow carries those that its source owns. `epoch`: of the newest decision that the flow knows. Absent: it carries all, or nothing. */
  readonly part?: { readonly topics: number; readonly of: number; readonly epoch: number };
  /** False: `stopAt` is refused (TEAL-CARRIERS-015). A comparison then looks again, row by row, at what differed while writes went on. Default: true. */
  readonly standsStill?: boolean;
}

/** Who carries a flow. */
export interface Carrier {
  /**
   * Starts the flow's worker if it does not run, and lets it apply. With `begin: false` the worker is as it was: a new one receives what the source commits, keeps it
   * and applies nothing until a `deploy` lets it, and one that was let apply is not held back again. Idempotent.
   */
  deploy(flow: Flow, options?: { readonly begin: boolean }): Promise<void>;
  status(flow: Flow): Promise<FlowStatus>;
  /**
   * The status once the flow has read and judged everything that its source had committed when this was asked: what `status` says may be a moment older. Writes a sign into the source's log for
   * that. Of a flow that does not read it answers at once what it is.
   */
  caughtUp(flow: Flow, signal: AbortSignal): Promise<FlowStatus>;
  /**
   * Applies everything that committed before `position`, nothing after, and stays there until `resume` or until `leaseMs` have passed.
   * Resolves when that is durable on the target. For same-position comparison (correctness.md §5.1).
   */
  stopAt(flow: Flow, position: Position, leaseMs: number, signal: AbortSignal): Promise<Position>;
  resume(flow: Flow): Promise<void>;
  /** Stops the worker and keeps what it has received: `deploy` goes on from there. Idempotent. */
  halt(flow: Flow): Promise<void>;
  /** Stops the worker and forgets its spool: the flow can never go on. Idempotent. */
  retire(flow: Flow): Promise<void>;
}
