import { createHash } from 'node:crypto';
import { tableKey, type TableName } from '../../model/catalog.ts';
import type { MysqlCatalog, MysqlTable } from '../../model/mysql-catalog.ts';
import type { SchemaMark } from '../../ports/schemas.ts';
import { readCatalog } from './inspect/catalog.ts';
import type { Querier } from './inspect/querier.ts';

/**
 * What the schema is, without its words: whatever changes a column, a key, a check, a trigger or an option of a table makes another mark; rows, sizes and counters do not. Of views, routines and
 * events only their names are in it. Reads the catalog, also while FLUSH TABLES WITH READ LOCK is held. `database`: as in `readCatalog`.
 */
export async function readSchemaMark(
  querier: Querier,
  selected: (table: TableName) => boolean,
  database?: string,
): Promise<SchemaMark> {
  return markOf(await readCatalog(querier, database), selected);
}

/** Pure. */
export function markOf(catalog: MysqlCatalog, selected: (table: TableName) => boolean): SchemaMark {
  const tables = catalog.tables.map((table) => ({ table, mark: hash(shapeOf(table)) }));
  const { views, routines, events, sequences } = catalog;
  const others = [views, routines, events, sequences.map(tableKey)];
  return {
    digest: hash([tables.map(({ table, mark }) => [tableKey(table), mark]), others]),
    objects: Object.fromEntries(
      tables.filter(({ table }) => selected(table)).map(({ table, mark }) => [`table ${tableKey(table)}`, mark]),
    ),
  };
}

/** Names of selected objects that are not the same in two marks of one server. */
export function changedObjects(before: SchemaMark, after: SchemaMark): readonly string[] {
  if (before.digest === after.digest) return [];
  const names = new Set([...Object.keys(before.objects), ...Object.keys(after.objects)]);
  return [...names].filter((name) => before.objects[name] !== after.objects[name]).sort();
}

/** What rows do not change. */
function shapeOf(table: MysqlTable): unknown {
  const { estimatedRows: _, pages: __, totalBytes: ___, heapBytes: ____, nextAutoIncrement: _____, ...shape } = table;
  return shape;
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
