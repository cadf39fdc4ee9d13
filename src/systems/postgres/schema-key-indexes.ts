import { createHash } from 'node:crypto';
import { tableKey } from '../../model/catalog.ts';
import type { OrderedItem } from './schema-order.ts';
import type { SchemaItem } from './schema-script.ts';

/**
 * A primary key or unique constraint that is added in one go keeps its table from every other build while its index grows. Its index is built by itself, at the same time as the table's
 * others, and then becomes the constraint's.
 */
export interface KeyStatements {
  readonly buildIndex: string;
  /** With whatever else belongs to the constraint: `CLUSTER ON`, `REPLICA IDENTITY`. */
  readonly addConstraint: string;
}

export const keyIndexType = 'KEY INDEX';

const ident = String.raw`(?:"(?:[^"]|"")+"|[^\s".(),;]+)`;
const idents = `${ident}(?:, ${ident})*`;
// As pg_dump's dumpConstraint writes it. A period (WITHOUT OVERLAPS) is no plain name in the list, and an exclusion no word of these.
const statement = new RegExp(
  String.raw`^(?<settings>(?:SET [a-z_]+ = [^\n]*;\n)*)\s*(?<head>ALTER TABLE ONLY (?<table>${ident}\.${ident})\s+ADD CONSTRAINT (?<name>${ident})) ` +
    String.raw`(?<kind>PRIMARY KEY|UNIQUE)(?<nulls> NULLS NOT DISTINCT)? (?<columns>\(${idents}\)(?: INCLUDE \(${idents}\))?)` +
    String.raw`(?<storage>\s+WITH \((?:[^()';]|'(?:[^']|'')*')*\))?(?<time> DEFERRABLE(?: INITIALLY DEFERRED)?)?;\n(?<rest>[^]*)$`,
);

/** Undefined for what is another kind of constraint, or is written otherwise: that is run as it is. */
export function readKey(item: Pick<SchemaItem, 'type' | 'sql'>): KeyStatements | undefined {
  if (item.type !== 'CONSTRAINT') return undefined;
  const groups = statement.exec(item.sql)?.groups;
  if (groups === undefined) return undefined;
  const { settings, head, table, name, kind, nulls = '', columns, storage = '', time = '', rest } = groups;
  return {
    buildIndex: `${settings}CREATE UNIQUE INDEX ${name} ON ${table} ${columns}${nulls}${storage};\n`,
    addConstraint: `${settings}${head} ${kind} USING INDEX ${name}${time};\n${rest}`,
  };
}

/** As pg_dump writes a table. Where a text of another table reads like it, its keys are made in one go. */
export function isPartitioned({ type, sql }: Pick<SchemaItem, 'type' | 'sql'>): boolean {
  return type === 'TABLE' && /^PARTITION BY /m.test(sql);
}

/** The index before its constraint where that can be; a partitioned table has none of its own to build. */
export function withKeyIndex(ordered: OrderedItem, partitioned: ReadonlySet<string>): readonly OrderedItem[] {
  const { item, part, after, tables } = ordered;
  const key = tables.some((table) => partitioned.has(tableKey(table))) ? undefined : readKey(item);
  if (key === undefined) return [ordered];
  const index: SchemaItem = {
    ...item,
    // Of no entry of the archive.
    dumpId: -item.dumpId,
    type: keyIndexType,
    sql: key.buildIndex,
    key: createHash('sha256')
      .update(JSON.stringify([keyIndexType, item.schema, item.name, key.buildIndex]))
      .digest('hex'),
  };
  return [
    { item: index, part, after, tables, lock: 'shared' },
    { ...ordered, item: { ...item, sql: key.addConstraint }, after: new Set([...after, index.dumpId]) },
  ];
}
