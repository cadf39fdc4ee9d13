import { must } from '../../../kernel/assert.ts';
import type { SchemaObject } from '../../../ports/digester.ts';
import type { PgConnection } from '../connection.ts';

/**
 * Everything beside rows that a migration must bring along, as (kind, name, definition). Names and definitions are the server's own words under Teal's
 * search_path, so that they are qualified. NOT NULL is left to the columns: only 18 keeps it as a constraint. What PostgreSQL makes for itself (partitions'
 * copies of indexes are made, too, by whoever creates the schema) is listed like the rest, but for partitions' copies of triggers (before 15
 * they are internal) and of foreign keys (whoever creates the schema gives them names).
 */
const objectsSql = `
select o.kind, o.name, o.definition, o.varies, n.nspname as schema, c.relname as "table" from (
with own as (
  select n.oid, quote_ident(n.nspname) as name from pg_namespace n
  where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'teal')),
-- Members of extensions come with the extension.
member as (select classid, objid from pg_depend where deptype = 'e')
select 'index' as kind, i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition, 'f' as varies, i.indrelid as rel
from pg_index i join pg_class c on c.oid = i.indexrelid join own on own.oid = c.relnamespace
where c.relkind = 'i' and i.indisvalid
  and not exists (select from member m where m.classid = 'pg_class'::regclass and m.objid = i.indrelid)
union all
select 'constraint', format('%s on %s', quote_ident(k.conname), k.conrelid::regclass), pg_get_constraintdef(k.oid), 'f', k.conrelid
from pg_constraint k join own on own.oid = k.connamespace
where k.contype in ('p', 'u', 'f', 'c', 'x') and k.conrelid <> 0 and (k.contype <> 'f' or k.conparentid = 0)
  and not exists (select from member m where m.classid = 'pg_class'::regclass and m.objid = k.conrelid)
union all
select 'sequence', own.name || '.' || quote_ident(s.sequencename),
  format('%s %s', s.increment_by, coalesce(s.last_value + s.increment_by, s.start_value)), 'f', null
from pg_sequences s join pg_namespace n on n.nspname = s.schemaname join own on own.oid = n.oid
union all
select 'view', c.oid::regclass::text, md5(pg_get_viewdef(c.oid)), 't', null
from pg_class c join own on own.oid = c.relnamespace
where c.relkind in ('v', 'm') and not exists (select from member m where m.classid = 'pg_class'::regclass and m.objid = c.oid)
union all
select 'function', p.oid::regprocedure::text, md5(concat(p.prosrc, ' ', p.provolatile, p.prosecdef, p.proisstrict, p.prokind, p.proconfig)), 'f', null
from pg_proc p join own on own.oid = p.pronamespace
where not exists (select from member m where m.classid = 'pg_proc'::regclass and m.objid = p.oid)
union all
select 'trigger', format('%s on %s', quote_ident(t.tgname), t.tgrelid::regclass), concat(t.tgenabled, ' ', pg_get_triggerdef(t.oid)), 'f', t.tgrelid
from pg_trigger t join pg_class c on c.oid = t.tgrelid join own on own.oid = c.relnamespace
where not t.tgisinternal and t.tgparentid = 0 and t.tgname !~ '^teal_'
union all
select 'policy', format('%s on %s', quote_ident(p.polname), p.polrelid::regclass),
  concat(p.polcmd, p.polpermissive, ' using ', pg_get_expr(p.polqual, p.polrelid), ' check ', pg_get_expr(p.polwithcheck, p.polrelid)), 't', p.polrelid
from pg_policy p join pg_class c on c.oid = p.polrelid join own on own.oid = c.relnamespace
union all
select 'extension', extname, extversion, 't', null from pg_extension
union all
select 'type', y.oid::regtype::text, md5(coalesce(
    (select string_agg(quote_literal(e.enumlabel), ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = y.oid),
    format_type(y.typbasetype, y.typtypmod), '')), 'f', null
from pg_type y join own on own.oid = y.typnamespace
where y.typtype in ('e', 'd', 'r') and not exists (select from member m where m.classid = 'pg_type'::regclass and m.objid = y.oid)) o
left join pg_class c on c.oid = o.rel left join pg_namespace n on n.oid = c.relnamespace`;

export async function readObjects(session: PgConnection): Promise<readonly SchemaObject[]> {
  const { rows } = await session.query(objectsSql);
  return rows.map((row) => {
    const object: SchemaObject = {
      kind: must(row['kind'], 'kind') as SchemaObject['kind'],
      name: must(row['name'], 'name'),
      definition: must(row['definition'], 'definition'),
      definitionVaries: row['varies'] === 't',
    };
    const [schema, name] = [row['schema'] ?? null, row['table'] ?? null];
    return schema === null || name === null ? object : { ...object, table: { schema, name } };
  });
}
