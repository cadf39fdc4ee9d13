import { TealError, isTealError } from '../../kernel/errors.ts';
import { tableKey } from '../../model/catalog.ts';
import type { ApplyWork, SchemaDriver, SchemaPart, SchemaReport, SchemaWork } from '../../ports/schema-driver.ts';
import type { Probed } from '../../ports/step.ts';
import { connect, flushCommits, withLockRetry, type PgConnection } from './connection.ts';
import { sqlStateOf } from './errors.ts';
import { quoteLiteral } from './quote.ts';
import { SchemaBoard } from './schema-board.ts';
import { additionOf } from './schema-foreign-keys.ts';
import { archivedSchema, type ArchiveOptions } from './schema-from-archive.ts';
import { givenSchema, type GivenItem } from './schema-from-items.ts';
import { isPartitioned, keyIndexType, withKeyIndex } from './schema-key-indexes.ts';
import type { OrderedItem } from './schema-order.ts';
import type { LoadedSchema, SchemaOrigin } from './schema-origin.ts';
import { makeAsFarAsAllowed } from './schema-rights.ts';
import { fingerprintOf, preambleFor, type SchemaItem } from './schema-script.ts';

export interface SchemaTarget {
  readonly targetUrl: string;
  /** Of the sessions that build: `{ maintenance_work_mem: '1GB', max_parallel_maintenance_workers: '4' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * pg_restore's own order knows no view that leans on a primary key (GROUP BY the key): what something else still depends on waits for the next round. A round in
 * which nothing could be dropped ends it with the server's error.
 */
async function dropAll(connection: PgConnection, statements: readonly string[], work: SchemaWork): Promise<void> {
  let left = statements;
  while (left.length > 0) {
    const waiting: string[] = [];
    let refused: unknown;
    for (const statement of left) {
      work.signal.throwIfAborted();
      try {
        await connection.query(statement);
      } catch (error) {
        if (sqlStateOf(error) !== dependentObjects) throw error;
        refused = error;
        waiting.push(statement);
      }
    }
    if (waiting.length === left.length) throw refused;
    left = waiting;
    const done = statements.length - left.length;
    work.progress?.({ text: 'dropping what was created', done, total: statements.length, unit: 'items' });
  }
}

/** How long a statement on the target waits for a lock. */
const lockTimeoutMs = 60_000;
const attemptsPerItem = 5;
/**
 * The flow runs while these parts are made. A key takes locks on two tables, and the flow on any: one that waits for less than the server's own look-out for
 * deadlocks (1 s) lets the flow go on in between, and comes back.
 */
const besideTheFlow: ReadonlySet<SchemaPart> = new Set(['foreignKeys', 'validation', 'rest']);
const besideTheFlowLockMs = 500;
const besideTheFlowAttempts = 200;
const dependentObjects = '2BP01';
const duplicates = new Set(['42P07', '42710', '42723', '42P06', '42712']);

/**
 * The schema by pg_dump and pg_restore (of at least the source's major), statement by statement. Each is one transaction with a record of it in
 * `teal.schema_item`, so that after a crash nothing is done twice and nothing is left out. `installTealSchema` must have run on the target.
 *
 * Errors: TEAL-SYSTEMS-201, -202 the archive; -203 an object is there that Teal did not make; -204 the target refuses a statement.
 */
export function postgresSchemaDriver(options: SchemaTarget & ArchiveOptions): SchemaDriver {
  return new Driver(options, archivedSchema(options));
}

/** The same for a schema that somebody else has written: these items, in this order. */
export function givenSchemaDriver(options: SchemaTarget, items: readonly GivenItem[]): SchemaDriver {
  return new Driver(options, givenSchema(items));
}

class Driver implements SchemaDriver {
  readonly #target: SchemaTarget;
  readonly #origin: SchemaOrigin;
  #loaded: LoadedSchema | undefined;

  constructor(target: SchemaTarget, origin: SchemaOrigin) {
    this.#target = target;
    this.#origin = origin;
  }

  async capture(work: SchemaWork): Promise<string> {
    if (!(await this.#origin.isKept())) await this.#origin.keep(work);
    const { items } = await this.#load(work.signal);
    return fingerprintOf(items.map(({ item }) => item));
  }

  async apply(parts: readonly SchemaPart[], work: ApplyWork): Promise<SchemaReport> {
    await this.capture(work);
    const { preamble, items } = await this.#load(work.signal);
    await using first = await this.#open(preamble, work.signal);
    await first.query(
      `create table if not exists teal.schema_item (key text primary key, type text not null, schema text not null, name text not null, made boolean not null, lacks text)`,
    );
    const recorded = await readRecorded(first);
    // Those that this run brings are not there yet.
    const brought = items.filter(({ item }) => isPartitioned(item)).map(({ item }) => tableKey(item));
    const target = {
      major: first.serverMajor,
      partitioned: new Set([...(await readPartitioned(first)), ...brought]),
    };
    const wanted = items
      .filter(({ part }) => parts.includes(part))
      .map(({ item, part, after, tables, lock }) => ({ item: additionOf(item, target), part, after, tables, lock }))
      .flatMap((ordered) => withKeyIndex(ordered, target.partitioned));
    const there = new Set(
      [...items, ...wanted].filter(({ item }) => recorded.has(item.key)).map(({ item }) => item.dumpId),
    );
    // A key that an earlier version has made in one go has its index.
    for (const { item } of wanted) if (item.type === keyIndexType && there.has(-item.dumpId)) there.add(item.dumpId);
    // What another part brings is for the caller to order; inside of these parts the board does.
    const ids = new Set(wanted.map(({ item }) => item.dumpId));
    for (const { item } of items) if (!ids.has(item.dumpId)) there.add(item.dumpId);
    const run = new Run(work, wanted, there, await readNames(first), await isSuperuser(first));
    await run.inOrder(first);
    await run.byWorkers(first, async () => this.#open(preamble, work.signal));
    await flushCommits(first);
    return run.report();
  }

  async probe(parts: readonly SchemaPart[]): Promise<Probed> {
    if (!(await this.#origin.isKept())) return { state: 'not done' };
    const { items } = await this.#load(new AbortController().signal);
    await using connection = await connect({ url: this.#target.targetUrl, applicationName: 'teal' });
    const recorded = await readRecorded(connection);
    const wanted = items.filter(({ part }) => parts.includes(part));
    const made = wanted.filter(({ item }) => recorded.has(item.key)).length;
    const lacks = wanted.flatMap(({ item }) => recorded.get(item.key)?.lacks ?? []);
    const but = lacks.length === 0 ? '' : `; but ${lacks.join('; ')}`;
    const evidence = `${made} of ${wanted.length} objects are there${but}`.slice(0, 2_000);
    if (made === wanted.length) return { state: 'done', evidence };
    return made === 0 ? { state: 'not done' } : { state: 'partly', evidence };
  }

  async revert(work: SchemaWork): Promise<void> {
    await using connection = await this.#open('', work.signal);
    const recorded = await readRecorded(connection);
    if (recorded.size > 0) {
      const { items } = await this.#load(work.signal);
      const made = items.map(({ item }) => item).filter(({ key }) => recorded.get(key)?.made === true);
      const statements = await this.#origin.dropStatements(made, work.signal);
      await dropAll(connection, statements, work);
      await connection.query('delete from teal.schema_item');
    }
    await this.#origin.forget();
    this.#loaded = undefined;
  }

  async #load(signal: AbortSignal): Promise<LoadedSchema> {
    this.#loaded ??= await this.#origin.load(signal);
    return this.#loaded;
  }

  async #open(preamble: string, signal: AbortSignal): Promise<PgConnection> {
    const connection = await connect({ url: this.#target.targetUrl, applicationName: 'teal schema', signal });
    try {
      // pg_restore's settings first, so that Teal's time-outs stand.
      // Thousands of small transactions wait for the disk once, at the end: after a crash of the server an object and its record are both there or both not.
      const own = { lock_timeout: String(lockTimeoutMs), synchronous_commit: 'off' };
      const settings = Object.entries({ ...this.#target.settings, ...own });
      const assignments = settings.map(([name, value]) => `set ${name} = ${quoteLiteral(value)};`);
      await connection.query(`${preambleFor(preamble, connection.serverMajor)}\n${assignments.join('\n')}`);
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }
}

/** Keys of what is there, with whether Teal made it, and what it lacks. */
async function readRecorded(
  connection: PgConnection,
): Promise<ReadonlyMap<string, { readonly made: boolean; readonly lacks: string | undefined }>> {
  const exists = await connection.query(`select pg_catalog.to_regclass('teal.schema_item') is not null as there`);
  if (exists.rows[0]?.['there'] !== 't') return new Map();
  const { rows } = await connection.query('select key, made, lacks from teal.schema_item');
  return new Map(
    rows.map((row) => [row['key'] ?? '', { made: row['made'] === 't', lacks: row['lacks'] ?? undefined }]),
  );
}

/** Schemas and extensions that were there before Teal, which are the same by nature. */
async function readNames(connection: PgConnection): Promise<ReadonlySet<string>> {
  const { rows } = await connection.query(
    `select 'SCHEMA ' || nspname as name from pg_catalog.pg_namespace union all select 'EXTENSION ' || extname from pg_catalog.pg_extension`,
  );
  return new Set(rows.map((row) => row['name'] ?? ''));
}

async function readPartitioned(connection: PgConnection): Promise<ReadonlySet<string>> {
  const { rows } = await connection.query(
    `select n.nspname as schema, c.relname as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'p'`,
  );
  return new Set(rows.map((row) => tableKey({ schema: row['schema'] ?? '', name: row['name'] ?? '' })));
}

async function isSuperuser(connection: PgConnection): Promise<boolean> {
  const { rows } = await connection.query(`select current_setting('is_superuser') = 'on' as superuser`);
  return rows[0]?.['superuser'] === 't';
}

class Run {
  readonly #work: ApplyWork;
  readonly #wanted: readonly OrderedItem[];
  readonly #there: Set<number>;
  readonly #names: ReadonlySet<string>;
  readonly #foundBefore: number;
  readonly #total: number;
  readonly #anyStatement: boolean;
  readonly #left: string[] = [];
  #created = 0;
  #found = 0;

  constructor(
    work: ApplyWork,
    wanted: readonly OrderedItem[],
    there: Set<number>,
    names: ReadonlySet<string>,
    anyStatement: boolean,
  ) {
    this.#anyStatement = anyStatement;
    this.#work = work;
    this.#wanted = wanted;
    this.#total = wanted.filter(({ item }) => isObject(item)).length;
    this.#there = there;
    this.#names = names;
    this.#foundBefore = wanted.filter(({ item }) => isObject(item) && there.has(item.dumpId)).length;
  }

  report(): SchemaReport {
    return { created: this.#created, found: this.#found + this.#foundBefore, left: this.#left };
  }

  /** Tables and what they are made of, as pg_restore orders them: one session, because catalog changes do not go faster side by side. */
  async inOrder(connection: PgConnection): Promise<void> {
    for (const ordered of this.#wanted) {
      const { item, part } = ordered;
      if (part !== 'tables' || this.#there.has(item.dumpId)) continue;
      await this.#make(connection, ordered);
      this.#there.add(item.dumpId);
    }
  }

  /** The rest, as its dependencies and the readiness of its tables allow. */
  async byWorkers(first: PgConnection, open: () => Promise<PgConnection>): Promise<void> {
    const board = new SchemaBoard(this.#wanted, this.#there);
    if (this.#work.ready !== undefined) board.waitForTables(this.#work.ready);
    const abort = (): void => board.fail(this.#work.signal.reason);
    this.#work.signal.addEventListener('abort', abort, { once: true });
    const worker = async (connection: PgConnection): Promise<void> => {
      for (let next = await board.next(); next !== undefined; next = await board.next()) {
        await this.#make(connection, next);
        board.finished(next);
      }
    };
    const extraWorker = async (): Promise<void> => {
      await using connection = await open();
      await worker(connection);
    };
    const workers = Array.from({ length: (this.#work.workers ?? 1) - 1 }, extraWorker);
    const failFast = async (work: Promise<void>): Promise<void> => {
      try {
        await work;
      } catch (error) {
        board.fail(error);
      }
    };
    await Promise.all([worker(first), ...workers].map(failFast));
    this.#work.signal.removeEventListener('abort', abort);
    // Throws what the board failed with; otherwise there is nothing left.
    await board.next();
  }

  async #make(connection: PgConnection, { item, part }: OrderedItem): Promise<void> {
    const { signal } = this.#work;
    signal.throwIfAborted();
    const made = !this.#names.has(`${item.type} ${item.name}`);
    const sql = made || !item.sql.includes('CREATE SCHEMA') ? item.sql : '';
    const values = [item.key, item.type, item.schema, item.name].map(quoteLiteral).join(', ');
    const record = (lacks?: string): string =>
      `insert into teal.schema_item (key, type, schema, name, made, lacks) values (${values}, ${made}, ${lacks === undefined ? 'null' : quoteLiteral(lacks)});`;
    const cancel = (): void => void connection.cancel().catch(() => undefined);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      // One text of several statements is one transaction (manual: "Multiple Statements in a Simple Query").
      const isBeside = besideTheFlow.has(part);
      const settings = isBeside ? `set local lock_timeout = ${besideTheFlowLockMs};\n` : '';
      const attempts = isBeside ? besideTheFlowAttempts : attemptsPerItem;
      const run = async (text: string, lacks?: string): Promise<unknown> =>
        withLockRetry({ signal, attempts }, async () => connection.query(`${settings}${text}\n${record(lacks)}`));
      if (this.#anyStatement) await run(sql);
      else this.#left.push(...(await makeAsFarAsAllowed(item, sql, run)));
    } catch (error) {
      signal.throwIfAborted();
      throw explain(error, item);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
    if (!isObject(item)) return;
    if (made) this.#created += 1;
    else this.#found += 1;
    const done = this.#created + this.#found + this.#foundBefore;
    this.#work.progress?.({
      text: `creating ${item.type.toLowerCase()} ${item.name}`,
      done,
      total: this.#total,
      unit: 'items',
    });
  }
}

/** A key and its index are one to whoever counts. */
function isObject({ type }: SchemaItem): boolean {
  return type !== keyIndexType;
}

function explain(error: unknown, item: SchemaItem): unknown {
  const state = sqlStateOf(error);
  if (!isTealError(error) || state === undefined || error.entry.retry === 'auto') return error;
  const facts = { type: item.type, schema: item.schema, name: item.name, ...error.facts };
  if (duplicates.has(state)) return new TealError('TEAL-SYSTEMS-203', `${item.type} ${item.name} exists`, facts, error);
  return new TealError('TEAL-SYSTEMS-204', `${item.type} ${item.name} cannot be created`, facts, error);
}
