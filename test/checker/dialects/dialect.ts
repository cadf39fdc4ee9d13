import type { MicroOp } from '../../../src/testing/checker/history.ts';
import type { Statement } from '../statement.ts';
import type { Schedule } from '../schedule.ts';

/** How one system is asked for the workload. Answers look the same for all: see `doneBy`. */
export interface Dialect {
  /** Of one micro-operation. None needs the answer of another one. */
  statementsOf(op: MicroOp, sizes: Schedule['sizes']): readonly Statement[];
  /** `there` or `grave`, version and key of a row or of what lies in its place; no row when it never was. */
  rowOf(row: number): Statement;
  ownerOf(value: number): Statement;
  /** Fails at once, with this code and no effect. */
  readonly failing: { readonly sql: string; readonly code: string };
}

export const statement = (sql: string, ...params: readonly (number | string)[]): Statement => ({ sql, params });

/** Of a transfer, in one order of the accounts, or clients would only wait for each other. */
export function changesOf(op: Extract<MicroOp, { readonly f: 'transfer' }>): readonly (readonly [number, number])[] {
  return [op.from, op.to]
    .toSorted((a, b) => a - b)
    .map((account) => [account, (account === op.to ? op.amount : 0) - (account === op.from ? op.amount : 0)] as const);
}
