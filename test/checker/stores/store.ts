import type { MicroOp } from '../../../src/testing/checker/history.ts';
import type { DoorMove, Leftover } from '../../../src/testing/checker/invariants.ts';
import type { OwnerState } from '../../../src/testing/checker/owner-state.ts';
import type { Side } from '../../../src/model/catalog.ts';
import type { Schedule } from '../schedule.ts';

/** The decision that a side knows. */
export interface OwnerRow {
  readonly side: Side;
  readonly epoch: number;
}

/** A transaction that has written and stays open. */
export interface OpenWriter {
  /** Commits, and ends the session. */
  commit(): Promise<void>;
}

/**
 * What the runner asks of one side, past the links and as its administrator: the part of a run that is different for each system. Methods open a session of their own and throw what
 * the driver throws.
 */
export interface Store {
  /** The workload's tables, and rows that are there before any client. */
  load(schedule: Schedule, rows: readonly Extract<MicroOp, { readonly f: 'insert' }>[]): Promise<void>;
  /** Undefined where nothing was decided, or where Teal is not. */
  ownerRow(): Promise<OwnerRow | undefined>;
  /** All of the workload's tables in one snapshot. */
  readState(epoch: number): Promise<OwnerState>;
  /** When this side began and ceased to take writes of clients, by the servers' clock, which is one on one machine. */
  doorMoves(): Promise<readonly DoorMove[]>;
  /** Whether it takes a write of a client now. Tried, and taken back. */
  accepts(): Promise<boolean>;
  /** What is there of Teal's making at the end of a migration; the proxy goes on for its clients. `isClosed`: the fence of a side that is kept closed is meant to stay. */
  leftovers(isClosed: boolean): Promise<readonly Leftover[]>;
  /** What Teal has made and decided, by name: what a command that finds nothing to do leaves as it is. Positions and progress move by themselves and are not in it. */
  outside(): Promise<Readonly<Record<string, string>>>;
  /** A row that no client of the workload asks for is written and not committed. `through`: an address for clients instead of the side's own. */
  openWriter(through?: string): Promise<OpenWriter>;
  /** By somebody whom no fence stops, to a row that no client asks for. */
  writeRogue(): Promise<void>;
  /** Past the fence and without a trace for the flows, where the system can. */
  spoil(sql: string): Promise<void>;
}
