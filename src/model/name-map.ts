import { otherSide, type Side, type TableName } from './catalog.ts';

/** A column of blue that green has otherwise. Those that are not listed have the same name on both sides, and their values travel. */
export interface ColumnPlace {
  /** On blue. */
  readonly blue: string;
  /** On green; absent where green has no such column. */
  readonly green?: string;
  /** Green computes it, and blue does not: both have the column, and no value of it travels. */
  readonly computed?: true;
  /** What NULL of green is on blue, whose column takes none: a canonical text. */
  readonly nullOnBlue?: string;
}

export interface TablePlace {
  readonly blue: TableName;
  /** Absent where green has no such table. */
  readonly green?: TableName;
  readonly columns: readonly ColumnPlace[];
}

/**
 * What tables and columns are called on either side, where not all of it is the same. Plain: it goes into the configuration of a worker. A table that is not listed came later: it has
 * its name on both, in the schema that stands for its own.
 */
export interface NameMap {
  readonly schemas: readonly { readonly blue: string; readonly green: string }[];
  readonly tables: readonly TablePlace[];
}

/** The names of one side as the other has them. */
export interface Names {
  /** Undefined: the other side has no place for it. */
  table(table: TableName): TableName | undefined;
  /** Undefined: the other side has no place for it. */
  column(table: TableName, column: string): string | undefined;
  /** Whether its values go to the other side: not where that computes them. */
  travels(table: TableName, column: string): boolean;
  /** What takes the place of NULL on the other side, whose column takes none. */
  nullOf(table: TableName, column: string): string | undefined;
}

interface ColumnRule {
  readonly to: string | undefined;
  readonly travels: boolean;
  readonly null?: string;
}

interface TableRule {
  readonly to: TableName | undefined;
  readonly columns: ReadonlyMap<string, ColumnRule>;
}

const noColumns: ReadonlyMap<string, ColumnRule> = new Map();
const travelling = { travels: true } as const;
const placeless: ColumnRule = Object.freeze({ to: undefined, travels: false });

/** From the names of `side` to those of the other. Pure. */
export function namesFrom(side: Side, map: NameMap): Names {
  const other = otherSide(side);
  const schemas = new Map(map.schemas.map((pair) => [pair[side], pair[other]]));
  const tables = new Map<string, TableRule>();
  for (const { [side]: here, [other]: there, columns } of map.tables)
    if (here !== undefined) tables.set(keyOf(here), { to: there, columns: columnRules(side, columns) });
  // What came later and is called like something that is listed is not that.
  const taken = new Set(map.tables.flatMap(({ [other]: there }) => (there === undefined ? [] : [keyOf(there)])));
  const takenSchemas = new Set(schemas.values());
  const later = ({ schema, name }: TableName): TableName | undefined => {
    const place = schemas.get(schema) ?? (takenSchemas.has(schema) ? undefined : schema);
    return place === undefined || taken.has(keyOf({ schema: place, name })) ? undefined : { schema: place, name };
  };
  const ruleOf = (table: TableName, column: string): ColumnRule =>
    tables.get(keyOf(table))?.columns.get(column) ?? { to: column, ...travelling };
  return Object.freeze({
    table: (table: TableName) => {
      const rule = tables.get(keyOf(table));
      return rule === undefined ? later(table) : rule.to;
    },
    column: (table: TableName, column: string) => ruleOf(table, column).to,
    travels: (table: TableName, column: string) => ruleOf(table, column).travels,
    nullOf: (table: TableName, column: string) => ruleOf(table, column).null,
  });
}

function columnRules(side: Side, columns: readonly ColumnPlace[]): TableRule['columns'] {
  if (columns.length === 0) return noColumns;
  const rules = new Map<string, ColumnRule>();
  const other = otherSide(side);
  for (const column of columns) {
    const { [side]: here, [other]: there, computed, nullOnBlue } = column;
    if (here === undefined) continue;
    const isNull = side === 'green' && nullOnBlue !== undefined;
    rules.set(here, {
      to: there,
      travels: there !== undefined && computed !== true,
      ...(isNull ? { null: nullOnBlue } : {}),
    });
  }
  // A column that came later and is called like one that is listed on the other side alone is not that one.
  for (const { [other]: there } of columns) if (there !== undefined && !rules.has(there)) rules.set(there, placeless);
  return rules;
}

function keyOf({ schema, name }: TableName): string {
  return `${schema}\0${name}`;
}

/** Where everything is called the same. */
export const noOtherNames: NameMap = Object.freeze({ schemas: [], tables: [] });

/** Tables of either side of which `isOnBlue` is true under their names on blue, and that have a place on both. */
export function onEitherSide(
  map: NameMap,
  isOnBlue: (table: TableName) => boolean,
): Readonly<Record<Side, (table: TableName) => boolean>> {
  const [ofBlue, ofGreen] = [namesFrom('blue', map), namesFrom('green', map)];
  const blue = (table: TableName): boolean => ofBlue.table(table) !== undefined && isOnBlue(table);
  return {
    blue,
    green: (table) => {
      const onBlue = ofGreen.table(table);
      return onBlue !== undefined && blue(onBlue);
    },
  };
}
