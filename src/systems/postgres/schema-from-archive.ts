import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TableName } from '../../model/catalog.ts';
import { archiveExists, dropStatements, dumpSchema, readArchive } from './schema-archive.ts';
import { validationsOf } from './schema-foreign-keys.ts';
import { orderItems } from './schema-order.ts';
import type { SchemaOrigin } from './schema-origin.ts';
import type { SchemaItem } from './schema-script.ts';
import type { PgTools } from './schema-tools.ts';

export interface ArchiveOptions {
  readonly sourceUrl: string;
  /** Where the archive is kept. */
  readonly stateDir: string;
  readonly tools: PgTools;
  readonly excludeTables?: readonly TableName[];
}

/** How long pg_dump waits for a lock. */
const lockTimeoutMs = 60_000;
const postDataToDrop = new Set(['FK CONSTRAINT', 'MATERIALIZED VIEW', 'VIEW', 'STATISTICS', 'EVENT TRIGGER']);

/** The schema of another PostgreSQL, kept as an archive of pg_dump's. Errors: TEAL-SYSTEMS-201, -202. */
export function archivedSchema({ sourceUrl, stateDir, tools, excludeTables = [] }: ArchiveOptions): SchemaOrigin {
  const file = join(stateDir, 'schema.dump');
  return {
    isKept: async () => archiveExists(file),
    keep: async ({ signal }) => dumpSchema({ url: sourceUrl, tools, file, excludeTables, lockTimeoutMs, signal }),
    async load(signal) {
      const { preamble, items } = await readArchive(tools, file, signal);
      const ordered = orderItems(items.filter((item) => !isTeals(item)));
      return { preamble, items: [...ordered, ...validationsOf(ordered)] };
    },
    async dropStatements(made, signal) {
      const ids = made.filter(mustBeDropped).map(({ dumpId }) => dumpId);
      return dropStatements(tools, file, ids, signal);
    },
    forget: async () => rm(file, { force: true }),
  };
}

/** The rest goes with its table; parts of a partitioned index even refuse to go by themselves. */
function mustBeDropped(item: SchemaItem): boolean {
  return item.section === 'pre-data' ? !item.type.endsWith(' ATTACH') : postDataToDrop.has(item.type);
}

/** Triggers that Teal keeps on the source are no part of its schema. */
function isTeals(item: SchemaItem): boolean {
  if (item.type === 'TRIGGER') return /(^| )teal_\S*$/.test(item.name);
  return item.type === 'EVENT TRIGGER' && item.name.startsWith('teal_');
}
