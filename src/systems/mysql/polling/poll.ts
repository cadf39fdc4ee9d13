import { must } from '../../../kernel/assert.ts';
import { TealError, isTealError } from '../../../kernel/errors.ts';
import { untilAborted } from '../../../kernel/kept-session.ts';
import { tableKey, type TableName } from '../../../model/catalog.ts';
import { parseType } from '../../../model/mysql-type.ts';
import { connect, type MysqlConnection } from '../connection.ts';
import { askRows } from '../inspect/querier.ts';
import { lockName, withNamedLock } from '../named-lock.ts';
import { tableNumber } from '../table-number.ts';
import { isTealTableThere } from '../teal-schema.ts';
import { refuseGaps } from '../trigger-source/gaps.ts';
import type { PolledBy, RecordedTable } from '../trigger-source/payload.ts';
import { installRecorder, readRecorded, recorderTables, type RecordableTable } from '../trigger-source/recorder.ts';
import { bringTable } from './bring-table.ts';
import { lookForOpen, type Look, type LookBefore, type OpenSession } from './floor.ts';

/** A table with the column that says when a row was written last. */
export type PolledTable = RecordableTable & { readonly polledBy: PolledBy };

/** Of who polls: one at a time, so that each begins with the state that the one before left. */
export const pollLock = lockName('poll');
export const pollLockSeconds = 60;

/**
 * How far before the oldest open transaction a poll looks. It covers clocks of an application that lag, a clock of the server that is set back, and columns that hold whole seconds.
 */
export const overlapSeconds = 60;
/** Where nobody says in which zone a DATETIME is written, it may be any. */
const anyZoneSeconds = 14 * 3_600;

/** How far back rows of this column are looked for; undefined for a type that is no time. `zoneMinutes`: what DATETIMEs are ahead of UTC, at least. */
export function polledBy(column: string, type: string, zoneMinutes: number | undefined): PolledBy | undefined {
  const { base } = parseType(type);
  if (base === 'timestamp') return { column, behindSeconds: overlapSeconds };
  if (base !== 'datetime') return undefined;
  const zoneSeconds = zoneMinutes === undefined ? -anyZoneSeconds : zoneMinutes * 60;
  return { column, behindSeconds: overlapSeconds - zoneSeconds };
}

/**
 * polled_rows: what a poll found, as it travels, in pieces; `number` is that of its change.
 * poll_state: one row. `looked_at`: when the last poll looked for open transactions; `floor`: no row that its snapshot did not show gets an earlier time.
 * poll_open: sessions that were open then (`OpenSession`).
 * poll_told: rows within reach of the next poll that were told: what they are known by and what they held, as hashes, and their time.
 */
const pollTables: readonly string[] = [
  `create table if not exists teal.polled_rows (
     number bigint unsigned not null, piece int not null, payload longblob not null, primary key (number, piece)) engine=InnoDB`,
  `create table if not exists teal.poll_state (
     one tinyint not null primary key, looked_at varchar(32) not null, floor varchar(32) not null) engine=InnoDB`,
  `create table if not exists teal.poll_open (
     place int not null primary key, session bigint unsigned not null, trx varchar(32) null, since varchar(32) not null) engine=InnoDB`,
  `create table if not exists teal.poll_told (
     rel int unsigned not null, id binary(16) not null, digest binary(16) not null, stamp datetime(6) null, primary key (rel, id), key by_stamp (rel, stamp)) engine=InnoDB`,
];

/**
 * Makes what is missing of a record that polls write, with triggers on Teal's own tables alone; database `teal` must be there. The first poll tells what was written from here on. Errors: those of
 * `installRecorder`, TEAL-SYSTEMS-046 a table has no primary key.
 */
export async function installPolling(connection: MysqlConnection, tables: readonly PolledTable[]): Promise<void> {
  const keyless = tables.filter(({ primaryKey = [] }) => primaryKey.length === 0);
  if (keyless.length > 0) throw unpollable(keyless);
  const byKey = new Map(tables.map((table) => [tableKey(table), table.polledBy]));
  const wanted = recorderTables(tables).map((table) => {
    const by = table.schema === 'teal' ? undefined : byKey.get(tableKey(table));
    return by === undefined ? table : { ...table, polledBy: by };
  });
  for (const sql of pollTables) await connection.query(sql);
  await withNamedLock(connection, pollLock, pollLockSeconds, async () => {
    if ((await readState(connection)) === undefined) {
      const look = await lookForOpen(connection, undefined);
      // Of prepared ones nothing is known.
      await writeState(connection, look, look.isKept ? '1971-01-01 00:00:00' : look.floor);
    }
    await installRecorder(connection, wanted);
    for (const table of await notPolled(connection, tables)) {
      const form = must((await readRecorded(connection)).get(tableNumber(table)), 'a recorded table');
      const changed = JSON.stringify({ ...form, polledBy: must(byKey.get(tableKey(table)), 'its column') });
      await connection.query('update teal.recorded set form = ? where rel = ?', [changed, tableNumber(table)]);
    }
  });
}

/** Of these, the tables that are not polled by their column. `installRecorder` must have run. */
export async function notPolled(
  connection: MysqlConnection,
  tables: readonly PolledTable[],
): Promise<readonly PolledTable[]> {
  const recorded = await readRecorded(connection);
  return tables.filter((table) => {
    const by = recorded.get(tableNumber(table))?.polledBy;
    return by?.column !== table.polledBy.column || by.behindSeconds !== table.polledBy.behindSeconds;
  });
}

export async function isInstalled(connection: MysqlConnection): Promise<boolean> {
  return (await isTealTableThere(connection, 'poll_state')) && (await readState(connection)) !== undefined;
}

/** What polls with sessions of its own beside the one that is given, whose end is theirs. */
export function pollsOf(url: string): (connection: MysqlConnection) => Promise<void> {
  return async (connection) => poll(connection, url);
}

/**
 * Brings what was committed since the last poll into the record, in one transaction, as one snapshot of the side shows it; see README.md why nothing is missed. Not within a transaction. Errors:
 * TEAL-SYSTEMS-008 another poll took longer than a minute; those of `lookForOpen`; those of `refuseGaps` where a table has become another one.
 */
export async function poll(connection: MysqlConnection, url: string): Promise<void> {
  await withNamedLock(connection, pollLock, pollLockSeconds, async () => {
    const look = await lookAgain(connection);
    await using view = await connect({ url, applicationName: 'teal poll', signal: connection.ended });
    await untilAborted(view, connection.ended, async () => {
      await beginView(view);
      await bring(view, connection, look);
    });
  });
}

/** A session whose next reads are of one state of the side. */
export async function beginView(view: MysqlConnection): Promise<void> {
  await view.query('set session transaction isolation level repeatable read');
  await view.query('start transaction with consistent snapshot, read only');
}

/** With `pollLock`, before the snapshot that is to be polled is taken. */
export async function lookAgain(connection: MysqlConnection): Promise<Look> {
  return lookForOpen(connection, await readLookBefore(connection));
}

/**
 * Writes into the record what the view shows and the last poll did not, with `pollLock`. On a side that is closed to clients nobody but Teal writes: what it brings there counts as told. `look` was made
 * before the view was begun.
 */
export async function bring(view: MysqlConnection, writer: MysqlConnection, look: Look): Promise<void> {
  const state = must(await readState(writer), 'the state of polls');
  const isClosed = await isSideClosed(view);
  const polled = [...(await readRecorded(writer)).values()].filter(isPolled);
  try {
    await writer.transaction(
      async () => {
        for (const table of polled) await bringTable(view, writer, table, { floor: state.floor, isClosed });
        const floor = look.isKept && state.floor < look.floor ? state.floor : look.floor;
        await writeState(writer, look, floor);
      },
      { isolation: 'repeatable read' },
    );
  } catch (error) {
    // A statement that the server refuses may name a column that is gone: that is the better word for it.
    if (isTealError(error, 'TEAL-SYSTEMS-007') && !writer.ended.aborted) await refuseGaps(writer);
    throw error;
  }
}

function isPolled(table: RecordedTable): table is RecordedTable & { readonly polledBy: PolledBy } {
  return table.polledBy !== undefined;
}

/** `opening` is open: clients may write before it is said to be over. */
async function isSideClosed(view: MysqlConnection): Promise<boolean> {
  const [row] = await askRows(view, `select value as fence from teal.meta where name = 'fence'`);
  return row?.['fence'] === 'closed';
}

async function readState(
  connection: MysqlConnection,
): Promise<{ readonly at: string; readonly floor: string } | undefined> {
  const [row] = await askRows(connection, 'select looked_at as at, floor as floor from teal.poll_state where one = 1');
  return row === undefined ? undefined : { at: row['at'] ?? '', floor: row['floor'] ?? '' };
}

async function readLookBefore(connection: MysqlConnection): Promise<LookBefore> {
  const { at } = must(await readState(connection), 'the state of polls');
  const rows = await askRows(connection, 'select session as session, trx as trx, since as since from teal.poll_open');
  return {
    at,
    open: rows.map(({ session, trx, since }): OpenSession => ({
      session: session ?? '',
      trx: trx ?? undefined,
      since: since ?? '',
    })),
  };
}

async function writeState(connection: MysqlConnection, { at, open }: Look, floor: string): Promise<void> {
  await connection.query('delete from teal.poll_open');
  if (open.length > 0) {
    const rows = open.map((_, place) => `(${place}, ?, ?, ?)`).join(', ');
    await connection.query(
      `insert into teal.poll_open (place, session, trx, since) values ${rows}`,
      open.flatMap(({ session, trx, since }) => [session, trx ?? null, since]),
    );
  }
  await connection.query('replace into teal.poll_state (one, looked_at, floor) values (1, ?, ?)', [at, floor]);
}

export function unpollable(tables: readonly TableName[]): TealError {
  const named = tables.slice(0, 20).map(tableKey);
  return new TealError('TEAL-SYSTEMS-046', `${tables.length} tables cannot be polled`, { tables: named });
}
