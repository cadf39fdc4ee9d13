import type { Side } from '../model/catalog.ts';
import type { SchemaForm } from '../model/schema-form.ts';

/** What a flow sees of the two schemas between which it carries. Each call asks anew. */
export interface SchemaEyes extends AsyncDisposable {
  /** What the target has not, or has otherwise, of what a note of the stream describes; sentences, empty when it fits. */
  lacking(forms: readonly SchemaForm[]): Promise<readonly string[]>;
  /** Both schemas as they are now. */
  look(): Promise<SchemaLook>;
}

/** Sentences that name objects, never values. */
export interface SchemaLook {
  /** What rows of the source need and the target has not. */
  readonly lacking: readonly string[];
  /** What the target alone has. */
  readonly surplus: readonly string[];
  /** Tables of the selection whose rows no flow carries: they came after the publication was made. */
  readonly unmoved: readonly string[];
}

/** What a schema is, without its words. Holds for one server only. */
export interface SchemaMark {
  /** Another one after any change of any object, selected or not: the same, and nothing has changed. */
  readonly digest: string;
  /** By what a system knows without another digest that nothing has changed; read before it. Absent: only a digest tells. */
  readonly state?: string;
  /** By the name of a selected object, a mark that is another one after any change of its definition. */
  readonly objects: Readonly<Record<string, string>>;
}

export interface SchemaComparison extends SchemaLook {
  /** Indexes, constraints, views, functions and the like that the other side lacks or defines otherwise. */
  readonly objects: readonly string[];
  /** What Teal may not do any more on either side, so that the cut, or going back, would fail. */
  readonly refused: readonly string[];
  /** Of the live side, read before anything was compared. */
  readonly mark: SchemaMark;
}

/** The two schemas as a cut sees them. */
export interface Schemas {
  compare(live: Side): Promise<SchemaComparison>;
  /** What `compare` finds of tables, columns and types, without the rest. */
  look(live: Side): Promise<SchemaLook>;
  /** Sessions of others on this side that wait for a lock which Teal holds; sentences. */
  blocked(side: Side): Promise<readonly string[]>;
  /** What the other side has not of the tables that were there when the migration began, and of the types in their schemas. */
  lacking(live: Side): Promise<readonly string[]>;
}
