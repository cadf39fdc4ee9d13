import type { TableName } from '../../../model/catalog.ts';
import { quoteIdent } from '../quote.ts';
import { tableNumber } from '../table-number.ts';
import type { RecordedTable } from './payload.ts';

/** A variable of sessions in which Teal applies what came from the other side: its value names the flow. What they write to the user's tables is not recorded. */
export const originVariable = '@teal_origin';

/** Named lock of who makes a tick, and of who reads (`lockName`). */
export const tickLock = 'tick';
export const readerLock = 'record reader';

export const events = ['insert', 'update', 'delete'] as const;
export type TriggerEvent = (typeof events)[number];

/** A trigger has a name of its own in its database, so the table's number is in it. */
export function triggerName(table: TableName, event: TriggerEvent): string {
  return `teal_record_${event}_${hexNumber(table)}`;
}

/** SQL: whether a name in information_schema is none of the triggers that record. They are no part of the user's schema. */
export function isNoRecorder(column: string): string {
  return `${column} not regexp '^teal_record_(insert|update|delete)_[0-9a-f]{8}$'`;
}

/** Where the rows of all polled tables are written. */
export const polledRows = 'teal.polled_rows';

/** Where the rows of a recorded table are written. */
export function rowsTable(table: TableName & Pick<RecordedTable, 'polledBy'>): string {
  if (table.polledBy !== undefined) return polledRows;
  return `teal.${quoteIdent(`rows_${hexNumber(table)}`)}`;
}

function hexNumber(table: TableName): string {
  return tableNumber(table).toString(16).padStart(8, '0');
}
