import { must } from '../kernel/assert.ts';
import { tableKey, type TableName } from './catalog.ts';
import type { MysqlForeignKey, MysqlTable, ReferentialAction } from './mysql-catalog.ts';
import type { Names } from './name-map.ts';

/** What is done to a child's row by itself: nothing, it goes with its parent's row or takes its new values, or it loses what it refers by. */
export type KeyAction = 'none' | 'cascade' | 'set null';

/**
 * A foreign key that changes or deletes rows by itself, of a server whose log does not hold what it did. Names are those of the tables and columns as the flow's stream
 * has them; `keysInNames` are those of the other side.
 */
export interface ActingKey {
  readonly name: string;
  readonly child: TableName;
  readonly columns: readonly string[];
  readonly parent: TableName;
  /** As many as `columns`, in their order. */
  readonly referencedColumns: readonly string[];
  readonly onDelete: KeyAction;
  readonly onUpdate: KeyAction;
}

type KeyedTable = Pick<MysqlTable, 'schema' | 'name' | 'columns' | 'foreignKeys'>;

/** InnoDB does nothing but these: it takes no SET DEFAULT, and RESTRICT and NO ACTION are the same to it. */
const actions: Readonly<Record<ReferentialAction, KeyAction>> = {
  cascade: 'cascade',
  'set null': 'set null',
  restrict: 'none',
  'no action': 'none',
  'set default': 'none',
};

/**
 * Pure: the keys between these tables that act, in the order in which InnoDB asks them (by the database of the child and the name of the key). One that leads out of these tables is none
 * of them: rows of a child that stays behind are nobody's, and a parent that stays behind is in no stream.
 */
export function actingKeysOf(tables: readonly KeyedTable[]): readonly ActingKey[] {
  const byName = new Map(tables.map((table) => [tableKey(table), table]));
  return tables
    .flatMap((child) =>
      child.foreignKeys.flatMap((key) => {
        const parent = byName.get(tableKey(key.references));
        return parent === undefined ? [] : actingKey(child, key, parent);
      }),
    )
    .sort((a, b) => compare(orderOf(a), orderOf(b)));
}

/** Whether the key changes or deletes rows of its table by itself. */
export function acts({ onDelete, onUpdate }: Pick<MysqlForeignKey, 'onDelete' | 'onUpdate'>): boolean {
  return actions[onDelete] !== 'none' || actions[onUpdate] !== 'none';
}

function actingKey(child: KeyedTable, key: MysqlForeignKey, parent: KeyedTable): readonly ActingKey[] {
  if (!acts(key)) return [];
  const [onDelete, onUpdate] = [actions[key.onDelete], actions[key.onUpdate]];
  return [
    {
      name: key.name,
      child: { schema: child.schema, name: child.name },
      columns: asSpelled(key.columns, child),
      parent: { schema: parent.schema, name: parent.name },
      referencedColumns: asSpelled(key.referencedColumns, parent),
      onDelete,
      onUpdate,
    },
  ];
}

/** Servers keep names of columns as the statement that made the key had them, in whatever letters. */
function asSpelled(names: readonly string[], { columns }: KeyedTable): readonly string[] {
  const spelled = new Map(columns.map(({ name }) => [name.toLowerCase(), name]));
  return names.map((name) => spelled.get(name.toLowerCase()) ?? name);
}

function orderOf({ child, name }: ActingKey): string {
  return `${child.schema}/${name}`;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * Pure: of each table the pairs of keys of which one sets a column to NULL that the other refers by as well. What comes of a change that reaches such a row on two ways depends on which of them
 * the server goes first, and that is not known.
 */
export function clashingKeys(keys: readonly ActingKey[]): readonly (readonly [ActingKey, ActingKey])[] {
  return keys.flatMap((key, place) =>
    keys
      .slice(place + 1)
      .filter((other) => tableKey(key.child) === tableKey(other.child) && isClash(key, other))
      .map((other) => [key, other] as const),
  );
}

function isClash(a: ActingKey, b: ActingKey): boolean {
  return (setsNull(a) || setsNull(b)) && a.columns.some((column) => b.columns.includes(column));
}

function setsNull({ onDelete, onUpdate }: ActingKey): boolean {
  return onDelete === 'set null' || onUpdate === 'set null';
}

/**
 * Pure: the keys as the other side calls their tables and columns, without those of a table that has no place there. Each column of the others must have one: the assessment stops
 * before a key that acts through a column which stays behind.
 */
export function keysInNames(keys: readonly ActingKey[], names: Names): readonly ActingKey[] {
  const columnsOf = (table: TableName, columns: readonly string[]): readonly string[] =>
    columns.map((column) => must(names.column(table, column), 'a column of a key that acts, on the other side'));
  return keys.flatMap((key) => {
    const [child, parent] = [names.table(key.child), names.table(key.parent)];
    if (child === undefined || parent === undefined) return [];
    const columns = columnsOf(key.child, key.columns);
    return [{ ...key, child, columns, parent, referencedColumns: columnsOf(key.parent, key.referencedColumns) }];
  });
}

/** Pure: the columns of a table that keys refer to. Of a row that changes there, what it was has to be known. */
export function referencedColumns(keys: readonly ActingKey[], table: TableName): readonly string[] {
  const name = tableKey(table);
  return [...new Set(keys.filter(({ parent }) => tableKey(parent) === name).flatMap((key) => key.referencedColumns))];
}

/** Pure: tables that keys link, over however many others, each group by its tables' names. A table that no key touches is in none. */
export function linkedTables(keys: readonly Pick<ActingKey, 'child' | 'parent'>[]): readonly ReadonlySet<string>[] {
  let groups: readonly ReadonlySet<string>[] = [];
  for (const { child, parent } of keys) {
    const both = [tableKey(child), tableKey(parent)];
    const touched = groups.filter((group) => both.some((name) => group.has(name)));
    const joined = new Set([...both, ...touched.flatMap((group) => [...group])]);
    groups = [...groups.filter((group) => !touched.includes(group)), joined];
  }
  return groups;
}

/** Pure: what one list of keys has and the other has not, or has otherwise; sentences. */
export function unlikeKeys(kept: readonly ActingKey[], now: readonly ActingKey[], side: string): readonly string[] {
  const textOf = (key: ActingKey): string =>
    JSON.stringify([
      key.columns,
      key.parent.schema,
      key.parent.name,
      key.referencedColumns,
      key.onDelete,
      key.onUpdate,
    ]);
  const idOf = (key: ActingKey): string => `${key.name} of ${tableKey(key.child)}`;
  const before = new Map(kept.map((key) => [idOf(key), textOf(key)]));
  const after = new Map(now.map((key) => [idOf(key), textOf(key)]));
  return [
    ...[...before].flatMap(([id, text]) => {
      const found = after.get(id);
      if (found === undefined) return [`foreign key ${id} acts no longer on ${side}, and did when the flow began`];
      return found === text ? [] : [`foreign key ${id} acts otherwise on ${side} than when the flow began`];
    }),
    ...[...after.keys()]
      .filter((id) => !before.has(id))
      .map((id) => `foreign key ${id} acts on ${side}, and did not when the flow began`),
  ];
}
