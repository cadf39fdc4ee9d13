import type { TableName } from '../model/catalog.ts';
import type { DigestForm } from '../ports/digester.ts';
import type { TableDifferences } from './differences.ts';
import type { TablePair } from './pair-tables.ts';
import type { TotalSum } from './sums.ts';

/** What the comparison of one table came to. `absent`: one side has no such table. `unsettled`: it could not be compared, and says why. */
export type TableOutcome = {
  readonly name: TableName;
  /** The form that decided. */
  readonly form?: DigestForm;
  readonly pair?: TablePair;
  readonly live?: TotalSum;
  readonly other?: TotalSum;
} &
  /** With a reason where not all of it was equal at one position. */
  (
    | { readonly outcome: 'equal'; readonly reason?: string }
    | { readonly outcome: 'differs'; readonly differences: TableDifferences }
    | { readonly outcome: 'absent' | 'unsettled'; readonly reason: string }
  );
