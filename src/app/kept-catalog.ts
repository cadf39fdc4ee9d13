import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MappingOptions } from '../mapping/options.ts';
import type { Catalog } from '../model/catalog.ts';
import type { MysqlCatalog } from '../model/mysql-catalog.ts';
import { isSelected, type TableSelection } from '../model/table-selection.ts';
import { replaceNow } from './replace-now.ts';

/**
 * Blue's catalog as it was when the migration began: the list of what moves. Every later command works on this list, so that a table created meanwhile is not
 * half in it. Kept beside the journal; no values, no secrets.
 */
export function keptCatalog(stateDir: string): Catalog | undefined {
  return readKept(stateDir, 'catalog.json') as Catalog | undefined;
}

export function keepCatalog(stateDir: string, catalog: Catalog): void {
  writeKept(stateDir, 'catalog.json', catalog);
}

/** What a mapping is made of, where the sides are of different families: it must be the same one for as long as the migration lives. */
export interface KeptMapping {
  readonly catalog: MysqlCatalog;
  readonly options: MappingOptions;
}

export function keptMapping(stateDir: string): KeptMapping | undefined {
  return readKept(stateDir, 'mapping.json') as KeptMapping | undefined;
}

export function keepMapping(stateDir: string, kept: KeptMapping): void {
  writeKept(stateDir, 'mapping.json', kept);
}

/** Of Kafka: the topics that move, by name. */
export function keptTopics(stateDir: string): readonly string[] | undefined {
  return readKept(stateDir, 'topics.json') as readonly string[] | undefined;
}

export function keepTopics(stateDir: string, topics: readonly string[]): void {
  writeKept(stateDir, 'topics.json', topics);
}

/** The part of a catalog that a migration is about. */
export function selectedCatalog<C extends Catalog>(catalog: C, selection: TableSelection): C {
  return { ...catalog, tables: catalog.tables.filter((table) => isSelected(table, selection)) };
}

/** Undefined when there is none; else as `writeKept` has written it: nobody else writes there. */
function readKept(stateDir: string, name: string): unknown {
  try {
    return JSON.parse(readFileSync(join(stateDir, name), 'utf8'), revive);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function writeKept(stateDir: string, name: string, value: unknown): void {
  const file = join(stateDir, name);
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  replaceNow(file, JSON.stringify(value, plain));
}

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? { bigint: value.toString() } : value;
}

function revive(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('bigint' in value)) return value;
  return typeof value.bigint === 'string' ? BigInt(value.bigint) : value;
}
