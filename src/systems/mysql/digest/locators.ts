import { assert, must } from '../../../kernel/assert.ts';
import type { DigestTable } from '../../../ports/digester.ts';
import { quoteIdent } from '../quote.ts';
import { parseType } from '../../../model/mysql-type.ts';
import type { Cell } from '../values/from-select.ts';

/**
 * What finds a row again in one snapshot: its key as the server wrote it, in hex, where such a text finds exactly it; otherwise its place in the order in which the table is read,
 * which is the same each time, and which costs another pass.
 */
export type Locating =
  | { readonly by: 'key'; readonly places: readonly number[]; readonly literals: readonly ((raw: Buffer) => string)[] }
  | { readonly by: 'place' };

export function locatingOf(table: DigestTable): Locating {
  if (table.key.length === 0) return { by: 'place' };
  const places = table.key.map((name) => table.columns.findIndex((column) => column.name === name));
  const literals = places.map((place) => literalFor(must(table.columns[place], 'a column of the key').type));
  return literals.every((each) => each !== undefined) ? { by: 'key', places, literals } : { by: 'place' };
}

function literalFor(type: string): ((raw: Buffer) => string) | undefined {
  switch (parseType(type).base) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
    case 'decimal':
    case 'year':
      return (raw) => numberIn(raw.toString('latin1'));
    case 'char':
    case 'varchar':
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
    case 'enum':
    case 'set':
    case 'date':
    case 'datetime':
    case 'timestamp':
    case 'time':
    case 'uuid':
    case 'inet4':
    case 'inet6':
      return (raw) => `_utf8mb4 x'${raw.toString('hex')}'`;
    case 'binary':
    case 'varbinary':
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return (raw) => `x'${raw.toString('hex')}'`;
    default:
      return undefined;
  }
}

function numberIn(text: string): string {
  assert(/^-?\d+(\.\d+)?$/.test(text), 'a number of a key');
  return text;
}

/** `raw` is the row as the server sent it. A locator holds values: it is for nobody but the reader that made it. */
export function locatorOf(locating: Locating, raw: readonly Cell[], place: number): string {
  if (locating.by === 'place') return String(place);
  return locating.places.map((at) => must(raw[at], 'a value of the key').toString('hex')).join('.');
}

/** The condition that the row with this locator fulfils and no other. */
export function conditionOf(locating: Extract<Locating, { by: 'key' }>, table: DigestTable, locator: string): string {
  const values = locator.split('.');
  const same = locating.literals.map((literal, index) => {
    const name = quoteIdent(must(table.key[index], 'a column of the key'));
    return `${name} = ${literal(Buffer.from(values[index] ?? '', 'hex'))}`;
  });
  return same.join(' and ');
}
