import type { SideDesk } from '../side-desk.ts';
import type { ActingNames } from './judge-write.ts';

/** Extensions whose functions reach out of the server, or into another transaction of it, at once. */
const reachingOut = [
  'dblink',
  'http',
  'pg_background',
  'plproxy',
  'aws_lambda',
  'aws_s3',
  'azure_storage',
  'redis_fdw',
];

/** What these are asked for is in tables until the commit. */
export const reachingOutAfterCommit: readonly string[] = Object.freeze(['pg_net', 'pg_cron']);

/**
 * Functions that may do what no rollback takes back: of those extensions, in languages that are not trusted (PL/Python, PL/sh; C and internal ones are the extensions'), and those whose body has the name of
 * one. Then the relations that a write may reach them by: with a trigger or a rule that calls one, foreign tables, and whatever leads to those by an action of a foreign key, a partition or a
 * view. What is called by a name that is put together at run time is not found.
 */
const actingSql = (extensions: readonly string[]): string => `
with recursive reaching (oid, name) as (
  select p.oid, p.proname::text from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang
  where (not l.lanpltrusted and l.lanname not in ('c', 'internal')) or exists (
    select from pg_catalog.pg_depend d join pg_catalog.pg_extension e on e.oid = d.refobjid
    where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.refclassid = 'pg_catalog.pg_extension'::regclass
      and d.deptype = 'e' and e.extname in (${extensions.map((name) => `'${name}'`).join(', ')}))
  union
  select p.oid, p.proname::text from reaching r
  join pg_catalog.pg_proc p on pg_catalog.strpos(pg_catalog.lower(p.prosrc), pg_catalog.lower(r.name)) > 0
  join pg_catalog.pg_language l on l.oid = p.prolang and l.lanpltrusted
), acting (oid) as (
  select t.tgrelid from pg_catalog.pg_trigger t where not t.tgisinternal and t.tgfoid in (select oid from reaching)
  union
  select c.oid from pg_catalog.pg_class c where c.relkind = 'f'
  union
  select led.oid from acting a cross join lateral (
    select k.confrelid from pg_catalog.pg_constraint k where k.contype = 'f' and k.conrelid = a.oid
      and (k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd'))
    union all
    select i.inhparent from pg_catalog.pg_inherits i where i.inhrelid = a.oid
    union all
    select w.ev_class from pg_catalog.pg_depend d join pg_catalog.pg_rewrite w on w.oid = d.objid
    where d.classid = 'pg_catalog.pg_rewrite'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = a.oid
  ) led (oid)
)
select 'function', name from reaching
union
select 'relation', c.relname::text from acting a join pg_catalog.pg_class c on c.oid = a.oid`;

/** Asked of a database of PostgreSQL; `more`: extensions that reach out too. Errors: those of the desk. */
export async function actingNames(desk: Pick<SideDesk, 'ask'>, more: readonly string[]): Promise<ActingNames> {
  const rows = await desk.ask(actingSql([...reachingOut, ...more]));
  const of = (kind: string): ReadonlySet<string> =>
    new Set(rows.filter((row) => row[0] === kind).map(([, name]) => name ?? ''));
  return { functions: of('function'), relations: of('relation') };
}
