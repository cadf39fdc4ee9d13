import type { Journal } from '../journal/journal.ts';
import type { Side } from '../model/catalog.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { Equalizer } from '../stages/cutover/cut-steps.ts';
import type { Verified } from '../stages/gates/verify-gate.ts';
import type { VerifyResult } from '../verify/same-position.ts';
import type { ComparedTable } from './differences.ts';
import type { MigrationEvent } from './events.ts';
import type { LoadedSpec } from './load-spec.ts';

/** What a comparison came to. */
export interface Verification {
  readonly verified: Verified;
  /** The side that owned the data; the other one is to be repaired. */
  readonly live: Side;
  /** Tables, or topics where `of` says so. */
  readonly tables: readonly ComparedTable[];
  readonly of?: 'topics';
  readonly result: VerifyResult;
  /** The certificate, for people; its JSON stands beside it. */
  readonly file: string;
}

/** What of a migration a comparison works with. */
export interface ComparisonPorts {
  readonly loaded: LoadedSpec;
  readonly journal: Journal;
  readonly carrier: Carrier;
  /** Who asks, for the journal. */
  readonly by: string;
  readonly onEvent: (event: MigrationEvent) => void;
  readonly signal: AbortSignal;
}

/** Both sides of one migration under comparison and repair. */
export interface Comparison {
  /** How many of the transactions on a side that are not Teal's were there already when the sides were last found equal. */
  settled(side: Side): number;
  /** Compares both sides, and keeps the certificate. `values`: what differs is kept in memory, so that `repairScript` can be asked. */
  verify(live: Side, values: boolean): Promise<Verification>;
  /** For a cut from a side whose flow does not tell all. */
  equalizer(live: Side): Equalizer;
  /** The statements that would make the other side equal to the live one; empty where there is nothing of the kind. */
  repairScript(found: Verification): Promise<readonly string[]>;
  /** Makes the side that is not live equal to the live one. Returns how many rows were changed. */
  repair(live: Side, found: Pick<Verification, 'result'>): Promise<number>;
}
