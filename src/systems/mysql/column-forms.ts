import { tableKey } from '../../model/catalog.ts';
import { compareForms, type FormDifferences, type FormSides, type SchemaForm } from '../../model/schema-form.ts';
import type { MysqlFlavour } from './connection.ts';
import { readDatabases } from './inspect/catalog.ts';
import { askRows, placeholders, type Querier } from './inspect/querier.ts';

/** The tables and columns, with the collations by which texts are keys, of one database, or of all that are neither the system's nor Teal's, tables first, by name: two looks tell the same in the same order. */
export async function readColumnForms(querier: Querier, database?: string): Promise<readonly SchemaForm[]> {
  const databases = database === undefined ? await readDatabases(querier) : [database];
  if (databases.length === 0) return [];
  const some = placeholders(databases);
  return sorted(await read(querier, `table_schema in (${some})`, databases));
}

interface FormRow extends Readonly<Record<string, string | null>> {
  readonly db: string;
  readonly tab: string;
  readonly col: string | null;
  readonly type: string | null;
  readonly collation: string | null;
}

async function read(querier: Querier, where: string, names: readonly string[]): Promise<readonly SchemaForm[]> {
  const tables = await askRows<FormRow>(
    querier,
    `select table_schema as db, table_name as tab, null as col, null as type, null as collation
     from information_schema.tables where table_type in ('BASE TABLE', 'SYSTEM VERSIONED') and ${where}`,
    names,
  );
  const columns = await askRows<FormRow>(
    querier,
    `select table_schema as db, table_name as tab, column_name as col, column_type as type, collation_name as collation
     from information_schema.columns where ${where}`,
    names,
  );
  // Views have columns, too.
  const there = new Set(tables.map(({ db, tab }) => tableKey({ schema: db, name: tab })));
  return [...tables, ...columns.filter(({ db, tab }) => there.has(tableKey({ schema: db, name: tab })))].map(formOf);
}

function formOf({ db, tab, col, type, collation }: FormRow): SchemaForm {
  const table = tableKey({ schema: db, name: tab });
  if (col === null) return { kind: 'table', schema: db, of: tab, name: table, definition: 'table' };
  const definition = columnDefinition(type ?? '', collation ?? undefined);
  return { kind: 'column', schema: db, of: tab, name: `${table}.${col}`, definition };
}

/** `varchar(40) collate utf8mb4_bin`. */
export function columnDefinition(type: string, collation: string | undefined): string {
  return collation === undefined ? type : `${type} collate ${collation}`;
}

function sorted(forms: readonly SchemaForm[]): readonly SchemaForm[] {
  const key = ({ kind, name }: SchemaForm): string => `${kind === 'table' ? 0 : 1} ${name}`;
  return forms.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

export interface FormFlavours {
  readonly source: MysqlFlavour;
  readonly target: MysqlFlavour;
}

/** As `compareForms`, with what is called one way by one server and another way by the other taken for the same. */
export function compareColumnForms(
  source: readonly SchemaForm[],
  target: readonly SchemaForm[],
  sides: FormSides,
  flavours: FormFlavours,
): FormDifferences {
  const isMixed = flavours.source !== flavours.target;
  const plain = (form: SchemaForm): SchemaForm => ({ ...form, definition: sameWords(form.definition, isMixed) });
  return compareForms(source.map(plain), target.map(plain), sides);
}

/**
 * Integers have lost the width that they are shown with (from MySQL 8.0.19 on), and YEAR too; `utf8` is called `utf8mb3`. Between the families JSON of MySQL is text with a check on MariaDB.
 */
export function sameWords(definition: string, betweenFamilies: boolean): string {
  const plain = definition
    .replace(/^(tinyint|smallint|mediumint|int|bigint|year)\(\d+\)(?! (?:unsigned )?zerofill)/, (whole, type: string) =>
      // The one width that means something to clients: a boolean.
      whole.startsWith('tinyint(1)') ? 'tinyint(1)' : type,
    )
    .replace(/ collate utf8_/, ' collate utf8mb3_')
    .replace(/^geomcollection\b/, 'geometrycollection');
  if (!betweenFamilies) return plain;
  return plain.replace(/^longtext collate utf8mb4_bin$/, 'json');
}
