import type { TableName } from '../../model/catalog.ts';
import { schemaParts, type SchemaPart } from '../../ports/schema-driver.ts';
import type { SchemaItem } from './schema-script.ts';

/** An item with its place in the work. */
export interface OrderedItem {
  readonly item: SchemaItem;
  readonly part: SchemaPart;
  /** Dump ids of items that must be there first. */
  readonly after: ReadonlySet<number>;
  /** Tables that it locks; `shared` lets other builds of indexes on the same table run at the same time. */
  readonly tables: readonly TableName[];
  readonly lock: 'shared' | 'exclusive';
}

const partOfType: Readonly<Record<string, SchemaPart>> = {
  CONSTRAINT: 'keys',
  INDEX: 'indexes',
  'INDEX ATTACH': 'indexes',
  'FK CONSTRAINT': 'foreignKeys',
};

/**
 * Default privileges would add to what is created after them, and event triggers would fire at it: pg_restore runs both at its very end, too.
 */
const lastTypes: ReadonlySet<string> = new Set(['DEFAULT ACL', 'EVENT TRIGGER']);

/**
 * Pure: what must come before what. Within `tables` the order is pg_restore's own. Afterwards the archive's dependencies rule; an item is never in an earlier part than
 * what it needs (an index on a materialized view that groups by a primary key waits for both).
 */
export function orderItems(items: readonly SchemaItem[]): readonly OrderedItem[] {
  const byId = new Map(items.map((item) => [item.dumpId, item]));
  const parts = new Map<number, SchemaPart>();
  const partOf = (item: SchemaItem): SchemaPart => {
    const known = parts.get(item.dumpId);
    if (known !== undefined) return known;
    let part = ownPart(item);
    // Set before its needs are looked at: a circle, which pg_dump breaks up, would not end here.
    parts.set(item.dumpId, part);
    for (const id of item.needs) {
      const need = byId.get(id);
      if (need !== undefined) part = later(part, partOf(need));
    }
    parts.set(item.dumpId, part);
    return part;
  };
  const others = items.filter((item) => !lastTypes.has(item.type)).map((item) => item.dumpId);
  return items.map((item) => ({
    item,
    part: partOf(item),
    after: new Set([...item.needs, ...(lastTypes.has(item.type) ? others : [])].filter((id) => byId.has(id))),
    tables: tablesOf(item, byId, new Set()),
    lock: item.type === 'INDEX' ? 'shared' : 'exclusive',
  }));
}

function ownPart(item: SchemaItem): SchemaPart {
  if (lastTypes.has(item.type)) return 'rest';
  if (item.section === 'pre-data') return 'tables';
  return partOfType[item.type] ?? 'rest';
}

function later(a: SchemaPart, b: SchemaPart): SchemaPart {
  return schemaParts.indexOf(a) >= schemaParts.indexOf(b) ? a : b;
}

/** Those that it names as needs; an index that is attached names indexes, and those their tables. */
function tablesOf(item: SchemaItem, byId: ReadonlyMap<number, SchemaItem>, seen: Set<number>): readonly TableName[] {
  if (seen.has(item.dumpId)) return [];
  seen.add(item.dumpId);
  const needs = item.needs.flatMap((id) => byId.get(id) ?? []);
  const direct = needs.filter((need) => need.type === 'TABLE' || need.type === 'MATERIALIZED VIEW');
  if (direct.length > 0) return direct.map(({ schema, name }) => ({ schema, name }));
  const through = item.type === 'INDEX ATTACH' ? needs : [];
  return through.flatMap((need) => tablesOf(need, byId, seen));
}
