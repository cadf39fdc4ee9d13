import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { tableKey, type TableName } from '../../../model/catalog.ts';
import type {
  BucketSum,
  DigestEntry,
  DigestForm,
  DigestRange,
  DigestReader,
  DigestTable,
  EntryFilter,
  TextValues,
} from '../../../ports/digester.ts';
import type { BorrowedSession } from '../borrowed-session.ts';
import { definitionChanged } from '../copy-source.ts';
import { serverNumberOf } from '../errors.ts';
import { numberedTable, stretchOf, type NumberedTable, type StretchBounds } from '../key-stretches.ts';
import { quoteTable } from '../quote.ts';
import { selectionOf, type Cell } from '../values/from-select.ts';
import type { ValuePolicy } from '../values/policy.ts';
import type { WindowRows } from '../window-rows.ts';
import { BucketSums } from './bucket-sums.ts';
import { SmallestEntries } from './entry-pages.ts';
import { conditionOf, locatingOf, locatorOf, type Locating } from './locators.ts';
import { bucketOf, RowHasher } from './row-hash.ts';

export interface DigestReaderOptions {
  readonly session: BorrowedSession;
  readonly policy: ValuePolicy;
  /** Columns that the other side holds as boolean: 0 and 1 are compared as PostgreSQL prints them. */
  readonly isBoolean: (table: TableName, column: string) => boolean;
  /** Where a table is cut for so many parts: the same answer for all readers of a snapshot. */
  readonly bounds: (table: NumberedTable, parts: number) => Promise<StretchBounds>;
  /** What the session is to be read with; see `TakenSnapshot`. */
  readonly window?: WindowRows | undefined;
  /** Entries that are sorted in memory; what is more costs another pass. Default 200 000. */
  readonly entriesInMemory?: number;
}

const defaultEntriesInMemory = 200_000;
const entriesPerPage = 5_000;
const rowsPerQuery = 50;
/** As the table itself lies, whatever indexes there are: the same order each time. */
const wholeInOrder = 'use index ()';

interface ScannedRow {
  readonly raw: readonly Cell[];
  /** Canonical texts in the order of the table's columns. */
  readonly cells: readonly Cell[];
  /** In the order of reading, 0-based. */
  readonly place: number;
  /** Of one that is not read but known from the log: its number. */
  readonly logged?: number;
}

/**
 * Hashes rows here, over canonical texts, exactly as PostgreSQL does it in the form `text`. The form `quick` is the same: it is only ever compared with another side that reads like this.
 * A server of MariaDB keeps the locks of what was read until the snapshot ends, MySQL until `release`: both refuse to read what was replaced (TEAL-VERIFY-003).
 */
export function mysqlDigestReader(options: DigestReaderOptions): DigestReader {
  return new Reader(options);
}

class Reader implements DigestReader {
  readonly #options: DigestReaderOptions;
  #table: string | undefined;

  constructor(options: DigestReaderOptions) {
    this.#options = options;
  }

  async digest(table: DigestTable, range: DigestRange, _form: DigestForm): Promise<readonly BucketSum[]> {
    const sums = new BucketSums();
    const hashes = new TableHashes(table);
    const { part, parts } = partOf(range);
    for await (const { cells } of this.#scan(table, await this.#part(table, range), part === parts - 1)) {
      const { row, bucket } = hashes.of(cells);
      sums.add(bucket, row);
    }
    return sums.sums();
  }

  async *entries(table: DigestTable, filter: EntryFilter): AsyncGenerator<readonly DigestEntry[], void, undefined> {
    const most = this.#options.entriesInMemory ?? defaultEntriesInMemory;
    const wanted = new Set(filter.buckets);
    const locating = locatingOf(table);
    const hashes = new TableHashes(table);
    let from: Pick<DigestEntry, 'key' | 'row'> | undefined;
    do {
      const smallest = new SmallestEntries(from, most);
      for await (const scanned of this.#scan(table, wholeInOrder, true)) {
        const { row, key, bucket } = hashes.of(scanned.cells);
        if (!wanted.has(bucket)) continue;
        const hex = row.toString('hex');
        smallest.add({ key: key?.toString('hex') ?? hex, row: hex, locator: placeOf(locating, scanned) });
      }
      const { entries, limit } = smallest.end();
      for (let at = 0; at < entries.length; at += entriesPerPage) yield entries.slice(at, at + entriesPerPage);
      from = limit;
    } while (from !== undefined);
  }

  async rows(table: DigestTable, locators: readonly string[]): Promise<readonly TextValues[]> {
    const found = new Map<string, TextValues>();
    const locating = locatingOf(table);
    const wanted = new Set(locators);
    const take = async (part: string, hasLogged: boolean): Promise<void> => {
      for await (const scanned of this.#scan(table, part, hasLogged)) {
        const locator = placeOf(locating, scanned);
        if (wanted.has(locator)) found.set(locator, scanned.cells.map(asText));
      }
    };
    if (locating.by === 'place') {
      await take(wholeInOrder, true);
    } else {
      const read = locators.filter((locator) => !locator.startsWith(loggedMark));
      for (let at = 0; at < read.length; at += rowsPerQuery) {
        const some = read.slice(at, at + rowsPerQuery);
        await take(`where ${some.map((locator) => `(${conditionOf(locating, table, locator)})`).join(' or ')}`, false);
      }
      if (read.length < locators.length) await take('where false', true);
    }
    return locators.map((locator) => must(found.get(locator), 'a row of the snapshot', { table: tableKey(table) }));
  }

  async release(): Promise<void> {
    if (this.#table !== undefined) await this.#options.session.query('rollback to savepoint before_table');
    this.#table = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#options.session[Symbol.asyncDispose]();
  }

  /** `part` is what stands behind the table's name. `hasLogged`: with the rows that are known from the log. */
  async *#scan(table: DigestTable, part: string, hasLogged: boolean): AsyncGenerator<ScannedRow, void, void> {
    await this.#hold(table);
    const selection = selectionOf({ table, columns: table.columns, key: table.key }, this.#options.policy);
    const booleans = table.columns.map(({ name }) => this.#options.isBoolean(table, name));
    const list = selection.list.length === 0 ? '1' : selection.list.join(', ');
    const compared = (cells: readonly Cell[]): readonly Cell[] =>
      booleans.includes(true) ? cells.map((cell, index) => (booleans[index] === true ? asBoolean(cell) : cell)) : cells;
    const window = this.#options.window?.viewOf(
      table,
      table.columns.map(({ name }) => name),
    );
    let place = 0;
    try {
      for await (const raw of this.#options.session.rows(`select ${list} from ${quoteTable(table)} ${part}`)) {
        const cells = selection.canonical(raw);
        if (window?.isTouched(cells) !== true) yield { raw, cells: compared(cells), place };
        place += 1;
      }
      if (hasLogged) {
        for (const [logged, cells] of window?.rows.entries() ?? []) {
          yield { raw: cells, cells: compared(cells), place, logged };
        }
      }
    } catch (error) {
      if (serverNumberOf(error) !== definitionChanged) throw error;
      throw new TealError('TEAL-VERIFY-003', 'a table was replaced after the snapshot', { table: tableKey(table) });
    }
  }

  async #hold(table: TableName): Promise<void> {
    if (this.#table === tableKey(table)) return;
    await this.release();
    await this.#options.session.query('savepoint before_table');
    this.#table = tableKey(table);
  }

  async #part(table: DigestTable, range: DigestRange): Promise<string> {
    const { part, parts } = partOf(range);
    if (parts === 1) return '';
    const numbered = numberedTable({ ...table, primaryKey: table.key, columns: asColumns(table) });
    // A table that cannot be cut is all in its first part.
    if (numbered === undefined) return part === 0 ? '' : 'where false';
    const bounds = await this.#options.bounds(numbered, parts);
    // The last part is open, however many stretches there are.
    return stretchOf(numbered, bounds, part, part === parts - 1 ? undefined : part + 1);
  }
}

/** Begins the locator of a row that is known from the log: no other begins so. */
const loggedMark = '+';

function placeOf(locating: Locating, { raw, place, logged }: ScannedRow): string {
  return logged === undefined ? locatorOf(locating, raw, place) : `${loggedMark}${logged}`;
}

type Columns = Parameters<typeof numberedTable>[0]['columns'];

function asColumns(table: DigestTable): Columns {
  return table.columns as unknown as Columns;
}

/** Part `part` (0-based) of `parts`. */
export function rangeOf(part: number, parts: number): DigestRange {
  return `${part}/${parts}` as DigestRange;
}

function partOf(range: DigestRange): { readonly part: number; readonly parts: number } {
  const [part, parts] = range.split('/').map(Number);
  return { part: must(part, 'a part'), parts: must(parts, 'a number of parts') };
}

class TableHashes {
  readonly #hasher = new RowHasher();
  readonly #all: readonly number[];
  readonly #key: readonly number[];
  readonly #buckets: number;

  constructor(table: DigestTable) {
    this.#all = table.columns.map((_, index) => index);
    this.#key = table.key.map((name) => table.columns.findIndex((column) => column.name === name));
    this.#buckets = table.buckets;
  }

  of(cells: readonly Cell[]): { readonly row: Buffer; readonly key: Buffer | undefined; readonly bucket: number } {
    const row = this.#hasher.hash(cells, this.#all);
    const key = this.#key.length === 0 ? undefined : this.#hasher.hash(cells, this.#key);
    return { row, key, bucket: bucketOf(row, key, this.#buckets) };
  }
}

const zero = '0'.charCodeAt(0);
const [yes, no] = [Buffer.from('t'), Buffer.from('f')];

/** Another number than 0 and 1 stays what it is, and differs. */
export function asBoolean(cell: Cell): Cell {
  if (cell?.length !== 1) return cell;
  if (cell[0] === zero) return no;
  return cell[0] === zero + 1 ? yes : cell;
}

function asText(cell: Cell): string | null {
  return cell?.toString('utf8') ?? null;
}
