import { assert } from '../kernel/assert.ts';
import { tableFacts, tableKey, type Table } from '../model/catalog.ts';
import { coversWhole } from '../model/gaps.ts';
import type { CopyRun, DoneRange } from './snapshot-source.ts';

/** What a target keeps of a range that a copy has brought, under the number of its epoch. */
export interface RangeRecord extends DoneRange {
  readonly epoch: number;
  readonly table: Table;
}

/** A row of a target's `teal.chunk` as text: `rel` is the number of the table, `hi` is NULL for a range that is open at its end. */
export type RangeRow = {
  readonly run: string;
  readonly rel: string;
  readonly lo: string;
  readonly hi: string | null;
  readonly snap: string;
  readonly rows: string;
};

/** The records of these tables; those of others are passed over. */
export function rangeRecords(rows: readonly RangeRow[], tables: readonly Table[]): readonly RangeRecord[] {
  const byNumber = new Map(tables.map((table) => [String(table.oid), table]));
  return rows.flatMap(({ run, rel, lo, hi, snap, rows: count }) => {
    const table = byNumber.get(rel);
    if (table === undefined) return [];
    const to = hi === null ? {} : { to: Number(hi) };
    return [{ epoch: Number(run), snapshot: snap, table, from: Number(lo), ...to, rows: BigInt(count) }];
  });
}

/** Of the run's tables, those that keep what is there of them. */
export function stayingTables(recordsOf: (table: Table) => readonly RangeRecord[], run: CopyRun): ReadonlySet<Table> {
  const { tables, linked = [] } = run;
  const isComplete = new Map(tables.map((table) => [tableKey(table), coversWhole(recordsOf(table))]));
  const apart = linked.filter((group) => [...group].some((name) => isComplete.get(name) === false));
  const isApart = (table: Table): boolean => apart.some((group) => group.has(tableKey(table)));
  return new Set(tables.filter((table) => mayStay(recordsOf(table), run, isApart(table))));
}

/**
 * A run goes on with what it has begun and leaves alone what is complete. Never ranges of two epochs in one table: a row that moved between them would be there twice or not at all; and never
 * tables of two epochs where `isApart`: one is not complete of those that have to be of one snapshot.
 */
function mayStay(records: readonly RangeRecord[], run: CopyRun, isApart: boolean): boolean {
  const [first] = records;
  if (first === undefined) return false;
  assert(
    records.every(({ epoch }) => epoch === first.epoch),
    'the ranges of a table are of one epoch',
    tableFacts(first.table),
  );
  return first.epoch === run.epoch || (!isApart && coversWhole(records));
}
