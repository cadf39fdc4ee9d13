import { tableKey, type TableName } from '../model/catalog.ts';
import { equalityOf, likeIcu } from './collations.ts';
import { checkMeanings, offends, type CheckedColumn, type DataCheck } from './data-checks.ts';
import type { MappedColumn, MappedForeignKey, MappedKey, MappedTable, Mapping } from './mapping.ts';
import { isKnownBy } from './map-columns.ts';
import { longestEntry, longestEntryBytes } from './map-keys.ts';
import { strictMappingPolicy, type MappingPolicy, type Offence } from './options.ts';
import { myName, myTable } from './quote.ts';

export type ProfileKind = DataCheck | 'longKey' | 'duplicates' | 'orphans';

export interface ProfileCheck {
  readonly kind: ProfileKind;
  /** On the source. */
  readonly table: TableName;
  /** On the source. */
  readonly columns: readonly string[];
  /** What is counted: for `duplicates` the rows beyond the first of each group, else the rows that do not pass. */
  readonly meaning: string;
  /** What Teal does with such a row as the mapping stands. */
  readonly policy: string;
  /** Up to five rows that do not pass, as the columns of `keyColumns`, in SQL of MySQL. Absent for a table without a key. */
  readonly samples?: string;
  readonly keyColumns: readonly string[];
  /** SQL of MySQL for a person to run, and what to know before. Where a value must be chosen it is the variable `@value`. */
  readonly cleansing: { readonly statement: string; readonly note: string };
}

/** One statement of MySQL that gives one row: `c0`, `c1` … are the counts of `checks`, in their order. */
export interface ProfileScan {
  readonly table: TableName;
  readonly sql: string;
  readonly checks: readonly ProfileCheck[];
}

export interface Finding {
  readonly check: ProfileCheck;
  readonly count: bigint;
}

const sampleSize = 5;

/**
 * The statements that count what does not fit: one scan a table for all that its rows tell by themselves, one statement for each unique key whose meaning changes, one for each
 * foreign key. They read, lock nothing, and run under any `sql_mode`. Pure.
 */
export function profileOf(mapping: Mapping, flavour: 'mysql' | 'mariadb'): readonly ProfileScan[] {
  return mapping.tables.flatMap((table) => [
    ...rowScan(table, mapping.policy),
    ...table.keys.flatMap((key) => duplicateScan(table, key, flavour)),
    ...table.foreignKeys.map((key) => orphanScan(table, key)),
  ]);
}

/**
 * Where the target has refused a value of this table of the source: one statement that looks for a row with such a value and ends at the first, with 1 for each of `checks` that the row
 * does not pass. Values that Teal changes as it carries them are not looked for. Undefined where nothing is known that could be wrong. Pure.
 */
export function refusedScan(mapping: Mapping, { schema, name }: TableName): ProfileScan | undefined {
  const table = mapping.tables.find(({ source }) => source.schema === schema && source.name === name);
  const wanted =
    table === undefined
      ? []
      : valueChecks(table, mapping.policy).filter(({ check }) => !/^(?:null|remove):/.test(check.policy));
  if (table === undefined || wanted.length === 0) return undefined;
  const flags = wanted.map(({ condition }, at) => `  ${condition} as c${at}`);
  const any = wanted.map(({ condition }) => condition).join(' or ');
  const sql = `select\n${flags.join(',\n')}\nfrom ${myTable(table.source)} where ${any} limit 1`;
  return { table: nameOf(table), sql, checks: wanted.map(({ check }) => check) };
}

/** The checks of a scan that something did not pass. `row`: what the server answered, as text. */
export function findingsOf(scan: ProfileScan, row: Readonly<Record<string, string | null>>): readonly Finding[] {
  return scan.checks
    .map((check, at) => ({ check, count: BigInt(row[`c${at}`] ?? '0') }))
    .filter(({ count }) => count > 0n);
}

/** For the next mapping: what was found about single columns. */
export function offencesOf(findings: readonly Finding[]): readonly Offence[] {
  return findings.flatMap(({ check: { kind, table, columns } }) =>
    kind === 'duplicates' || kind === 'orphans' || kind === 'longKey'
      ? []
      : columns.map((column) => ({ table, column, check: kind })),
  );
}

function checkedColumn({ source, sourceType, type }: MappedColumn): CheckedColumn {
  const { name, characterSet } = source;
  return { name, type: sourceType, targetType: type, ...(characterSet === undefined ? {} : { characterSet }) };
}

/** Columns that name a row: the primary key, else a unique key without NULL. */
function rowKey({ source }: MappedTable): readonly string[] {
  const nullable = new Set(source.columns.filter(({ notNull }) => !notNull).map(({ name }) => name));
  const unique = source.indexes.find(
    (index) =>
      index.unique &&
      index.parts.every(({ column, prefix }) => column !== undefined && prefix === undefined && !nullable.has(column)),
  );
  return source.primaryKey ?? unique?.parts.flatMap(({ column }) => column ?? []) ?? [];
}

function samplesOf(
  table: MappedTable,
  from: string,
  condition: string,
  alias = '',
): Pick<ProfileCheck, 'samples' | 'keyColumns'> {
  const keyColumns = rowKey(table);
  if (keyColumns.length === 0) return { keyColumns };
  const list = keyColumns.map((name) => `${alias}${myName(name)}`).join(', ');
  return { keyColumns, samples: `select ${list} from ${from} where ${condition} limit ${sampleSize}` };
}

interface Counted {
  readonly check: ProfileCheck;
  readonly condition: string;
}

/** What single values of a table can be wrong by. */
function valueChecks(table: MappedTable, policy: MappingPolicy): readonly Counted[] {
  return table.columns.flatMap((column) => column.checks.map((kind) => valueCheck(table, column, kind, policy)));
}

/** Everything that one row tells by itself. */
function rowScan(table: MappedTable, policy: MappingPolicy): readonly ProfileScan[] {
  const counted = [
    ...valueChecks(table, policy),
    ...table.keys
      .filter(({ parts }) => longestEntry(table.columns, parts) > longestEntryBytes)
      .map((key) => longKeyCheck(table, key)),
  ];
  if (counted.length === 0) return [];
  const sums = counted.map(({ condition }, at) => `  coalesce(sum(${condition}), 0) as c${at}`);
  const sql = `select\n${sums.join(',\n')}\nfrom ${myTable(table.source)}`;
  return [{ table: nameOf(table), sql, checks: counted.map(({ check }) => check) }];
}

function valueCheck(table: MappedTable, column: MappedColumn, kind: DataCheck, policy: MappingPolicy): Counted {
  const condition = offends(kind, checkedColumn(column));
  const check: ProfileCheck = {
    kind,
    table: nameOf(table),
    columns: [column.source.name],
    meaning: checkMeanings[kind],
    policy: policyFor(kind, column, isKnownBy(table.source, column.source.name) ? strictMappingPolicy : policy),
    ...samplesOf(table, myTable(table.source), condition),
    cleansing: cleansing(kind, table, column, condition),
  };
  return { check, condition };
}

function nameOf({ source: { schema, name } }: MappedTable): TableName {
  return { schema, name };
}

function policyFor(kind: DataCheck, column: MappedColumn, policy: MappingPolicy): string {
  const stops = 'stop: the copy ends at such a row';
  const becomesNull = column.nullable ? 'null: NULL takes its place' : stops;
  switch (kind) {
    case 'zeroDate':
    case 'partialDate':
      return policy.zeroDate === 'null' ? becomesNull : stops;
    case 'invalidEnum':
      return policy.invalidEnum === 'null' ? becomesNull : stops;
    case 'nulByte':
      return policy.nulByte === 'remove' ? 'remove: the text without it takes its place' : stops;
    case 'notBoolean':
      return column.rule === 'boolean' ? 'another type: the column becomes smallint' : stops;
    case 'invalidText':
    case 'outOfRange':
    case 'timeBeyondDay':
    case 'tooLong':
    case 'invalidJson':
    case 'nulInJson':
      return stops;
    default:
      return kind satisfies never;
  }
}

/** An UPDATE that leaves columns with ON UPDATE CURRENT_TIMESTAMP as they are. */
function update(table: MappedTable, column: MappedColumn, value: string, condition: string): string {
  const kept = table.source.columns.filter(({ setOnUpdate, name }) => setOnUpdate && name !== column.source.name);
  const sets = [
    `${myName(column.source.name)} = ${value}`,
    ...kept.map(({ name }) => `${myName(name)} = ${myName(name)}`),
  ];
  return `update ${myTable(table.source)} set ${sets.join(', ')} where ${condition}`;
}

function cleansing(
  kind: DataCheck,
  table: MappedTable,
  column: MappedColumn,
  condition: string,
): ProfileCheck['cleansing'] {
  const c = myName(column.source.name);
  const chosen = {
    statement: update(table, column, '@value', condition),
    note: 'choose a value first: set @value = …',
  };
  switch (kind) {
    case 'nulByte':
      return {
        statement: update(
          table,
          column,
          `convert(replace(cast(convert(${c} using utf8mb4) as binary), 0x00, '') using utf8mb4)`,
          condition,
        ),
        note: 'takes the NULs out of the texts',
      };
    case 'notBoolean':
      return {
        statement: update(table, column, '1', condition),
        note: 'not needed where the column may become smallint; makes every other value true',
      };
    case 'nulInJson':
      return { ...chosen, note: 'or keep the column as json, which holds it' };
    case 'zeroDate':
    case 'partialDate':
    case 'invalidEnum':
    case 'invalidText':
    case 'outOfRange':
    case 'timeBeyondDay':
    case 'tooLong':
    case 'invalidJson':
      return column.source.notNull
        ? { ...chosen, note: `the column takes no NULL; ${chosen.note}` }
        : { statement: update(table, column, 'null', condition), note: 'puts NULL in the place of the values' };
    default:
      return kind satisfies never;
  }
}

/** Rows whose values of one key are longer than PostgreSQL takes. Values that compress well may still go in. */
function longKeyCheck(table: MappedTable, key: MappedKey): Counted {
  const columns = key.parts.flatMap(({ sql, column }) => (column !== undefined && sql.startsWith('"') ? [column] : []));
  const lengths = columns.map((name) => {
    const column = table.columns.find(({ source }) => source.name === name);
    const isChars = column?.source.characterSet !== undefined;
    return `coalesce(length(${isChars ? `convert(${myName(name)} using utf8mb4)` : myName(name)}), 0)`;
  });
  const condition = `(${lengths.join(' + ')} > ${longestEntryBytes})`;
  const check: ProfileCheck = {
    kind: 'longKey',
    table: nameOf(table),
    columns,
    meaning: `rows whose values of the key ${key.source} are longer than ${longestEntryBytes} bytes, which a b-tree of PostgreSQL refuses unless they compress well`,
    policy: 'stop: the key may be impossible to make on the target',
    ...samplesOf(table, myTable(table.source), condition),
    cleansing: {
      statement: `select ${[...new Set([...rowKey(table), ...columns])].map(myName).join(', ')} from ${myTable(table.source)} where ${condition}`,
      note: 'lists the rows: shorten their values, or drop the index before the migration',
    },
  };
  return { check, condition };
}

/** Rows whose key is another one's under the target's collation. None for keys that compare as they did, or that hold fewer texts to be equal. */
function duplicateScan(table: MappedTable, key: MappedKey, flavour: 'mysql' | 'mariadb'): readonly ProfileScan[] {
  const index = table.source.indexes.find(({ name }) => name === key.source);
  if (index === undefined || key.kind === 'index' || index.parts.some(({ column }) => column === undefined)) return [];
  const parts = index.parts.flatMap(({ column: name, prefix }) => {
    const column = table.columns.find(({ source }) => source.name === name);
    if (column === undefined) return [];
    const value = (alias: string): string => {
      const c = `${alias}${myName(column.source.name)}`;
      const begin = prefix === undefined ? c : `left(${c}, ${prefix})`;
      const collation = likeIcu(equalityOf(column.source.collation ?? ''), flavour);
      return column.collation === undefined ? begin : `convert(${begin} using utf8mb4) collate ${collation}`;
    };
    return [{ name: column.source.name, value, changes: column.collation !== undefined }];
  });
  if (!parts.some(({ changes }) => changes)) return [];
  const place = myTable(table.source);
  const notNull = parts.map(({ name }) => `${myName(name)} is not null`).join(' and ');
  const groups = `select ${parts.map(({ value }, at) => `${value('')} as k${at}`).join(', ')}, count(*) as n from ${place} where ${notNull} group by ${parts.map((_, at) => `k${at}`).join(', ')} having count(*) > 1`;
  const same = parts.map(({ value }, at) => `${value('t.')} = d.k${at}`).join(' and ');
  const from = `${place} t join (${groups} limit ${sampleSize}) d on ${same}`;
  const check: ProfileCheck = {
    kind: 'duplicates',
    table: nameOf(table),
    columns: parts.map(({ name }) => name),
    meaning: `rows that are one to the unique key ${key.source} under the target’s collation (as near as the source can tell)`,
    policy: 'stop: the key cannot be made on the target',
    ...samplesOf(table, from, 'true', 't.'),
    cleansing: {
      statement: `select * from (${groups}) d`,
      note: 'lists the groups: change or merge their rows, or choose collations: none',
    },
  };
  return [{ table: nameOf(table), sql: `select coalesce(sum(n - 1), 0) as c0 from (${groups}) d`, checks: [check] }];
}

/** Rows that a foreign key which was off let in. */
function orphanScan(table: MappedTable, key: MappedForeignKey): ProfileScan {
  const from = `${myTable(table.source)} c`;
  const present = key.sourceColumns.map((name) => `c.${myName(name)} is not null`).join(' and ');
  const condition = `${present} and not exists (select 1 from ${myTable(key.sourceReferences)} p where ${sameKey(key, 'c')})`;
  const check: ProfileCheck = {
    kind: 'orphans',
    table: nameOf(table),
    columns: key.sourceColumns,
    meaning: `rows whose foreign key ${key.source} finds no row in ${tableKey(key.sourceReferences)}`,
    policy: 'stop: the foreign key cannot be validated on the target',
    ...samplesOf(table, from, condition, 'c.'),
    cleansing: orphanCleansing(table, key),
  };
  return { table: nameOf(table), sql: `select count(*) as c0 from ${from} where ${condition}`, checks: [check] };
}

function sameKey(key: MappedForeignKey, child: string): string {
  return key.sourceColumns
    .map((name, at) => `p.${myName(key.sourceReferencedColumns[at] ?? name)} = ${child}.${myName(name)}`)
    .join(' and ');
}

/** A table that is joined to itself cannot be read in a subquery of its own DELETE or UPDATE; and a DELETE knows no alias without a current database. */
function orphanCleansing({ source }: MappedTable, key: MappedForeignKey): ProfileCheck['cleansing'] {
  const place = myTable(source);
  const present = key.sourceColumns.map((name) => `${place}.${myName(name)} is not null`);
  const absent = key.sourceReferencedColumns.map((name) => `p.${myName(name)} is null`);
  const joined = `${place} left join ${myTable(key.sourceReferences)} p on ${sameKey(key, place)}`;
  const where = [...present, ...absent].join(' and ');
  const free = source.columns.find(({ name, notNull }) => key.sourceColumns.includes(name) && !notNull);
  const isSelf = tableKey(source) === tableKey(key.sourceReferences);
  const again = isSelf ? '; run it until it changes no row' : '';
  if (free === undefined)
    return {
      statement: `delete ${place} from ${joined} where ${where}`,
      note: `takes the rows away with all that hangs on them, or bring their parents back${again}`,
    };
  const kept = source.columns.filter(({ setOnUpdate }) => setOnUpdate).map(({ name }) => `${place}.${myName(name)}`);
  const sets = [`${place}.${myName(free.name)} = null`, ...kept.map((name) => `${name} = ${name}`)];
  return {
    statement: `update ${joined} set ${sets.join(', ')} where ${where}`,
    note: `cuts the rows off, or bring their parents back${again}`,
  };
}
