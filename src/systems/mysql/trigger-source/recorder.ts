import { randomUUID } from 'node:crypto';
import { waitFor } from '../../../kernel/clock.ts';
import { isTealError, TealError } from '../../../kernel/errors.ts';
import { carriedColumns, tableKey, type Side, type TableName } from '../../../model/catalog.ts';
import type { MysqlColumn, MysqlTable } from '../../../model/mysql-catalog.ts';
import { parseType } from '../../../model/mysql-type.ts';
import type { Probed, Step } from '../../../ports/step.ts';
import type { MysqlConnection } from '../connection.ts';
import { askRows } from '../inspect/querier.ts';
import type { KeptSession } from '../kept-session.ts';
import { lockName, withNamedLock } from '../named-lock.ts';
import { quoteIdent, quoteLiteral, quoteTable } from '../quote.ts';
import { tableNumber } from '../table-number.ts';
import { isTealTableThere } from '../teal-schema.ts';
import { selectionOf } from '../values/from-select.ts';
import { readMarks, recordGaps, hasGaps } from './gaps.ts';
import { events, isNoRecorder, originVariable, rowsTable, triggerName, type TriggerEvent } from './names.ts';
import type { RecordedTable } from './payload.ts';

/**
 * changes: one row for each changed row. `number` comes from uuid_short() when the trigger fires: it rises over the whole server, whoever asks, and after a restart too. (AUTO_INCREMENT would be begun anew
 *   by some servers when the table is empty at a restart, and a client can set it for his next INSERT.) `bytes`: about as long as the row's values.
 * rows_…: of each recorded table the values, in columns of the same types: image 0 is the row before, 1 the row after. Two rows, because a row of both would be too long for the server sooner.
 * recorded: of which tables every change must be recorded, how their rows are written, and what they were when that began (`TableMark`).
 * ticks: states of the database, in order; what belongs to them, as runs of numbers. `ends` counts bytes. One that is over cannot be read any more; the newest of these is the beginning.
 */
const recordTables: readonly string[] = [
  `create table if not exists teal.changes (
     number bigint unsigned not null primary key,
     rel int unsigned not null,
     op char(1) character set ascii collate ascii_bin not null,
     unchecked tinyint not null,
     bytes bigint unsigned not null) engine=InnoDB`,
  `create table if not exists teal.recorded (
     rel int unsigned not null primary key,
     db varchar(64) not null,
     tab varchar(64) not null,
     form longtext not null,
     storage longtext not null,
     shape varchar(64) not null,
     triggers varchar(64) not null) engine=InnoDB`,
  `create table if not exists teal.ticks (
     number bigint unsigned not null primary key,
     ends bigint unsigned not null,
     made_at timestamp(6) not null default current_timestamp(6),
     is_over tinyint not null default 0) engine=InnoDB`,
  `create table if not exists teal.tick_runs (
     tick bigint unsigned not null,
     first bigint unsigned not null primary key,
     last bigint unsigned not null,
     key by_tick (tick, first)) engine=InnoDB`,
];

/** The name of this making of the record, in `teal.meta`. */
export const recordName = 'record';

const controlColumn = (name: string, type: string): RecordedColumn =>
  type.startsWith('varchar') ? { name, type, characterSet: 'utf8mb4', collation: 'utf8mb4_bin' } : { name, type };

/** The tables by which the stream itself tells who owns the data (teal-schema.ts). */
const controlTables: readonly RecorderTable[] = [
  {
    schema: 'teal',
    name: 'cut',
    key: ['token'],
    columns: [
      controlColumn('token', 'varchar(255)'),
      controlColumn('kind', 'varchar(16)'),
      controlColumn('cut', 'varchar(255)'),
      controlColumn('epoch', 'int'),
      controlColumn('at', 'timestamp(6)'),
    ],
  },
  {
    schema: 'teal',
    name: 'owner',
    key: ['epoch'],
    columns: [
      controlColumn('epoch', 'int'),
      controlColumn('owner', 'varchar(8)'),
      controlColumn('cut', 'varchar(255)'),
      controlColumn('at', 'timestamp(6)'),
    ],
  },
  {
    schema: 'teal',
    name: 'heartbeat',
    key: ['side'],
    columns: [controlColumn('side', 'varchar(8)'), controlColumn('at', 'timestamp(6)')],
  },
];

/** Of rows that say who owns the data: what they say counts for transactions after theirs. */
export const signTables: ReadonlySet<number> = new Set(
  controlTables.filter(({ name }) => name !== 'heartbeat').map(tableNumber),
);

type RecordedColumn = Pick<MysqlColumn, 'name' | 'type' | 'characterSet' | 'collation'>;

/** A table as the recorder makes triggers for it. */
export interface RecorderTable extends RecordedTable {
  readonly columns: readonly RecordedColumn[];
}

export type RecordableTable = Pick<MysqlTable, 'schema' | 'name' | 'columns' | 'primaryKey'>;

/** What is recorded of a side: its tables, with the columns that the server does not compute, and Teal's own. Errors: TEAL-SYSTEMS-304 a type that Teal does not carry, -324 two tables of one number. */
export function recorderTables(tables: readonly RecordableTable[]): readonly RecorderTable[] {
  const all = [...tables.map(recorderTable), ...controlTables];
  const byNumber = Map.groupBy(all, tableNumber);
  for (const [one, other] of byNumber.values()) {
    if (one === undefined || other === undefined) continue;
    const text = `tables ${tableKey(one)} and ${tableKey(other)} cannot be told apart in one stream`;
    throw new TealError('TEAL-SYSTEMS-324', text);
  }
  return all;
}

function recorderTable(table: RecordableTable): RecorderTable {
  const columns = (carriedColumns(table) as readonly MysqlColumn[]).map(recordedColumn);
  selectionOf({ table, columns, key: table.primaryKey });
  return { schema: table.schema, name: table.name, columns, key: table.primaryKey ?? [] };
}

function recordedColumn({ name, type, characterSet, collation }: RecordedColumn): RecordedColumn {
  if (characterSet === undefined || collation === undefined) return { name, type };
  return { name, type, characterSet, collation };
}

/** What a row is taken to be long without its texts and bytes. */
const rowBytes = 32;
const valueBytes = 8;

function createRows(table: RecorderTable): string {
  const columns = table.columns.map(({ type, characterSet, collation }, place) => {
    const text =
      characterSet === undefined || collation === undefined
        ? ''
        : ` character set ${characterSet} collate ${collation}`;
    return `c${place} ${type}${text} null`;
  });
  return `create table if not exists ${rowsTable(table)} (${['number bigint unsigned not null', 'image tinyint not null', ...columns, 'primary key (number, image)'].join(', ')}) engine=InnoDB row_format=dynamic`;
}

/** Types whose values may be long. */
const long = /^(char|varchar|binary|varbinary|(tiny|medium|long)?(text|blob)|json|geometry)$/;

function createTrigger(table: RecorderTable, event: TriggerEvent): string {
  const images = { insert: ['new'], update: ['old', 'new'], delete: ['old'] }[event];
  const short = rowBytes + valueBytes * table.columns.length * images.length;
  const lengths = images.flatMap((image) =>
    table.columns
      .filter(({ type }) => long.test(parseType(type).base))
      .map(({ name }) => ` + coalesce(octet_length(${image}.${quoteIdent(name)}), 0)`),
  );
  const values = images.map(
    (image) =>
      `(${['teal_number', image === 'old' ? '0' : '1', ...table.columns.map(({ name }) => `${image}.${quoteIdent(name)}`)].join(', ')})`,
  );
  const columns = ['number', 'image', ...table.columns.map((_, place) => `c${place}`)];
  const isOwn = table.schema === 'teal';
  return `create trigger ${quoteTable({ schema: table.schema, name: triggerName(table, event) })} after ${event} on ${quoteTable(table)} for each row
begin
  declare teal_number bigint unsigned default uuid_short();
  if ${isOwn ? 'true' : `${originVariable} is null`} then
    insert into teal.changes (number, rel, op, unchecked, bytes)
    values (teal_number, ${tableNumber(table)}, ${quoteLiteral(event[0]?.toUpperCase() ?? '')}, @@session.foreign_key_checks = 0, ${short}${lengths.join('')});
    insert into ${rowsTable(table)} (${columns.join(', ')}) values ${values.join(', ')};
  end if;
end`;
}

const installLock = 'recorder';
const installLockSeconds = 60;
/** Others wait behind whoever waits for a table: never long at a time. */
const tableLockSeconds = 1;
const tableLockTimeoutMs = 600_000;
const pauseMs = 500;

/**
 * Makes what is missing; database `teal` must be there. CREATE TRIGGER waits for every transaction that has used the table, so each one that writes later is recorded. What is recorded already is left
 * as it is: a table that was changed meanwhile must not look as if it had always been so. Errors: TEAL-SYSTEMS-008 a table was not had in ten minutes, -010, -342 a table has no place in InnoDB.
 */
export async function installRecorder(connection: MysqlConnection, tables: readonly RecorderTable[]): Promise<void> {
  await withNamedLock(connection, lockName(installLock), installLockSeconds, async () => {
    for (const sql of recordTables) await connection.query(sql);
    await connection.query(`insert ignore into teal.meta (name, value) values (?, ?)`, [recordName, randomUUID()]);
    const recorded = await recordedKeys(connection);
    const missing = tables.filter((table) => !recorded.has(tableKey(table)));
    for (const table of missing) await makeTriggers(connection, table);
    await noteRecorded(connection, missing);
    await connection.query('insert ignore into teal.ticks (number, ends, is_over) values (0, 0, 1)');
  });
}

async function makeTriggers(connection: MysqlConnection, table: RecorderTable): Promise<void> {
  if (table.polledBy !== undefined) return;
  // What an earlier try left. Of what it recorded nothing is read: the flow begins at a later tick.
  for (const event of events) await dropTrigger(connection, table.schema, triggerName(table, event));
  await connection.query(`drop table if exists ${rowsTable(table)}`);
  await connection.query(createRows(table));
  for (const event of events) await patiently(connection, createTrigger(table, event));
}

async function noteRecorded(connection: MysqlConnection, tables: readonly RecorderTable[]): Promise<void> {
  const marks = await readMarks(connection, tables);
  for (const table of tables) {
    const { schema, name, columns, key, polledBy } = table;
    const mark = marks.get(tableKey(table));
    if (mark === undefined || mark.storage === '') {
      throw new TealError('TEAL-SYSTEMS-342', `${tableKey(table)} is not found in InnoDB`, { table: tableKey(table) });
    }
    const polled = polledBy === undefined ? {} : { polledBy };
    const form = JSON.stringify({ schema, name, columns, key, ...polled } satisfies RecordedTable);
    await connection.query(
      'insert into teal.recorded (rel, db, tab, form, storage, shape, triggers) values (?, ?, ?, ?, ?, ?, ?)',
      [tableNumber(table), schema, name, form, polledBy === undefined ? mark.storage : '', mark.shape, mark.triggers],
    );
  }
}

async function recordedKeys(connection: MysqlConnection): Promise<ReadonlySet<string>> {
  const rows = await askRows(connection, 'select db as db, tab as tab from teal.recorded');
  return new Set(rows.map(({ db, tab }) => tableKey({ schema: db ?? '', name: tab ?? '' })));
}

/** A statement that needs a table for itself. */
async function patiently(connection: MysqlConnection, sql: string): Promise<void> {
  await connection.query('set @teal_lock_wait = @@session.lock_wait_timeout');
  await connection.query(`set @@session.lock_wait_timeout = ${tableLockSeconds}`);
  let last: unknown;
  try {
    await waitFor({ what: 'a table to be free', timeoutMs: tableLockTimeoutMs, everyMs: pauseMs }, async () => {
      try {
        await connection.query(sql);
        return true;
      } catch (error) {
        if (!isTealError(error, 'TEAL-SYSTEMS-008')) throw error;
        last = error;
        return undefined;
      }
    });
  } catch (error) {
    throw isTealError(error, 'TEAL-KERNEL-002') ? last : error;
  } finally {
    if (!connection.ended.aborted) await connection.query('set @@session.lock_wait_timeout = @teal_lock_wait');
  }
}

async function dropTrigger(connection: MysqlConnection, schema: string, name: string): Promise<void> {
  await patiently(connection, `drop trigger if exists ${quoteTable({ schema, name })}`);
}

/** Takes everything away: the triggers first, for they write into the tables. Idempotent. Errors: as of `installRecorder`. */
export async function removeRecorder(connection: MysqlConnection): Promise<void> {
  await withNamedLock(connection, lockName(installLock), installLockSeconds, async () => {
    for (const { db, name } of await readRecorders(connection)) await dropTrigger(connection, db, name);
    const rows = await askRows(
      connection,
      `select table_name as name from information_schema.tables where table_schema = 'teal'
         and (table_name in ('changes', 'recorded', 'ticks', 'tick_runs', 'polled_rows', 'poll_state', 'poll_open', 'poll_told') or table_name regexp '^rows_[0-9a-f]{8}$')`,
    );
    // One at a time, as long as a reader holds them.
    for (const { name } of rows) await patiently(connection, `drop table if exists teal.${quoteIdent(name ?? '')}`);
    if (await isTealTableThere(connection, 'meta')) {
      await connection.query('delete from teal.meta where name = ?', [recordName]);
    }
  });
}

async function readRecorders(
  connection: MysqlConnection,
): Promise<readonly { readonly db: string; readonly name: string }[]> {
  const rows = await askRows(
    connection,
    `select trigger_schema as db, trigger_name as name from information_schema.triggers where not (${isNoRecorder('trigger_name')})`,
  );
  return rows.map(({ db, name }) => ({ db: db ?? '', name: name ?? '' }));
}

/** The tables of a record, by their numbers. */
export async function readRecorded(connection: MysqlConnection): Promise<ReadonlyMap<number, RecordedTable>> {
  const rows = await askRows(connection, 'select rel as rel, form as form from teal.recorded');
  return new Map(rows.map(({ rel, form }) => [Number(rel), JSON.parse(form ?? '') as RecordedTable]));
}

/** The names of what is recorded, Teal's own aside; none where nothing is. */
export async function recordedTables(connection: MysqlConnection): Promise<readonly TableName[]> {
  if (!(await isTealTableThere(connection, 'recorded'))) return [];
  const tables = [...(await readRecorded(connection)).values()];
  return tables.filter(({ schema }) => schema !== 'teal').map(({ schema, name }) => ({ schema, name }));
}

/** The triggers that record every change of a side, for a source whose log may not be read. Database `teal` must be there. */
export function recorderStep(side: Side, session: KeptSession, tables: readonly RecordableTable[]): Step {
  const wanted = recorderTables(tables);
  const probe = async (connection: MysqlConnection): Promise<Probed> => {
    if (!(await isTealTableThere(connection, 'ticks'))) return { state: 'not done' };
    const recorded = await recordedKeys(connection);
    const missing = wanted.filter((table) => !recorded.has(tableKey(table))).length;
    const { rows } = await connection.query('select count(*) as n from teal.ticks');
    if (missing > 0 || rows[0]?.['n'] === '0') {
      return { state: 'partly', evidence: `${wanted.length - missing} of ${wanted.length} tables` };
    }
    const hasAny = hasGaps(await recordGaps(connection));
    return { state: 'done', evidence: `triggers ${hasAny ? 'began to record' : 'record'} ${wanted.length} tables` };
  };
  return {
    id: recorderStepId(side),
    does: `puts three triggers on ${wanted.length} tables of ${side} that record every change in database teal, in the transaction that makes it. From here on DROP and RENAME COLUMN make every write to such a table fail`,
    locks: `each table of ${side} for itself for a moment, three times, which waits for the transactions that use it and new ones for it; at most ${tableLockSeconds} s a try. A transaction that stands in between may be ended by a deadlock, and has to be tried again by its client`,
    costs: `each changed row is written twice more, an update with its old values too; and the room of it on ${side} until the flow has read it`,
    undone: 'the triggers are dropped, which takes each table for itself for a moment, and the tables of the record',
    probe: async () => session.use(probe),
    act: async () => session.use(async (connection) => installRecorder(connection, wanted)),
    undo: async () => session.use(removeRecorder),
  };
}

export function recorderStepId(side: Side): string {
  return `prepare:recorder-${side}`;
}
