import type { DifferenceCause } from '../../model/difference-causes.ts';
import type { RowLook } from '../../ports/digester.ts';

/** Rows of one kind are explained together: what is missing has other reasons than what is different. */
export type DifferenceKind = 'missing on live' | 'missing on other' | 'different';

/** A probable reason why rows of one table differ. A row may be counted by several: what happened to its value, and where it stands. */
export interface Cause {
  readonly cause: DifferenceCause;
  readonly kind: DifferenceKind;
  /** For people, with `{live}` and `{other}` for the sides. No value of a row. */
  readonly says: string;
  /**
   * 0 to 1. Of values: how likely the next row that differs in this column shows the same, by the rule of succession, (k + 1) / (n + 2) where k of n do. Of where rows stand: how unlikely it
   * is that they stand so by chance, among the equal rows that were looked at beside them, by an exact permutation test (`chance.ts`) corrected for the number of columns tried.
   */
  readonly confidence: number;
  /** Rows that it explains, of `of` rows of this kind that were described. */
  readonly count: number;
  readonly of: number;
  readonly columns: readonly string[];
  /** The rows that show it, for a statement on either side. It holds keys, and values of `columns` where they say where rows stand. */
  readonly look: RowLook;
}
