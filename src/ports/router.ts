import type { Side } from '../model/catalog.ts';
import type { StepFacts } from './step.ts';

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

/**
 * What a switch from one side to the other is to clients. `writes fail`: from the fence on, until a client connects to the other side by itself. `connections drop`: their writes are
 * refused from the fence on, and then their connections are cut. `stale`: for up to so long a client may still be on the side that has lost.
 */
export type Switching =
  | { readonly clients: 'none fails' | 'writes fail' | 'connections drop' }
  | { readonly clients: 'stale'; readonly upToMs: number };

/** The same as a sentence of a plan. */
export function tellSwitching(switching: Switching): string {
  switch (switching.clients) {
    case 'none fails':
      return 'none fails: they wait at the end of a transaction';
    case 'writes fail':
      return 'writes fail from the fence on, until they connect to the other side by themselves';
    case 'connections drop':
      return 'connections drop: writes are refused from the fence on, then connections end and clients must connect again';
    case 'stale':
      return `stale for up to ${switching.upToMs / 1_000} s: those that have not looked again read old rows, and their writes are refused`;
  }
}

/** Something in the settings of a router that a cut would stumble over. */
export interface RouterFinding {
  /** A blocker keeps a migration from its begin, and every cut from its own. */
  readonly severity: 'blocker' | 'warning';
  /** What was found, one sentence. */
  readonly what: string;
  /** What would happen because of it. */
  readonly why: string;
  /** What to do about it. */
  readonly mend: string;
}

/** What clients pass through. All methods may be repeated. */
export interface Router {
  /** False where nobody can be held: from the fence to the decision the clients' writes are refused instead. Absent: true. */
  readonly holdsClients?: boolean;
  /** False where nothing is pointed anywhere: clients are told by other means, and the owner row is all there is to go by. Absent: true. */
  readonly points?: boolean;
  /** Absent: none fails. */
  readonly switching?: Switching;
  /** Looks at the router's own settings; nothing that it or its clients go by is changed. Absent: there is nothing to look at. What cannot be looked at is a finding. */
  check?(): Promise<readonly RouterFinding[]>;
  read(): Promise<RouterState>;
  /**
   * New transactions wait at their boundary; returns when none is running, or when the limit is reached (nothing is cancelled). A router may make
   * itself ready first, with traffic flowing, in a limit of its own; `waitedMs` counts from when clients began to wait.
   */
  hold(request: HoldRequest): Promise<HoldResult>;
  /** Sends what is held, and all that follows, to `side`. The router reads the owner row itself and refuses if it says otherwise. */
  point(side: Side, epoch: number): Promise<StepFacts | void>;
  /** Lets what is held go on where the router points. */
  release(): Promise<void>;
}
