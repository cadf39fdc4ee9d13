import { createHash } from 'node:crypto';
import { tableKey, type TableName } from '../../model/catalog.ts';
import type { OrderedItem } from './schema-order.ts';
import type { SchemaItem } from './schema-script.ts';

/**
 * A foreign key that is added in one go scans its table while it holds locks on both, so that two keys to one table wait for each other. Added NOT VALID it holds
 * them for a moment, and the scans (VALIDATE) run side by side.
 */
export interface ForeignKeyItem {
  readonly table: TableName;
  readonly references: TableName;
  /** False for partitioned tables, of which pg_dump writes the keys without ONLY. */
  readonly only: boolean;
  /** True when it holds for all rows; those that are NOT VALID or NOT ENFORCED on the source stay so. */
  readonly holds: boolean;
  readonly addNotValid: string;
  readonly validate: string;
}

const ident = String.raw`(?:"(?:[^"]|"")+"|[^\s".(),;]+)`;
const qualified = `${ident}\\.${ident}`;
const outsideQuotes = String.raw`(?:"(?:[^"]|"")*"|[^"])*?`;
const statement = new RegExp(
  `^(?<head>ALTER TABLE (?<only>ONLY )?(?<table>${qualified})\\s+)ADD CONSTRAINT (?<name>${ident}) FOREIGN KEY \\(${outsideQuotes}\\) ` +
    `REFERENCES (?<references>${qualified})\\((?<tail>${outsideQuotes});\\s*$`,
  'm',
);

/** As pg_dump writes it; undefined for what is written otherwise, which is then run as it is. */
export function readForeignKey(item: Pick<SchemaItem, 'type' | 'sql'>): ForeignKeyItem | undefined {
  if (item.type !== 'FK CONSTRAINT') return undefined;
  const groups = statement.exec(item.sql)?.groups;
  if (groups === undefined) return undefined;
  const { head = '', only, table = '', name = '', references = '', tail = '' } = groups;
  return {
    table: readName(table),
    references: readName(references),
    only: only !== undefined,
    holds: !/ NOT (VALID|ENFORCED)$/.test(tail),
    addNotValid: item.sql.replace(/;\s*$/, ' NOT VALID;\n'),
    validate: `${head}VALIDATE CONSTRAINT ${name};\n`,
  };
}

/** The checks of the keys of an archive, as items of their own. They come after all keys, which are quick and would wait for the locks of a check. */
export function validationsOf(items: readonly OrderedItem[]): readonly OrderedItem[] {
  const keys = items.filter(({ item }) => item.type === 'FK CONSTRAINT');
  const after = new Set(keys.map(({ item }) => item.dumpId));
  return keys.flatMap(({ item }) => {
    const key = readForeignKey(item);
    if (key === undefined || !key.holds) return [];
    const check: SchemaItem = {
      ...item,
      // Of no entry of the archive.
      dumpId: -item.dumpId,
      type: 'FK VALIDATION',
      needs: [item.dumpId],
      sql: key.validate,
      key: createHash('sha256')
        .update(JSON.stringify(['FK VALIDATION', item.schema, item.name, key.validate]))
        .digest('hex'),
    };
    // SHARE UPDATE EXCLUSIVE on its own table, and on the other one nothing that another check would wait for.
    return [{ item: check, part: 'validation', after, tables: [key.table], lock: 'exclusive' }];
  });
}

/** How a target makes a key. Before 18, PostgreSQL knows no NOT VALID key of a partitioned table; one that refers to such a table is not checked as a whole later. */
export function additionOf(
  item: SchemaItem,
  target: { readonly major: number; readonly partitioned: ReadonlySet<string> },
): SchemaItem {
  const key = readForeignKey(item);
  if (key === undefined || !key.holds) return item;
  if (target.major < 18 && (!key.only || target.partitioned.has(tableKey(key.references)))) return item;
  return { ...item, sql: key.addNotValid };
}

function readName(text: string): TableName {
  const [schema = '', name = ''] = [...text.matchAll(new RegExp(ident, 'g'))].map(([each]) =>
    each.startsWith('"') ? each.slice(1, -1).replaceAll('""', '"') : each,
  );
  return { schema, name };
}
