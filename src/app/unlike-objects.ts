import type { MappedColumn, MappedForeignKey, MappedKey, MappedTable, Mapping } from '../mapping/mapping.ts';
import { targetTables } from '../mapping/target-tables.ts';
import { tableKey, type Catalog, type Column, type TableName } from '../model/catalog.ts';
import type { SchemaObject } from '../ports/digester.ts';

/**
 * What green has beside rows, of a blue that is MySQL or MariaDB: what the mapping would make of blue as it is, and what PostgreSQL has, in the same words. Constraints by name, kind and columns; foreign keys also
 * by what they do; indexes by name and whether they are unique; columns by what they demand and whether they give a value; triggers by name. Not compared: the conditions of checks, what indexes are over,
 * the values of defaults, sequences (each cut moves those), views and programs, of which Teal carries none.
 */

/** Pure: what green must have. */
export function mappedObjects(mapping: Mapping): readonly SchemaObject[] {
  return [
    ...columnObjects(targetTables(mapping)),
    ...mapping.tables.flatMap((table) => [
      ...table.keys.map((key) => keyObject(table, key)),
      ...table.foreignKeys.map((key) => constraint(table.target, key.name, foreignKeyWords(key))),
      ...checksOf(table).map((name) => constraint(table.target, name, 'check')),
      ...(table.touch === undefined ? [] : [object('trigger', table.target, table.touch.trigger, 'trigger')]),
    ]),
  ];
}

/** Pure: what green has, of the tables of the mapping. `objects` and `catalog` as its adapter tells them. */
export function foundObjects(
  mapping: Pick<Mapping, 'tables'>,
  objects: readonly SchemaObject[],
  catalog: Pick<Catalog, 'tables'>,
): readonly SchemaObject[] {
  const ours = new Set(mapping.tables.map(({ target }) => tableKey(target)));
  const isOurs = (table: TableName | undefined): boolean => table !== undefined && ours.has(tableKey(table));
  const own = objects.filter(({ table }) => isOurs(table));
  const constraints = own.filter(({ kind }) => kind === 'constraint').flatMap((found) => constraintFound(found));
  const implied = new Set(constraints.filter(isKey).map(({ table, name }) => nameIn(table, nameOf(name))));
  return [
    ...columnObjects(catalog.tables.filter(isOurs)),
    ...constraints,
    ...own.filter(({ kind }) => kind === 'index').flatMap((found) => indexFound(found, implied)),
    ...own.filter(({ kind }) => kind === 'trigger').flatMap((found) => triggerFound(found)),
  ];
}

function object(kind: SchemaObject['kind'], table: TableName, name: string, definition: string): SchemaObject {
  const { schema, name: of } = table;
  return {
    kind,
    name: `${name} on ${tableKey(table)}`,
    definition,
    definitionVaries: false,
    table: { schema, name: of },
  };
}

function constraint(table: TableName, name: string, definition: string): SchemaObject {
  return object('constraint', table, name, definition);
}

function columnObjects(
  tables: readonly { readonly schema: string; readonly name: string; readonly columns: readonly Column[] }[],
): readonly SchemaObject[] {
  return tables.flatMap((table) =>
    table.columns.map((column) => object('column', table, column.name, columnWords(column) || 'plain')),
  );
}

function columnWords({ notNull, generated, identity, hasDefault }: Column): string {
  return [
    ...(notNull ? ['not null'] : []),
    ...(generated === 'no' ? [] : ['generated']),
    ...(identity !== 'no' || hasDefault ? ['gives a value by itself'] : []),
  ].join(', ');
}

function keyObject({ target, columns }: MappedTable, key: MappedKey): SchemaObject {
  if (key.kind === 'index' || !key.plain) {
    return object('index', target, key.name, key.kind === 'index' ? 'index' : 'unique index');
  }
  const names = key.parts.map(({ column }) => nameOnTarget(columns, column));
  return constraint(target, key.name, `${key.kind === 'primary' ? 'primary key' : 'unique'} (${names.join(', ')})`);
}

function nameOnTarget(columns: readonly MappedColumn[], source: string | undefined): string {
  return columns.find((column) => column.source.name === source)?.name ?? source ?? '';
}

function foreignKeyWords({ columns, references, onDelete, onUpdate }: MappedForeignKey): string {
  return `foreign key (${columns.join(', ')}) references ${tableKey(references)} on delete ${onDelete} on update ${onUpdate}`;
}

function checksOf({ columns, checks }: MappedTable): readonly string[] {
  return [...columns.flatMap(({ guard }) => guard?.name ?? []), ...checks.map(({ name }) => name)];
}

function isKey({ definition }: SchemaObject): boolean {
  return /^(?:primary key|unique) \(/.test(definition);
}

function nameIn(table: TableName | undefined, name: string): string {
  return JSON.stringify([table?.schema, name]);
}

/** What stands before ` on `. */
function nameOf(words: string): string {
  return words.slice(0, words.lastIndexOf(' on '));
}

const quoted = /"((?:[^"]|"")*)"/g;

/** Names as they are: PostgreSQL puts into quotes those that need them. */
function plain(sql: string): string {
  return sql.replaceAll(quoted, (_, name: string) => name.replaceAll('""', '"'));
}

/** `"Customer_pkey" on shop.customer`, `PRIMARY KEY (id)`. */
function constraintFound({ name, definition, table }: SchemaObject): readonly SchemaObject[] {
  if (table === undefined) return [];
  const named = plain(/^(?:"(?:[^"]|"")*"|\S+)/.exec(name)?.[0] ?? name);
  const list = /^[A-Z ]+ \(((?:"(?:[^"]|"")*"|[^()"])*)\)/.exec(definition)?.[1] ?? '';
  if (definition.startsWith('PRIMARY KEY')) return [constraint(table, named, `primary key (${plain(list)})`)];
  if (definition.startsWith('UNIQUE')) return [constraint(table, named, `unique (${plain(list)})`)];
  if (!definition.startsWith('FOREIGN KEY')) return [constraint(table, named, 'check')];
  const to = /REFERENCES ((?:"(?:[^"]|"")*"|[^("])+)\(/.exec(definition)?.[1] ?? '';
  const action = (when: string): string =>
    new RegExp(`ON ${when} (CASCADE|SET NULL|SET DEFAULT|RESTRICT)`).exec(definition)?.[1]?.toLowerCase() ??
    'no action';
  const words = `foreign key (${plain(list)}) references ${plain(to)} on delete ${action('DELETE')} on update ${action('UPDATE')}`;
  return [constraint(table, named, words)];
}

/** `shop."By_name"`. The index of a constraint is the constraint. */
function indexFound({ name, definition, table }: SchemaObject, implied: ReadonlySet<string>): readonly SchemaObject[] {
  if (table === undefined) return [];
  const named = plain(name).slice(table.schema.length + 1);
  if (implied.has(nameIn(table, named))) return [];
  return [object('index', table, named, definition.startsWith('CREATE UNIQUE') ? 'unique index' : 'index')];
}

function triggerFound({ name, table }: SchemaObject): readonly SchemaObject[] {
  if (table === undefined) return [];
  const named = plain(/^(?:"(?:[^"]|"")*"|\S+)/.exec(name)?.[0] ?? name);
  return [object('trigger', table, named, 'trigger')];
}
