import { createHash } from 'node:crypto';

/** One entry of pg_dump's archive as SQL that can be run by itself after the preamble. */
export interface SchemaItem {
  readonly dumpId: number;
  /** As pg_dump names it: `TABLE`, `FK CONSTRAINT`, `INDEX ATTACH` … */
  readonly type: string;
  /** `-` for objects without a schema. */
  readonly schema: string;
  readonly name: string;
  readonly section: 'pre-data' | 'post-data';
  /** Entries that it needs, by dump id; some are not in the archive. */
  readonly needs: readonly number[];
  readonly sql: string;
  /** The same for the same object in another archive: names what was made on a target. */
  readonly key: string;
}

export interface SchemaScript {
  /** Settings that every session needs before any item. */
  readonly preamble: string;
  /** In the order in which pg_restore runs them. */
  readonly items: readonly SchemaItem[];
}

/** `id; tableoid oid …`: what identifies an entry, from `pg_restore --list`. */
export type ArchiveList = ReadonlyMap<number, string>;

export function parseList(text: string): ArchiveList {
  const entries = new Map<number, string>();
  for (const line of text.split('\n')) {
    const match = /^(\d+); (\d+ \d+) /.exec(line);
    if (match !== null) entries.set(Number(match[1]), match[2] ?? '');
  }
  return entries;
}

const header = /^--\n-- TOC entry (\d+) \(class (\d+) OID (\d+)\)\n/gm;

/**
 * Splits what `pg_restore --verbose --file=-` prints at its headers. A function's body, a comment or a name may hold text that looks like a header; such text
 * cannot be told apart, but its number can: unless every entry of the list is found exactly once, with its own object number, and nothing else is, the answer is
 * undefined and the caller must ask for the entries one by one.
 */
export function splitScript(text: string, list: ArchiveList, postData: ReadonlySet<number>): SchemaScript | undefined {
  const found = [...text.matchAll(header)];
  const seen = new Set<number>();
  for (const match of found) {
    const id = Number(match[1]);
    if (seen.has(id) || list.get(id) !== `${match[2]} ${match[3]}`) return undefined;
    seen.add(id);
  }
  if (seen.size !== list.size) return undefined;
  const ends = [...found.slice(1).map((match) => match.index), endOfItems(text)];
  const state = new CarriedSettings();
  const preamble = state.takeFrom(withoutMeta(text.slice(0, found[0]?.index ?? endOfItems(text))));
  const items: SchemaItem[] = [];
  for (const [index, match] of found.entries()) {
    const item = parseItem(Number(match[1]), text.slice(match.index + match[0].length, ends[index]), state, postData);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return { preamble, items };
}

/** What `pg_restore` prints when it is asked for this one entry: nothing can stand before its header but the preamble. */
export function parseSingle(text: string, dumpId: number, postData: ReadonlySet<number>): SchemaItem | undefined {
  const match = [...text.matchAll(header)][0];
  if (match === undefined || Number(match[1]) !== dumpId) return undefined;
  const state = new CarriedSettings();
  state.takeFrom(withoutMeta(text.slice(0, match.index)));
  return parseItem(dumpId, text.slice(match.index + match[0].length, endOfItems(text)), state, postData);
}

/** The last of them: the text may stand in a body too. */
function endOfItems(text: string): number {
  const end = text.lastIndexOf('\n--\n-- PostgreSQL database dump complete\n--\n');
  const completed = text.lastIndexOf('\n-- Completed on ', end);
  if (end === -1) return text.length;
  return completed === -1 ||
    text
      .slice(completed + 1, end)
      .trim()
      .includes('\n')
    ? end
    : completed;
}

/** `\restrict` and `\unrestrict` are for psql. They stand before the first entry and after the last one only. */
function withoutMeta(text: string): string {
  return text.replace(/^\\(un)?restrict .*$/gm, '');
}

/**
 * pg_restore prints some settings only when they change, between two entries. Items are run in other orders and sessions, so each gets the settings
 * that hold for it.
 */
class CarriedSettings {
  readonly #settings = new Map<string, string>();

  /** The text without the settings at its end, which hold from here on. */
  takeFrom(text: string): string {
    let rest = text.trimEnd();
    for (;;) {
      const match = /(?:^|\n)SET (default_tablespace|default_table_access_method) = [^\n]*;$/.exec(rest);
      if (match === null) return `${rest}\n`;
      const line = match[0].trim();
      // Read from the end: a later line of the same setting has been seen already.
      const name = match[1] ?? '';
      if (!this.#pending.has(name)) this.#pending.set(name, line);
      rest = rest.slice(0, match.index).trimEnd();
    }
  }

  readonly #pending = new Map<string, string>();

  /** Settings for the next item. */
  current(): string {
    for (const [name, line] of this.#pending) this.#settings.set(name, line);
    this.#pending.clear();
    return [...this.#settings.values()].map((line) => `${line}\n`).join('');
  }
}

function parseItem(
  dumpId: number,
  text: string,
  state: CarriedSettings,
  postData: ReadonlySet<number>,
): SchemaItem | undefined {
  // Greedy, so that a name with "; Type: " in it gives way to the true one, which comes last on its line.
  const described =
    /^(?:-- Dependencies: ([\d ]+)\n)?-- (?:Data for |Statistics for )?Name: (.*); Type: ([A-Z ]+); Schema: (.*); Owner: .*\n(?:-- Data Pos: .*\n)?--\n\n/.exec(
      text,
    );
  if (described === null) return undefined;
  const settings = state.current();
  const body = state.takeFrom(text.slice(described[0].length));
  const [, needs = '', name = '', type = '', schema = ''] = described;
  return {
    dumpId,
    type,
    schema,
    name,
    section: postData.has(dumpId) ? 'post-data' : 'pre-data',
    needs: [
      ...new Set(
        needs
          .split(' ')
          .filter((id) => id !== '')
          .map(Number),
      ),
    ],
    sql: `${settings}${body}`,
    key: createHash('sha256')
      .update(JSON.stringify([type, schema, name, body]))
      .digest('hex'),
  };
}

/** Settings that the target's major does not know end a session's preparation; 17 brought this one. */
export function preambleFor(preamble: string, targetMajor: number): string {
  return targetMajor >= 17 ? preamble : preamble.replace(/^SET transaction_timeout = .*$/gm, '');
}

/** The same for equal schemas, whatever archive they were read from. */
export function fingerprintOf(items: readonly SchemaItem[]): string {
  const hash = createHash('sha256');
  for (const key of items.map((item) => item.key).sort()) hash.update(key);
  return hash.digest('hex');
}
