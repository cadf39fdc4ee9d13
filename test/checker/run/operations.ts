import { must } from '../../../src/kernel/assert.ts';
import type { Answer, Statement } from '../drivers/driver.ts';
import type { MicroOp } from '../../../src/testing/checker/history.ts';
import type { Schedule } from '../schedule.ts';
import { toastText } from './tables.ts';

/** Its condition met no row: the client takes the transaction back, as an application would that found the row changed. */
export class Stale extends Error {}

const statement = (sql: string, ...params: readonly (number | string)[]): Statement => ({ sql, params });

/** Of one micro-operation. None needs the answer of another one. */
export function statementsOf(op: MicroOp, sizes: Schedule['sizes']): readonly Statement[] {
  switch (op.f) {
    case 'append':
      return [statement('update lists set elements = elements || cast($1 as int) where k = $2', op.v, op.k)];
    case 'r':
      return [statement('select array_to_json(elements)::text from lists where k = $1', op.k)];
    case 'transfer':
      // In one order, or clients would only wait for each other.
      return [op.from, op.to]
        .toSorted((a, b) => a - b)
        .map((account) => {
          const by = (account === op.to ? op.amount : 0) - (account === op.from ? op.amount : 0);
          return statement('update accounts set balance = balance + $1 where account = $2', by, account);
        });
    case 'balances':
      return [statement('select account::text, balance::text from accounts')];
    case 'claim':
      if (op.was === null) return [statement('insert into claims (by, value) values ($1, $2)', op.by, op.value)];
      return [statement('update claims set by = $1 where value = $2 and by = $3', op.by, op.value, op.was)];
    case 'id':
      return [statement('insert into ids default values returning id::text')];
    case 'insert':
      return [
        ...(op.was === null ? [] : [statement('delete from graves where row = $1 and version = $2', op.row, op.was)]),
        statement(
          'insert into rows (row, key, version, toast) values ($1, $2, $3, $4)',
          op.row,
          op.key,
          op.version,
          toastText(op.toast, sizes.toastBytes),
        ),
      ];
    case 'touch':
      return [statement('update rows set version = $1 where row = $2 and version = $3', op.version, op.row, op.was)];
    case 'move':
      return [
        statement(
          'update rows set version = $1, key = $2 where row = $3 and version = $4',
          op.version,
          op.key,
          op.row,
          op.was,
        ),
      ];
    case 'delete':
      return [
        statement(
          'insert into graves (row, key, version) select row, key, cast($1 as int) from rows where row = $2 and version = $3',
          op.version,
          op.row,
          op.was,
        ),
        statement('delete from rows where row = $1 and version = $2', op.row, op.was),
      ];
    case 'row':
      return [
        statement(
          `select key::text, version::text, coalesce(split_part(toast, ' ', 1), '-1') from rows where row = $1`,
          op.row,
        ),
      ];
    case 'bag':
      return [statement('insert into bag (v) values ($1)', op.v)];
    case 'unbag':
      return [statement('delete from bag where ctid = (select ctid from bag where v = $1 limit 1)', op.v)];
    case 'side':
      return [statement('insert into side (v) values ($1)', op.v)];
    case 'sweep':
      return [statement('truncate side')];
  }
}

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
