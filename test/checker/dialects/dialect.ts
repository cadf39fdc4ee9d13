import type { MicroOp } from '../../../src/testing/checker/history.ts';
import { toastText } from '../run/tables.ts';
import type { Schedule } from '../schedule.ts';
import type { Statement } from '../statement.ts';

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

type Append = Extract<MicroOp, { readonly f: 'append' }>;

/** The words of one system. Behind each text: its parameters, in their order. */
export interface DialectTexts {
  readonly append: (op: Append) => Statement;
  /** `[1,2]`: k. */
  readonly list: string;
  /** By how much, account. */
  readonly transfer: string;
  readonly balances: string;
  /** By, value. */
  readonly claim: string;
  /** By, value, who had it. */
  readonly claimFrom: string;
  readonly id: string;
  /** Row, version. */
  readonly openGrave: string;
  /** Row, key, version, toast. */
  readonly insert: (version: number) => string;
  /** Version, row, version before. */
  readonly touch: string;
  /** Version, key, row, version before. */
  readonly move: string;
  /** Version, row, version before. */
  readonly bury: string;
  /** Row, version. */
  readonly remove: string;
  /** Key, version, and the number that a toast begins with: row. */
  readonly row: string;
  /** Value. */
  readonly bag: string;
  /** Of several that are equal, one: value. */
  readonly unbag: string;
  /** Value. */
  readonly side: string;
  readonly sweep: string;
  /** Row, twice. */
  readonly whereabouts: string;
  /** Value. */
  readonly owner: string;
  readonly failing: Dialect['failing'];
}

export const statement = (sql: string, ...params: readonly (number | string)[]): Statement => ({ sql, params });

export function dialectOf(texts: DialectTexts): Dialect {
  return {
    statementsOf: (op, sizes) => statementsBy(texts, op, sizes),
    rowOf: (row) => statement(texts.whereabouts, row, row),
    ownerOf: (value) => statement(texts.owner, value),
    failing: texts.failing,
  };
}

function statementsBy(texts: DialectTexts, op: MicroOp, sizes: Schedule['sizes']): readonly Statement[] {
  switch (op.f) {
    case 'append':
      return [texts.append(op)];
    case 'r':
      return [statement(texts.list, op.k)];
    case 'transfer':
      return changesOf(op).map(([account, by]) => statement(texts.transfer, by, account));
    case 'balances':
      return [statement(texts.balances)];
    case 'claim':
      if (op.was === null) return [statement(texts.claim, op.by, op.value)];
      return [statement(texts.claimFrom, op.by, op.value, op.was)];
    case 'id':
      return [statement(texts.id)];
    case 'insert': {
      const toast = toastText(op.toast, sizes.toastBytes);
      return [
        ...(op.was === null ? [] : [statement(texts.openGrave, op.row, op.was)]),
        statement(texts.insert(op.version), op.row, op.key, op.version, toast),
      ];
    }
    case 'touch':
      return [statement(texts.touch, op.version, op.row, op.was)];
    case 'move':
      return [statement(texts.move, op.version, op.key, op.row, op.was)];
    case 'delete':
      return [statement(texts.bury, op.version, op.row, op.was), statement(texts.remove, op.row, op.was)];
    case 'row':
      return [statement(texts.row, op.row)];
    case 'bag':
      return [statement(texts.bag, op.v)];
    case 'unbag':
      return [statement(texts.unbag, op.v)];
    case 'side':
      return [statement(texts.side, op.v)];
    case 'sweep':
      return [statement(texts.sweep)];
  }
}

/** Of a transfer, in one order of the accounts, or clients would only wait for each other. */
function changesOf(op: Extract<MicroOp, { readonly f: 'transfer' }>): readonly (readonly [number, number])[] {
  return [op.from, op.to]
    .toSorted((a, b) => a - b)
    .map((account) => [account, (account === op.to ? op.amount : 0) - (account === op.from ? op.amount : 0)] as const);
}
