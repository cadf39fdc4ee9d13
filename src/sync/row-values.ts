import type { RowValues } from '../model/change.ts';

/** Of `columns`, those whose value was sent. */
export function presentColumns(row: RowValues, columns: readonly number[]): readonly number[] {
  return columns.every((column) => row[column] !== undefined)
    ? columns
    : columns.filter((column) => row[column] !== undefined);
}

export function hasEvery(row: RowValues, columns: readonly number[]): boolean {
  return columns.every((column) => row[column] !== undefined);
}

/** The later row, with the earlier one's values where the later says nothing. */
export function mergeRows(earlier: RowValues, later: RowValues): RowValues {
  return later.includes(undefined) ? later.map((cell, column) => (cell === undefined ? earlier[column] : cell)) : later;
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
  const cell = row[column];
  // A key has no NULL; the sign before a value keeps NULL apart all the same.
  return cell === undefined || cell === null ? 'n' : `v${cell.toString('latin1')}`;
}

export function isSameKey(a: RowValues, b: RowValues, key: readonly number[]): boolean {
  if (a === b) return true;
  return key.every((column) => {
    const [left, right] = [a[column], b[column]];
    if (left === right) return true;
    return left !== null && left !== undefined && right !== null && right !== undefined && left.equals(right);
  });
}

/** Bytes that a row holds in memory, roughly: for the bounds of a batch. */
export function rowBytes(row: RowValues): number {
  let bytes = 64;
  for (const cell of row) bytes += 16 + (cell?.length ?? 0);
  return bytes;
}
