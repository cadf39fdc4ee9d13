import { must } from '../../kernel/assert.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { carriedColumns, tableFacts, tableKey, type Table, type TableName } from '../../model/catalog.ts';
import { rangeRecords, stayingTables, type RangeRecord, type RangeRow } from '../../ports/copy-records.ts';
import type {
  CopyRange,
  CopyRun,
  CopyTarget,
  CopyWriter,
  DoneRange,
  RowStream,
  Written,
} from '../../ports/snapshot-source.ts';
import { untilAborted } from '../../kernel/kept-session.ts';
import { connect, type MysqlConnection } from './connection.ts';
import { LineReader } from './copy-lines.ts';
import { serverNumberOf } from './errors.ts';
import { InsertText, type CellWriter, type Insert } from './insert-text.ts';
import { quoteIdent, quoteTable } from './quote.ts';

/** What has to be known of a column of the target to write it. */
export interface TargetColumn {
  readonly table: TableName;
  readonly name: string;
  /** COLUMN_TYPE of the target's information_schema. */
  readonly type: string;
  /** Type number of the source's column, where it has such. */
  readonly sourceTypeOid?: number;
}

export interface MysqlTargetOptions {
  readonly url: string;
  /** How canonical texts become SQL for a column. */
  readonly literals: (column: TargetColumn) => CellWriter;
}

/** How long a run that begins leaves writers of a dead one alone, and how long it waits for what is rolled back once they were ended. */
const politeSeconds = 10;
const oldWritersSeconds = 120;
const attemptsToBegin = 4;
/** Names by which writers can be found again. */
const mostWriters = 64;
/** Of a packet beside the rows: the command's byte and the like. */
const packetReserveBytes = 1_024;
const duplicateKey = 1062;
const noSuchThread = 1094;

/**
 * The tables of a target, and the records of what was copied in `teal.chunk`. A range is written by INSERTs of many rows in one transaction with its record.
 *
 * A process that was killed leaves sessions behind that may still commit what they had received. So each writer's transaction holds a shared lock on the row of its run, and a run
 * begins by changing those rows: it waits for all of them, ends those that stay (by the named lock that each writer's session has), and afterwards none without the new attempt number
 * makes a record. `installTealSchema` must have run on this side.
 */
export function mysqlCopyTarget(options: MysqlTargetOptions): CopyTarget {
  return new Target(options);
}

class Target implements CopyTarget {
  readonly #options: MysqlTargetOptions;
  #attempt: string | undefined;

  constructor(options: MysqlTargetOptions) {
    this.#options = options;
  }

  async begin(run: CopyRun, signal: AbortSignal): Promise<readonly DoneRange[]> {
    await using connection = await this.#connect('teal copy', signal);
    return await untilAborted(connection, signal, async () => {
      await connection.query(
        `create table if not exists teal.copy_run
           (epoch int not null primary key, snapshot mediumtext not null, attempt int not null) engine=InnoDB`,
      );
      this.#attempt = await takeOver(connection, run);
      const found = Map.groupBy(await readRecords(connection, run.tables), ({ table }) => tableKey(table));
      const staying = stayingTables((table) => found.get(tableKey(table)) ?? [], run);
      const keeps = (table: Table): boolean => staying.has(table);
      const others = run.tables.filter((table) => !keeps(table));
      await makeEmpty(connection, others, (table) => found.has(tableKey(table)));
      return run.tables.filter(keeps).flatMap((table) => found.get(tableKey(table)) ?? []);
    });
  }

  async done(tables: readonly Table[]): Promise<readonly DoneRange[]> {
    await using connection = await this.#connect('teal copy');
    return (await isThere(connection, 'chunk')) ? await readRecords(connection, tables) : [];
  }

  async epoch(): Promise<number> {
    await using connection = await this.#connect('teal copy');
    if (!(await isThere(connection, 'copy_run'))) return 0;
    const { rows } = await connection.query('select coalesce(max(epoch), 0) as epoch from teal.copy_run');
    return Number(rows[0]?.['epoch']);
  }

  async open(run: CopyRun, signal: AbortSignal): Promise<CopyWriter> {
    const attempt = must(this.#attempt, 'the attempt of a run that has begun');
    const session = await this.#connect('teal copy writer', signal);
    try {
      await takeWriterName(session);
      const { rows } = await session.query('select @@global.max_allowed_packet as bytes');
      const packetBytes = Number(rows[0]?.['bytes']) - packetReserveBytes;
      return new Writer({ session, run, attempt, packetBytes, literals: this.#options.literals, signal });
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Tables come in any order: a row may be there before the one that it refers to. */
  async #connect(applicationName: string, signal?: AbortSignal): Promise<MysqlConnection> {
    return connect({ url: this.#options.url, applicationName, signal, settings: { foreign_key_checks: '0' } });
  }
}

function writerName(index: number): string {
  return `teal.copy.writer.${index}`;
}

async function takeWriterName(session: MysqlConnection): Promise<void> {
  for (let index = 0; index < mostWriters; index += 1) {
    const { rows } = await session.query('select get_lock(?, 0) as mine', [writerName(index)]);
    if (rows[0]?.['mine'] === '1') return;
  }
  throw new TealError('TEAL-SYSTEMS-008', `more than ${mostWriters} writers of a copy are at work`);
}

/** Ends the sessions of writers; what they had open is rolled back. Any user may end its own. */
async function endWriters(connection: MysqlConnection): Promise<void> {
  for (let index = 0; index < mostWriters; index += 1) {
    const { rows } = await connection.query('select is_used_lock(?) as holder', [writerName(index)]);
    const holder = rows[0]?.['holder'] ?? null;
    if (holder === null) continue;
    try {
      await connection.query(`kill ${BigInt(holder)}`);
    } catch (error) {
      if (serverNumberOf(error) !== noSuchThread) throw error;
    }
  }
}

/** The number of the new attempt, which no writer of before has. */
async function takeOver(connection: MysqlConnection, run: CopyRun): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const seconds = attempt === 1 ? politeSeconds : oldWritersSeconds;
    await connection.query(`set @@session.innodb_lock_wait_timeout = ${seconds}`);
    try {
      return await connection.transaction(async () => beginAttempt(connection, run));
    } catch (error) {
      const isInTheWay = isTealError(error, 'TEAL-SYSTEMS-008') || serverNumberOf(error) === duplicateKey;
      if (!isInTheWay || attempt >= attemptsToBegin) throw error;
      await endWriters(connection);
    }
  }
}

async function beginAttempt(connection: MysqlConnection, run: CopyRun): Promise<string> {
  const { rows } = await connection.query(
    'select epoch, snapshot, attempt from teal.copy_run order by epoch for update',
  );
  if (rows.some((row) => Number(row['epoch']) > run.epoch)) {
    throw new TealError('TEAL-SYNC-206', 'a later epoch has begun', { epoch: run.epoch });
  }
  const own = rows.find((row) => Number(row['epoch']) === run.epoch);
  if (own !== undefined && own['snapshot'] !== run.snapshot) {
    throw new TealError('TEAL-SYNC-202', 'this epoch was copied from another snapshot', {
      epoch: run.epoch,
      was: own['snapshot'] ?? '',
      is: run.snapshot,
    });
  }
  // Of all epochs: a writer that waits for its row meanwhile may still find the one of before.
  await connection.query('update teal.copy_run set attempt = attempt + 1');
  if (own === undefined) {
    await connection.query('insert into teal.copy_run (epoch, snapshot, attempt) values (?, ?, 1)', [
      run.epoch,
      run.snapshot,
    ]);
    return '1';
  }
  return String(Number(own['attempt']) + 1);
}

async function isThere(connection: MysqlConnection, name: string): Promise<boolean> {
  const { rows } = await connection.query(
    `select count(*) as n from information_schema.tables where table_schema = 'teal' and table_name = ?`,
    [name],
  );
  return rows[0]?.['n'] !== '0';
}

async function readRecords(connection: MysqlConnection, tables: readonly Table[]): Promise<readonly RangeRecord[]> {
  const { rows } = await connection.query<RangeRow>(
    'select run, rel, lo, hi, snap, `rows` from teal.chunk order by rel, cast(lo as signed)',
  );
  return rangeRecords(rows, tables);
}

/**
 * Rows that a copy has brought go, and then the records of them; rows of anybody else stop the copy before anything is changed. TRUNCATE is a transaction of its own here: whoever
 * comes after a crash between the two finds records of an earlier epoch that do not cover the table, and empties it again.
 */
async function makeEmpty(
  connection: MysqlConnection,
  tables: readonly Table[],
  wasCopied: (table: Table) => boolean,
): Promise<void> {
  const withRows: Table[] = [];
  for (const table of tables) {
    const { rows } = await connection.query(`select 1 from ${quoteTable(table)} limit 1`);
    if (rows.length > 0) withRows.push(table);
  }
  const foreign = withRows.filter((table) => !wasCopied(table));
  if (foreign.length > 0) {
    throw new TealError('TEAL-SYNC-201', `${foreign.length} tables of the target are not empty`, {
      tables: foreign.slice(0, 20).map(tableKey),
    });
  }
  for (const table of withRows) await connection.query(`truncate table ${quoteTable(table)}`);
  for (const table of tables.filter(wasCopied)) {
    await connection.query('delete from teal.chunk where rel = ?', [table.oid]);
  }
}

interface WriterOptions extends Pick<MysqlTargetOptions, 'literals'> {
  readonly session: MysqlConnection;
  readonly run: CopyRun;
  readonly attempt: string;
  /** Of the longest statement. */
  readonly packetBytes: number;
  readonly signal: AbortSignal;
}

class Writer implements CopyWriter {
  readonly #options: WriterOptions;
  readonly #session: MysqlConnection;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#session = options.session;
  }

  async write(range: CopyRange, rows: RowStream): Promise<Written> {
    if (rows.format !== 'text') {
      throw new TealError('TEAL-SYNC-204', 'MySQL takes rows in text form only', tableFacts(range.table));
    }
    return untilAborted(this.#session, this.#options.signal, async () => {
      const insert = await this.#insertInto(range.table);
      return this.#session.transaction(async () => this.#writeIn(range, rows, insert));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.close();
  }

  async #writeIn(range: CopyRange, rows: RowStream, insert: InsertText): Promise<Written> {
    if (!(await this.#makeRecord(range))) return { state: 'already there' };
    let written = 0n;
    let underway: Promise<void> = Promise.resolve();
    // More rows are read, and the next statement is made, while the server does one.
    const send = async (statements: readonly Insert[]): Promise<void> => {
      for (const { sql } of statements) {
        await underway;
        underway = this.#session.query(sql).then(({ affectedRows }) => void (written += BigInt(affectedRows)));
        // It is awaited below; until then its rejection is not lost, only late.
        underway.catch(() => undefined);
      }
    };
    try {
      const lines = new LineReader((bytes, from, to) => insert.addLine(bytes, from, to));
      for await (const span of rows.spans) {
        lines.push(span);
        await send(insert.take());
      }
      lines.end();
      await send(insert.end());
    } finally {
      // Also after an error of the rows: a session takes one statement at a time, and what failed first is to be told.
      await underway;
    }
    const sent = rows.rowCount();
    if (sent !== written) {
      throw new TealError('TEAL-SYNC-205', 'source and target count different numbers of rows', {
        ...tableFacts(range.table),
        sent,
        written,
      });
    }
    await this.#session.query('update teal.chunk set `rows` = ? where run = ? and rel = ? and chunk = ?', [
      written,
      ...this.#recordOf(range),
    ]);
    return { state: 'written', rows: written };
  }

  /** False when an earlier attempt's record is there. Waits for one that is just committing. */
  async #makeRecord(range: CopyRange): Promise<boolean> {
    const { run, attempt } = this.#options;
    const { rows } = await this.#session.query(
      'select epoch, attempt from teal.copy_run order by epoch desc limit 1 lock in share mode',
    );
    if (Number(rows[0]?.['epoch']) !== run.epoch || rows[0]?.['attempt'] !== attempt) {
      throw new TealError('TEAL-SYNC-206', 'a later run of this copy has begun', { epoch: run.epoch, attempt });
    }
    const kind = range.from === 0 && range.to === undefined ? 'whole' : 'key';
    const record = [kind, String(range.from), range.to === undefined ? null : String(range.to), run.snapshot];
    try {
      await this.#session.query(
        'insert into teal.chunk (run, rel, chunk, kind, lo, hi, snap) values (?, ?, ?, ?, ?, ?, ?)',
        [...this.#recordOf(range), ...record],
      );
      return true;
    } catch (error) {
      if (serverNumberOf(error) === duplicateKey) return false;
      throw error;
    }
  }

  #recordOf(range: CopyRange): readonly [number, number, number] {
    // A page of PostgreSQL is unsigned, the column is not: the same page is the same number.
    return [this.#options.run.epoch, range.table.oid, range.from | 0];
  }

  async #insertInto(table: Table): Promise<InsertText> {
    const { rows } = await this.#session.query(
      'select column_name as c, column_type as t from information_schema.columns where table_schema = ? and table_name = ?',
      [table.schema, table.name],
    );
    const types = new Map(rows.map((row) => [row['c'], row['t'] ?? '']));
    const columns = carriedColumns(table);
    const cells = columns.map(({ name, typeOid }) => {
      const type = types.get(name);
      if (type === undefined) {
        throw new TealError('TEAL-SYNC-113', 'the target has no such column', { ...tableFacts(table), column: name });
      }
      return this.#options.literals({ table, name, type, ...(typeOid === 0 ? {} : { sourceTypeOid: typeOid }) });
    });
    const names = columns.map(({ name }) => quoteIdent(name)).join(', ');
    const head = `insert into ${quoteTable(table)} (${names}) values `;
    const tooLong = (bytes: number): TealError =>
      new TealError('TEAL-SYNC-133', 'a row of the copy', { ...tableFacts(table), bytes });
    return new InsertText({ head, cells, packetBytes: this.#options.packetBytes, tooLong });
  }
}
