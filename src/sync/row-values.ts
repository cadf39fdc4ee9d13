import { PackedValues } from '../kernel/packed-values.ts';
import type { CellValue, RowValues } from '../model/change.ts';

/** Of `columns`, those whose value was sent. */
export function presentColumns(row: RowValues, columns: readonly number[]): readonly number[] {
  return hasEvery(row, columns) ? columns : columns.filter((column) => row.isSent(column));
}

export function hasEvery(row: RowValues, columns: readonly number[]): boolean {
  return columns.every((column) => row.isSent(column));
}

/** The later row, with the earlier one's values where the later says nothing. */
export function mergeRows(earlier: RowValues, later: RowValues): RowValues {
  return later.isWhole ? later : filled(later, (column) => earlier.at(column));
}

/** The row with other values for what was not sent. */
export function filled(row: RowValues, other: (column: number) => CellValue): RowValues {
  const cells = row.toArray().map((cell, column) => (cell === undefined ? other(column) : cell));
  return PackedValues.of(cells, row.isBinary);
}

/**
 * A text that is equal for two rows exactly when the bytes of their keys are. Bytes and not SQL equality: the log tells a change of a key from 1.0 to 1.00 as
 * a move, and so must the fold, or the new spelling would be lost.
 */
export function keyText(row: RowValues, key: readonly number[]): string {
  if (key.length === 1) return cellText(row, key[0] ?? 0);
  let text = '';
  for (const column of key) {
    const cell = cellText(row, column);
    text += `${cell.length}:${cell}`;
  }
  return text;
}

function cellText(row: RowValues, column: number): string {
  const text = row.latin1(column);
  // A key has no NULL; the sign before a value keeps NULL apart all the same.
  return text === undefined ? 'n' : `v${text}`;
}

export function isSameKey(a: RowValues, b: RowValues, key: readonly number[]): boolean {
  if (a === b) return true;
  return key.every((column) => {
    const [left, right] = [a.from(column), b.from(column)];
    // Both NULL, or neither sent.
    return left < 0 || right < 0 ? left === right : a.hasSame(column, b);
  });
}

/** Bytes that a row holds in memory, roughly: for the bounds of a batch. */
export function rowBytes(row: RowValues): number {
  return 64 + 16 * row.length + row.byteLength;
}
