import type { RowDifference, TableDifferences } from '../differences.ts';
import type { TablePair } from '../pair-tables.ts';
import type { Cause, DifferenceKind } from './cause.ts';
import { placeCauses } from './place-causes.ts';
import { valueCauses } from './value-causes.ts';

/**
 * Why rows of one table differ, as far as the described ones tell it: the surest and widest first. Pure. Guesses for people: nothing in Teal is decided by them, and what they do not
 * explain differs all the same.
 */
export function causesOf(pair: TablePair, { kept, equal }: Pick<TableDifferences, 'kept' | 'equal'>): readonly Cause[] {
  const different = kept.filter((row) => row.kind === 'different');
  const differing = new Set(different.flatMap(({ columns }) => columns));
  const places = kinds.flatMap((kind) => {
    const rows = kept.filter((row) => kindOf(row) === kind).map(({ key, evidence: { seen } }) => ({ key, seen }));
    const explained = kind === 'different' ? differing : new Set<string>();
    return placeCauses({ table: pair.live, kind, rows, equal, differing: explained });
  });
  const weight = ({ confidence, count }: Cause): number => confidence * count;
  return [...valueCauses(different), ...places].sort((a, b) => weight(b) - weight(a));
}

const kinds: readonly DifferenceKind[] = ['missing on live', 'missing on other', 'different'];

function kindOf(row: RowDifference): DifferenceKind {
  return row.kind === 'different' ? 'different' : `missing on ${row.on}`;
}
