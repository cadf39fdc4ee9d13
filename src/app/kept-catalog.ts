import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalog } from '../model/catalog.ts';
import { isSelected, type TableSelection } from '../model/table-selection.ts';

/**
 * Blue's catalog as it was when the migration began: the list of what moves. Every later command works on this list, so that a table created meanwhile is not
 * half in it. Kept beside the journal; no values, no secrets.
 */
export function keptCatalog(stateDir: string): Catalog | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(stateDir), 'utf8'), revive) as Catalog;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

export function keepCatalog(stateDir: string, catalog: Catalog): void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  writeFileSync(`${fileOf(stateDir)}.new`, JSON.stringify(catalog, plain), { mode: 0o600 });
  renameSync(`${fileOf(stateDir)}.new`, fileOf(stateDir));
}

/** The part of a catalog that a migration is about. */
export function selectedCatalog(catalog: Catalog, selection: TableSelection): Catalog {
  return { ...catalog, tables: catalog.tables.filter((table) => isSelected(table, selection)) };
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'catalog.json');
}

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? { bigint: value.toString() } : value;
}

function revive(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('bigint' in value)) return value;
  return typeof value.bigint === 'string' ? BigInt(value.bigint) : value;
}
