import type { Side } from '../model/catalog.ts';
import type { StepFacts } from './facts.ts';

/**
 * Where a migration is, as its journal tells it. Only `fold` makes these values; nothing else may.
 *
 *   new ──runStarted──▶ blue ──cutIntended──▶ cutting ──cutDecided──▶ crossing ──cutFinished──▶ green │ back
 *    blue, back ◀──cutFinished of some topics to green── crossing
 *    blue, back, green ◀──cutAborted── cutting            green ──finalised──▶ finalised
 *    blue, back ──aborted──▶ aborted ──runStarted──▶ blue
 */
export type Life =
  /** Nothing is recorded. */
  | { readonly phase: 'new' }
  /** Blue is live and always was. Set by the first `runStarted`, and by one after `aborted`. */
  | { readonly phase: 'blue' }
  /** A cut is attempted and not decided: its losing side is live. Set by `cutIntended`. After a crash the owner row tells which way to go. */
  | { readonly phase: 'cutting'; readonly cut: OpenCut; readonly cameFrom: 'blue' | 'green' | 'back' }
  /** The owner row is there: the gaining side is live, and the only way is forward. Set by `cutDecided`. */
  | { readonly phase: 'crossing'; readonly cut: OpenCut; readonly cameFrom: 'blue' | 'green' | 'back' }
  /** Green is live and blue follows it. Set by `cutFinished` of a cut to green, unless it was about some topics alone. */
  | { readonly phase: 'green' }
  /** Blue is live again and green follows it. Set by `cutFinished` of a cut to blue. */
  | { readonly phase: 'back' }
  /** There is no way back any more. Set by `finalised`. */
  | { readonly phase: 'finalised'; readonly live: Side }
  /** Everything was undone, blue is live. Set by `aborted`; a later `runStarted` begins anew. */
  | { readonly phase: 'aborted' };

export interface OpenCut {
  readonly cut: string;
  readonly epoch: number;
  readonly from: Side;
  readonly to: Side;
  /** Of a log: those that it is about; absent: all that `from` owns. */
  readonly topics?: readonly string[];
  readonly sinceIso: string;
}

export type PastCut = OpenCut & {
  readonly endIso: string;
  readonly end:
    | { readonly how: 'aborted'; readonly reason: string; readonly code: string }
    | { readonly how: 'finished'; readonly facts: StepFacts };
};

/** Set by the engine alone. A step that is not named was never begun. */
export type StepState =
  /** `act` was about to run, or ran in part. Set by `stepIntended`. */
  | { readonly state: 'intended'; readonly atIso: string; readonly before: StepFacts | undefined }
  /** A probe saw its effect. Set by `stepDone`. */
  | {
      readonly state: 'done';
      readonly atIso: string;
      readonly before: StepFacts | undefined;
      readonly facts: StepFacts;
      readonly evidence: string;
      readonly found: boolean;
    }
  /** Something of it ended with an error. `begun`: there may be something to undo. Set by `stepFailed`. */
  | {
      readonly state: 'failed';
      readonly atIso: string;
      readonly before: StepFacts | undefined;
      readonly begun: boolean;
      readonly doing: 'probe' | 'act' | 'undo';
      readonly failure: { readonly code: string; readonly message: string };
    }
  /** `undo` was about to run, or ran in part. Set by `stepUndoIntended`. */
  | { readonly state: 'undoing'; readonly atIso: string; readonly before: StepFacts | undefined }
  /** As if it had never been. Set by `stepUndone`. */
  | { readonly state: 'undone'; readonly atIso: string };

/** Set by the engine. */
export type StageState =
  | { readonly state: 'running'; readonly sinceIso: string }
  | { readonly state: 'finished'; readonly sinceIso: string; readonly endIso: string }
  | { readonly state: 'undone'; readonly endIso: string };

/** Set by the engine; `answer` is missing until the gate has answered. */
export interface GateState {
  readonly asks: string;
  readonly person: boolean;
  readonly sinceIso: string;
  readonly answer?: {
    readonly answer: 'yes' | 'no' | 'not yet' | 'cannot tell';
    readonly evidence: string;
    readonly atIso: string;
  };
}

export interface Approval {
  readonly by: string;
  readonly atIso: string;
  readonly comment?: string;
}

export interface Run {
  readonly run: string;
  readonly command: string;
  readonly pid: number;
  readonly host: string;
  readonly teal: string;
  readonly sinceIso: string;
}

/** Commands that say where the migration is to go. Set by `runStarted`. */
export const movingCommands = Object.freeze(['up', 'cutover', 'rollback', 'finalise', 'abort'] as const);

/** As which `runStarted` has a cut of some topics alone. */
export const topicsCommand = 'cutover --topic';

export interface Asked {
  readonly command: (typeof movingCommands)[number];
  readonly sinceIso: string;
}

export interface Certificate {
  readonly certificate: string;
  readonly blue: string;
  readonly green: string;
  readonly tables: number;
  readonly rows: string;
  readonly digest: string;
  readonly atIso: string;
}

/** The whole of a migration, folded from its journal. */
export interface MigrationState {
  readonly life: Life;
  readonly migration: string | undefined;
  readonly specDigest: string | undefined;
  /** Epoch of the last decided cut; 0 before any. */
  readonly epoch: number;
  /** The process that wrote last, and how many there were. */
  readonly run: Run | undefined;
  readonly runs: number;
  /** The last command that moves the migration on or back. What else ran since (a comparison, a recovery) changes nothing about it. */
  readonly asked: Asked | undefined;
  readonly stages: Readonly<Record<string, StageState>>;
  /** In the order in which they were first begun. */
  readonly steps: Readonly<Record<string, StepState>>;
  readonly gates: Readonly<Record<string, GateState>>;
  /** By gate. Emptied when a cut finishes: a person's yes holds for one. */
  readonly approvals: Readonly<Record<string, Approval>>;
  /** Of a log, while blue is live: topics that were cut ahead of the others, which green owns. By name. */
  readonly ahead: readonly string[];
  /** Cuts that ended, oldest first, rollbacks among them. */
  readonly cuts: readonly PastCut[];
  readonly rollbacks: readonly {
    readonly cut: string;
    readonly by: string;
    readonly reason: string;
    readonly atIso: string;
  }[];
  readonly sides: Readonly<Record<Side, StepFacts>>;
  readonly certificates: { readonly count: number; readonly last: Certificate | undefined };
  /** What an abort could not undo. */
  readonly left: readonly string[];
  /** Sequence number of the last record; 0 for none. */
  readonly seq: number;
  readonly lastIso: string | undefined;
}

/** A cut was begun and has neither ended nor been taken back: whoever comes next ends it, by the owner row. */
export function isCutOpen({ life }: Pick<MigrationState, 'life'>): boolean {
  return life.phase === 'cutting' || life.phase === 'crossing';
}

/** The end of the migration was begun, and is not in the journal: flows may be gone, so there is no way but to its end. */
export function isEnding({ life, stages }: Pick<MigrationState, 'life' | 'stages'>): boolean {
  return life.phase === 'green' && stages[finaliseStage] !== undefined;
}

/** Under what the end of a migration is begun in the journal. */
export const finaliseStage = 'finalise';

/** The side that owns the data, as far as the journal knows. During a cut the owner row on the gaining side is the truth. Blue while it owns some topics of a log, see `ahead`. */
export function liveSide(state: Pick<MigrationState, 'life'>): Side {
  const { life } = state;
  switch (life.phase) {
    case 'new':
    case 'blue':
    case 'back':
    case 'aborted':
      return 'blue';
    case 'green':
      return 'green';
    case 'cutting':
      return life.cut.topics === undefined ? life.cut.from : 'blue';
    case 'crossing':
      return life.cut.topics === undefined ? life.cut.to : 'blue';
    case 'finalised':
      return life.live;
  }
}

/** The cut that brought blue back and of which no command has said who wanted it, and why. */
export function unexplainedRollback({ life, cuts, rollbacks }: MigrationState): string | undefined {
  const last = cuts.at(-1);
  if (life.phase !== 'back' || last?.end.how !== 'finished') return undefined;
  return rollbacks.some(({ cut }) => cut === last.cut) ? undefined : last.cut;
}
