import type { Parts } from './querier.ts';

/** Rows of the parts below, as the server's JSON gives them. 64-bit numbers are text. */
export interface CatalogRows {
  readonly tables: {
    readonly oid: number;
    readonly schema: string;
    readonly name: string;
    readonly partitioned: boolean;
    readonly is_partition: boolean;
    readonly unlogged: boolean;
    readonly replica_identity: 'd' | 'n' | 'f' | 'i';
    readonly row_security: boolean;
    readonly force_row_security: boolean;
    readonly has_rules: boolean;
    readonly estimated_rows: number;
    readonly pages: number;
    readonly heap_bytes: string;
    readonly total_bytes: string;
  };
  readonly columns: {
    readonly relation: number;
    readonly items: readonly {
      readonly name: string;
      readonly type_oid: number;
      readonly type: string;
      readonly built_in: boolean;
      readonly not_null: boolean;
      readonly generated: '' | 's' | 'v';
      readonly identity: '' | 'a' | 'd';
      readonly has_default: boolean;
    }[];
  };
  readonly parents: {
    readonly relation: number;
    readonly items: readonly { readonly schema: string; readonly name: string }[];
  };
  readonly indexes: {
    readonly relation: number;
    readonly name: string;
    readonly primary: boolean;
    readonly chosen_identity: boolean;
    readonly immediate: boolean;
    readonly valid: boolean;
    readonly partial_or_expression: boolean;
    readonly columns: readonly string[];
  };
  readonly foreignKeys: {
    readonly relation: number;
    readonly name: string;
    readonly columns: readonly string[];
    readonly references_schema: string;
    readonly references_name: string;
    readonly referenced_columns: readonly string[];
  };
  readonly exclusions: { readonly relation: number; readonly name: string };
  readonly triggers: { readonly relation: number; readonly name: string; readonly enabled: 'O' | 'R' | 'A' | 'D' };
  readonly sequences: {
    readonly schema: string;
    readonly name: string;
    readonly owner_schema: string | null;
    readonly owner_table: string | null;
    readonly owner_column: string | null;
    readonly type: string;
    readonly increment: string;
    readonly min: string;
    readonly max: string;
    readonly cache: string;
    readonly cycle: boolean;
  };
  readonly views: {
    readonly oid: number;
    readonly schema: string;
    readonly name: string;
    readonly materialized: boolean;
    readonly populated: boolean;
    readonly reads: readonly number[];
  };
  readonly extensions: { readonly name: string; readonly version: string; readonly schema: string };
  readonly searchPath: { readonly schemas: readonly string[] };
}

/** Everything in the database that is neither the system's, nor Teal's, nor an extension's, nor temporary (names that start with `pg_` are reserved). */
export const userRelations = `
with user_relation as materialized (
  select c.*, n.nspname
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'teal') and c.relpersistence <> 't'
    and not exists (
      select from pg_depend d
      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0 and d.deptype = 'e')
)`;

/**
 * A type whose binary form means the same on every server. Numbers under 10000 are assigned by hand and never change (manual: System Catalog Initial Data).
 * Left out: `reg*` types, whose binary form is the number of an object that has another number elsewhere; row types; types without binary form.
 */
function travelsInBinary(type: string): string {
  return `(${type}.oid < 10000 and ${type}.typtype in ('b', 'r', 'm') and ${type}.typname !~ '^_?reg'
    and ${type}.typsend <> 0 and ${type}.typreceive <> 0)`;
}

/** Names of the columns with these numbers, in the order of the numbers. */
function columnNames(relation: string, numbers: string, limit = '32767'): string {
  return `array(
    select a.attname from unnest(${numbers}) with ordinality as listed (attnum, place)
    join pg_attribute a on a.attrelid = ${relation} and a.attnum = listed.attnum
    where listed.place <= ${limit} order by listed.place)`;
}

export const catalogParts: Parts<CatalogRows> = {
  tables: `
    select r.oid::int8, r.nspname as schema, r.relname as name, r.relkind = 'p' as partitioned, r.relispartition as is_partition,
      r.relpersistence = 'u' as unlogged, r.relreplident as replica_identity, r.relrowsecurity as row_security,
      r.relforcerowsecurity as force_row_security,
      exists (select from pg_rewrite w where w.ev_class = r.oid) as has_rules,
      case when r.relkind = 'p' then 0
        else round(greatest(r.reltuples, pg_stat_get_live_tuples(r.oid), 0)::numeric) end as estimated_rows,
      size.heap / current_setting('block_size')::int8 as pages,
      size.heap::text as heap_bytes, coalesce(pg_total_relation_size(r.oid), 0)::text as total_bytes
    from user_relation r, lateral (select coalesce(pg_relation_size(r.oid, 'main'), 0) as heap) size
    where r.relkind in ('r', 'p')`,
  columns: `
    select a.attrelid::int8 as relation, json_agg(json_build_object(
      'name', a.attname, 'type_oid', a.atttypid::int8, 'type', format_type(a.atttypid, a.atttypmod),
      'built_in', ${travelsInBinary('t')} and (e.oid is null or ${travelsInBinary('e')}),
      'not_null', a.attnotnull, 'generated', a.attgenerated, 'identity', a.attidentity,
      'has_default', a.atthasdef and a.attgenerated = '') order by a.attnum) as items
    from user_relation r join pg_attribute a on a.attrelid = r.oid
    join pg_type t on t.oid = a.atttypid left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
    where r.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
    group by a.attrelid`,
  parents: `
    select i.inhrelid::int8 as relation,
      json_agg(json_build_object('schema', n.nspname, 'name', p.relname) order by i.inhseqno) as items
    from user_relation r join pg_inherits i on i.inhrelid = r.oid
    join pg_class p on p.oid = i.inhparent join pg_namespace n on n.oid = p.relnamespace
    where r.relkind in ('r', 'p')
    group by i.inhrelid`,
  indexes: `
    select i.indrelid::int8 as relation, c.relname as name, i.indisprimary as primary, i.indisreplident as chosen_identity,
      i.indimmediate as immediate, i.indisvalid as valid,
      i.indexprs is not null or i.indpred is not null as partial_or_expression,
      ${columnNames('i.indrelid', 'i.indkey', 'i.indnkeyatts')} as columns
    from user_relation r join pg_index i on i.indrelid = r.oid join pg_class c on c.oid = i.indexrelid
    where r.relkind in ('r', 'p') and i.indisunique and i.indislive`,
  // A key that refers to a partitioned table has one more row for each of its partitions, on the same referring table: the condition leaves those out.
  foreignKeys: `
    select k.conrelid::int8 as relation, k.conname as name, ${columnNames('k.conrelid', 'k.conkey')} as columns,
      n.nspname as references_schema, c.relname as references_name,
      ${columnNames('k.confrelid', 'k.confkey')} as referenced_columns
    from user_relation r join pg_constraint k on k.conrelid = r.oid
    join pg_class c on c.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace
    where k.contype = 'f' and not exists (
      select from pg_constraint parent where parent.oid = k.conparentid and parent.conrelid = k.conrelid)`,
  exclusions: `
    select k.conrelid::int8 as relation, k.conname as name
    from user_relation r join pg_constraint k on k.conrelid = r.oid where k.contype = 'x'`,
  triggers: `
    select t.tgrelid::int8 as relation, t.tgname as name, t.tgenabled as enabled
    from user_relation r join pg_trigger t on t.tgrelid = r.oid join pg_proc p on p.oid = t.tgfoid
    where r.relkind in ('r', 'p') and not t.tgisinternal
      and p.pronamespace is distinct from to_regnamespace('teal')`,
  sequences: `
    select r.nspname as schema, r.relname as name, tn.nspname as owner_schema, t.relname as owner_table, a.attname as owner_column,
      format_type(s.seqtypid, null) as type, s.seqincrement::text as increment, s.seqmin::text as min, s.seqmax::text as max,
      s.seqcache::text as cache, s.seqcycle as cycle
    from user_relation r join pg_sequence s on s.seqrelid = r.oid
    left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
      and d.refobjsubid > 0 and d.deptype in ('a', 'i')
    left join pg_class t on t.oid = d.refobjid left join pg_namespace tn on tn.oid = t.relnamespace
    left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid`,
  views: `
    select r.oid::int8, r.nspname as schema, r.relname as name, r.relkind = 'm' as materialized, r.relispopulated as populated,
      array(
        select distinct d.refobjid::int8 from pg_rewrite w
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
        where w.ev_class = r.oid and d.refobjid <> r.oid) as reads
    from user_relation r where r.relkind in ('v', 'm')`,
  extensions: `
    select e.extname as name, e.extversion as version, n.nspname as schema
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace`,
  searchPath: `select current_schemas(true) as schemas`,
};
