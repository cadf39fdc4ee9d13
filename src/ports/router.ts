import type { Side } from '../model/catalog.ts';

export type RouterMode = 'running' | 'holding' | 'unknown';

export interface RouterState {
  readonly mode: RouterMode;
  /** Where new statements go; `unknown` is an honest answer. */
  readonly pointsTo: Side | 'unknown';
  readonly epoch: number;
  readonly clients: number;
  /** Statements or transactions that have begun and not ended. 0 while `holding` means: drained. */
  readonly inFlight: number;
  /** Sessions whose state cannot cross a cut, with the reason (temporary table, advisory lock, …) and their age; no SQL. */
  readonly pinned: readonly PinnedSession[];
}

export interface PinnedSession {
  readonly client: string;
  readonly reason: string;
  readonly forMs: number;
}

export interface HoldRequest {
  readonly cut: string;
  /** How long the hold may last when nobody renews it: past it the router reads the owner row itself. */
  readonly leaseMs: number;
  /** How long running transactions may take to end; past it the answer is `drained: false` and the caller aborts. */
  readonly drainMs: number;
}

export type HoldResult =
  | { readonly drained: true; readonly clients: number; readonly waitedMs: number }
  | {
      readonly drained: false;
      readonly inFlight: number;
      readonly pinned: readonly PinnedSession[];
      /** What was waited for in vain: sessions in a transaction, or not ready to go for a reason that may pass. */
      readonly busy: readonly PinnedSession[];
      readonly waitedMs: number;
    };

/** What clients pass through. All methods may be repeated. */
export interface Router {
  /** False where nobody can be held: from the fence to the decision the clients' writes are refused instead. Absent: true. */
  readonly holdsClients?: boolean;
  read(): Promise<RouterState>;
  /**
   * New transactions wait at their boundary; returns when none is running, or when the limit is reached (nothing is cancelled). A router may make
   * itself ready first, with traffic flowing, in a limit of its own; `waitedMs` counts from when clients began to wait.
   */
  hold(request: HoldRequest): Promise<HoldResult>;
  /** Sends what is held, and all that follows, to `side`. The router reads the owner row itself and refuses if it says otherwise. */
  point(side: Side, epoch: number): Promise<void>;
  /** Lets what is held go on where the router points. */
  release(): Promise<void>;
}
