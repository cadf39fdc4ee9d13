import { createHash } from 'node:crypto';
import type { TableName } from '../model/catalog.ts';
import type { MappedColumn, MappedForeignKey, MappedKey, MappedTable, Mapping } from './mapping.ts';
import { pgName, pgTable, pgText } from './quote.ts';

/** In the order of the ports' SchemaPart, of which it is a part. */
export type DdlPart = 'tables' | 'keys' | 'indexes' | 'foreignKeys' | 'validation' | 'rest';

export type DdlType =
  | 'SCHEMA'
  | 'COLLATION'
  | 'TABLE'
  | 'CONSTRAINT'
  | 'INDEX'
  | 'FK CONSTRAINT'
  | 'FK VALIDATION'
  | 'TRIGGER';

/** One object, made by `statements` in one transaction. */
export interface DdlItem {
  readonly part: DdlPart;
  readonly type: DdlType;
  readonly schema: string;
  readonly name: string;
  readonly statements: readonly string[];
  /** Takes the object away again; absent where it goes with its table. A schema may have been there before: who made it must know. */
  readonly drop?: string;
  /** Tables that it locks. */
  readonly tables: readonly TableName[];
  /** `shared`: other builds on the same table may run at the same time. */
  readonly lock: 'shared' | 'exclusive';
  /** The same for the same object in every run: it names what was made. */
  readonly key: string;
}

/** Everything that makes the schema, in an order in which it can be run: part by part, and within a part as it stands. Pure. */
export function ddlOf(mapping: Mapping): readonly DdlItem[] {
  const { tables } = mapping;
  return [
    ...[...new Set(mapping.schemas.map(({ target }) => target))].map(schemaItem),
    ...mapping.collations.map((collation) =>
      item(
        'tables',
        'COLLATION',
        collation,
        [
          `create collation ${pgTable(collation)} (provider = icu, locale = ${pgText(collation.locale)}, deterministic = false)`,
        ],
        { drop: `drop collation ${pgTable(collation)}` },
      ),
    ),
    ...tables.map(tableItem),
    ...tables.flatMap((table) => table.keys.filter(({ kind }) => kind !== 'index').map((key) => keyItem(table, key))),
    ...tables.flatMap((table) => table.keys.filter(({ kind }) => kind === 'index').map((key) => keyItem(table, key))),
    ...tables.flatMap((table) => table.foreignKeys.map((key) => foreignKeyItem(table, key))),
    ...tables.flatMap((table) => table.foreignKeys.map((key) => validationItem(table, key))),
    ...tables.flatMap((table) => touchItem(table)),
  ];
}

interface More {
  readonly tables?: readonly TableName[];
  readonly lock?: DdlItem['lock'];
  readonly drop?: string;
}

function item(part: DdlPart, type: DdlType, named: TableName, statements: readonly string[], more: More = {}): DdlItem {
  const { schema, name } = named;
  const { tables = [], lock = 'exclusive', drop } = more;
  const key = createHash('sha256')
    .update(JSON.stringify([type, schema, name, statements]))
    .digest('hex');
  return { part, type, schema, name, statements, tables, lock, key, ...(drop === undefined ? {} : { drop }) };
}

/** `public` is there already, and so may be a schema of the same name. */
function schemaItem(name: string): DdlItem {
  return item('tables', 'SCHEMA', { schema: '-', name }, [`create schema if not exists ${pgName(name)}`], {
    drop: `drop schema ${pgName(name)}`,
  });
}

function tableItem({ source, target, columns, checks }: MappedTable): DdlItem {
  const table = pgTable(target);
  const sequences = columns.flatMap(({ name, counter }) =>
    counter?.sequence === undefined
      ? []
      : [{ column: name, start: counter.start, place: pgTable({ schema: target.schema, name: counter.sequence }) }],
  );
  const lines = [
    ...columns.map((column) => columnLine(column, target)),
    ...columns.flatMap(({ guard }) =>
      guard === undefined ? [] : [`constraint ${pgName(guard.name)} check (${guard.sql})`],
    ),
    ...checks.map(({ name, sql }) => `constraint ${pgName(name)} check (${sql})`),
  ];
  const comments = [
    ...(source.comment === '' ? [] : [`comment on table ${table} is ${pgText(source.comment)}`]),
    ...columns
      .filter((column) => column.source.comment !== '')
      .map((column) => `comment on column ${table}.${pgName(column.name)} is ${pgText(column.source.comment)}`),
  ];
  const statements = [
    ...sequences.map(({ place, start }) => `create sequence ${place} start with ${start}`),
    `create table ${table} (\n  ${lines.join(',\n  ')}\n)`,
    ...sequences.map(({ place, column }) => `alter sequence ${place} owned by ${table}.${pgName(column)}`),
    ...comments,
  ];
  return item('tables', 'TABLE', target, statements, { tables: [target], drop: `drop table ${table}` });
}

function columnLine(column: MappedColumn, target: TableName): string {
  const { name, type, collation, nullable, generatedAs, counter } = column;
  const words = [pgName(name), type];
  if (collation !== undefined) words.push(`collate ${pgTable(collation)}`);
  if (generatedAs !== undefined) words.push(`generated always as (${generatedAs}) stored`);
  else if (counter?.kind === 'identity') words.push(`generated by default as identity (start with ${counter.start})`);
  else if (counter?.sequence !== undefined)
    words.push(`default nextval(${pgText(pgTable({ schema: target.schema, name: counter.sequence }))}::regclass)`);
  else if (column.default !== undefined) words.push(`default ${column.default}`);
  if (!nullable) words.push('not null');
  return words.join(' ');
}

function keyItem({ target }: MappedTable, key: MappedKey): DdlItem {
  const table = pgTable(target);
  const parts = key.parts.map(({ sql, descending }) => `${sql}${descending ? ' desc' : ''}`).join(', ');
  const isConstraint = key.kind !== 'index' && key.plain;
  const name = { schema: target.schema, name: key.name };
  const statement = isConstraint
    ? `alter table ${table} add constraint ${pgName(key.name)} ${key.kind === 'primary' ? 'primary key' : 'unique'} (${parts})`
    : `create ${key.kind === 'unique' ? 'unique ' : ''}index ${pgName(key.name)} on ${table} (${parts})`;
  const comment = key.comment === '' ? [] : [`comment on index ${pgTable(name)} is ${pgText(key.comment)}`];
  return item(
    key.kind === 'index' ? 'indexes' : 'keys',
    isConstraint ? 'CONSTRAINT' : 'INDEX',
    name,
    [statement, ...comment],
    {
      tables: [target],
      lock: isConstraint ? 'exclusive' : 'shared',
    },
  );
}

/** NOT VALID: it holds for new rows at once, and the look at all rows (`validation`) takes no lock that others wait for. */
function foreignKeyItem({ target }: MappedTable, key: MappedForeignKey): DdlItem {
  const list = (names: readonly string[]): string => names.map(pgName).join(', ');
  const actions = `on delete ${key.onDelete} on update ${key.onUpdate}`;
  const statement =
    `alter table ${pgTable(target)} add constraint ${pgName(key.name)} foreign key (${list(key.columns)})` +
    ` references ${pgTable(key.references)} (${list(key.referencedColumns)}) ${actions} not valid`;
  const name = { schema: target.schema, name: `${target.name} ${key.name}` };
  return item('foreignKeys', 'FK CONSTRAINT', name, [statement], {
    tables: [target, key.references],
    drop: `alter table ${pgTable(target)} drop constraint ${pgName(key.name)}`,
  });
}

function validationItem({ target }: MappedTable, key: MappedForeignKey): DdlItem {
  const name = { schema: target.schema, name: `${target.name} ${key.name}` };
  const statement = `alter table ${pgTable(target)} validate constraint ${pgName(key.name)}`;
  return item('validation', 'FK VALIDATION', name, [statement], { tables: [target, key.references] });
}

/** ON UPDATE CURRENT_TIMESTAMP: when a row changes, and the statement says nothing of the column itself. `*<>` compares any row, JSON too. */
function touchItem({ target, columns, touch }: MappedTable): readonly DdlItem[] {
  if (touch === undefined) return [];
  const place = pgTable({ schema: target.schema, name: touch.function });
  const lines = columns
    .filter(({ touched }) => touched)
    .map(({ name, type, sourceType }) => {
      const c = pgName(name);
      const moment = type.startsWith('timestamp') ? `statement_timestamp()::${type}` : `statement_timestamp()`;
      const digits = sourceType.decimals ?? 0;
      const cut = `date_trunc(${digits === 0 ? `'second'` : digits <= 3 ? `'milliseconds'` : `'microseconds'`}, ${moment})`;
      return `    if new.${c} is not distinct from old.${c} then new.${c} := ${cut}; end if;`;
    });
  const body = ['begin', '  if new *<> old then', ...lines, '  end if;', '  return new;', 'end'].join('\n');
  const statements = [
    `create function ${place}() returns trigger language plpgsql as ${pgText(`\n${body}\n`)}`,
    `create trigger ${pgName(touch.trigger)} before update on ${pgTable(target)} for each row execute function ${place}()`,
  ];
  return [
    item('rest', 'TRIGGER', { schema: target.schema, name: touch.function }, statements, {
      tables: [target],
      drop: `drop function ${place}() cascade`,
    }),
  ];
}
