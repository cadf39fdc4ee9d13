import assert from 'node:assert/strict';
import { cellOf } from '../copy-lines.ts';
import type { Cell } from '../values/from-select.ts';

/** Cells of one line of a copy, without its newline. */
export function cellsOf(line: Buffer, columns: number): readonly Cell[] {
  if (columns === 0 && line.length === 0) return [];
  const cells = line
    .toString('latin1')
    .split('\t')
    .map((cell) => cellOf(Buffer.from(cell, 'latin1')));
  assert.equal(cells.length, columns);
  return cells;
}
