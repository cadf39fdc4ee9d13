import type { CellValue, Relation, RowValues } from '../model/change.ts';
import type { Position } from '../model/position.ts';
import type { Cascade } from './cascade.ts';

/**
 * What is kept of a flow's mode beside its position. `fenced`: was live, and the fence's token has come; it is a shadow that may open again without a new
 * owner row (see sync/mode.ts).
 */
export type KeptMode = 'live' | 'shadow' | 'fenced' | 'lent';

/** What a sink keeps for a stream, changed in the target transaction that carries the data. */
export interface SinkProgress {
  /** The end of the last transaction of the source that is in the target: the place to read on from. Never any other position. */
  readonly applied: Position;
  readonly mode: KeptMode;
  /** Of the newest owner row that came through; 0 before the first. */
  readonly epoch: number;
  readonly rogueTransactions: number;
  /** The first of them, described without values. */
  readonly rogueFirst?: string;
}

/** A unique index, by the places of its columns in the relation; `unknown` when expressions or a WHERE decide, or a column does not travel. */
export type UniqueColumns = readonly number[] | 'unknown';

/** A relation of the stream and the table of the target that takes its rows, fitted together. Numbers are places in `relation.columns`. */
export interface TargetTable {
  readonly relation: Relation;
  /** Columns that are written: all but those which the target computes itself. */
  readonly written: readonly number[];
  /** Columns that an UPDATE may set: `written` without identities that are always generated. */
  readonly settable: readonly number[];
  /** What finds one row; undefined for a table without a key, whose old rows come whole. */
  readonly key: readonly number[] | undefined;
  /** Unique indexes other than on exactly `key`. */
  readonly uniques: readonly UniqueColumns[];
}

export type TableFit =
  | { readonly fits: true; readonly table: TargetTable }
  /** Names of tables, columns and types; what the target needs before it can take this relation's rows. */
  | { readonly fits: false; readonly reason: string };

export interface UpdatedRow {
  /** The old row, in the relation's order: at least the columns of the key, or every column where there is no key. */
  readonly old: RowValues;
  /** The new row; `undefined` cells are left as they are. */
  readonly row: RowValues;
}

/** A row of a control table (schema `teal`), by column. `heartbeat` replaces the row of its side, the others are kept when they are there already. */
export interface ControlRow {
  readonly table: 'cut' | 'owner' | 'heartbeat';
  readonly values: ReadonlyMap<string, CellValue>;
}

/**
 * What a sink does, in order. Every step but `cascade` and `put` must change exactly the rows that it lists: a row more or less is TEAL-SYNC-110, and nothing of the transaction
 * stays. Within one step the rows may be written in any order or at once.
 */
export type SinkStep =
  | { readonly kind: 'insert'; readonly table: TargetTable; readonly rows: readonly RowValues[] }
  /** `set` are the columns present in every row. */
  | {
      readonly kind: 'update';
      readonly table: TargetTable;
      readonly set: readonly number[];
      readonly rows: readonly UpdatedRow[];
    }
  /** Old rows, as in `UpdatedRow.old`. */
  | { readonly kind: 'delete'; readonly table: TargetTable; readonly rows: readonly RowValues[] }
  /**
   * Whole rows that are there afterwards, whatever stood under their keys before; no key comes twice. Only what has one of these keys gives way: a row that holds a unique value of
   * theirs under another key is TEAL-SYNC-111. The step needs `table.key`.
   */
  | { readonly kind: 'put'; readonly table: TargetTable; readonly rows: readonly RowValues[] }
  | { readonly kind: 'truncate'; readonly tables: readonly TargetTable[]; readonly restartIdentity: boolean }
  | { readonly kind: 'control'; readonly row: ControlRow }
  /**
   * What the source's foreign keys have done because of rows that the step before has written: any number of rows, none included, as `cascade` of ports/cascade.ts finds
   * them. Rows of a table that the target does not have are none. The target's own keys do not act.
   */
  | { readonly kind: 'cascade'; readonly cascade: Cascade }
  /** Quick when no unique value passes from one row to another; when the target says that one does, `quick` is undone and `ordered` is done. */
  | {
      readonly kind: 'either';
      /** Of the stream, before they were folded. */
      readonly changes: number;
      readonly quick: readonly SinkStep[];
      readonly ordered: () => readonly SinkStep[];
    };

export interface SinkCommit extends SinkProgress {
  /** When the last transaction committed on the source: microseconds since 1970. */
  readonly committedAtUs: bigint;
}

export interface ApplySlice {
  readonly steps: readonly SinkStep[];
  /** With it, the target transaction commits and carries this progress. Without it, the transaction stays open and the next slice goes on with it. */
  readonly commit?: SinkCommit;
}

/**
 * Takes the changes of one stream into one target, whole transactions of the source at a time, in order. One session, one call at a time; while it is there, another one of the same stream is
 * refused when it opens (TEAL-SYNC-119): what a worker that is taken for dead still has under way would come twice.
 *
 * `apply` resolves when the slice is *accepted*: in the open target transaction, or, with `commit`, committed and visible. *Durable* is a later fact that
 * `durable` tells; only up to there may the source forget. Every rejection has undone the open target transaction: after a rejection without a
 * lost session (TEAL-SYNC-112 passing conflict, 113 the target's schema, 110 and 111 differing data) the sink can be used again, from `progress`; after any
 * other it must be opened anew. `progress` is always the truth: a commit whose answer was lost shows there.
 */
export interface Sink extends AsyncDisposable {
  /** Progress of the stream as the target holds it; with `initial`, written first when there is none yet. Undoes an open target transaction. */
  progress(initial?: SinkProgress): Promise<SinkProgress>;
  /** How a relation fits the target now. Asks the target every time. */
  describe(relation: Relation): Promise<TableFit>;
  /** Answers what `durable` would, as far as it is known without asking. */
  apply(slice: ApplySlice): Promise<Position>;
  /** Undoes the open target transaction, if there is one. */
  abandon(): Promise<void>;
  /** The newest applied position that survives a crash of the target. `force` makes all that is applied durable first. Never within an open transaction. */
  durable(force: boolean): Promise<Position>;
}
