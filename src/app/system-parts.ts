import type { Translation } from '../carriers/embedded/config.ts';
import type { CarrierDeps } from '../carriers/embedded/worker-ports.ts';
import type { ActingKey } from '../model/acting-keys.ts';
import type { Side, TableName } from '../model/catalog.ts';
import type { FollowMethod } from '../model/follow-method.ts';
import type { Position } from '../model/position.ts';
import type { TableSelection } from '../model/table-selection.ts';
import type { SourceProbe } from '../ports/change-source.ts';
import type { SchemaEyes } from '../ports/schemas.ts';
import type { Beginning } from './first-position.ts';
import type { SourceDescription } from './receiver-source.ts';
import type { FormsReader } from './unlike-schemas.ts';

/** One end of a flow, as it speaks with its system. */
export interface EndOptions {
  readonly url: string;
  /** Of the end. */
  readonly side: Side;
  readonly stream: string;
  readonly slot: string;
  readonly publication: string;
  /** How the changes of this end are had, where it is a source. */
  readonly method: FollowMethod;
  /** With `polling`: the pause between two looks. */
  readonly pollEveryMs?: number;
}

export interface SourceOptions extends EndOptions {
  /** What is received. */
  readonly tables: TableSelection;
  /** What is received is of that database, where the address of this end names none: the other's names it. */
  readonly database?: string | undefined;
  /** Where the sides are of different families. */
  readonly translation?: Translation | undefined;
  /** Whether values of a column are wanted: of others nothing is read. */
  readonly carries: (table: TableName, column: string) => boolean;
  /** Whether the other end is of the same family, and holds what only this one can. */
  readonly toOwnFamily: boolean;
  /** Where a flow begins whose source does not know it. */
  readonly beginning: () => Promise<Beginning>;
  /** Up to where the flow has received, as far as this process knows. */
  readonly received: () => Position | undefined;
}

export interface SourceParts {
  readonly description: SourceDescription;
  readonly probe: SourceProbe;
  readonly newDecoder: CarrierDeps['newDecoder'];
  /** Of a source whose log does not hold what foreign keys do. */
  readonly actingKeys?: KeysOfSource;
}

export interface KeysOfSource extends AsyncDisposable {
  /** When the flow began. */
  kept(): Promise<readonly ActingKey[]>;
  now(): Promise<readonly ActingKey[]>;
}

export type TargetParts = Pick<CarrierDeps, 'takeLease' | 'readStarts' | 'openSink'>;

export interface FormsOptions extends EndOptions {
  readonly selected: (table: TableName) => boolean;
}

/** What a system gives to a flow that begins or ends there. */
export interface SystemParts {
  source(options: SourceOptions): SourceParts;
  target(options: EndOptions): TargetParts;
  forms(options: FormsOptions): FormsReader;
  /** The database that the address names, where that narrows what is meant. */
  databaseOf(url: string): string | undefined;
  /** Between two of this system, where it has more to say than names. */
  eyes?(source: FormsOptions, target: EndOptions): SchemaEyes;
}
