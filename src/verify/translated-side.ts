import { must } from '../kernel/assert.ts';
import { tableFacts, type Catalog, type Column, type Table, type TableName } from '../model/catalog.ts';
import type { Names } from '../model/name-map.ts';
import type {
  DigestReader,
  DigestTable,
  HeldSnapshot,
  Repairer,
  RowLook,
  RowProbe,
  RowRepair,
  SideAccess,
  TableRepair,
  TextValues,
} from '../ports/digester.ts';

/** What a side calls the tables and columns of the other, and the other way round. */
export interface SideNames {
  /** Names of this side, as the other has them. */
  readonly ofSide: Names;
  /** Names of the other side, as this one has them. */
  readonly ofOther: Names;
}

/** A side that speaks in the names of the other one, so that both can be compared by name. What the other has no place for is not told. */
export function translatedSide(side: SideAccess, names: SideNames): SideAccess {
  return Object.freeze({
    ...side,
    describe: async () => catalogInNames(await side.describe(), names.ofSide),
    openAtPosition: async (options) => translatedSnapshot(await side.openAtPosition(options), names.ofOther),
    openNow: async (options) => translatedSnapshot(await side.openNow(options), names.ofOther),
  } satisfies SideAccess);
}

/** Repairs what was compared in the names of the other side. */
export function translatedRepairer(repairer: Repairer, { ofOther }: Pick<SideNames, 'ofOther'>): Repairer {
  const inNames = (repairs: readonly TableRepair[]): readonly TableRepair[] =>
    repairs.map(({ table, changes }) => ({
      table: digestTable(table, ofOther),
      changes: changes.map((change): RowRepair =>
        change.kind === 'update'
          ? { ...change, columns: change.columns.map((column) => columnIn(ofOther, table, column)) }
          : change,
      ),
    }));
  return Object.freeze({
    show: (table: DigestTable, look: RowLook) =>
      repairer.show(digestTable(table, ofOther), lookIn(ofOther, table, look)),
    render: (repairs: readonly TableRepair[]) => repairer.render(inNames(repairs)),
    apply: async (repairs: readonly TableRepair[], signal: AbortSignal) => repairer.apply(inNames(repairs), signal),
  });
}

/** Rows of what was compared in the names of the other side. */
export function translatedProbe(probe: RowProbe, { ofOther }: Pick<SideNames, 'ofOther'>): RowProbe {
  return Object.freeze({
    ...probe,
    row: async (table: DigestTable, key: TextValues) => probe.row(digestTable(table, ofOther), key),
  } satisfies RowProbe);
}

function lookIn(names: Names, table: DigestTable, look: RowLook): RowLook {
  const { columns, where } = look;
  return {
    ...look,
    columns: columns.map((column) => columnIn(names, table, column)),
    ...(where === undefined ? {} : { where: { ...where, column: columnIn(names, table, where.column) } }),
  };
}

function translatedSnapshot(snapshot: HeldSnapshot, names: Names): HeldSnapshot {
  return Object.freeze({
    position: snapshot.position,
    takenAt: snapshot.takenAt,
    bounds: (table, parts) => snapshot.bounds(digestTable(table, names), parts),
    reader: async (signal) => translatedReader(await snapshot.reader(signal), names),
    [Symbol.asyncDispose]: async () => snapshot[Symbol.asyncDispose](),
  } satisfies HeldSnapshot);
}

function translatedReader(reader: DigestReader, names: Names): DigestReader {
  return Object.freeze({
    digest: async (table, range, form) => reader.digest(digestTable(table, names), range, form),
    entries: (table, filter) => reader.entries(digestTable(table, names), filter),
    rows: async (table, locators) => reader.rows(digestTable(table, names), locators),
    release: async () => reader.release(),
    [Symbol.asyncDispose]: async () => reader[Symbol.asyncDispose](),
  } satisfies DigestReader);
}

function digestTable(table: DigestTable, names: Names): DigestTable {
  const place = must(names.table(table), 'the table on the other side', tableFacts(table));
  return {
    ...table,
    ...place,
    columns: table.columns.map((column) => ({ ...column, name: columnIn(names, table, column.name) })),
    key: table.key.map((column) => columnIn(names, table, column)),
  };
}

function columnIn(names: Names, table: TableName, column: string): string {
  return must(names.column(table, column), 'the column on the other side', { ...tableFacts(table), column });
}

function catalogInNames(catalog: Catalog, names: Names): Catalog {
  return { ...catalog, tables: catalog.tables.flatMap((table) => tableInNames(table, names) ?? []) };
}

/** What a comparison asks of a table: its columns and its keys. A key that is not whole there is none. */
function tableInNames(table: Table, names: Names): Table | undefined {
  const place = names.table(table);
  if (place === undefined) return undefined;
  const { schema, name } = place;
  const keyOf = (columns: readonly string[]): readonly string[] | undefined => {
    const found = columns.flatMap((column) => names.column(table, column) ?? []);
    return found.length === columns.length ? found : undefined;
  };
  const { primaryKey, replicaIdentity, ...rest } = table;
  const primary = primaryKey === undefined ? undefined : keyOf(primaryKey);
  const identity = replicaIdentity.kind === 'key' ? keyOf(replicaIdentity.columns) : undefined;
  return {
    ...rest,
    schema,
    name,
    columns: table.columns.flatMap((column): readonly Column[] => {
      const found = names.column(table, column.name);
      return found === undefined ? [] : [{ ...column, name: found }];
    }),
    ...(primary === undefined ? {} : { primaryKey: primary }),
    replicaIdentity:
      replicaIdentity.kind === 'key' && identity !== undefined
        ? { ...replicaIdentity, columns: identity }
        : replicaIdentity,
    uniqueKeys: table.uniqueKeys.flatMap((key) => {
      const columns = keyOf(key.columns);
      return columns === undefined ? [] : [{ ...key, columns }];
    }),
  };
}
