import { TealError } from '../kernel/errors.ts';
import { tableKey } from '../model/catalog.ts';
import type { RowChange, RowValues } from '../model/change.ts';
import type { Cascade, ReferencedRows } from '../ports/cascade.ts';
import type { ControlRow, SinkStep, TargetTable, UpdatedRow } from '../ports/sink.ts';
import { filled, hasEvery, isSameKey, keyText, mergeRows, presentColumns } from './row-values.ts';

/** A change of the stream with the table that takes it. */
export type Placed =
  | {
      readonly kind: 'row';
      readonly table: TargetTable;
      readonly change: RowChange;
      /** What the source's foreign keys did because of it, and the stream does not tell. */
      readonly cascade?: Cascade;
    }
  | { readonly kind: 'truncate'; readonly tables: readonly TargetTable[]; readonly restartIdentity: boolean }
  | { readonly kind: 'control'; readonly row: ControlRow };

/**
 * What a batch did to one row, seen from before it. `born` was not there, `gone` is no longer, `reborn` was deleted and inserted again under its key.
 * A row that came and went within the batch leaves no entry.
 */
type Net =
  | { readonly net: 'born'; readonly row: RowValues }
  | { readonly net: 'changed'; readonly old: RowValues; readonly row: RowValues }
  | { readonly net: 'gone'; readonly old: RowValues }
  | { readonly net: 'reborn'; readonly old: RowValues; readonly row: RowValues };

/**
 * The least that a target has to do for these changes (correctness.md §2.2). Rows of different tables never wait for each other, foreign keys are not
 * checked while changes are applied; a TRUNCATE, a table whose columns change in between, and a change that others follow from which the stream does not tell, divide
 * the batch: those find the rows that were there at its place, and no others.
 */
export function foldBatch(batch: readonly Placed[]): SinkStep[] {
  const steps: SinkStep[] = [];
  const controls: SinkStep[] = [];
  let byTable = new Map<string, TableChanges>();
  let reaching: Reaching | undefined;
  // Most changes are of the table of the one before.
  let last: TableChanges | undefined;
  const divide = (): void => {
    last = undefined;
    for (const { table, changes } of byTable.values()) steps.push(...foldTable(table, changes));
    byTable = new Map();
    if (reaching !== undefined) steps.push(...reachingSteps(reaching));
    reaching = undefined;
  };
  for (const placed of batch) {
    switch (placed.kind) {
      case 'row': {
        if (placed.cascade !== undefined) {
          if (reaching !== undefined && isJoined(reaching, placed)) {
            reaching.changes.push(placed.change);
            reaching.rows.push(...placed.cascade.rows.changes);
            break;
          }
          divide();
          reaching = reachingOf(placed, placed.cascade);
          break;
        }
        if (reaching !== undefined) divide();
        if (last !== undefined && isJoinedBy(last, placed)) {
          last.changes.push(placed.change);
          break;
        }
        const key = tableKey(placed.table.relation);
        const seen = byTable.get(key);
        if (seen !== undefined && isJoinedBy(seen, placed)) {
          seen.changes.push(placed.change);
          last = seen;
          break;
        }
        if (seen !== undefined) divide();
        last = { table: placed.table, isBinary: isBinary(placed.change), changes: [placed.change] };
        byTable.set(key, last);
        break;
      }
      case 'truncate':
        divide();
        steps.push({ kind: 'truncate', tables: placed.tables, restartIdentity: placed.restartIdentity });
        break;
      case 'control':
        controls.push({ kind: 'control', row: placed.row });
        break;
    }
  }
  divide();
  return [...steps, ...controls];
}

interface TableChanges {
  readonly table: TargetTable;
  readonly isBinary: boolean;
  readonly changes: RowChange[];
}

/** Of a table as it is there, and in the form of those before: a key in binary form is not told to be that of a text. A stream changes its form now and then, at a boundary. */
function isJoinedBy(seen: TableChanges, { table, change }: PlacedRow): boolean {
  return seen.table === table && seen.isBinary === isBinary(change);
}

function isBinary(change: RowChange): boolean {
  return change.kind === 'delete' ? change.old.values.isBinary : change.row.isBinary;
}

type PlacedRow = Extract<Placed, { readonly kind: 'row' }>;

/** Changes of one table, one after the other, with what follows from them. Grows in place. */
interface Reaching {
  readonly table: TargetTable;
  readonly changes: RowChange[];
  readonly cascade: Cascade;
  readonly rows: ReferencedRows['changes'][number][];
}

function reachingOf({ table, change }: PlacedRow, cascade: Cascade): Reaching {
  return { table, changes: [change], cascade, rows: [...cascade.rows.changes] };
}

/**
 * Whether the change may be done together with those before it: deletes that follow each other. Not where a row is known by all that it holds, which a key may have
 * changed just before; and no updates: a row may take the key that another one left.
 */
function isJoined({ table, changes }: Reaching, next: PlacedRow): boolean {
  const areDeletes = next.change.kind === 'delete' && changes[0]?.kind === 'delete';
  return areDeletes && table === next.table && table.key !== undefined;
}

function reachingSteps({ table, changes, cascade, rows }: Reaching): readonly SinkStep[] {
  const { keys, rows: first } = cascade;
  return [...inOrder(table, changes), { kind: 'cascade', cascade: { keys, rows: { ...first, changes: rows } } }];
}

type Put = Extract<RowChange, { kind: 'put' }>;

/** Of each row what was said last. Errors: TEAL-SYNC-117 when nothing tells rows apart. */
function putStep(table: TargetTable, changes: readonly Put[]): SinkStep {
  const { key } = table;
  if (key === undefined) {
    throw new TealError('TEAL-SYNC-117', 'a row of a table without a key is said to be there now', {
      table: tableKey(table.relation),
    });
  }
  const rows = new Map(changes.map(({ row }) => [keyText(row, key), row]));
  return { kind: 'put', table, rows: [...rows.values()] };
}

/** Changes of one table in stream order. Row by row where there is no key, or where folding would have to know what the log did not tell. */
export function foldTable(table: TargetTable, changes: readonly RowChange[]): SinkStep[] {
  if (table.key === undefined || changes.length === 1) return inOrder(table, changes);
  if (changes.every((change) => change.kind === 'put')) return [putStep(table, changes)];
  // Nothing can be told in fewer words, and no key has to be looked at.
  if (changes.every((change) => change.kind === 'insert')) return inOrder(table, changes);
  const net = netChanges(table, table.key, changes);
  if (net === undefined) return inOrder(table, changes);
  const quick = asSets(table, table.key, net);
  if (!mayHandOverUniqueValue(table, quick)) return quick;
  return [{ kind: 'either', changes: changes.length, quick, ordered: () => inOrder(table, changes) }];
}

/**
 * Whether two rows may exchange or hand on a unique value within the updates, which then fail or not by the order in which rows are written. Deletes come
 * before and inserts after, so that those are safe. The old values are mostly unknown: the log does not carry them.
 */
function mayHandOverUniqueValue(table: TargetTable, quick: readonly SinkStep[]): boolean {
  const updates = quick.filter((step) => step.kind === 'update');
  const rows = updates.reduce((sum, step) => sum + step.rows.length, 0);
  if (rows < 2) return false;
  const set = new Set(updates.flatMap((step) => step.set));
  return table.uniques.some((unique) => unique === 'unknown' || unique.some((column) => set.has(column)));
}

/** Undefined when the batch cannot be told as a set: a value that is not sent is needed, or the changes contradict each other. */
function netChanges(
  table: TargetTable,
  key: readonly number[],
  changes: readonly RowChange[],
): ReadonlyMap<string, Net> | undefined {
  const nets = new Map<string, Net>();
  for (const change of changes) {
    const done = change.kind === 'update' ? foldUpdate(nets, table, key, change) : foldOne(nets, key, change);
    if (!done) return undefined;
  }
  return nets;
}

function foldOne(
  nets: Map<string, Net>,
  key: readonly number[],
  change: Exclude<RowChange, { kind: 'update' }>,
): boolean {
  // What was there before is not known.
  if (change.kind === 'put') return false;
  if (change.kind === 'insert') return arrive(nets, keyText(change.row, key), change.row);
  const at = keyText(change.old.values, key);
  const before = nets.get(at);
  if (before?.net === 'gone') return false;
  if (before?.net === 'born') nets.delete(at);
  else nets.set(at, { net: 'gone', old: before === undefined ? change.old.values : before.old });
  return true;
}

function foldUpdate(
  nets: Map<string, Net>,
  table: TargetTable,
  key: readonly number[],
  change: Extract<RowChange, { kind: 'update' }>,
): boolean {
  const { old, row } = completeUpdate(change, key);
  const from = keyText(old, key);
  const before = nets.get(from);
  if (before?.net === 'gone') return false;
  const merged = before === undefined ? row : mergeRows(before.row, row);
  if (isSameKey(old, row, key)) {
    nets.set(from, before === undefined ? { net: 'changed', old, row } : { ...before, row: merged });
    return true;
  }
  // The key moves: the row must be written anew under it, which takes every value (correctness.md §1.3, key moves).
  if (!hasEvery(merged, table.written)) return false;
  if (before?.net === 'born') nets.delete(from);
  else nets.set(from, { net: 'gone', old: before === undefined ? old : before.old });
  return arrive(nets, keyText(row, key), merged);
}

/** A whole row appears under a key. */
function arrive(nets: Map<string, Net>, at: string, row: RowValues): boolean {
  const before = nets.get(at);
  if (before === undefined) nets.set(at, { net: 'born', row });
  else if (before.net === 'gone') nets.set(at, { net: 'reborn', old: before.old, row });
  else return false;
  return true;
}

/** Deletes, then updates by the columns that they set, then inserts. */
function asSets(table: TargetTable, key: readonly number[], nets: ReadonlyMap<string, Net>): SinkStep[] {
  const deletes: RowValues[] = [];
  const inserts: RowValues[] = [];
  const updates = new Map<string, { set: readonly number[]; rows: UpdatedRow[] }>();
  for (const each of nets.values()) {
    if (each.net === 'gone' || each.net === 'reborn') deletes.push(each.old);
    if (each.net === 'born' || each.net === 'reborn') inserts.push(each.row);
    if (each.net === 'changed') addUpdate(updates, setColumns(table, key, each.row), each);
  }
  const steps: SinkStep[] = [];
  if (deletes.length > 0) steps.push({ kind: 'delete', table, rows: deletes });
  for (const { set, rows } of updates.values()) steps.push({ kind: 'update', table, set, rows });
  if (inserts.length > 0) steps.push({ kind: 'insert', table, rows: inserts });
  return steps;
}

function addUpdate(
  updates: Map<string, { set: readonly number[]; rows: UpdatedRow[] }>,
  set: readonly number[],
  row: UpdatedRow,
): void {
  // A row of nothing but a key that the target computes: there is nothing that could be set.
  if (set.length === 0) return;
  const name = set.join(',');
  const group = updates.get(name);
  if (group === undefined) updates.set(name, { set, rows: [row] });
  else group.rows.push(row);
}

/** What an update with an unchanged key sets. The key itself only where nothing else is sent, so that the row is still proved to be there. */
function setColumns(table: TargetTable, key: readonly number[], row: RowValues): readonly number[] {
  const present = presentColumns(row, table.settable);
  const others = present.filter((column) => !key.includes(column));
  return others.length > 0 ? others : present;
}

/** Each change by itself, as the source did it. Neighbouring inserts, and neighbouring deletes, cannot disturb each other. */
export function inOrder(table: TargetTable, changes: readonly RowChange[]): SinkStep[] {
  const steps: SinkStep[] = [];
  let inserts: RowValues[] = [];
  let deletes: RowValues[] = [];
  const close = (): void => {
    if (inserts.length > 0) steps.push({ kind: 'insert', table, rows: inserts });
    if (deletes.length > 0) steps.push({ kind: 'delete', table, rows: deletes });
    inserts = [];
    deletes = [];
  };
  for (const change of changes) {
    switch (change.kind) {
      case 'insert':
        if (deletes.length > 0) close();
        inserts.push(change.row);
        break;
      case 'delete':
        if (inserts.length > 0) close();
        deletes.push(change.old.values);
        break;
      case 'update':
        close();
        steps.push(...updateInOrder(table, change));
        break;
      case 'put':
        close();
        steps.push(putStep(table, [change]));
        break;
    }
  }
  close();
  return steps;
}

function updateInOrder(table: TargetTable, change: Extract<RowChange, { kind: 'update' }>): SinkStep[] {
  const { key } = table;
  const updated = completeUpdate(change, key);
  if (key === undefined) {
    return [{ kind: 'update', table, set: presentColumns(updated.row, table.settable), rows: [updated] }];
  }
  if (isSameKey(updated.old, updated.row, key)) {
    const set = setColumns(table, key, updated.row);
    return set.length === 0 ? [] : [{ kind: 'update', table, set, rows: [updated] }];
  }
  if (key.every((column) => table.settable.includes(column))) {
    return [{ kind: 'update', table, set: presentColumns(updated.row, table.settable), rows: [updated] }];
  }
  if (!hasEvery(updated.row, table.written)) {
    throw new TealError('TEAL-SYNC-117', 'a key that cannot be set moves, and not every value of its row was sent', {
      table: tableKey(table.relation),
    });
  }
  return [
    { kind: 'delete', table, rows: [updated.old] },
    { kind: 'insert', table, rows: [updated.row] },
  ];
}

/**
 * The update with what its old row adds: an unchanged TOASTed value under REPLICA IDENTITY FULL is in the old row alone, and so is a TOASTed key that did
 * not change (correctness.md §1.5).
 */
function completeUpdate(
  change: Extract<RowChange, { kind: 'update' }>,
  key: readonly number[] | undefined,
): UpdatedRow {
  const { old, row } = change;
  if (old === undefined) {
    if (key === undefined || !hasEvery(row, key)) {
      throw new TealError('TEAL-SYNC-117', 'an update does not say which row it changes', {
        table: tableKey(change.relation),
      });
    }
    return { old: row, row };
  }
  if (row.isWhole) return { old: old.values, row };
  const known = (column: number): boolean => old.kind === 'full' || (key?.includes(column) ?? false);
  return { old: old.values, row: filled(row, (column) => (known(column) ? old.values.at(column) : undefined)) };
}
