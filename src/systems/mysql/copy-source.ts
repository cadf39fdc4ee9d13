import { assert, must } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import { carriedColumns, tableKey, type Table, type TableName, tableFacts } from '../../model/catalog.ts';
import type { MysqlTable } from '../../model/mysql-catalog.ts';
import type {
  CopyRange,
  RowFormat,
  RowStream,
  SnapshotReader,
  SnapshotSource,
  TableExtent,
} from '../../ports/snapshot-source.ts';
import { BorrowedSession } from './borrowed-session.ts';
import { connect, type MysqlConnection } from './connection.ts';
import { LineWriter } from './copy-lines.ts';
import { serverNumberOf } from './errors.ts';
import { cutByKey, numberedTable, stretchOf, type StretchBounds } from './key-stretches.ts';
import { quoteTable } from './quote.ts';
import type { SnapshotSessions } from './snapshot-sessions.ts';
import { selectionOf, type Cell } from './values/from-select.ts';
import { strictPolicy, type ValuePolicy } from './values/policy.ts';

export interface MysqlSourceOptions {
  readonly url: string;
  readonly sessions: SnapshotSessions;
  readonly policy?: ValuePolicy;
  /** What a stretch of a table should hold: the smallest part that can be copied by itself. Default `smallestRangeBytes`. */
  readonly stretchBytes?: number;
}

/** A row costs more here than where rows come as the target takes them, so that less of them is enough to make a range worth its round trips. */
export const smallestRangeBytes = 4 << 20;
const mostStretches = 512;
const tablesPerQuery = 200;
/** The server's number for a table that was replaced after the snapshot. */
export const definitionChanged = 1412;

/**
 * The tables of a server as its sessions' snapshot shows them. A unit of a table is a stretch of its primary key: where the stretches are is measured once and kept as long as the
 * snapshot, so that a range means the same rows for as long as it can be read.
 */
export function mysqlSnapshotSource(options: MysqlSourceOptions): SnapshotSource {
  const bounds = new Map<string, StretchBounds>();
  return Object.freeze({
    snapshot: options.sessions.taken.position,
    extents: async (tables: readonly Table[]) => readExtents(options, tables, bounds),
    open: async (signal: AbortSignal) =>
      new Reader(options, bounds, await BorrowedSession.from(options.url, options.sessions, signal)),
  });
}

async function readExtents(
  options: MysqlSourceOptions,
  tables: readonly Table[],
  bounds: Map<string, StretchBounds>,
): Promise<readonly TableExtent[]> {
  await using session = await connect({ url: options.url, applicationName: 'teal copy planner' });
  // Otherwise what is kept of the sizes is up to a day old.
  if (session.flavour === 'mysql') await session.query('set @@session.information_schema_stats_expiry = 0');
  const sizes = await readSizes(session, tables);
  const extents: TableExtent[] = [];
  for (const table of tables) {
    const { bytes, estimatedRows } = must(sizes.get(tableKey(table)), 'a table of the copy', tableFacts(table));
    const found = bounds.get(tableKey(table)) ?? (await cut(session, table, bytes, options));
    bounds.set(tableKey(table), found);
    extents.push({ table, units: found.length + 1, bytes, estimatedRows });
  }
  return extents;
}

async function cut(
  session: MysqlConnection,
  table: Table,
  bytes: number,
  { stretchBytes = smallestRangeBytes }: MysqlSourceOptions,
): Promise<StretchBounds> {
  const numbered = numberedTable(table);
  if (numbered === undefined) return [];
  return cutByKey(session, numbered, Math.min(mostStretches, Math.floor(bytes / stretchBytes)));
}

async function readSizes(
  session: MysqlConnection,
  tables: readonly TableName[],
): Promise<ReadonlyMap<string, { readonly bytes: number; readonly estimatedRows: number }>> {
  const found = new Map<string, { readonly bytes: number; readonly estimatedRows: number }>();
  for (let at = 0; at < tables.length; at += tablesPerQuery) {
    const some = tables.slice(at, at + tablesPerQuery);
    const { rows } = await session.query(
      `select table_schema as s, table_name as t, data_length as bytes, table_rows as n from information_schema.tables
       where ${some.map(() => '(table_schema = ? and table_name = ?)').join(' or ')}`,
      some.flatMap(({ schema, name }) => [schema, name]),
    );
    for (const row of rows) {
      const name = { schema: row['s'] ?? '', name: row['t'] ?? '' };
      found.set(tableKey(name), { bytes: Number(row['bytes'] ?? 0), estimatedRows: Number(row['n'] ?? 0) });
    }
  }
  return found;
}

class Reader implements SnapshotReader {
  readonly #options: MysqlSourceOptions;
  readonly #bounds: ReadonlyMap<string, StretchBounds>;
  readonly #session: BorrowedSession;

  constructor(options: MysqlSourceOptions, bounds: ReadonlyMap<string, StretchBounds>, session: BorrowedSession) {
    this.#options = options;
    this.#bounds = bounds;
    this.#session = session;
  }

  read(range: CopyRange, format: RowFormat): RowStream {
    let count: number | undefined;
    const spans = this.#spans(range, format, (rows) => {
      count = rows;
    });
    return { format, spans, rowCount: () => BigInt(must(count, 'the count of the source of rows')) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  async *#spans(range: CopyRange, format: RowFormat, done: (rows: number) => void): AsyncGenerator<Buffer, void, void> {
    const { table } = range;
    if (format !== 'text') {
      throw new TealError('TEAL-SYNC-204', 'MySQL writes rows in text form only', tableFacts(table));
    }
    refuseWithoutSnapshot(table);
    const selected = { table, columns: carriedColumns(table), key: table.primaryKey };
    const selection = selectionOf(selected, this.#options.policy ?? strictPolicy);
    const list = selection.list.length === 0 ? '1' : selection.list.join(', ');
    const sql = `select ${list} from ${quoteTable(table)} ${this.#part(range)}`;
    const writer = new LineWriter();
    const names = selected.columns.map(({ name }) => name);
    const window = this.#options.sessions.taken.rows?.viewOf(table, names);
    let count = 0;
    const add = (cells: readonly Cell[]): void => {
      writer.add(cells);
      count += 1;
    };
    try {
      for await (const rows of this.#session.batches(sql)) {
        for (const row of rows) {
          const cells = selection.canonical(row);
          if (window?.isTouched(cells) !== true) add(cells);
        }
        yield* writer.take();
      }
    } catch (error) {
      throw this.#reasonOf(error, table);
    }
    // Wherever their keys lie: they are the affair of one range, and each table has one range without an end.
    if (range.to === undefined) window?.rows.forEach(add);
    yield* writer.end();
    done(count);
  }

  #part({ table, from, to }: CopyRange): string {
    if (from === 0 && to === undefined) return '';
    const numbered = must(numberedTable(table), 'a table that is read in parts', tableFacts(table));
    const bounds = must(this.#bounds.get(tableKey(table)), 'the stretches of a table', tableFacts(table));
    return stretchOf(numbered, bounds, from, to);
  }

  #reasonOf(error: unknown, table: Table): unknown {
    if (serverNumberOf(error) !== definitionChanged) return error;
    // No session of this snapshot can read the table any more: it is of no use to anybody.
    this.#options.sessions.endAll();
    return new TealError('TEAL-SYNC-203', 'a table was replaced after the snapshot was taken', tableFacts(table));
  }
}

/** Rows of other engines are not in a snapshot: they would be of the moment in which they are read. */
function refuseWithoutSnapshot(table: Table): void {
  assert('engine' in table, 'a table of MySQL is read as MySQL describes it', tableFacts(table));
  const { engine } = table as MysqlTable;
  if (engine.toLowerCase() === 'innodb') return;
  throw new TealError('TEAL-SYNC-131', `its engine is ${engine}`, tableFacts(table));
}
