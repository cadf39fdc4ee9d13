import type { Catalog, Side, TableName } from '../model/catalog.ts';
import type { Position } from '../model/position.ts';

/**
 * How a row becomes a hash. Both are exact: two rows that a person could tell apart in their text have different forms.
 *
 * `quick`: the system's own compact form. Never equal for different rows; may differ for equal ones where two versions of the system write it differently.
 * `text`: every column as the system prints it, hashed by MD5. Decides where `quick` found something.
 */
export type DigestForm = 'quick' | 'text';

export interface DigestColumn {
  readonly name: string;
  /** The type means the same on both sides, so that the compact form of its values may be compared; otherwise its text is. */
  readonly sameType: boolean;
  /** As this side declares it: for literals in a repair. */
  readonly type: string;
  /** The system computes it: it is compared and never written. */
  readonly generated: boolean;
}

/** A table as it is read on one side. Column order is the same on both sides. */
export interface DigestTable extends TableName {
  readonly oid: number;
  readonly columns: readonly DigestColumn[];
  /** Names of the columns that tell rows apart; empty when nothing does, and then the whole row does. */
  readonly key: readonly string[];
  /** A power of two, the same on both sides. */
  readonly buckets: number;
}

/** A part of one side's own physical order, opaque to all but the side that made it. */
export type DigestRange = string & { readonly __digestRange: unique symbol };

/** Rows whose hash falls into one bucket: how many, and the sums of the two 64-bit halves of their hashes (signed, unbounded). */
export interface BucketSum {
  readonly bucket: number;
  readonly rows: bigint;
  readonly sums: readonly [bigint, bigint];
}

/** One row as (hash of its key, hash of its whole text); `locator` finds it again in this snapshot. No values. */
export interface DigestEntry {
  readonly key: string;
  readonly row: string;
  readonly locator: string;
}

/** Which rows are wanted: those in some buckets of a form. */
export interface EntryFilter {
  readonly form: DigestForm;
  readonly buckets: readonly number[];
}

/** Values in text form in the order of `DigestTable.columns`; null is NULL. */
export type TextValues = readonly (string | null)[];

/**
 * Reads one side of a table in one snapshot, on one connection: calls must not overlap. Nothing here writes.
 * A table that was emptied or rewritten after the snapshot was taken would look empty or shuffled: every method then fails with TEAL-VERIFY-003.
 * Locks on a table are held until the next call for another one, or `release`.
 */
export interface DigestReader extends AsyncDisposable {
  /** One sequential pass over a range, whatever the form. Sums of ranges add up: the same rows have the same sums, in whatever order and ranges they lie. */
  digest(table: DigestTable, range: DigestRange, form: DigestForm): Promise<readonly BucketSum[]>;
  /** In pages, ordered by (key, row) as plain ASCII: two sides can be merged in bounded memory. Costs one sequential pass. */
  entries(table: DigestTable, filter: EntryFilter): AsyncIterable<readonly DigestEntry[]>;
  /** The rows at these locators, in the same order. */
  rows(table: DigestTable, locators: readonly string[]): Promise<readonly TextValues[]>;
  /** Gives back the locks of what was read last. */
  release(): Promise<void>;
}

/** A snapshot that stays readable until it is disposed of. */
export interface HeldSnapshot extends AsyncDisposable {
  /** Of this side's own log. For `openAtPosition`: exactly what committed before it is in the snapshot. */
  readonly position: Position;
  readonly takenAt: string;
  /** Cuts a table into at most `parts` ranges that together hold every row of the snapshot once. No I/O. */
  bounds(table: DigestTable, parts: number): readonly DigestRange[];
  /** One more connection that sees this snapshot. */
  reader(signal: AbortSignal): Promise<DigestReader>;
}

export interface SnapshotOptions {
  readonly signal: AbortSignal;
  /** Longest wait for the write transactions that run when a consistent point is asked for. */
  readonly lockTimeoutMs: number;
}

export interface SideFacts {
  readonly version: string;
  readonly major: number;
  readonly address: string;
  /** What the hash functions of `quick` answer to fixed questions. Different answers: only `text` can be compared. */
  readonly hashProbe: string;
}

/** An object of the schema beside tables' rows: what it is called, and how it is defined in a form that two versions write alike. */
export interface SchemaObject {
  readonly kind:
    /** What a column demands or gives by itself, beside its type. */
    | 'column'
    | 'index'
    | 'constraint'
    | 'sequence'
    | 'view'
    | 'function'
    | 'procedure'
    | 'event'
    | 'trigger'
    | 'extension'
    | 'type'
    | 'policy';
  readonly name: string;
  /** For a sequence: its increment and the next value that it would give, with a space between. */
  readonly definition: string;
  /** Compared by name alone when the two sides are of different versions, because they print definitions differently. */
  readonly definitionVaries: boolean;
  /** The table that it belongs to; absent for what stands by itself. */
  readonly table?: TableName;
}

/** What verification asks of one side. */
export interface SideAccess {
  readonly side: Side;
  facts(): Promise<SideFacts>;
  describe(): Promise<Catalog>;
  objects(): Promise<readonly SchemaObject[]>;
  /**
   * A snapshot that holds exactly the transactions that committed before its position in this side's log: only here can a stream from this side be stopped so
   * that both sides show the same. Waits for the write transactions that run; error TEAL-SYSTEMS-027 past `lockTimeoutMs`. Leaves nothing behind.
   */
  openAtPosition(options: SnapshotOptions): Promise<HeldSnapshot>;
  /** A snapshot of everything that is committed now. */
  openNow(options: SnapshotOptions): Promise<HeldSnapshot>;
}

/** A row as it is now, and a mark that is another one after any change of it. */
export interface ProbedRow {
  readonly version: string;
  readonly values: TextValues;
}

/** One row by its key, outside of any snapshot: for the recheck of single keys while writes go on. Calls must not overlap. */
export interface RowProbe {
  /** Null when no row has this key. Each call sees what is committed at that moment. The table must have a key. */
  row(table: DigestTable, key: TextValues): Promise<ProbedRow | null>;
  /** The end of this side's log now: everything visible to an earlier `row` is before it. */
  position(): Promise<Position>;
  /** Nothing on this system tells more of a row than its values: a version that was another one meanwhile, and is what it was, is not seen. */
  readonly tellsByValues?: true;
}

/** What makes one row of the repaired side equal to the live side's. Values in text form. */
export type RowRepair =
  | { readonly kind: 'delete'; readonly before: TextValues }
  | {
      readonly kind: 'update';
      readonly before: TextValues;
      readonly after: TextValues;
      /** Those that differ and can be written. */
      readonly columns: readonly string[];
    }
  | { readonly kind: 'insert'; readonly after: TextValues };

export interface TableRepair {
  /** As the repaired side has it. */
  readonly table: DigestTable;
  /** Done in this order: deletes make room for the keys of updates and inserts. */
  readonly changes: readonly RowRepair[];
}

/** Which rows are to be shown. Nothing else than one of the two: rows by their keys, or those of a stretch or a value of one column. */
export interface RowLook {
  /** Shown beside the key. */
  readonly columns: readonly string[];
  /** In the order of the table's key. */
  readonly keys?: readonly TextValues[];
  readonly where?: RowCondition;
}

export type RowCondition =
  | { readonly column: string; readonly is: string | null }
  | { readonly column: string; readonly from: string; readonly to?: string };

export interface Repairer {
  /** A SELECT that shows these rows on this side. As `render`, it holds rows' values. */
  show(table: DigestTable, look: RowLook): string;
  /** SQL with literals, for a file or a terminal that asked for it: it holds rows' values. Never for a log. */
  render(repairs: readonly TableRepair[]): readonly string[];
  /**
   * All of it in one transaction. A delete or update only meets a row that is still as it was compared, in every column; each must meet exactly one, else
   * nothing is changed and TEAL-VERIFY-005 is thrown. Returns the number of changes. After an abort or a lost session: all of it or nothing, verify again.
   */
  apply(repairs: readonly TableRepair[], signal: AbortSignal): Promise<number>;
}
