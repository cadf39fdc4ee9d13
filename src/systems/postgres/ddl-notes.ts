import type { Side } from '../../model/catalog.ts';
import { isRecorded, type FollowMethod } from '../../model/follow-method.ts';
import type { Probed, Step } from '../../ports/step.ts';
import type { PgConnection } from './connection.ts';
import { sqlStateOf } from './errors.ts';
import type { KeptSession } from './kept-session.ts';
import { movingRelations } from './moving.ts';
import { quoteIdent, quoteLiteral } from './quote.ts';
import { formsSql, userSchema } from './schema-forms.ts';

export const ddlTriggers: readonly string[] = Object.freeze(['teal_ddl_end', 'teal_ddl_drop', 'teal_ddl_rewrite']);

/** Commands that a flow, or the equality of both schemas, cares about. GRANT, COMMENT, REFRESH and the like run as if Teal were not there. */
const endTags = [
  ...['TABLE', 'INDEX', 'TRIGGER', 'TYPE', 'DOMAIN', 'VIEW', 'MATERIALIZED VIEW', 'FUNCTION', 'PROCEDURE'].flatMap(
    (what) => [`ALTER ${what}`, `CREATE ${what}`],
  ),
  ...['SEQUENCE', 'SCHEMA', 'POLICY', 'AGGREGATE', 'STATISTICS'].flatMap((what) => [`ALTER ${what}`, `CREATE ${what}`]),
  'CREATE TABLE AS',
  'SELECT INTO',
  'CREATE RULE',
  'ALTER RULE',
];

/** How many objects and tables one note names at most. */
const objectsInNote = 50;
const tablesInNote = 200;

/**
 * Decoding places a message at its end, which is the beginning of the record after it, and may then give that record first when the two are of different
 * subtransactions (each block with an EXCEPTION is one). A record of no transaction in between keeps the note before the rows that follow it.
 */
const spacer = `perform pg_logical_emit_message(false, 'teal.spacer', '')`;

/** How a note gets to its place among the rows. */
interface NoteWay {
  /** SQL: the tables whose rows go the same way. */
  readonly relations: string;
  /** Statements of PL/pgSQL. `content`: an expression of type text. */
  readonly write: (content: string) => string;
}

function noteWay(method: FollowMethod, publication: string): NoteWay {
  const relations = movingRelations(method, publication);
  if (isRecorded(method))
    return { relations, write: (content) => `perform teal.record_message('teal.ddl', ${content});` };
  return { relations, write: (content) => `perform pg_logical_emit_message(true, 'teal.ddl', ${content}); ${spacer};` };
}

/**
 * Writes a note of each change of the schema into the transaction that makes it: it comes through the flow at its place among the rows, and is gone when that
 * transaction is rolled back. Never the statement's text, which may hold values.
 *
 * It must not be able to fail the user's statement: whatever goes wrong in it is caught where it happens, and a note without details is tried instead. What is
 * lost then the next look at both schemas finds. It locks nothing but catalogs. A table is managed when its rows are carried, or it is
 * in one tree of partitions with one that is. Plans are made once a session: making them costs more than running them.
 */
function functionSql({ relations, write }: NoteWay): string {
  return `
create or replace function teal.note_ddl() returns event_trigger language plpgsql security definer set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan as $teal$
declare
  objects jsonb;
  tables jsonb;
  forms jsonb;
  touched oid[];
  types oid[];
begin
  if current_setting('teal.quiet', true) = 'on' then return; end if;
  begin
    if tg_event = 'table_rewrite' then
      -- New values without a row in the log: whoever repeats the command on the other side must know.
      select jsonb_agg(format('rows of table %I.%I', n.nspname, c.relname)), jsonb_agg(jsonb_build_object('schema', n.nspname, 'name', c.relname))
      into objects, tables
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.oid = pg_event_trigger_table_rewrite_oid() and c.relpersistence <> 't' and pg_event_trigger_table_rewrite_reason() & 6 <> 0 and ${userSchema};
      if objects is null then return; end if;
    elsif tg_event = 'sql_drop' then
      select jsonb_agg(d.object_type || ' ' || d.object_identity),
        jsonb_agg(jsonb_build_object('schema', d.address_names[1], 'name', d.address_names[2])) filter (where d.object_type in ('table', 'table column', 'table constraint'))
      into objects, tables
      from (
        select d.* from pg_event_trigger_dropped_objects() d
        where d.original and not d.is_temporary
          and (d.schema_name is null or (d.schema_name !~ '^pg_' and d.schema_name not in ('information_schema', 'teal')))
        limit ${objectsInNote}) d;
      if objects is null then return; end if;
    else
      select jsonb_agg(distinct d.object_type || ' ' || d.object_identity),
        array_agg(distinct coalesce(i.indrelid, g.tgrelid, y.polrelid, w.ev_class, d.objid))
          filter (where d.classid in ('pg_class'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_rewrite'::regclass)),
        array_agg(distinct coalesce(nullif(c.reltype, 0), d.objid)) filter (where d.classid = 'pg_type'::regclass or c.relkind = 'c')
      into objects, touched, types
      from (
        select d.classid, d.objid, d.object_type, d.object_identity from pg_event_trigger_ddl_commands() d
        where not d.in_extension
          and (d.schema_name is null or (d.schema_name !~ '^pg_' and d.schema_name not in ('information_schema', 'teal')))
        limit ${objectsInNote}) d
      left join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
      left join pg_index i on d.classid = 'pg_class'::regclass and i.indexrelid = d.objid
      left join pg_trigger g on d.classid = 'pg_trigger'::regclass and g.oid = d.objid
      left join pg_policy y on d.classid = 'pg_policy'::regclass and y.oid = d.objid
      left join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid;
      if objects is null then return; end if;
      select jsonb_agg(jsonb_build_object('schema', n.nspname, 'name', c.relname)) into tables
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.oid = any (touched) and c.relkind in ('r', 'p') and ${userSchema};
      -- A table that was attached just now: the command names its new parent only.
      touched := array(
        select u.oid from (
          select unnest(touched) as oid
          union
          select h.inhrelid from pg_inherits h
          where h.inhparent = any (touched) and h.xmin::text::int8 >= (pg_current_xact_id()::text::int8 & 4294967295)) u
        where exists (
          select from (${relations}) r (relation) where r.relation in (
            select u.oid union all select m.relid from pg_partition_tree(coalesce(pg_partition_root(u.oid), u.oid)) m))
        limit ${tablesInNote});
      types := array(
        select u.oid from unnest(types) as u (oid)
        where exists (
          select from pg_attribute a join pg_type x on x.oid = a.atttypid left join pg_type b on b.oid = x.typbasetype
          where a.attrelid in (${relations}) and not a.attisdropped and u.oid in (x.oid, x.typelem, b.oid, b.typelem)));
      select jsonb_agg(to_jsonb(f)) into forms from (${formsSql('c.oid = any (touched)', 't.oid = any (types)')}) f;
    end if;
    ${write(`jsonb_build_object(
      'command', tg_tag, 'objects', objects, 'tables', coalesce(tables, '[]'), 'forms', coalesce(forms, '[]'),
      'rewrote', tg_event = 'table_rewrite')::text`)}
  exception when others then
    begin
      ${write(`jsonb_build_object('command', tg_tag, 'failed', sqlstate)::text`)}
    exception when others then
      null; -- The user's statement goes on whatever happens here.
    end;
  end;
end $teal$`;
}

/** ALWAYS: a change of the schema is one in every session, also in one that says it applies another system's changes. */
function triggersSql(): string {
  const [end = '', drop = '', rewrite = ''] = ddlTriggers.map(quoteIdent);
  return `
    create event trigger ${end} on ddl_command_end when tag in (${endTags.map(quoteLiteral).join(', ')}) execute function teal.note_ddl();
    create event trigger ${drop} on sql_drop execute function teal.note_ddl();
    create event trigger ${rewrite} on table_rewrite execute function teal.note_ddl();
    alter event trigger ${end} enable always;
    alter event trigger ${drop} enable always;
    alter event trigger ${rewrite} enable always`;
}

/** Event triggers are for superusers, and for whom a provider lets. */
const notAllowed = '42501';

/** Schema `teal` must be there. Where event triggers may not be made that is written down, and both schemas are compared from time to time instead. */
export async function installDdlNotes(
  connection: PgConnection,
  publication: string,
  method: FollowMethod = 'log',
): Promise<'notes' | 'looks'> {
  try {
    await connection.transaction(async () => {
      await connection.query(ddlTriggers.map((name) => `drop event trigger if exists ${quoteIdent(name)}`).join('; '));
      await connection.query(functionSql(noteWay(method, publication)));
      await connection.query(triggersSql());
      await connection.query(`delete from teal.meta where name = 'ddl'`);
    });
    return 'notes';
  } catch (error) {
    if (sqlStateOf(error) !== notAllowed) throw error;
    await connection.query(
      `insert into teal.meta (name, value) values ('ddl', 'looks') on conflict (name) do update set value = excluded.value`,
    );
    return 'looks';
  }
}

/** Idempotent; also when schema `teal` is gone. */
export async function removeDdlNotes(connection: PgConnection): Promise<void> {
  const { rows } = await connection.query('select evtname as name from pg_event_trigger where evtname = any ($1)', [
    ddlTriggers,
  ]);
  for (const row of rows) await connection.query(`drop event trigger if exists ${quoteIdent(row['name'] ?? '')}`);
  const there = await connection.query(`select to_regprocedure('teal.note_ddl()') is not null as there`);
  if (there.rows[0]?.['there'] === 't') await connection.query('drop function teal.note_ddl()');
  const meta = await connection.query(`select to_regclass('teal.meta') is not null as there`);
  if (meta.rows[0]?.['there'] === 't') await connection.query(`delete from teal.meta where name = 'ddl'`);
}

async function probeDdlNotes(connection: PgConnection): Promise<Probed> {
  const schema = await connection.query(`select to_regclass('teal.meta') is not null as there`);
  if (schema.rows[0]?.['there'] !== 't') return { state: 'not done' };
  const { rows } = await connection.query(
    `select (select count(*) from pg_event_trigger where evtname = any ($1) and evtenabled = 'A') as there,
            (select value from teal.meta where name = 'ddl') as instead`,
    [ddlTriggers],
  );
  const { there, instead } = rows[0] ?? {};
  if (there === String(ddlTriggers.length)) return { state: 'done', evidence: 'event triggers write notes of DDL' };
  if (instead === 'looks') {
    return { state: 'done', evidence: 'event triggers are not allowed here: both schemas are compared instead' };
  }
  return there === '0' ? { state: 'not done' } : { state: 'partly', evidence: `${there} of ${ddlTriggers.length}` };
}

/** Changes of the schema by others come through the flow, at their place among the rows. */
export function ddlNotesStep(
  side: Side,
  session: KeptSession,
  publication: string,
  method: FollowMethod = 'log',
): Step {
  return {
    id: `prepare:ddl-notes-${side}`,
    does: `makes three event triggers on ${side} that note every change of the schema in its own transaction; where that is not allowed, both schemas are compared from time to time`,
    locks: 'nothing',
    costs: 'some milliseconds a DDL statement, a few tens for the first of a session; reads and writes never meet it',
    undone: 'the event triggers are dropped',
    probe: async () => session.use(probeDdlNotes),
    act: async () => {
      await session.use(async (connection) => installDdlNotes(connection, publication, method));
    },
    undo: async () => session.use(removeDdlNotes),
  };
}
