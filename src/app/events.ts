import type { StepEvent } from '../engine/run-steps.ts';
import type { Side } from '../model/catalog.ts';
import type { MigrationState } from '../journal/state.ts';
import type { FlowStatus } from '../ports/carrier.ts';
import type { LogTold } from './log-budget.ts';
import type { GateAnswer } from '../ports/gate.ts';

/** What a library's user, the screen and the log hear. Names, counts, positions and durations; never a row's values. */
export type MigrationEvent =
  | StepEvent
  /** Another controller leads: this one waits for its end, and takes over then. Without who it is where it has just come. */
  | { readonly kind: 'standby'; readonly pid?: number; readonly host?: string; readonly sinceIso?: string }
  /** First of every run: where the journal says that the migration is. */
  | {
      readonly kind: 'opened';
      readonly migration: string;
      readonly live: Side;
      readonly phase: MigrationState['life']['phase'];
      /** Absent: tables of a database. */
      readonly moves?: 'topics';
      /** Of stages that were begun. */
      readonly stages: Readonly<Record<string, 'running' | 'finished' | 'undone'>>;
    }
  | {
      readonly kind: 'stage';
      readonly stage: string;
      readonly title: string;
      readonly state: 'started' | 'finished' | 'undone';
    }
  | { readonly kind: 'gate'; readonly gate: string; readonly asks: string; readonly answer: GateAnswer }
  | { readonly kind: 'verify progress'; readonly text: string; readonly done?: number; readonly total?: number }
  | {
      readonly kind: 'verified';
      readonly equal: boolean;
      readonly tables: number;
      readonly rows: string;
      readonly different: number;
      readonly file: string;
      /** Of clusters: `tables` counts topics, `rows` records. */
      readonly of?: 'topics';
      readonly partitions?: number;
    }
  | {
      readonly kind: 'cut';
      readonly cut: string;
      readonly from: Side;
      readonly to: Side;
      /** Of a log: those that were cut before the others; absent: all that was on `from`. */
      readonly topics?: readonly string[];
      readonly pauseMs: number | undefined;
      /** False where there is no router: nobody waited for `pauseMs`, but within it the clients' writes were refused. */
      readonly held?: false;
    }
  | { readonly kind: 'flow'; readonly status: FlowStatus }
  /** The log that a source keeps comes near its limit, or the flow was ended because of it. */
  | ({ readonly kind: 'log' } & LogTold)
  /** A notification, or a batch of traces, was given up. `to` is the origin of its address, no more of it. */
  | {
      readonly kind: 'notice lost';
      readonly to: string;
      readonly why: string;
      readonly code: 'TEAL-APP-030' | 'TEAL-APP-031';
    }
  /** While rows are copied: what others change in the schema meanwhile. Empty when nothing is left of it. */
  | { readonly kind: 'schema'; readonly differences: readonly string[] };

/** How a command of a migration ends when nothing failed. */
export type Outcome =
  /** `live` owns the data; `next` says what may be typed now. */
  | { readonly outcome: 'done'; readonly live: Side; readonly next: readonly string[] }
  | {
      readonly outcome: 'waiting';
      readonly live: Side;
      readonly gate: string;
      readonly asks: string;
      readonly next: readonly string[];
    }
  | { readonly outcome: 'no'; readonly live: Side; readonly what: string; readonly next: readonly string[] };
