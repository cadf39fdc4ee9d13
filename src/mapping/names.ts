import { createHash } from 'node:crypto';

/** PostgreSQL cuts longer names off, silently (NAMEDATALEN - 1). */
const longestBytes = 63;

/** Columns that every table of PostgreSQL has already. */
const systemColumns: ReadonlySet<string> = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

/** Names of one kind that may not come twice. What is asked first gets the plain name, so the order of asking must be the catalog's. */
export class Namespace {
  readonly #taken = new Set<string>();

  /** The name itself where it is short enough and free; else one that ends with a mark made from `wanted` and is the same in every run. */
  take(wanted: string): string {
    const name = this.#free(wanted);
    this.#taken.add(name);
    return name;
  }

  #free(wanted: string): string {
    if (Buffer.byteLength(wanted) <= longestBytes && !this.#taken.has(wanted)) return wanted;
    for (let attempt = 0; ; attempt += 1) {
      const mark = createHash('sha256').update(`${attempt} ${wanted}`).digest('hex').slice(0, 8);
      const name = `${cutToBytes(wanted, longestBytes - 1 - mark.length)}_${mark}`;
      if (!this.#taken.has(name)) return name;
    }
  }
}

/** Without half a character at the end. */
function cutToBytes(text: string, bytes: number): string {
  let kept = '';
  let length = 0;
  for (const character of text) {
    length += Buffer.byteLength(character);
    if (length > bytes) break;
    kept += character;
  }
  return kept;
}

/** What a column of this name can be called. */
export function columnNameFor(name: string): string {
  return systemColumns.has(name) ? `${name}_` : name;
}

/** What a schema for this database can be called: PostgreSQL keeps `pg_…` and information_schema for itself. */
export function schemaNameFor(name: string): string {
  return name.startsWith('pg_') || name === 'information_schema' ? `my_${name}` : name;
}
