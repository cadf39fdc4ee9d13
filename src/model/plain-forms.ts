import { tableKey } from './catalog.ts';
import { namesFrom, noOtherNames, type Names } from './name-map.ts';
import type { SchemaForm } from './schema-form.ts';

const sameNames = namesFrom('blue', noOtherNames);

/** Tables and columns alone, by their plain names, whatever a system quotes; called as the other side calls them, without what that has no place for. Pure. */
export function plainForms(forms: readonly SchemaForm[], names: Names = sameNames): readonly SchemaForm[] {
  return forms.flatMap((form) => plainForm(form, names) ?? []);
}

function plainForm(form: SchemaForm, names: Names): SchemaForm | undefined {
  const { kind } = form;
  if (kind !== 'table' && kind !== 'column') return undefined;
  const own = { schema: form.schema, name: form.of };
  const table = names.table(own);
  if (table === undefined) return undefined;
  const place = { kind, schema: table.schema, of: table.name };
  if (kind === 'table') return { ...place, name: tableKey(table), definition: 'table' };
  const column = names.column(own, columnOf(form));
  if (column === undefined) return undefined;
  return { ...place, name: `${tableKey(table)}.${column}`, definition: form.definition };
}

/** The last of the three names of a column, which are quoted where SQL of PostgreSQL needs it and plain elsewhere. */
function columnOf({ schema, of, name }: SchemaForm): string {
  const plain = `${tableKey({ schema, name: of })}.`;
  if (name.startsWith(plain)) return unquoted(name.slice(plain.length));
  const [, , column = name] = name.match(/"(?:[^"]|"")*"|[^".]+/g) ?? [];
  return unquoted(column);
}

function unquoted(name: string): string {
  return /^".*"$/s.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name;
}
