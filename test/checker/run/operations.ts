import { must } from '../../../src/kernel/assert.ts';
import type { Answer } from '../drivers/driver.ts';
import type { MicroOp } from '../../../src/testing/checker/history.ts';

/** Its condition met no row: the client takes the transaction back, as an application would that found the row changed. */
export class Stale extends Error {}

/** The operation as it was done, with what was read, by the answers to its statements. Throws `Stale`. */
export function doneBy(op: MicroOp, answers: readonly Answer[]): MicroOp {
  const [first = { rows: [], count: 0 }] = answers;
  const [row] = first.rows;
  switch (op.f) {
    case 'r':
      return { ...op, v: JSON.parse(row?.[0] ?? '[]') as number[] };
    case 'balances':
      return { ...op, v: first.rows.map(([account, balance]): [number, number] => [Number(account), Number(balance)]) };
    case 'id':
      return { ...op, v: Number(must(row, 'a row with an id')[0]) };
    case 'row': {
      if (row === undefined) return { ...op, v: null };
      const [key, version, toast] = row.map(Number);
      return { ...op, v: { key: must(key, 'key'), version: must(version, 'version'), toast: must(toast, 'toast') } };
    }
    case 'sweep':
      return op;
    default:
      if (answers.some(({ count }) => count !== 1)) throw new Stale();
      return op;
  }
}

const unconditional: ReadonlySet<MicroOp['f']> = new Set([
  'append',
  'r',
  'transfer',
  'balances',
  'id',
  'row',
  'bag',
  'side',
  'sweep',
]);

/** It cannot be stale: its transaction may be committed before its answers are known. */
export function isUnconditional({ f }: MicroOp): boolean {
  return unconditional.has(f);
}
