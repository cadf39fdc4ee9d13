import { TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { PgConnection } from './connection.ts';

/** Raised with every change of what is below. An older Teal refuses a newer schema; a newer one changes an older schema forward. */
export const tealSchemaVersion = 3;

/** What is in the publication of a side beside the managed tables: the stream itself tells a flow who owns the data (correctness.md §3). */
export const publishedTealTables: readonly string[] = Object.freeze(['cut', 'owner', 'heartbeat']);

/** Also stops two controllers that install at the same moment: `create schema if not exists` alone fails in a race. */
const installLock = 0x7ea1_0001;

/** Also for a schema that an older version has made. */
const lentTable = `
create table if not exists teal.lent (tenant text primary key, run text not null, session text not null, at timestamptz not null default now());`;

/**
 * meta: the version of this schema, and which side this database is.
 * progress: one row a stream, changed in the same transaction as the data. `position` is the source's, whatever it is: opaque here. `mode` is the mode machine's state (sync/mode.ts). Rogue transactions are
 *   counted here and not in memory, so that a restart cannot forget one.
 * chunk: parts of the copy that are here, written in the transaction of their rows; `rel` is the table's oid on the source.
 * cut: tokens of fences. owner: the decisions; the highest epoch rules. heartbeat: one row a side, for the lag. lent: on blue the tenants whose rows it
 *   refuses to its clients, on green those whose rows it takes; `session` is the setting by which the proxy knows them.
 */
const install = `
create schema teal;
create table teal.meta (name text primary key, value text not null);
create table teal.progress (
  stream text primary key,
  position text not null,
  committed_at timestamptz,
  epoch int not null default 0,
  mode text not null check (mode in ('live', 'shadow', 'fenced', 'lent')),
  rogue_transactions bigint not null default 0,
  rogue_first text,
  updated_at timestamptz not null default now());
create table teal.chunk (
  run int not null,
  rel oid not null,
  chunk int not null,
  kind text not null check (kind in ('ctid', 'key', 'whole')),
  lo text,
  hi text,
  snap text not null,
  rows bigint not null default 0,
  done_at timestamptz not null default now(),
  primary key (run, rel, chunk));
create table teal.cut (
  token text primary key,
  kind text not null check (kind in ('fence', 'reopened', 'lend', 'lent', 'recalled', 'home')),
  cut text not null,
  epoch int not null,
  at timestamptz not null default now());
create table teal.owner (
  epoch int primary key,
  owner text not null check (owner in ('blue', 'green')),
  cut text not null,
  token_lsn pg_lsn,
  at timestamptz not null default now());
create table teal.heartbeat (side text primary key check (side in ('blue', 'green')), at timestamptz not null);
${lentTable}
revoke all on all tables in schema teal from public;
grant usage on schema teal to public;
grant select on teal.meta, teal.cut, teal.owner, teal.heartbeat to public;
`;

/** To each version from the one before it. Before 2 all streams came from PostgreSQL. */
const forward: Readonly<Record<number, string>> = Object.freeze({
  2: `
alter table teal.progress add column position text;
update teal.progress set position = lpad(split_part(end_lsn::text, '/', 1), 8, '0') || lpad(split_part(end_lsn::text, '/', 2), 8, '0');
alter table teal.progress alter column position set not null, drop column end_lsn;`,
  3: `
alter table teal.progress drop constraint progress_mode_check,
  add constraint progress_mode_check check (mode in ('live', 'shadow', 'fenced', 'lent'));
alter table teal.cut drop constraint cut_kind_check,
  add constraint cut_kind_check check (kind in ('fence', 'reopened', 'lend', 'lent', 'recalled', 'home'));
${lentTable}
revoke all on teal.lent from public;`,
});

/**
 * Makes schema `teal` on one side, in one transaction; does nothing where it is already there, and changes an older one forward. Proxies and clients may read cut, owner and heartbeat.
 * Errors: TEAL-SYSTEMS-100 made by a newer Teal, -101 this database is the other side of a migration.
 */
export async function installTealSchema(connection: PgConnection, side: Side): Promise<void> {
  await connection.transaction(async () => {
    await connection.query('select pg_advisory_xact_lock($1)', [installLock]);
    const found = await readMeta(connection);
    if (found === undefined) {
      await connection.query(install);
      await connection.query(`insert into teal.meta (name, value) values ('version', $1), ('side', $2)`, [
        String(tealSchemaVersion),
        side,
      ]);
      return;
    }
    refuseNewer(found.version);
    if (found.side !== side) {
      throw new TealError('TEAL-SYSTEMS-101', `this database is ${found.side} already`, {
        is: found.side,
        asked: side,
      });
    }
    for (let version = found.version + 1; version <= tealSchemaVersion; version += 1) {
      await connection.query(
        `${forward[version] ?? ''}; update teal.meta set value = '${version}' where name = 'version'`,
      );
    }
  });
}

/** Which side this database is, when Teal works here; undefined when it does not, or did with an older schema. Errors: TEAL-SYSTEMS-100. */
export async function probeTealSchema(connection: PgConnection): Promise<Side | undefined> {
  const found = await readMeta(connection);
  if (found === undefined) return undefined;
  refuseNewer(found.version);
  return found.version < tealSchemaVersion ? undefined : found.side;
}

/** Takes schema `teal` away with all that is in it, tokens and owner rows included. Idempotent. Errors: TEAL-SYSTEMS-100. */
export async function removeTealSchema(connection: PgConnection): Promise<void> {
  await connection.transaction(async () => {
    await connection.query('select pg_advisory_xact_lock($1)', [installLock]);
    const found = await readMeta(connection);
    if (found === undefined) return;
    refuseNewer(found.version);
    await connection.query('drop schema teal cascade');
  });
}

async function readMeta(connection: PgConnection): Promise<{ version: number; side: Side } | undefined> {
  const { rows } = await connection.query(`select to_regclass('teal.meta') is not null as there`);
  if (rows[0]?.['there'] !== 't') return undefined;
  const meta = await connection.query('select name, value from teal.meta');
  const values = new Map(meta.rows.map((row) => [row['name'], row['value']]));
  return { version: Number(values.get('version')), side: values.get('side') === 'green' ? 'green' : 'blue' };
}

function refuseNewer(version: number): void {
  if (version <= tealSchemaVersion) return;
  throw new TealError('TEAL-SYSTEMS-100', 'schema teal was made by a newer Teal', {
    found: version,
    known: tealSchemaVersion,
  });
}
