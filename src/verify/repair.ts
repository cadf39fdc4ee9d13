import { TealError } from '../kernel/errors.ts';
import { tableKey, type Catalog, type TableName } from '../model/catalog.ts';
import type { DigestTable, Repairer, RowRepair, TableRepair, TextValues } from '../ports/digester.ts';
import { must } from '../kernel/assert.ts';
import type { RowDifference } from './differences.ts';
import { openSnapshotPair } from './hold.ts';
import type { TableOutcome } from './outcome.ts';
import { pairTables, type TablePair } from './pair-tables.ts';
import { comparePairs, sameHashes, type VerifyOptions } from './same-position.ts';

/**
 * The changes that make the other side equal to the live one, from an outcome that kept its values. `otherCatalog` tells where rows can be in each other's
 * way: in a table with more than one unique key an update becomes a delete and an insert, so that two rows may exchange a unique value. Not where columns are left out of the comparison: what
 * the other side has there would be gone with the row.
 *
 * TEAL-VERIFY-006 when not all differences were kept. Tables that are absent or unsettled are not repaired: they need a copy, or another look.
 */
export function planRepair(outcomes: readonly TableOutcome[], otherCatalog: Catalog): readonly TableRepair[] {
  const uniqueKeys = new Map(otherCatalog.tables.map((table) => [tableKey(table), table.uniqueKeys.length] as const));
  return outcomes.flatMap((outcome) => {
    if (outcome.outcome !== 'differs' || outcome.pair === undefined) return [];
    if (outcome.differences.truncated) {
      throw new TealError('TEAL-VERIFY-006', 'not all differences of a table were kept', {
        table: tableKey(outcome.name),
        kept: outcome.differences.kept.length,
      });
    }
    return repairOfRows(outcome.pair, outcome.differences.kept, uniqueKeys.get(tableKey(outcome.name)) ?? 0);
  });
}

/** The same of some rows of one table, whose values were kept. `uniqueKeys`: how many the other side has there. Empty where no write can make them equal. Pure. */
export function repairOfRows(
  { other: table, leftOut }: TablePair,
  rows: readonly RowDifference[],
  uniqueKeys: number,
): readonly TableRepair[] {
  const splitUpdates = table.key.length === 0 || (uniqueKeys > 1 && leftOut.length === 0);
  const changes = rows.flatMap((one) => changesOf(table, one, splitUpdates));
  return changes.length === 0 ? [] : [{ table, changes: inOrder(changes) }];
}

function changesOf(table: DigestTable, difference: RowDifference, splitUpdates: boolean): readonly RowRepair[] {
  const kept = (values: TextValues | undefined): TextValues => must(values, 'the values of a row that differs');
  if (difference.kind === 'missing') {
    const values = kept(difference.values);
    return difference.on === 'other' ? [{ kind: 'insert', after: values }] : [{ kind: 'delete', before: values }];
  }
  const [before, after] = [kept(difference.other), kept(difference.live)];
  if (splitUpdates) {
    return [
      { kind: 'delete', before },
      { kind: 'insert', after },
    ];
  }
  const generated = new Set(table.columns.filter((column) => column.generated).map(({ name }) => name));
  const columns = difference.columns.filter((name) => !generated.has(name));
  // Only a computed column differs: the other side computes it otherwise, and no write can change that.
  return columns.length === 0 ? [] : [{ kind: 'update', before, after, columns }];
}

const rank = { delete: 0, update: 1, insert: 2 } as const;

function inOrder(changes: readonly RowRepair[]): readonly RowRepair[] {
  return [...changes].sort((a, b) => rank[a.kind] - rank[b.kind]);
}

export interface RepairOptions extends Omit<VerifyOptions, 'keep' | 'values' | 'flow' | 'migration'> {
  readonly repairer: Repairer;
  /** Most rows of one table that a repair may change; default 10 000. */
  readonly maxRows?: number;
}

/**
 * Compares the tables again, at a new position, and repairs the other side while the carrier stands still at it: a repair from older values would overwrite
 * what was applied since. The carrier stands still for as long as the comparison of these tables takes (`leaseMs`, default ten minutes): give only the
 * tables that differ. Returns the number of changes. Verify again afterwards: this function proves nothing.
 */
export async function repairSamePosition(options: RepairOptions): Promise<number> {
  const { live, other } = options;
  const [liveFacts, otherFacts] = await Promise.all([live.facts(), other.facts()]);
  const [liveCatalog, otherCatalog] = await Promise.all([live.describe(), other.describe()]);
  const { pairs, absent } = pairTables(liveCatalog, otherCatalog, options.tables, {
    liveSide: live.side,
    ...(options.excludeColumns === undefined ? {} : { excludeColumns: options.excludeColumns }),
  });
  if (absent.length > 0) throw unknownTables(absent.map(({ name }) => name));
  const hold = { ...options, leaseMs: options.leaseMs ?? 600_000, lockTimeoutMs: options.lockTimeoutMs ?? 60_000 };
  let changed = 0;
  await using _snapshots = await openSnapshotPair(hold, async (held) => {
    const compare = { ...options, keep: options.maxRows ?? 10_000, values: true };
    const outcomes = await comparePairs(pairs, held, sameHashes(liveFacts, otherFacts), compare);
    const repairs = planRepair(outcomes, otherCatalog);
    held.checkHeld();
    if (repairs.length > 0) changed = await options.repairer.apply(repairs, options.signal);
  });
  return changed;
}

function unknownTables(names: readonly TableName[]): TealError {
  return new TealError('TEAL-VERIFY-001', 'a table to repair is not on both sides', { tables: names.map(tableKey) });
}
