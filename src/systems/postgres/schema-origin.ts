import type { SchemaWork } from '../../ports/schema-driver.ts';
import type { OrderedItem } from './schema-order.ts';
import type { SchemaItem } from './schema-script.ts';

/** A schema as statements that can be run one by one. */
export interface LoadedSchema {
  /** Settings that every session needs before any item. */
  readonly preamble: string;
  readonly items: readonly OrderedItem[];
}

/** Where the items of a schema come from. */
export interface SchemaOrigin {
  /** Whether `load` would tell the same in a later process. */
  isKept(): Promise<boolean>;
  keep(work: SchemaWork): Promise<void>;
  load(signal: AbortSignal): Promise<LoadedSchema>;
  /** What undoes the making of these items, in the order to run it; what goes with something else has no statement. */
  dropStatements(made: readonly SchemaItem[], signal: AbortSignal): Promise<readonly string[]>;
  /** What was kept is not needed any more. */
  forget(): Promise<void>;
}
