import { must } from '../../kernel/assert.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { tableFacts, type Table, type TableName } from '../../model/catalog.ts';
import type {
  CopyRange,
  RowFormat,
  RowStream,
  SnapshotReader,
  SnapshotSource,
  TableExtent,
} from '../../ports/snapshot-source.ts';
import { connect } from './connection.ts';
import { CopySession, rowsOfTag } from './copy-session.ts';
import { copyOutSql } from './copy-sql.ts';
import { sqlStateOf } from './errors.ts';
import { importSql, isOpenSql, type ExportedSnapshot } from './exported-snapshot.ts';
import { quoteTable } from './quote.ts';

const oneRow = 'SELECT 1';

export interface PostgresSnapshotOptions {
  readonly url: string;
  /** The consistent point of the slot whose snapshot the holders hold. */
  readonly snapshot: string;
  /** What the holders exported, as they are now; see holder.ts. */
  readonly exported: () => Promise<readonly ExportedSnapshot[]>;
  /** Tells whoever holds it that it is still needed; called before each range. */
  readonly renew: () => Promise<void>;
  /**
   * What will be read. A reader locks all of it when it opens, where that are few: somebody who wants a table for himself waits behind the holders, and whoever asks for
   * it after him waits behind him.
   */
  readonly tables?: readonly TableName[];
}

/** Locks are a scarce thing on a server: with more tables than that a reader locks each when it comes to it. */
const lockedAtOnce = 200;
/** The holders have every table: who waits longer for one waits behind somebody that waits for them. */
const lockTimeoutMs = 2_000;

/** The tables of a database as the holders' snapshot shows them. */
export function postgresSnapshotSource(options: PostgresSnapshotOptions): SnapshotSource {
  return Object.freeze({
    snapshot: options.snapshot,
    extents: async (tables: readonly Table[]) => readExtents(options.url, tables),
    open: async (signal: AbortSignal) => openReader(options, signal),
  });
}

async function openReader(options: PostgresSnapshotOptions, signal: AbortSignal): Promise<SnapshotReader> {
  const candidates = await options.exported();
  // Without row_security=off, policies would silently leave rows out for a role that they apply to; with it, they are an error.
  const session = await CopySession.open({
    url: options.url,
    applicationName: 'teal copy reader',
    signal,
    extraOptions: { row_security: 'off' },
    lockTimeoutMs,
    readsRows: true,
  });
  try {
    await importSnapshot(session, candidates);
    const reader = new Reader(session, options);
    const { tables = [] } = options;
    if (tables.length <= lockedAtOnce) await reader.lock(tables);
    return reader;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** One of the holders may be gone and its file still there: the next one is tried. */
async function importSnapshot(session: CopySession, candidates: readonly ExportedSnapshot[]): Promise<void> {
  for (const candidate of candidates) {
    try {
      const tags = await session.execute(importSql(candidate));
      if (tags.at(-1) === oneRow) return;
    } catch (error) {
      if (isTealError(error, 'TEAL-SYSTEMS-006')) throw error;
    }
    await session.execute('rollback');
  }
  throw new TealError('TEAL-SYNC-203', 'no holder has the snapshot any more', { holders: candidates.length });
}

class Reader implements SnapshotReader {
  readonly #session: CopySession;
  readonly #options: PostgresSnapshotOptions;
  readonly #locked = new Set<string>();

  constructor(session: CopySession, options: PostgresSnapshotOptions) {
    this.#session = session;
    this.#options = options;
  }

  read(range: CopyRange, format: RowFormat): RowStream {
    let rows: bigint | undefined;
    const spans = this.#copyOut(range.table, copyOutSql(range, format), (tag) => {
      rows = rowsOfTag(tag);
    });
    return {
      format,
      spans: format === 'binary' ? refusedAsFormat(range.table, spans) : spans,
      rowCount: () => must(rows, 'the count of the source of rows'),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  async *#copyOut(table: Table, sql: string, tag: (text: string) => void): AsyncGenerator<Buffer, void, void> {
    await this.#options.renew();
    await this.lock([table]);
    yield* this.#session.copyOut(sql, tag);
  }

  /**
   * The snapshot alone is not enough: a table that was truncated or rewritten since looks empty to it. The holders' locks keep that from happening, and this
   * session's own from the moment on at which one of them is seen to live still. Without that the rows cannot be trusted (TEAL-SYNC-203), though they can be read.
   */
  async lock(tables: readonly TableName[]): Promise<void> {
    const missing = tables.filter((table) => !this.#locked.has(quoteTable(table)));
    if (missing.length === 0) return;
    const holders = await this.#options.exported();
    const open = isOpenSql(holders.map(({ exported }) => exported));
    const names = missing.map((table) => `only ${quoteTable(table)}`);
    const tags = await orInTheWay(missing, async () =>
      this.#session.execute(`lock table ${names.join(', ')} in access share mode; ${open}`),
    );
    if (tags.at(-1) !== oneRow) {
      const facts = tableFacts(must(missing[0], 'a table'));
      throw new TealError('TEAL-SYNC-203', 'no holder keeps the tables from being rewritten', facts);
    }
    for (const table of missing) this.#locked.add(quoteTable(table));
  }
}

async function orInTheWay<T>(tables: readonly TableName[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isTealError(error, 'TEAL-SYSTEMS-008')) throw error;
    const names = tables.slice(0, 20).map(({ schema, name }) => `${schema}.${name}`);
    throw new TealError('TEAL-SYNC-209', 'a table was not had within 2 s', { tables: names }, error);
  }
}

async function* refusedAsFormat(table: Table, spans: AsyncGenerator<Buffer, void, void>): AsyncGenerator<Buffer> {
  try {
    yield* spans;
  } catch (error) {
    // A type without a binary output function.
    if (sqlStateOf(error) !== '42883') throw error;
    throw new TealError('TEAL-SYNC-204', 'the source does not write this table in binary form', tableFacts(table));
  }
}

async function readExtents(url: string, tables: readonly Table[]): Promise<readonly TableExtent[]> {
  await using connection = await connect({ url, applicationName: 'teal copy planner', lockTimeoutMs });
  const { rows } = await orInTheWay(tables, async () =>
    connection.query(
      `select wanted.place::text as place, (pg_relation_size(c.oid) / current_setting('block_size')::int)::text as pages,
            pg_table_size(c.oid)::text as bytes, greatest(c.reltuples, 0)::int8::text as rows
     from unnest($1::text[], $2::text[]) with ordinality as wanted (schema, name, place)
     join pg_namespace n on n.nspname = wanted.schema join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name`,
      [tables.map((table) => table.schema), tables.map((table) => table.name)],
    ),
  );
  const found = new Map(rows.map((row) => [Number(row['place']), row]));
  return tables.map((table, index) => {
    const row = must(found.get(index + 1), 'a table of the copy', tableFacts(table));
    return { table, units: Number(row['pages']), bytes: Number(row['bytes']), estimatedRows: Number(row['rows']) };
  });
}
