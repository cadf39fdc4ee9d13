import type { TableName } from './catalog.ts';

/** A table that is to be polled, and what was seen of the column that it is polled by. */
export interface PolledColumn extends TableName {
  readonly column: string;
  /** Absent: the table has no such column. */
  readonly seen?: {
    /** As `format_type` writes it. */
    readonly type: string;
    /** timestamp or timestamptz. */
    readonly isTime: boolean;
    readonly notNull: boolean;
    /** It leads a valid btree index over all rows. */
    readonly isIndexed: boolean;
    /** Inserted rows get the time of their insertion by themselves. */
    readonly isFilled: boolean;
    /** A row trigger fires before each update. Whether it sets the column nobody knows. */
    readonly isTouched: boolean;
    /** By the statistics of the server, from 0 to 1; undefined where it has none. */
    readonly nullShare?: number;
    /** Share of the commonest value. */
    readonly commonShare?: number;
    /** Rows of some pages; 0 where they cannot be read. */
    readonly looked: number;
    /** Of those: older than what had been written before them, by more than the overlap of a poll. */
    readonly behind: number;
    /** Of those: later than now. */
    readonly ahead: number;
  };
}
