import { tableKey, type TableName } from '../model/catalog.ts';
import type { MysqlCatalog, MysqlTable } from '../model/mysql-catalog.ts';
import { equalityOf, icuCollationFor } from './collations.ts';
import { ColumnFacts, isKnownType, jsonCheckColumn } from './column-facts.ts';
import { translateExpression } from './expression.ts';
import { expressionColumns, mapColumns, unknownColumns } from './map-columns.ts';
import { mapForeignKey, mapKeys } from './map-keys.ts';
import type { MappedCheck, MappedCollation, MappedForeignKey, MappedTable, Mapping, NotCarried } from './mapping.ts';
import { Namespace, schemaNameFor } from './names.ts';
import { strictMappingPolicy, type MappingOptions } from './options.ts';
import { silentChange } from './silent-changes.ts';
import { readTarget } from './target-type.ts';

interface Begun {
  readonly table: MysqlTable;
  readonly target: TableName;
  readonly constraints: Namespace;
  readonly relations: Namespace;
  readonly columns: MappedTable['columns'];
  readonly keys: MappedTable['keys'];
}

/**
 * The schema of a MySQL or MariaDB server as one of PostgreSQL. Pure: the same catalog and options give the same mapping, byte for byte. What has no place on the
 * target is in `notCarried`, each with its reason; nothing is left out silently.
 */
export function mapCatalog(catalog: MysqlCatalog, options: MappingOptions): Mapping {
  const facts = new ColumnFacts(catalog, options);
  const notCarried: NotCarried[] = [];
  const kept = catalog.tables.filter((table) => {
    const isDropped = options.tables?.[tableKey(table)]?.drop === true;
    if (isDropped) notCarried.push({ kind: 'table', name: tableKey(table), why: 'left out by the migration file' });
    return !isDropped;
  });
  const schemas = schemasOf(kept, options);
  const collations = schemas[0]?.target ?? '';
  const spaces = new Map(schemas.map(({ target }) => [target, new Namespace()]));
  const targets = kept.map((table) => targetOf(table, schemas, spaces, options));
  const begun = kept.map((table, at) =>
    begin(table, targets[at] ?? table, { facts, options, spaces, collations, notCarried }),
  );
  const byKey = new Map(begun.map((each) => [tableKey(each.table), each]));
  const tables = begun.map((each) => finish(each, byKey, notCarried));
  notCarried.push(...beside(catalog));
  return {
    postgresMajor: options.postgresMajor,
    policy: options.policy ?? strictMappingPolicy,
    schemas,
    collations: collationsOf(tables),
    tables,
    notCarried,
    mistakes: mistakesOf(catalog, options, tables),
  };
}

function schemasOf(tables: readonly MysqlTable[], options: MappingOptions): Mapping['schemas'] {
  const names = [...new Set(tables.map(({ schema }) => schema))].sort();
  return names.map((source) => ({ source, target: options.schemas?.[source] ?? schemaNameFor(source) }));
}

function targetOf(
  table: MysqlTable,
  schemas: Mapping['schemas'],
  spaces: ReadonlyMap<string, Namespace>,
  options: MappingOptions,
): TableName {
  const schema = schemas.find(({ source }) => source === table.schema)?.target ?? table.schema;
  const wanted = options.tables?.[tableKey(table)]?.rename ?? table.name;
  return { schema, name: spaces.get(schema)?.take(wanted) ?? wanted };
}

interface Context {
  readonly facts: ColumnFacts;
  readonly options: MappingOptions;
  readonly spaces: ReadonlyMap<string, Namespace>;
  /** The schema of the collations. */
  readonly collations: string;
  readonly notCarried: NotCarried[];
}

function begin(
  table: MysqlTable,
  target: TableName,
  { facts, options, spaces, collations, notCarried }: Context,
): Begun {
  const relations = spaces.get(target.schema) ?? new Namespace();
  const constraints = new Namespace();
  const { columns, notCarried: withoutPlace } = mapColumns({
    table,
    target,
    facts,
    collations,
    options,
    constraints,
    relations,
  });
  const { keys, notCarried: keysWithout } = mapKeys({ table, target, columns, relations });
  for (const { name, kind } of keys) if (kind !== 'index') constraints.take(name);
  notCarried.push(...withoutPlace, ...keysWithout);
  return { table, target, constraints, relations, columns, keys };
}

function finish(begun: Begun, byKey: ReadonlyMap<string, Begun>, notCarried: NotCarried[]): MappedTable {
  const { table, target, columns, keys, constraints } = begun;
  const checks = mapChecks(begun, notCarried);
  const foreignKeys: MappedForeignKey[] = [];
  for (const key of table.foreignKeys) {
    const mapped = mapForeignKey(key, columns, byKey.get(tableKey(key.references)), constraints);
    if (typeof mapped === 'string')
      notCarried.push({ kind: 'foreign key', name: `${tableKey(table)}.${key.name}`, why: mapped });
    else foreignKeys.push(mapped);
  }
  for (const { name } of table.triggers)
    notCarried.push({ kind: 'trigger', name: `${tableKey(table)}.${name}`, why: 'its body is MySQL’s: write it anew' });
  for (const option of table.options)
    notCarried.push({
      kind: 'option',
      name: tableKey(table),
      why: `${option}: the table is a plain one on the target`,
    });
  const touches = columns.some(({ touched }) => touched);
  return {
    source: table,
    target,
    columns,
    keys,
    foreignKeys,
    checks,
    ...(touches ? { touch: touchNames(begun) } : {}),
    notes: notesOf(begun),
  };
}

/** Functions have a space of names of their own; that of the relations is used for them too, which does no harm. */
function touchNames({ target, relations }: Begun): { readonly function: string; readonly trigger: string } {
  return { function: relations.take(`${target.name}_on_update`), trigger: `on_update_current_timestamp` };
}

function mapChecks({ table, columns, constraints }: Begun, notCarried: NotCarried[]): readonly MappedCheck[] {
  const inputs = expressionColumns(columns);
  const checks: MappedCheck[] = [];
  for (const { name, expression, enforced } of table.checks) {
    const json = jsonCheckColumn(expression);
    const isImplied =
      json !== undefined &&
      columns.some(({ source, type }) => source.name === json && /^jsonb?$/.test(readTarget(type).name));
    if (isImplied) continue;
    const translated = translateExpression(expression, inputs);
    const why = !enforced
      ? 'not enforced on the source'
      : translated.sql === undefined
        ? `${expression} is left to you (${translated.reason})`
        : translated.kind === 'boolean'
          ? undefined
          : `${expression} is no condition to PostgreSQL`;
    if (why !== undefined) notCarried.push({ kind: 'check', name: `${tableKey(table)}.${name}`, why });
    else checks.push({ name: constraints.take(name), sql: translated.sql ?? '' });
  }
  return checks;
}

function notesOf({ table, target, columns }: Begun): readonly string[] {
  const notes: string[] = [];
  if (target.name !== table.name) notes.push(`called ${target.name} on the target`);
  const withCapitals = [target.name, ...columns.map(({ name }) => name)].filter((name) => name !== name.toLowerCase());
  if (withCapitals.length > 0)
    notes.push(`names with capitals must be quoted in every statement: ${withCapitals.join(', ')}`);
  if (table.primaryKey === undefined) notes.push('without a primary key');
  if (!/^(innodb|rocksdb|tokudb)$/i.test(table.engine))
    notes.push(`engine ${table.engine}: not transactional on the source`);
  return notes;
}

/** What stands beside the tables and is written anew by hand. */
function beside(catalog: MysqlCatalog): readonly NotCarried[] {
  const why = 'its body is MySQL’s: write it anew';
  return [
    ...catalog.views.map((view) => ({ kind: 'view' as const, name: tableKey(view), why })),
    ...catalog.routines.map((routine) => ({ kind: routine.kind, name: tableKey(routine), why })),
    ...catalog.events.map((event) => ({
      kind: 'event' as const,
      name: tableKey(event),
      why: 'PostgreSQL runs nothing by the clock itself',
    })),
    ...catalog.sequences.map((sequence) => ({
      kind: 'sequence' as const,
      name: tableKey(sequence),
      why: 'sequences of MariaDB are not carried',
    })),
  ];
}

function collationsOf(tables: readonly MappedTable[]): readonly MappedCollation[] {
  const found = new Map<string, MappedCollation>();
  for (const { columns } of tables)
    for (const { collation, source } of columns) {
      const icu = icuCollationFor(equalityOf(source.collation ?? ''));
      if (collation !== undefined && icu !== undefined)
        found.set(tableKey(collation), { ...collation, locale: icu.locale });
    }
  return [...found.values()];
}

function unknownTypes({ source }: MappedTable, options: MappingOptions): readonly string[] {
  const overrides = options.tables?.[tableKey(source)]?.columns ?? {};
  return source.columns
    .filter(({ name, type }) => !isKnownType(type) && overrides[name]?.drop !== true)
    .map(
      ({ name, type }) => `${tableKey(source)}.${name} is of type ${type}, of which Teal carries no values: drop it`,
    );
}

function mistakesOf(catalog: MysqlCatalog, options: MappingOptions, tables: readonly MappedTable[]): readonly string[] {
  const known = new Map(catalog.tables.map((table) => [tableKey(table), table]));
  const databases = new Set(catalog.tables.map(({ schema }) => schema));
  const unknown = Object.entries(options.tables ?? {}).flatMap(([key, override]) => {
    const table = known.get(key);
    if (table === undefined) return [`there is no table ${key}`];
    return unknownColumns(table, override).map((column) => `there is no column ${column} in ${key}`);
  });
  const renamed = tables.flatMap(({ source, target, columns }) => {
    const override = options.tables?.[tableKey(source)];
    const wanted = [
      [override?.rename, target.name] as const,
      ...columns.map(({ source: { name }, name: got }) => [override?.columns?.[name]?.rename, got] as const),
    ];
    return wanted.flatMap(([name, got]) => (name === undefined || name === got ? [] : [name]));
  });
  return [
    ...Object.keys(options.schemas ?? {}).flatMap((name) =>
      databases.has(name) ? [] : [`there is no database ${name}`],
    ),
    ...unknown,
    ...tables.flatMap((table) => unknownTypes(table, options)),
    ...tables.flatMap(({ source, columns }) =>
      columns.flatMap((column) => silentChange(`${tableKey(source)}.${column.source.name}`, column) ?? []),
    ),
    ...renamed.map((name) => `the name ${name} is taken, or longer than 63 bytes`),
    ...(options.postgresMajor < 14 ? ['PostgreSQL before 14 is no target'] : []),
  ];
}
