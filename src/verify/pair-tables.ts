import type { Catalog, Column, Side, Table, TableName } from '../model/catalog.ts';
import { tableKey } from '../model/catalog.ts';
import type { DigestColumn, DigestTable } from '../ports/digester.ts';

/** A column that is not compared, and why: a certificate names each. */
export interface LeftOutColumn {
  readonly column: string;
  readonly why: string;
}

/** One table as both sides have it, ready to be read in the same way on both. */
export interface TablePair {
  readonly name: TableName;
  readonly live: DigestTable;
  readonly other: DigestTable;
  readonly leftOut: readonly LeftOutColumn[];
  /** Columns whose types differ: their texts are compared. */
  readonly differentTypes: readonly string[];
  readonly estimatedRows: number;
  /** For the order of work only. */
  readonly pages: number;
}

export interface AbsentTable {
  readonly name: TableName;
  readonly absentOn: readonly ('live' | 'other')[];
}

export interface PairingOptions {
  /** Whose column order both sides are read in. */
  readonly liveSide: Side;
  /** Columns that the user takes out, by `schema.table`. */
  readonly excludeColumns?: Readonly<Record<string, readonly string[]>>;
}

export interface Pairing {
  readonly pairs: readonly TablePair[];
  readonly absent: readonly AbsentTable[];
}

/** Pairs the wanted tables of two catalogs by name. Blue's column order rules on both sides, whichever of them is live. */
export function pairTables(
  live: Catalog,
  other: Catalog,
  wanted: readonly TableName[],
  options: PairingOptions,
): Pairing {
  const [ofLive, ofOther] = [byName(live), byName(other)];
  const pairs: TablePair[] = [];
  const absent: AbsentTable[] = [];
  for (const { schema, name } of wanted) {
    const key = tableKey({ schema, name });
    const [a, b] = [ofLive.get(key), ofOther.get(key)];
    if (a !== undefined && b !== undefined) {
      pairs.push(pairOf(a, b, options));
      continue;
    }
    const absentOn = [a === undefined ? ['live' as const] : [], b === undefined ? ['other' as const] : []].flat();
    absent.push({ name: { schema, name }, absentOn });
  }
  return { pairs, absent };
}

function byName(catalog: Catalog): ReadonlyMap<string, Table> {
  return new Map(
    catalog.tables.filter((table) => table.kind === 'table').map((table) => [tableKey(table), table] as const),
  );
}

function pairOf(live: Table, other: Table, options: PairingOptions): TablePair {
  const otherSide: Side = options.liveSide === 'blue' ? 'green' : 'blue';
  const excluded = new Set(options.excludeColumns?.[tableKey(live)]);
  const [blue, green] = options.liveSide === 'blue' ? [live, other] : [other, live];
  const order = blue.columns.map(({ name }) => name);
  const onGreen = new Set(green.columns.map(({ name }) => name));
  const compared = order.filter((name) => onGreen.has(name) && !excluded.has(name));
  const comparedSet = new Set(compared);
  const [ofLive, ofOther] = [columnsByName(live), columnsByName(other)];
  const isSame = (name: string): boolean => sameType(ofLive.get(name), ofOther.get(name));
  const key = keyOf(live, comparedSet);
  const buckets = bucketsFor(live.estimatedRows);
  const tableOf = (table: Table, columns: ReadonlyMap<string, Column>): DigestTable => ({
    schema: table.schema,
    name: table.name,
    oid: table.oid,
    columns: compared.flatMap((name) => digestColumn(columns.get(name), isSame(name))),
    key,
    buckets,
  });
  return {
    name: { schema: live.schema, name: live.name },
    live: tableOf(live, ofLive),
    other: tableOf(other, ofOther),
    leftOut: [
      ...[...ofLive.keys()].filter((name) => !ofOther.has(name)).map((column) => onlyOn(column, options.liveSide)),
      ...[...ofOther.keys()].filter((name) => !ofLive.has(name)).map((column) => onlyOn(column, otherSide)),
      ...order.filter((name) => onGreen.has(name) && excluded.has(name)).map((column) => ({ column, why: 'excluded' })),
    ],
    differentTypes: compared.filter((name) => ofLive.get(name)?.type !== ofOther.get(name)?.type),
    estimatedRows: live.estimatedRows,
    pages: Math.max(live.pages, other.pages),
  };
}

function onlyOn(column: string, side: Side): LeftOutColumn {
  return { column, why: `only on ${side}` };
}

function columnsByName(table: Table): ReadonlyMap<string, Column> {
  return new Map(table.columns.map((column) => [column.name, column]));
}

function digestColumn(column: Column | undefined, isSame: boolean): readonly DigestColumn[] {
  if (column === undefined) return [];
  return [{ name: column.name, sameType: isSame, type: column.type, generated: column.generated !== 'no' }];
}

function sameType(a: Column | undefined, b: Column | undefined): boolean {
  return a !== undefined && b !== undefined && a.builtIn && b.builtIn && a.typeOid === b.typeOid;
}

/** A key only names rows in the report and pairs them: a column of it that is not compared takes its use away. */
function keyOf(table: Table, compared: ReadonlySet<string>): readonly string[] {
  const key = table.primaryKey ?? (table.replicaIdentity.kind === 'key' ? table.replicaIdentity.columns : []);
  return key.every((name) => compared.has(name)) ? key : [];
}

/** About a thousand rows to look at for one that differs; never so many buckets that a small table costs more to sum than to read. */
function bucketsFor(estimatedRows: number): number {
  const wanted = Math.min(Math.max(estimatedRows, 0) / 1_000, 4_096);
  return 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(wanted, 1))));
}
