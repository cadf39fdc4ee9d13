import type { Side, Table } from '../model/catalog.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { Repairer, RowProbe, SideAccess } from '../ports/digester.ts';
import type { Fence } from '../ports/fence.ts';
import type { AskValue } from '../ports/query.ts';
import type { Schemas } from '../ports/schemas.ts';
import type { DoomedWrites } from '../ports/shadow.ts';
import type { Sequences } from '../ports/sequences.ts';
import type { TenantGates } from '../ports/tenants.ts';
import type { Step, StepFacts } from '../ports/step.ts';
import type { Assessment } from '../stages/assess/assess.ts';
import type { GroupPorts } from '../stages/groups/group-steps.ts';
import type { Stage } from '../stages/lifecycle/stages.ts';
import type { Comparison, ComparisonPorts } from './comparison.ts';

/** Two systems as one migration sees them, whatever they are: every role that the stages ask for, and the stages' steps in their order. */
export interface Pair extends AsyncDisposable {
  readonly fences: Readonly<Record<Side, Fence>>;
  /** Absent where nothing gives out numbers. */
  readonly sequences?: Sequences;
  readonly schemas: Schemas;
  /** Of green. Absent where nothing that clients write can be tried there. */
  readonly doomed?: DoomedWrites;
  /** For gates of SQL: the first value of the first row, in a transaction that writes nothing. */
  readonly ask: AskValue;
  /** Readers that keep their place in what they read, and move before those who write; absent where all clients move at once. */
  readonly groups?: GroupPorts;
  /** Of a log: what may be cut one by one; absent where all that moves is cut at once. */
  readonly topics?: PairTopics;
  /** Where rows of some tenants can be written on green before the cut. */
  readonly tenants?: TenantGates;
  comparison(ports: ComparisonPorts): Comparison;
  stages(carrier: Carrier): readonly Stage[];
  /**
   * Takes away what Teal made, and puts back what it changed. The side that is not live any more stays closed unless the file says otherwise. `remembered`: what a step
   * had found before it acted, by the step's id.
   */
  removalSteps(live: Side, remembered: (step: string) => StepFacts | undefined): readonly Step[];
  /** Ends what holds the copy's snapshot, if anything does. */
  releaseSnapshot(): Promise<void>;
}

export interface PairTopics {
  /** All that move. */
  readonly names: readonly string[];
  /** What is in the way of cutting them one by one, as a sentence. */
  readonly obstacle?: string;
  /** About these alone: the others keep what they have. */
  fencesOf(topics: readonly string[]): Readonly<Record<Side, Fence>>;
}

export interface PairToPlan {
  readonly pair: Pair;
  readonly assessment: Pick<Assessment, 'findings'>;
  /** `PostgreSQL 16.4`, `MariaDB 10.11.8`. */
  readonly blue: string;
  readonly green: string;
}

/** Two databases: with tables and rows, and what a comparison of them asks. */
export interface DatabasePair extends Pair {
  readonly access: Readonly<Record<Side, SideAccess>>;
  /** Tables that hold rows themselves and whose rows the log carries. */
  readonly storedTables: readonly Table[];
  /** Columns by `schema.table` that are not meant to be the same on both sides: they are not compared, and a certificate names them. Default: none. */
  readonly unlikeColumns?: Readonly<Record<string, readonly string[]>>;
  /** Changes rows of one side as Teal: no flow takes them for a client's. */
  repairer(side: Side): Repairer;
  /** Single rows of one side, for where a flow cannot stand still; absent where every flow can. */
  openRowProbe?(side: Side, signal: AbortSignal): Promise<RowProbe & AsyncDisposable>;
  /** Waits until every transaction that runs on a side has ended, at most a minute; false when one has not. What they wrote is then in every new snapshot. */
  outlastWriters(side: Side, signal: AbortSignal): Promise<boolean>;
}
