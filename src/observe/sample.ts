import type { Flow, FlowStatus } from '../ports/carrier.ts';
import type { RouterState } from '../ports/router.ts';

type Side = 'blue' | 'green';

/** Everything that is measured of one migration, as it was at one moment. What could not be asked is absent, and its metrics with it. */
export interface Sample {
  readonly migration: string;
  readonly version: string;
  readonly nowMs: number;
  /** Absent before the first `teal up`. */
  readonly journal?: JournalSample;
  readonly flows: readonly FlowStatus[];
  /** The file has one. */
  readonly hasProxy: boolean;
  /** Absent where it does not answer. */
  readonly proxy?: ProxySample;
  /** Of reads that green is asked too; absent where the file wants none, or no proxy answers. */
  readonly shadow?: ReadsSample;
  /** Of writes that green is asked too, and that are rolled back there. */
  readonly shadowWrites?: ReadsSample;
  /** Of reads that green answers. */
  readonly canary?: ReadsSample;
  readonly supervisor?: {
    readonly lives: boolean;
    readonly restarts: Readonly<Record<string, number>>;
  };
  /** Of the watch of both systems; absent where nobody looks. */
  readonly anomalies?: {
    /** How far the series that are out of the usual are out, in spreads. */
    readonly open: Readonly<Record<string, number>>;
    readonly full: readonly { readonly side: Side; readonly what: string; readonly atMs: number }[];
  };
  readonly progress?: { readonly step: string; readonly done: number; readonly total: number; readonly unit: string };
}

export interface JournalSample {
  readonly records: number;
  readonly lastMs: number | undefined;
  readonly isWritten: boolean;
  readonly phase: string;
  readonly live: Side;
  readonly epoch: number;
  readonly stages: Readonly<Record<string, string>>;
  /** Steps that are begun and not done, by state. */
  readonly openSteps: Readonly<Record<string, number>>;
  readonly gates: readonly { readonly gate: string; readonly person: boolean; readonly answer: string }[];
  /** Of the cut that is under way. */
  readonly cutSinceMs?: number;
  readonly cuts: readonly {
    readonly from: Side;
    readonly to: Side;
    readonly end: 'finished' | 'aborted';
    readonly endMs: number;
    readonly pauseMs?: number;
  }[];
  readonly certificates: { readonly count: number; readonly lastMs?: number };
}

export interface ReadsSample {
  /** 0 to 1. */
  readonly share: number;
  /** By what became of them. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface ProxySample {
  readonly state: RouterState;
  readonly queries: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly longestWaitMs?: number;
  readonly alarm: boolean;
}

export const flows: readonly Flow[] = ['forward', 'reverse'];
