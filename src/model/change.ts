import type { PackedValues } from '../kernel/packed-values.ts';
import type { Position } from './position.ts';
import type { TableName } from './catalog.ts';

/**
 * A value as it came through the log. Bytes end to end: text form, or the type's binary form when the stream was asked for it.
 * `null` is SQL NULL; `undefined` is *not sent* (an unchanged TOASTed value): it must never be written as NULL.
 */
export type CellValue = Buffer | null | undefined;

/** Values in the order of `Relation.columns`. */
export type RowValues = PackedValues;

export interface RelationColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** Part of the replica identity. */
  readonly key: boolean;
}

/** A table as the source's log describes it at this place in the stream. */
export interface Relation extends TableName {
  readonly id: number;
  readonly replicaIdentity: 'default' | 'nothing' | 'full' | 'index';
  readonly columns: readonly RelationColumn[];
}

/** `key`: only the replica identity's columns are sent, the rest are null. `full`: the whole old row. */
export interface OldRow {
  readonly kind: 'key' | 'full';
  readonly values: RowValues;
}

export interface InsertChange {
  readonly kind: 'insert';
  readonly relation: Relation;
  readonly row: RowValues;
}
export interface UpdateChange {
  readonly kind: 'update';
  readonly relation: Relation;
  /** Sent when the key changed, or when the identity is full. */
  readonly old?: OldRow;
  readonly row: RowValues;
  /** The session had foreign keys off: what refers to the old row stayed as it was. */
  readonly isUnchecked?: true;
}
export interface DeleteChange {
  readonly kind: 'delete';
  readonly relation: Relation;
  readonly old: OldRow;
  /** As of an update. */
  readonly isUnchecked?: true;
}
/**
 * The whole row is now so: whether it was there before, and what lay between, is not known. Of sources that look at tables instead of a log. It needs a key, says nothing of rows
 * that are gone, and lets no foreign key act.
 */
export interface PutChange {
  readonly kind: 'put';
  readonly relation: Relation;
  readonly row: RowValues;
}
export interface TruncateChange {
  readonly kind: 'truncate';
  readonly relations: readonly Relation[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
}
export type RowChange = InsertChange | UpdateChange | DeleteChange | PutChange;
export type Change = RowChange | TruncateChange;

/**
 * What the log of a source says, in order. Transactions come whole and in commit order, never interleaved.
 * `begin.origin` names who replayed the transaction into the source when it is not a client's own.
 */
export type StreamEvent =
  | {
      readonly kind: 'begin';
      readonly xid: number;
      readonly committedAtUs: bigint;
      /** Where the commit's record begins: before a slot's consistent point exactly when the commit ends at or before that. Not a place to resume from. */
      readonly commitsAt: Position;
    }
  | { readonly kind: 'origin'; readonly name: string }
  | { readonly kind: 'relation'; readonly relation: Relation }
  | Change
  | { readonly kind: 'message'; readonly transactional: boolean; readonly prefix: string; readonly content: Buffer }
  /** `end` is the end of the commit record: the place to resume from. Never compare any other position (correctness.md §2.1). */
  | { readonly kind: 'commit'; readonly end: Position };
