import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { untilAborted } from '../../kernel/kept-session.ts';
import type { TableName } from '../../model/catalog.ts';
import type { ApplyWork, SchemaDriver, SchemaPart, SchemaReport, SchemaWork } from '../../ports/schema-driver.ts';
import type { Probed } from '../../ports/step.ts';
import { parseAddress } from './address.ts';
import { connect, type MysqlConnection } from './connection.ts';
import { serverNumberOf } from './errors.ts';
import { readCatalog } from './inspect/catalog.ts';
import { lockName, withNamedLock } from './named-lock.ts';
import { quoteTable } from './quote.ts';
import { fingerprintOf, keep, readKept, type KeptSchema } from './schema-archive.ts';
import { captureItems, inWords, keyOf, type SchemaItem } from './schema-capture.ts';
import { differencesOfParts } from './schema-difference.ts';
import { fitItems, readTargetFacts, type FittedItem } from './schema-fit.ts';
import { openProgramSession, type ProgramSession } from './schema-programs.ts';
import { makeRecordsTable, readRecords, record, type SchemaRecord, type SchemaRecords } from './schema-records.ts';
import { dropMade } from './schema-revert.ts';
import { among, narrowed, readPrograms, readShape, shapeOf } from './schema-shape.ts';
import { readThere, type ObjectsThere } from './schema-there.ts';

export interface MysqlSchemaOptions {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  /** Where the schema is kept. */
  readonly stateDir: string;
  readonly excludeTables?: readonly TableName[];
}

/** Held while a target's schema is worked on, and by each session that builds while it does: one that was abandoned lets go when the server has done its last statement. */
const workLock = lockName('schema');
const workerLock = (worker: number): string => lockName('schema', `worker ${worker}`);
const workLockSeconds = 60;
/** An index of a killed process may still be built: it is waited for. */
const workerLockSeconds = 3_600;
const mostWorkers = 16;
/**
 * The flow runs while foreign keys and programs are made, and what waits for a table holds up who comes after it: it gives up soon, lets the flow go on, and comes back.
 */
const lockTimeoutMs = 2_000;
const attemptsPerItem = 100;
const pauseMs = 200;
const sentencesAtMost = 100;

/**
 * The schema from one server of this family to another, object by object, in the words of the source's SHOW CREATE. A statement of DDL commits by itself: what is there is asked of the
 * target, and what of it is Teal's says a record that was written before the act. After the tables, the keys and the foreign keys both sides are compared, so that nothing is made otherwise
 * without a word. `installTealSchema` must have run on the target.
 *
 * `validation` is nothing here: foreign keys are made for rows that come (`foreign_key_checks = 0`), as the source itself holds those that are there; to check them the server would write
 * each table anew. Events are made disabled: what runs by itself must run on the live side alone.
 *
 * Errors: TEAL-SYSTEMS-202 what is kept cannot be read; -203 an object is there that Teal did not make; -204 the target refuses a statement; -205 it cannot have something as the source has it;
 * -206 a definition that cannot be read; -305 the source's schema was changed meanwhile.
 */
export function mysqlSchemaDriver(options: MysqlSchemaOptions): SchemaDriver {
  return new Driver(options);
}

class Driver implements SchemaDriver {
  readonly #options: MysqlSchemaOptions;
  readonly #file: string;
  #kept: KeptSchema | undefined;

  constructor(options: MysqlSchemaOptions) {
    this.#options = options;
    this.#file = join(options.stateDir, 'schema.json');
  }

  async capture({ signal }: SchemaWork): Promise<string> {
    return fingerprintOf((await this.#capture(signal)).items);
  }

  async apply(parts: readonly SchemaPart[], work: ApplyWork): Promise<SchemaReport> {
    const kept = await this.#capture(work.signal);
    await using connection = await this.#open('teal schema', work.signal);
    return await untilAborted(connection, work.signal, async () =>
      withNamedLock(connection, workLock, workLockSeconds, async () => {
        for (let worker = 0; worker < mostWorkers; worker += 1) {
          await withNamedLock(connection, workerLock(worker), workerLockSeconds, async () => undefined);
        }
        await makeRecordsTable(connection);
        const target = await readTargetFacts(connection);
        const fitted = fitItems(kept.items, kept.shape.flavour, target);
        refuseUnfit(fitted);
        const isMixed = kept.shape.flavour !== target.flavour;
        const there = await readThere(connection, databasesOf(kept.items));
        const run = new Run(this.#options.targetUrl, work, there, isMixed);
        const report = await run.make(
          connection,
          fitted.filter(({ item }) => parts.includes(item.part)),
        );
        await this.#refuseOther(connection, kept, parts);
        return report;
      }),
    );
  }

  async probe(parts: readonly SchemaPart[]): Promise<Probed> {
    const kept = this.#kept ?? (await readKept(this.#file));
    if (kept === undefined) return { state: 'not done' };
    await using connection = await this.#open('teal schema');
    const records = await readRecords(connection);
    const there = await readThere(connection, databasesOf(kept.items));
    const wanted = kept.items.filter(({ part }) => parts.includes(part));
    const made = wanted.filter((item) => isDone(item, there, records.get(keyOf(item)))).length;
    const lacks = wanted.flatMap((item) => records.get(keyOf(item))?.lacks ?? []);
    const but = lacks.length === 0 ? '' : `; but ${lacks.join('; ')}`;
    const evidence = `${made} of ${wanted.length} objects are there${but}`.slice(0, 2_000);
    if (made === wanted.length) return { state: 'done', evidence };
    return made === 0 ? { state: 'not done' } : { state: 'partly', evidence };
  }

  async revert(work: SchemaWork): Promise<void> {
    await using connection = await this.#open('teal schema', work.signal);
    await untilAborted(connection, work.signal, async () =>
      withNamedLock(connection, workLock, workLockSeconds, async () => dropMade(connection, work)),
    );
    await rm(this.#file, { force: true });
    this.#kept = undefined;
  }

  async #capture(signal: AbortSignal): Promise<KeptSchema> {
    this.#kept ??= await readKept(this.#file);
    if (this.#kept !== undefined) return this.#kept;
    const { sourceUrl: url, excludeTables = [] } = this.#options;
    await using connection = await connect({ url, applicationName: 'teal schema', signal });
    const kept = await untilAborted(connection, signal, async () => {
      const { database } = parseAddress(url);
      const catalog = await readCatalog(connection, database);
      const items = await captureItems(connection, catalog, { database, excludeTables });
      const programs = await readPrograms(connection, databasesOf(items));
      return { items, shape: shapeOf(connection, catalog, programs) };
    });
    await keep(this.#file, kept);
    this.#kept = kept;
    return kept;
  }

  /** What was made is read back: a server may take a definition and have something else. */
  async #refuseOther(connection: MysqlConnection, kept: KeptSchema, parts: readonly SchemaPart[]): Promise<void> {
    const isOurs = among(kept.items.filter(({ kind }) => kind === 'table'));
    const [source, target] = [kept.shape, await readShape(connection)].map((shape) => narrowed(shape, isOurs));
    if (source === undefined || target === undefined) return;
    refuse(differencesOfParts(source, target, parts, { source: 'the source', target: 'the target' }));
  }

  async #open(applicationName: string, signal?: AbortSignal): Promise<MysqlConnection> {
    return openBuilder(this.#options.targetUrl, applicationName, signal);
  }
}

async function openBuilder(url: string, applicationName: string, signal?: AbortSignal): Promise<MysqlConnection> {
  const settings = { foreign_key_checks: '0' };
  const connection = await connect({ url, applicationName, signal, lockTimeoutMs, settings });
  try {
    await setWhereKnown(connection);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Of sessions that build: without them a server adds to what it is told. Not every version has each, nor may every account set it; what was added then is seen when both are compared. */
const plainMaking = [
  'explicit_defaults_for_timestamp = 1',
  'sql_generate_invisible_primary_key = 0',
  'sql_require_primary_key = 0',
  'restrict_fk_on_non_standard_key = 0',
];

async function setWhereKnown(connection: MysqlConnection): Promise<void> {
  for (const assignment of plainMaking) {
    try {
      await connection.query(`set session ${assignment}`);
    } catch (error) {
      if (!isTealError(error, 'TEAL-SYSTEMS-007') && !isTealError(error, 'TEAL-SYSTEMS-010')) throw error;
    }
  }
}

function databasesOf(items: readonly SchemaItem[]): readonly string[] {
  return [...new Set(items.map(({ schema }) => schema))];
}

function isDone(item: SchemaItem, there: ObjectsThere, known: SchemaRecord | undefined): boolean {
  if (item.holds.length > 0) return there.lacking(item).length === 0;
  if (known === undefined || known.state === 'making') return false;
  return known.state === 'left' || there.has(item);
}

/** Before anything is made. What of the programs has no place is left out and told: clients that do without can go on. */
function refuseUnfit(fitted: readonly FittedItem[]): void {
  refuse(fitted.filter(({ item }) => item.part !== 'rest').flatMap(({ unfit }) => unfit));
}

function refuse(sentences: readonly string[]): void {
  if (sentences.length === 0) return;
  const more = sentences.length > 10 ? `; and ${sentences.length - 10} more` : '';
  throw new TealError('TEAL-SYSTEMS-205', `${sentences.slice(0, 10).join('; ')}${more}`, {
    differences: sentences.slice(0, sentencesAtMost),
  });
}

/** Of programs: the account may not make it for its definer, or may not make it at all. */
const notAllowed = new Set([1044, 1142, 1143, 1227, 1370, 1419]);
/** Of programs, between the families: syntax, a function, character set, collation, variable or value of one that the other does not know. */
const unknownWords = new Set([1064, 1115, 1193, 1231, 1235, 1253, 1273, 1582, 1630]);

function notUnderstood(item: SchemaItem, error: unknown): string {
  return `${inWords(item)} was left out: the target does not understand it (error ${serverNumberOf(error)})`;
}

/** What a view says that leans on another one, or on a routine, that is not there yet. */
const leansOnMissing = new Set([1146, 1305, 1356]);

class Run {
  readonly #url: string;
  readonly #work: ApplyWork;
  readonly #there: ObjectsThere;
  /** The sides are of two families: a program of one may be none of the other. */
  readonly #isMixed: boolean;
  readonly #left: string[] = [];
  #created = 0;
  #found = 0;

  constructor(url: string, work: ApplyWork, there: ObjectsThere, isMixed: boolean) {
    this.#isMixed = isMixed;
    this.#url = url;
    this.#work = work;
    this.#there = there;
  }

  async make(connection: MysqlConnection, fitted: readonly FittedItem[]): Promise<SchemaReport> {
    const records = await readRecords(connection);
    const isOfPart = (part: SchemaPart) => (each: FittedItem) => each.item.part === part;
    for (const one of fitted.filter(isOfPart('tables'))) {
      const { item } = one;
      await this.#once(connection, one, records, async () => {
        if (item.kind !== 'database') await connection.query(`use ${quoteDatabase(item)}`);
        await this.#run(connection, item, item.sql);
      });
    }
    await this.#alterAll(fitted.filter(isOfPart('keys')).map(({ item }) => item));
    await this.#alterAll(fitted.filter(isOfPart('foreignKeys')).map(({ item }) => item));
    await this.#makePrograms(connection, fitted.filter(isOfPart('rest')), records);
    return { created: this.#created, found: this.#found, left: this.#left };
  }

  /** An object and the record of it: seen not to be there, noted, made, noted again. */
  async #once(
    connection: MysqlConnection,
    { of: item }: FittedItem,
    records: SchemaRecords,
    act: () => Promise<string | undefined | void>,
  ): Promise<void> {
    this.#work.signal.throwIfAborted();
    const known = records.get(keyOf(item));
    const isThere = this.#there.has(item);
    if (known?.state === 'left' || (known !== undefined && known.state !== 'making' && isThere)) {
      this.#found += 1;
      return;
    }
    if (isThere && known === undefined) {
      if (item.kind !== 'database') throw thereBefore(item);
      await record(connection, item, 'found');
      this.#found += 1;
      return;
    }
    if (!isThere) {
      await record(connection, item, 'making');
      failpoint('systems.mysql.schema.noted');
      const lacks = await act();
      if (lacks !== undefined) {
        this.#left.push(lacks);
        await record(connection, item, 'left', lacks);
        return;
      }
      failpoint('systems.mysql.schema.created');
    }
    await record(connection, item, 'made');
    this.#created += 1;
  }

  /** One statement a table, tables side by side, each when its rows are there. What a table has already of them is left out. */
  async #alterAll(items: readonly SchemaItem[]): Promise<void> {
    const waiting = items.flatMap((item) => {
      const holds = this.#there.lacking(item);
      if (holds.length === 0) this.#found += 1;
      return holds.length === 0 ? [] : [{ item, holds }];
    });
    if (waiting.length === 0) return;
    const { signal, ready, progress, workers = 1 } = this.#work;
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    let done = 0;
    const worker = async (number: number): Promise<void> => {
      await using connection = await openBuilder(this.#url, `teal schema ${number}`, both);
      await untilAborted(connection, both, async () =>
        withNamedLock(connection, workerLock(number), workLockSeconds, async () => {
          for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
            const { item, holds } = next;
            await ready?.(item);
            const additions = holds.map(({ sql }) => `ADD ${sql}`).join(', ');
            await this.#run(connection, item, `ALTER TABLE ${quoteTable(item)} ${additions}`);
            this.#created += 1;
            done += 1;
            progress?.({ text: `${inWords(item)} are there`, done, unit: 'items' });
          }
        }),
      );
    };
    const count = Math.min(workers, waiting.length, mostWorkers);
    const ends = await Promise.allSettled(
      Array.from({ length: count }, async (_, number) =>
        worker(number).catch((error: unknown) => {
          stop.abort(error);
          throw error;
        }),
      ),
    );
    signal.throwIfAborted();
    if (stop.signal.aborted) throw stop.signal.reason;
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** Views wait for those that they lean on, round by round; one in which nothing could be made ends it. */
  async #makePrograms(
    connection: MysqlConnection,
    fitted: readonly FittedItem[],
    records: SchemaRecords,
  ): Promise<void> {
    if (fitted.length === 0) return;
    const session = await openBuilder(this.#url, 'teal schema programs', this.#work.signal);
    await using programs = await openProgramSession(session);
    let waiting = fitted;
    while (waiting.length > 0) {
      const later: FittedItem[] = [];
      let refused: unknown;
      for (const one of waiting) {
        try {
          await this.#once(connection, one, records, async () => this.#program(programs, one));
        } catch (error) {
          const leans = one.item.kind === 'view' && leansOnMissing.has(serverNumberOf(error) ?? 0);
          if (!leans) throw error;
          refused = error;
          later.push(one);
        }
      }
      if (later.length === waiting.length) {
        if (!this.#isMixed) throw refused;
        for (const one of later)
          await this.#once(connection, one, records, async () => notUnderstood(one.item, refused));
        return;
      }
      waiting = later;
    }
  }

  /** Why it was left out; undefined when it is there. */
  async #program(programs: ProgramSession, { item, unfit }: FittedItem): Promise<string | undefined> {
    if (unfit.length > 0) return unfit.join('; ');
    if (item.broken === true) return `${inWords(item)} is of no use on the source either: it was left out`;
    try {
      return await programs.make(item, async (sql) => this.#run(programs.connection, item, sql));
    } catch (error) {
      const number = serverNumberOf(error) ?? 0;
      if (this.#isMixed && unknownWords.has(number)) return notUnderstood(item, error);
      if (!notAllowed.has(number)) throw error;
      const whose = item.definer === undefined ? '' : `, whose definer is ${item.definer}`;
      return `${inWords(item)}${whose}, was left out: the account of Teal may not make it (error ${serverNumberOf(error)})`;
    }
  }

  async #run(connection: MysqlConnection, item: SchemaItem, sql: string): Promise<void> {
    const { signal } = this.#work;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await untilAborted(connection, signal, async () => connection.query(sql));
        return;
      } catch (error) {
        if (!isTealError(error, 'TEAL-SYSTEMS-008') || attempt >= attemptsPerItem) throw refusalOf(item, error);
      }
      await sleep(pauseMs, signal);
    }
  }
}

function quoteDatabase({ schema }: SchemaItem): string {
  return `\`${schema.replaceAll('`', '``')}\``;
}

function thereBefore(item: SchemaItem): TealError {
  return new TealError('TEAL-SYSTEMS-203', `${inWords(item)} is there already`, { object: inWords(item) });
}

function refusalOf(item: SchemaItem, error: unknown): unknown {
  if (!isTealError(error, 'TEAL-SYSTEMS-007') && !isTealError(error, 'TEAL-SYSTEMS-010')) return error;
  const { number, sqlState } = error.facts;
  const text = `${inWords(item)}: ${error.message.replace(`${error.code}: `, '')} (error ${String(number)})`;
  return new TealError('TEAL-SYSTEMS-204', text, { object: inWords(item), number, sqlState });
}
