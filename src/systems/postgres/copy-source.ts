import { must } from '../../kernel/assert.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import type { Table } from '../../model/catalog.ts';
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
import { quoteLiteral } from './quote.ts';

export interface PostgresSnapshotOptions {
  readonly url: string;
  /** The consistent point of the slot whose snapshot the holders hold. */
  readonly snapshot: string;
  /** Names that the holders exported it under, as they are now; see holder.ts. */
  readonly exported: () => Promise<readonly string[]>;
  /** Tells whoever holds it that it is still needed; called before each range. */
  readonly renew: () => Promise<void>;
}

/** The tables of a database as the holders' snapshot shows them. */
export function postgresSnapshotSource(options: PostgresSnapshotOptions): SnapshotSource {
  return Object.freeze({
    snapshot: options.snapshot,
    extents: async (tables: readonly Table[]) => readExtents(options.url, tables),
    open: async (signal: AbortSignal) => openReader(options, signal),
  });
}

async function openReader(options: PostgresSnapshotOptions, signal: AbortSignal): Promise<SnapshotReader> {
  const names = await options.exported();
  // Without row_security=off, policies would silently leave rows out for a role that they apply to; with it, they are an error.
  const session = await CopySession.open({
    url: options.url,
    applicationName: 'teal copy reader',
    signal,
    extraOptions: { row_security: 'off' },
  });
  try {
    await importSnapshot(session, names);
    return new Reader(session, options.renew);
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** One of the holders may be gone and its file still there: the next name is tried. */
async function importSnapshot(session: CopySession, names: readonly string[]): Promise<void> {
  for (const name of names) {
    try {
      await session.execute(
        `begin isolation level repeatable read read only; set transaction snapshot ${quoteLiteral(name)}`,
      );
      return;
    } catch (error) {
      if (isTealError(error, 'TEAL-SYSTEMS-006')) throw error;
      await session.execute('rollback');
    }
  }
  throw new TealError('TEAL-SYNC-203', 'no holder has the snapshot any more', { holders: names.length });
}

class Reader implements SnapshotReader {
  readonly #session: CopySession;
  readonly #renew: () => Promise<void>;

  constructor(session: CopySession, renew: () => Promise<void>) {
    this.#session = session;
    this.#renew = renew;
  }

  read(range: CopyRange, format: RowFormat): RowStream {
    let rows: bigint | undefined;
    const spans = this.#copyOut(copyOutSql(range, format), (tag) => {
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

  async *#copyOut(sql: string, tag: (text: string) => void): AsyncGenerator<Buffer, void, void> {
    await this.#renew();
    yield* this.#session.copyOut(sql, tag);
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

export function tableFacts(table: Table): { readonly schema: string; readonly table: string } {
  return { schema: table.schema, table: table.name };
}

async function readExtents(url: string, tables: readonly Table[]): Promise<readonly TableExtent[]> {
  await using connection = await connect({ url, applicationName: 'teal copy planner' });
  const { rows } = await connection.query(
    `select wanted.place::text as place, (pg_relation_size(c.oid) / current_setting('block_size')::int)::text as pages,
            pg_table_size(c.oid)::text as bytes, greatest(c.reltuples, 0)::int8::text as rows
     from unnest($1::text[], $2::text[]) with ordinality as wanted (schema, name, place)
     join pg_namespace n on n.nspname = wanted.schema join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name`,
    [tables.map((table) => table.schema), tables.map((table) => table.name)],
  );
  const found = new Map(rows.map((row) => [Number(row['place']), row]));
  return tables.map((table, index) => {
    const row = must(found.get(index + 1), 'a table of the copy', tableFacts(table));
    return { table, units: Number(row['pages']), bytes: Number(row['bytes']), estimatedRows: Number(row['rows']) };
  });
}
