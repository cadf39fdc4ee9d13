import { randomUUID } from 'node:crypto';
import { TealError } from '../../kernel/errors.ts';
import { JOURNAL_FORMAT } from '../database.ts';
import type { JournalAsker } from '../place.ts';

/** `PostgresPlace.schema`, quoted. */
export function schemaSql(schema: string): string {
  return `"${schema.replaceAll('"', '""')}"`;
}

/**
 * As the file of SQLite has it: records can only be added, one after the other for each migration. `leader` has one row a migration, whose epoch every record proves; `kept` is what a controller with
 * another state folder cannot have otherwise.
 */
function createSql(schema: string): string {
  const at = schemaSql(schema);
  return `
    create schema if not exists ${at};
    create table ${at}.format (format int not null, id text not null);
    create table ${at}.record (
      migration text not null, seq bigint not null, at text not null, type text not null, version int not null,
      body text not null, hash text not null, primary key (migration, seq));
    create table ${at}.leader (
      migration text primary key, epoch bigint not null, held boolean not null, pid int not null, host text not null,
      since text not null, what text, folder text not null, backend int not null, home text);
    create table ${at}.kept (
      migration text not null, name text not null, body text not null, primary key (migration, name));
    create function ${at}.record_is_never_changed() returns trigger language plpgsql set search_path = pg_catalog as $$
      begin raise exception 'records are never changed'; end $$;
    create function ${at}.record_comes_last() returns trigger language plpgsql set search_path = pg_catalog as $$
      begin
        if new.seq <> (select coalesce(max(seq), 0) + 1 from ${at}.record where migration = new.migration) then
          raise exception 'records come one after the other';
        end if;
        return new;
      end $$;
    create trigger record_is_never_changed before update or delete or truncate on ${at}.record
      for each statement execute function ${at}.record_is_never_changed();
    create trigger record_comes_last before insert on ${at}.record
      for each row execute function ${at}.record_comes_last();
    insert into ${at}.format values (${JOURNAL_FORMAT}, '${randomUUID()}');`;
}

/** Makes the tables if they are not there. Returns what tells them from all others. Errors: TEAL-JOURNAL-002 a newer format, -022 not permitted, or not in UTF8. */
export function ensureSchema(session: JournalAsker, schema: string): string {
  const encoding = session.ask(`select current_setting('server_encoding') as encoding`)[0]?.['encoding'] ?? 'none';
  if (encoding !== 'UTF8') {
    throw new TealError('TEAL-JOURNAL-022', `the database is in ${encoding}`, { encoding });
  }
  if (!isThere(session, schema)) {
    // Two that come at once: the second waits, finds them, and its transaction does nothing.
    const lock = `select pg_advisory_xact_lock(hashtextextended('teal journal schema', 0))`;
    session.ask(`${lock}; do $do$ begin
      if to_regclass('${schemaSql(schema).replaceAll("'", "''")}.format') is null then ${createSql(schema)} end if; end $do$`);
  }
  const format = checkFormat(session, schema);
  if (format < JOURNAL_FORMAT) session.ask(`update ${schemaSql(schema)}.format set format = $1`, [JOURNAL_FORMAT]);
  return session.ask(`select id from ${schemaSql(schema)}.format`)[0]?.['id'] ?? '';
}

export function isThere(session: JournalAsker, schema: string): boolean {
  const [row] = session.ask('select to_regclass($1) is not null as there', [`${schemaSql(schema)}.format`]);
  return row?.['there'] === 't';
}

export function checkFormat(session: JournalAsker, schema: string): number {
  const format = Number(session.ask(`select max(format) as format from ${schemaSql(schema)}.format`)[0]?.['format']);
  if (format > JOURNAL_FORMAT) {
    throw new TealError('TEAL-JOURNAL-002', `its format is ${format}, this version reads up to ${JOURNAL_FORMAT}`, {
      format,
      readable: JOURNAL_FORMAT,
    });
  }
  return format;
}
