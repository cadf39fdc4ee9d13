import { actingKeysOf } from '../model/acting-keys.ts';
import { tableKey } from '../model/catalog.ts';
import type { MysqlColumn } from '../model/mysql-catalog.ts';
import type { MappedColumn, MappedTable, Mapping } from './mapping.ts';
import { isComputedOnGreen } from './name-map-of.ts';
import { myName, myTable } from './quote.ts';

/** Something that the mapping says and that cannot be carried. */
export interface Obstacle {
  /** `rows without a name`: no change could find its row on the other side. `no way back`: what is written on green has no place on blue. */
  readonly kind: 'rows without a name' | 'no way back';
  /** On the source. */
  readonly name: string;
  /** The rest of a sentence that begins with the name. */
  readonly what: string;
  /** SQL of MySQL, or a comment in it. */
  readonly mend: string;
}

/** What keeps rows from being carried both ways: to be mended on the source, or in the file. Pure. */
export function obstaclesOf({ tables }: Mapping): readonly Obstacle[] {
  const ofTables = tables.flatMap((table) => {
    const stays = table.source.columns.filter((column) => staysBehind(table, column));
    return [
      ...namelessRows(table, stays),
      ...stays.flatMap((column) => [...unfilled(table, column), ...filledAlike(table, column)]),
      ...enums(table),
    ];
  });
  return [...ofTables, ...blindKeys(tables)];
}

/** What a foreign key of the source does to rows is done on the target by the same columns. */
function blindKeys(tables: readonly MappedTable[]): readonly Obstacle[] {
  const stays = new Set(
    tables.flatMap((table) =>
      table.source.columns
        .filter((column) => staysBehind(table, column))
        .map(({ name }) => `${tableKey(table.source)}.${name}`),
    ),
  );
  return actingKeysOf(tables.map(({ source }) => source)).flatMap((key) => {
    const columns = [
      ...key.columns.map((name) => `${tableKey(key.child)}.${name}`),
      ...key.referencedColumns.map((name) => `${tableKey(key.parent)}.${name}`),
    ];
    const behind = columns.find((column) => stays.has(column));
    if (behind === undefined) return [];
    const what = `is left out or computed, and the foreign key ${key.name} of ${tableKey(key.child)} changes or deletes rows by it`;
    return [{ kind: 'rows without a name', name: behind, what, mend: '# leave it as it is in `mapping`' }];
  });
}

/** Its values do not travel, and nothing that does tells them. */
function staysBehind({ columns }: MappedTable, { name, generatedAs }: MysqlColumn): boolean {
  const mapped = columns.find(({ source }) => source.name === name);
  return generatedAs === undefined && (mapped === undefined || isComputedOnGreen(mapped));
}

function namelessRows({ source, keys }: MappedTable, stays: readonly MysqlColumn[]): readonly Obstacle[] {
  if (stays.length === 0) return [];
  const kind = 'rows without a name';
  const behind = new Set(stays.map(({ name }) => name));
  const ofKey = source.primaryKey?.find((name) => behind.has(name));
  if (ofKey !== undefined) {
    const what = 'is left out or computed, and a part of the primary key';
    return [{ kind, name: `${tableKey(source)}.${ofKey}`, what, mend: '# leave it as it is in `mapping`' }];
  }
  if (source.primaryKey !== undefined) return [];
  const takesNull = new Set(source.columns.filter(({ notNull }) => !notNull).map(({ name }) => name));
  const isKnown = keys.some(
    ({ kind: of, plain, parts }) =>
      of === 'unique' && plain && parts.every(({ column }) => column !== undefined && !takesNull.has(column)),
  );
  if (isKnown) return [];
  return [
    {
      kind,
      name: tableKey(source),
      what: `has no key, and is to be without ${[...behind].join(', ')}: rows that differ there alone would be one`,
      mend: `-- give it a primary key, leave the columns as they are in \`mapping\`, or leave the table out`,
    },
  ];
}

/** A row that is inserted on green has blue's default there. */
function unfilled({ source }: MappedTable, column: MysqlColumn): readonly Obstacle[] {
  const { name, notNull, hasDefault, autoIncrement } = column;
  if (!notNull || hasDefault || autoIncrement || source.primaryKey?.includes(name) === true) return [];
  return [
    {
      kind: 'no way back',
      name: `${tableKey(source)}.${name}`,
      what: 'gets no value from green, takes no NULL, and has no default',
      mend: `-- choose a default, or let the column take NULL:\nALTER TABLE ${myTable(source)} ALTER COLUMN ${myName(name)} SET DEFAULT '…';`,
    },
  ];
}

/** Rows that are inserted on green have one value there, where no two may have the same. An expression may give each its own. */
function filledAlike({ source }: MappedTable, column: MysqlColumn): readonly Obstacle[] {
  if (column.default?.kind !== 'literal') return [];
  const index = source.indexes.find(({ unique, parts }) => unique && parts.some((part) => part.column === column.name));
  if (index === undefined || index.name === 'PRIMARY') return [];
  return [
    {
      kind: 'no way back',
      name: `${tableKey(source)}.${column.name}`,
      what: `gets its default in every row that green inserts, and is in the unique key ${index.name}`,
      mend: `-- let it be NULL where nobody gives it a value, or make the key an index that is not unique:\nALTER TABLE ${myTable(source)} DROP INDEX ${myName(index.name)}, ADD INDEX (${myName(column.name)});`,
    },
  ];
}

/** A strict server takes the empty value of an ENUM from nobody. */
function enums({ source, columns }: MappedTable): readonly Obstacle[] {
  const becomesNull = ({ source: { notNull }, nullable, checks }: MappedColumn): boolean =>
    notNull && nullable && checks.includes('invalidEnum');
  return columns.filter(becomesNull).map((column) => ({
    kind: 'no way back',
    name: `${tableKey(source)}.${column.source.name}`,
    what: 'takes no NULL, which `invalidEnum: "null"` puts in its place on green',
    mend: `-- let the column take NULL, or cleanse its rows and leave \`invalidEnum\` out of \`mapping.values\``,
  }));
}
