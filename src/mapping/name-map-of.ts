import { tableKey } from '../model/catalog.ts';
import type { MysqlCatalog, MysqlColumn, MysqlTable } from '../model/mysql-catalog.ts';
import type { ColumnPlace, NameMap, TablePlace } from '../model/name-map.ts';
import type { DataCheck } from './data-checks.ts';
import { isKnownBy } from './map-columns.ts';
import type { MappedColumn, MappedTable, Mapping } from './mapping.ts';

/** What a mapping of this catalog calls otherwise, leaves out or has computed. Empty lists: everything has its name on both sides. Pure. */
export function nameMapOf(mapping: Mapping, { tables }: Pick<MysqlCatalog, 'tables'>): NameMap {
  const mapped = new Map(mapping.tables.map((table) => [tableKey(table.source), table]));
  const schemas = mapping.schemas.map(({ source, target }) => ({ blue: source, green: target }));
  const isPlain = new Set(schemas.map(({ green }) => green)).size === schemas.length;
  const greenOf = new Map(schemas.map(({ blue, green }) => [blue, green]));
  const places = tables.map((table) => placeOf(table, mapped.get(tableKey(table))));
  return {
    // Of two databases that become one schema each table is listed, and says where it is from.
    schemas: isPlain ? schemas.filter(({ blue, green }) => blue !== green) : schemas,
    tables: places.filter(
      ({ blue, green, columns }) =>
        !isPlain || columns.length > 0 || green?.schema !== greenOf.get(blue.schema) || green?.name !== blue.name,
    ),
  };
}

function placeOf({ schema, name, columns }: MysqlTable, mapped: MappedTable | undefined): TablePlace {
  const blue = { schema, name };
  if (mapped === undefined) return { blue, columns: [] };
  const { target } = mapped;
  const places = columns.flatMap((column) => {
    const found = mapped.columns.find(({ source }) => source.name === column.name);
    return columnPlace(column, found);
  });
  return { blue, green: { schema: target.schema, name: target.name }, columns: places };
}

function columnPlace(column: MysqlColumn, mapped: MappedColumn | undefined): readonly ColumnPlace[] {
  const blue = column.name;
  if (mapped === undefined) return [{ blue }];
  const isComputed = isComputedOnGreen(mapped);
  const none = isComputed ? undefined : nullOnBlue(mapped);
  if (mapped.name === blue && !isComputed && none === undefined) return [];
  return [
    {
      blue,
      green: mapped.name,
      ...(isComputed ? { computed: true } : {}),
      ...(none === undefined ? {} : { nullOnBlue: none }),
    },
  ];
}

/** Green computes what blue stores: no value of it travels. What both compute is called the same, and compared. */
export function isComputedOnGreen({ generatedAs, source }: MappedColumn): boolean {
  return generatedAs !== undefined && source.generatedAs === undefined;
}

/** A date that takes no NULL on blue, and was given one on green for dates that are none: the zero date, which blue has in its place. */
function nullOnBlue({ source, sourceType, nullable, checks }: MappedColumn): string | undefined {
  if (!source.notNull || !nullable || !checks.includes('zeroDate')) return undefined;
  return sourceType.base === 'date' ? '0000-00-00' : '0000-00-00 00:00:00';
}

/** Whether the policy may have another value on green than blue has. */
export function isAltered(
  { policy }: Mapping,
  { source }: MappedTable,
  { source: { name }, checks }: MappedColumn,
): boolean {
  if (isKnownBy(source, name)) return false;
  const alters: Partial<Record<DataCheck, boolean>> = {
    zeroDate: policy.zeroDate !== 'stop',
    partialDate: policy.zeroDate !== 'stop',
    invalidEnum: policy.invalidEnum !== 'stop',
    nulByte: policy.nulByte !== 'stop',
  };
  return checks.some((check) => alters[check] === true);
}

/** Blue's tables as they are read: those that green has, with the columns whose values travel, in the order of green's. Pure. */
export function carriedTables({ tables }: Mapping): readonly MysqlTable[] {
  return tables.map(({ source, columns }) => ({
    ...source,
    columns: columns.filter((column) => !isComputedOnGreen(column)).map((column) => column.source),
  }));
}
