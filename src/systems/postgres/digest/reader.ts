import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { tableKey } from '../../../model/catalog.ts';
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
import { connect, type PgConnection, type PgRow } from '../connection.ts';
import { quoteIdent, quoteLiteral, quoteTable } from '../quote.ts';
import { bucketOf, bucketSums, hashedRows, textHash } from './row-hash.ts';

/** Where a table's rows are stored: TRUNCATE and rewrites give it a new file (pg_relation_filenode). */
export type FileNodes = ReadonlyMap<string, string>;

export interface ReaderOptions {
  readonly url: string;
  readonly snapshotName: string;
  readonly fileNodes: FileNodes;
  readonly signal: AbortSignal;
}

const entriesAtOnce = 5_000;

/**
 * Settings under which a pass costs what it should. Parallelism is Teal's own; compiling a plan of one pass costs more than it gains; row security must
 * refuse and not hide rows; money is printed by the locale.
 */
export const readerSettings = {
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  row_security: 'off',
  lc_monetary: 'C',
  work_mem: '64MB',
} as const;

/** Opens a session in the snapshot and returns when it is in it: the exporter may then go. */
export async function openReader(options: ReaderOptions): Promise<DigestReader> {
  const connection = await connect({
    url: options.url,
    applicationName: 'teal verify',
    extraOptions: readerSettings,
    signal: options.signal,
    // Reading blocks nobody while it waits behind somebody's DDL.
    lockTimeoutMs: 60_000,
  });
  try {
    await connection.query('begin isolation level repeatable read read only');
    await connection.query(`set transaction snapshot ${quoteLiteral(options.snapshotName)}`);
    await connection.query('savepoint before_table');
    return new SnapshotReader(connection, options);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/**
 * A savepoint before each table gives its lock back afterwards: a transaction keeps locks until it ends, and then an application's TRUNCATE of any table
 * would wait for the whole verification. In exchange, storage may change between the snapshot and the lock: each statement therefore also reads the
 * table's file number, under the lock.
 */
class SnapshotReader implements DigestReader {
  readonly #connection: PgConnection;
  readonly #options: ReaderOptions;
  readonly #cancel = (): void => {
    // The running statement then fails, and its caller sees the abort's reason. A cancel that cannot be delivered leaves only the end of the session.
    this.#connection.cancel().catch(async () => this.#connection.close());
  };

  constructor(connection: PgConnection, options: ReaderOptions) {
    this.#connection = connection;
    this.#options = options;
    options.signal.addEventListener('abort', this.#cancel, { once: true });
  }

  async digest(table: DigestTable, range: DigestRange, form: DigestForm): Promise<readonly BucketSum[]> {
    const sums = bucketSums(table, form, `where ${range}`);
    const { rows } = await this.#query(`rollback to savepoint before_table;
      select ${fileNode(table)} as node, s.* from (values (1)) one left join (${sums}) s on true`);
    this.#checkStorage(table, rows);
    return rows.filter((row) => row['n'] !== null).map(sumOf);
  }

  async *entries(table: DigestTable, filter: EntryFilter): AsyncGenerator<readonly DigestEntry[], void, undefined> {
    await this.#query(`rollback to savepoint before_table;
      declare teal_entries no scroll cursor for ${entriesSql(table, filter)}`);
    await this.#checkNow(table);
    for (;;) {
      const { rows } = await this.#query(`fetch ${entriesAtOnce} from teal_entries`);
      if (rows.length > 0) yield rows.map(entryOf);
      if (rows.length < entriesAtOnce) break;
    }
    await this.#query('close teal_entries');
  }

  async rows(table: DigestTable, locators: readonly string[]): Promise<readonly TextValues[]> {
    // A column may have any name: they are numbered, so that none is taken for the locator.
    const columns = table.columns.map(({ name }, index) => `t.${quoteIdent(name)} as c${index}`);
    const { rows } = await this.#query(
      `select ${['t.ctid as locator', ...columns].join(', ')} from only ${quoteTable(table)} t where t.ctid = any ($1::tid[])`,
      [`{${locators.map((locator) => `"${locator}"`).join(',')}}`],
    );
    await this.#checkNow(table);
    const found = new Map(
      rows.map((row) => [row['locator'], table.columns.map((_, index) => row[`c${index}`] ?? null)]),
    );
    return locators.map((locator) => must(found.get(locator), 'a row of the snapshot', { table: tableKey(table) }));
  }

  async release(): Promise<void> {
    await this.#query('rollback to savepoint before_table');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.signal.removeEventListener('abort', this.#cancel);
    await this.#connection.close();
  }

  async #query(sql: string, parameters?: readonly string[]): ReturnType<PgConnection['query']> {
    this.#options.signal.throwIfAborted();
    try {
      return await this.#connection.query(sql, parameters);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      throw error;
    }
  }

  async #checkNow(table: DigestTable): Promise<void> {
    const { rows } = await this.#query(`select ${fileNode(table)} as node`);
    this.#checkStorage(table, rows);
  }

  #checkStorage(table: DigestTable, rows: readonly PgRow[]): void {
    const now = rows[0]?.['node'];
    if (now !== null && now !== undefined && now === this.#options.fileNodes.get(String(table.oid))) return;
    throw new TealError('TEAL-VERIFY-003', 'the storage of a table changed after the snapshot', {
      table: tableKey(table),
    });
  }
}

function fileNode(table: DigestTable): string {
  return `pg_relation_filenode(${quoteLiteral(quoteTable(table))}::regclass)`;
}

function sumOf(row: PgRow): BucketSum {
  const number = (name: string): bigint => BigInt(must(row[name], name));
  return {
    bucket: Number(must(row['bucket'], 'bucket')),
    rows: number('n'),
    sums: [number('s0'), number('s1')],
  };
}

function entryOf(row: PgRow): DigestEntry {
  const text = (name: string): string => must(row[name], name);
  return { key: text('k'), row: text('r'), locator: text('l') };
}

/**
 * Hashes and nothing else leave the server here. Sorted there, in as much memory as work_mem gives and then on its disk. The columns are carried through
 * under names of their own, so that texts are only made of the rows that are wanted.
 */
function entriesSql(table: DigestTable, filter: EntryFilter): string {
  const aliases = new Map(table.columns.map(({ name }, index) => [name, `c${index}`] as const));
  const carried = ['ctid as l', ...[...aliases].map(([name, alias]) => `${quoteIdent(name)} as ${alias}`)];
  const whole = textHash([...aliases.values()]);
  const key = table.key.length === 0 ? whole : textHash(table.key.map((name) => must(aliases.get(name), 'a column')));
  const select = `select ${key} collate "C" as k, ${whole} collate "C" as r, l`;
  const wanted = (bucket: string): string => `where ${bucket} = any ('{${filter.buckets.join(',')}}'::int4[])`;
  const { ofKey, ofRow = '' } = bucketOf(table, filter.form);
  return ofKey === undefined
    ? `${select} from (${hashedRows(table, filter.form, carried)}) hashed ${wanted(ofRow)} order by 1, 2`
    : `${select} from (select ${carried.join(', ')} from only ${quoteTable(table)} ${wanted(ofKey)} offset 0) carried order by 1, 2`;
}
