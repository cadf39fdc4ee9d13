import type { TableName } from '../model/catalog.ts';
import type { Probed, StepProgress } from './step.ts';

/**
 * The parts of a schema in the order in which a copy needs them. `tables`: everything that rows need to have a place (types, functions, tables, views, grants).
 * `keys`: primary keys, unique and exclusion constraints. `indexes`. `foreignKeys`: they hold for new rows. `validation`: they hold for all rows. `rest`: triggers, rules, policies, statistics, event triggers, comments on these.
 */
export type SchemaPart = 'tables' | 'keys' | 'indexes' | 'foreignKeys' | 'validation' | 'rest';

export const schemaParts: readonly SchemaPart[] = Object.freeze([
  'tables',
  'keys',
  'indexes',
  'foreignKeys',
  'validation',
  'rest',
]);

export interface SchemaWork {
  readonly signal: AbortSignal;
  readonly progress?: (report: StepProgress) => void;
}

export interface ApplyWork extends SchemaWork {
  /** Statements that run at the same time; default 1. */
  readonly workers?: number;
  /** Resolves when the table's rows are in: work on a table waits for it, so that one table's indexes are built while another is still copied. */
  readonly ready?: (table: TableName) => Promise<void>;
}

export interface SchemaReport {
  readonly created: number;
  /** Made by an earlier attempt, or there before Teal came and the same by nature (a schema, an extension). */
  readonly found: number;
  /** What the target's role may not do, in words: it was left out, or belongs to somebody else than on the source. */
  readonly left: readonly string[];
}

/** Brings the schema of one database to another. Every method may be repeated after a crash at any place. */
export interface SchemaDriver {
  /** Reads the source's schema and keeps it in Teal's own folder; a kept one is used again, whatever the source has become since, until it is reverted. Returns its fingerprint. */
  capture(work: SchemaWork): Promise<string>;
  /**
   * Resolves when the parts are on the target, durably. Each object and the record that it was made are one act, so that a crash at any place leaves what can be gone on with. An object of
   * that name that this driver has not made stays as it is and is an error (TEAL-SYSTEMS-203).
   */
  apply(parts: readonly SchemaPart[], work: ApplyWork): Promise<SchemaReport>;
  /** Of the target itself. `not done` before anything was captured; parts in which the schema has nothing are `done` afterwards. */
  probe(parts: readonly SchemaPart[]): Promise<Probed>;
  /** Drops what `apply` made, with all rows in it, and nothing that was there before. */
  revert(work: SchemaWork): Promise<void>;
}
