import { TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { MysqlConnection } from './connection.ts';
import { lockName, withNamedLock } from './named-lock.ts';

/** Raised with every change of what is below. An older Teal refuses a newer schema; a newer one changes an older schema forward. */
export const tealSchemaVersion = 1;

const installLock = lockName('install');
const installLockSeconds = 60;

/**
 * The same tables by meaning as in PostgreSQL; `cut`, `owner` and `heartbeat` travel to the other side and have no column that it has not.
 *
 * meta: the version of this schema, which side this server is, and the state of its fence (see fence.ts).
 * stream: one row for each that writes here for Teal, by the name that its transactions carry (`originOf`). Every transaction of Teal begins with a write of its row, so that
 *   the log names its origin; with `position` and `mode` it is the progress of a flow. `writes` goes up with each write: an UPDATE that changes nothing is in no binlog.
 * chunk: parts of the copy that are here, written in the transaction of their rows; `rel` is the table's number on the source, `snap` a position of the source.
 * cut: tokens of fences. owner: the decisions; the highest epoch rules. heartbeat: one row a side, for the lag.
 *
 * A default is written at each timestamp: without one the first of a table would set itself at each UPDATE where `explicit_defaults_for_timestamp` is off.
 */
const tables: readonly string[] = [
  `create table if not exists teal.meta (name varchar(64) not null primary key, value varchar(1024) not null) engine=InnoDB`,
  `create table if not exists teal.stream (
     name varchar(255) not null primary key,
     position mediumtext,
     committed_at timestamp(6) null default null,
     epoch int not null default 0,
     mode varchar(16) not null default 'shadow' check (mode in ('live', 'shadow', 'fenced')),
     rogue_transactions bigint not null default 0,
     rogue_first text,
     writes bigint unsigned not null default 0,
     updated_at timestamp(6) not null default current_timestamp(6)) engine=InnoDB`,
  `create table if not exists teal.chunk (
     run int not null,
     rel bigint unsigned not null,
     chunk int not null,
     kind varchar(8) not null,
     lo text,
     hi text,
     snap mediumtext not null,
     \`rows\` bigint not null default 0,
     done_at timestamp(6) not null default current_timestamp(6),
     primary key (run, rel, chunk)) engine=InnoDB`,
  `create table if not exists teal.cut (
     token varchar(255) not null primary key,
     kind varchar(16) not null check (kind in ('fence', 'reopened')),
     cut varchar(255) not null,
     epoch int not null,
     at timestamp(6) not null default current_timestamp(6)) engine=InnoDB`,
  `create table if not exists teal.owner (
     epoch int not null primary key,
     owner varchar(8) not null check (owner in ('blue', 'green')),
     cut varchar(255) not null,
     at timestamp(6) not null default current_timestamp(6)) engine=InnoDB`,
  `create table if not exists teal.heartbeat (
     side varchar(8) not null primary key check (side in ('blue', 'green')),
     at timestamp(6) not null default current_timestamp(6)) engine=InnoDB`,
];

/** What travels of the tables that say who owns the data: columns of the other side's that are not among them stay there. */
export const controlColumns: Readonly<Record<'cut' | 'owner' | 'heartbeat', readonly string[]>> = Object.freeze({
  cut: ['token', 'kind', 'cut', 'epoch', 'at'],
  owner: ['epoch', 'owner', 'cut', 'at'],
  heartbeat: ['side', 'at'],
});

/** What a stream's transactions are called in the log of the side that it writes to, and its row in `teal.stream`: `teal_<migration>_<word>`. */
export function originOf(stream: string): string {
  return `teal_${stream}`;
}

/**
 * Makes database `teal` on one side; does nothing where it is already there. No transaction holds CREATE TABLE here: what says that all is there is written last, and
 * what was begun is gone on with. Errors: TEAL-SYSTEMS-100 made by a newer Teal, -101 this server is the other side of a migration.
 */
export async function installTealSchema(connection: MysqlConnection, side: Side): Promise<void> {
  await withNamedLock(connection, installLock, installLockSeconds, async () => {
    const found = await readMeta(connection);
    if (found === undefined) {
      await connection.query('create database if not exists teal character set utf8mb4 collate utf8mb4_bin');
      for (const table of tables) await connection.query(table);
      await connection.query(`insert into teal.meta (name, value) values ('version', ?), ('side', ?)`, [
        tealSchemaVersion,
        side,
      ]);
      return;
    }
    refuseNewer(found.version);
    if (found.side !== side) {
      throw new TealError('TEAL-SYSTEMS-101', `this server is ${found.side} already`, { is: found.side, asked: side });
    }
  });
}

/** Which side this server is, when Teal works here; undefined when it does not. Errors: TEAL-SYSTEMS-100. */
export async function probeTealSchema(connection: MysqlConnection): Promise<Side | undefined> {
  const found = await readMeta(connection);
  if (found !== undefined) refuseNewer(found.version);
  return found?.side;
}

/** Takes database `teal` away with all that is in it, tokens and owner rows included. Idempotent. Errors: TEAL-SYSTEMS-100. */
export async function removeTealSchema(connection: MysqlConnection): Promise<void> {
  await withNamedLock(connection, installLock, installLockSeconds, async () => {
    const found = await readMeta(connection);
    if (found !== undefined) refuseNewer(found.version);
    await connection.query('drop database if exists teal');
  });
}

/** Whether there is anything of it, also of one whose making was interrupted. */
export async function isTealSchemaThere(connection: MysqlConnection): Promise<boolean> {
  const { rows } = await connection.query(
    `select count(*) as n from information_schema.schemata where schema_name = 'teal'`,
  );
  return rows[0]?.['n'] !== '0';
}

export async function isTealTableThere(connection: MysqlConnection, name: string): Promise<boolean> {
  const { rows } = await connection.query(
    `select count(*) as n from information_schema.tables where table_schema = 'teal' and table_name = ?`,
    [name],
  );
  return rows[0]?.['n'] !== '0';
}

async function readMeta(connection: MysqlConnection): Promise<{ version: number; side: Side } | undefined> {
  if (!(await isTealTableThere(connection, 'meta'))) return undefined;
  const meta = await connection.query('select name, value from teal.meta');
  const values = new Map(meta.rows.map((row) => [row['name'], row['value']]));
  const version = values.get('version');
  if (version === undefined) return undefined;
  return { version: Number(version), side: values.get('side') === 'green' ? 'green' : 'blue' };
}

function refuseNewer(version: number): void {
  if (version <= tealSchemaVersion) return;
  throw new TealError('TEAL-SYSTEMS-100', 'database teal was made by a newer Teal', {
    found: version,
    known: tealSchemaVersion,
  });
}
