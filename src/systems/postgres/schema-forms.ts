import type { TableName } from '../../model/catalog.ts';
import type { SchemaForm } from '../../model/schema-form.ts';
import type { SchemaMark } from '../../ports/schemas.ts';
import { readCatalogState } from './catalog-state.ts';
import { askRows, type Querier } from './inspect/querier.ts';

/** Schemas that are nobody's business: the system's, Teal's, temporary ones (names that begin with `pg_` are reserved). `n`: pg_namespace. */
export const userSchema = `n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'teal')`;

function notOfExtension(catalog: string, oid: string): string {
  return `not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.${catalog}'::regclass and d.objid = ${oid} and d.deptype = 'e')`;
}

/**
 * A query of the forms of tables (`c`: pg_class, `n`: pg_namespace) and types (`t`: pg_type, `n`) that meet the conditions. It is used by Teal's own sessions and
 * inside of the event trigger, so that a note and a look say the same in the same words. Types: enums and composites.
 */
export function formsSql(tables: string, types: string): string {
  return `
    select 'table' as kind, n.nspname as schema, c.relname as "of", pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
      case when c.relkind = 'p' then 'partitioned table' else 'table' end || coalesce((
        select ', partition of ' || i.inhparent::regclass from pg_catalog.pg_inherits i where c.relispartition and i.inhrelid = c.oid), '') as definition
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${tables}
    union all
    select 'column', n.nspname, c.relname, pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname),
      pg_catalog.format_type(a.atttypid, a.atttypmod)
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${tables}
    union all
    select 'enum label', n.nspname, t.typname, pg_catalog.format('%I.%I %L', n.nspname, t.typname, e.enumlabel), ''
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    join pg_catalog.pg_enum e on e.enumtypid = t.oid
    where t.typtype = 'e' and ${types}
    union all
    select 'attribute', n.nspname, t.typname, pg_catalog.format('%I.%I.%I', n.nspname, t.typname, a.attname),
      pg_catalog.format_type(a.atttypid, a.atttypmod)
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    join pg_catalog.pg_class c on c.oid = t.typrelid and c.relkind = 'c'
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where t.typtype = 'c' and ${types}`;
}

/** All tables, enums and composite types that are the user's own, tables first, by name: two looks tell the same in the same order. */
export async function readForms(querier: Querier): Promise<readonly SchemaForm[]> {
  const forms = await askRows<SchemaForm>(
    querier,
    formsSql(
      `${userSchema} and ${notOfExtension('pg_class', 'c.oid')}`,
      `${userSchema} and ${notOfExtension('pg_type', 't.oid')}`,
    ),
  );
  const key = ({ kind, name }: SchemaForm): string => `${kind === 'table' ? 0 : 1} ${name}`;
  return forms.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Of those tables and types alone that the given forms speak of. */
export async function readFormsLike(querier: Querier, forms: readonly SchemaForm[]): Promise<readonly SchemaForm[]> {
  const isOfTable = (form: SchemaForm): boolean => form.kind === 'table' || form.kind === 'column';
  const tables = namesOf(forms.filter(isOfTable));
  const types = namesOf(forms.filter((form) => !isOfTable(form)));
  const among = (schema: string, name: string, first: number): string =>
    `exists (select from unnest($${first}::text[], $${first + 1}::text[]) as wanted (schema, name) where wanted.schema = ${schema} and wanted.name = ${name})`;
  const sql = formsSql(among('n.nspname', 'c.relname', 1), among('n.nspname', 't.typname', 3));
  const { rows } = await querier.query(`select row_to_json(item)::text as item from (${sql}) item`, [
    tables.map((each) => each.schema),
    tables.map((each) => each.name),
    types.map((each) => each.schema),
    types.map((each) => each.name),
  ]);
  return rows.map((row) => JSON.parse(row['item'] ?? 'null') as SchemaForm);
}

function namesOf(forms: readonly SchemaForm[]): readonly TableName[] {
  return [...new Map(forms.map(({ schema, of }) => [`${schema}.${of}`, { schema, name: of }])).values()];
}

/** Tables that hold rows which can be followed and that are none of these (`moving`: SQL, see moving.ts); extensions' own are none of ours. */
export async function readNotMoving(querier: Querier, moving: string): Promise<readonly TableName[]> {
  const { rows } = await querier.query(
    `select n.nspname as schema, c.relname as name
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and c.relpersistence = 'p' and ${userSchema} and ${notOfExtension('pg_class', 'c.oid')}
       and c.oid not in (${moving})
     order by 1, 2`,
  );
  return rows.map((row) => ({ schema: row['schema'] ?? '', name: row['name'] ?? '' }));
}

/**
 * What the catalog says of every table with its columns, keys, indexes, constraints, triggers and place among partitions, and of views, functions, sequences and types
 * in the same schemas: numbers of rows and the transactions that wrote them, not their texts, so that a thousand tables cost about a tenth of a second
 * within the fence. VACUUM and ANALYZE change none of it. Teal's own triggers are left out.
 */
const marksSql = `
  select n.nspname as schema, c.relname as name, 'table' as kind, pg_catalog.format('%I.%I', n.nspname, c.relname) as what,
    pg_catalog.md5(pg_catalog.concat_ws(' ', c.oid, c.relkind, c.relispartition, c.relreplident,
      (select pg_catalog.string_agg(pg_catalog.concat(a.attnum, ':', a.xmin), ',' order by a.attnum) from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0),
      (select pg_catalog.string_agg(pg_catalog.concat(d.oid, ':', d.xmin), ',' order by d.oid) from pg_catalog.pg_attrdef d where d.adrelid = c.oid),
      (select pg_catalog.string_agg(pg_catalog.concat(i.indexrelid, i.indisvalid, i.indisprimary, i.indisunique), ',' order by i.indexrelid) from pg_catalog.pg_index i where i.indrelid = c.oid),
      (select pg_catalog.string_agg(pg_catalog.concat(k.oid, ':', k.xmin), ',' order by k.oid) from pg_catalog.pg_constraint k where k.conrelid = c.oid),
      (select pg_catalog.string_agg(pg_catalog.concat(g.oid, ':', g.xmin), ',' order by g.oid) from pg_catalog.pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal and g.tgname !~ '^teal_'),
      (select pg_catalog.string_agg(pg_catalog.concat(h.inhparent, ':', h.xmin), ',' order by h.inhparent) from pg_catalog.pg_inherits h where h.inhrelid = c.oid),
      (select pg_catalog.string_agg(pg_catalog.concat(r.prpubid, ':', r.xmin), ',' order by r.oid) from pg_catalog.pg_publication_rel r where r.prrelid = c.oid))) as mark
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${userSchema}
  union all
  select n.nspname, null, 'view', pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.concat(c.oid, ':', w.xmin)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_rewrite w on w.ev_class = c.oid and w.rulename = '_RETURN'
  where c.relkind in ('v', 'm') and c.relpersistence <> 't' and ${userSchema}
  union all
  select n.nspname, null, 'sequence', pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.concat(c.oid, ':', s.xmin)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_sequence s on s.seqrelid = c.oid
  where c.relpersistence <> 't' and ${userSchema}
  union all
  select n.nspname, null, 'function', p.oid::regprocedure::text, pg_catalog.concat(p.oid, ':', p.xmin)
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where ${userSchema}
  union all
  select n.nspname, null, 'type', pg_catalog.format('%I.%I', n.nspname, t.typname),
    pg_catalog.concat(t.oid, ':', t.xmin, ' ',
      (select pg_catalog.string_agg(pg_catalog.concat(e.oid, ':', e.xmin), ',' order by e.oid) from pg_catalog.pg_enum e where e.enumtypid = t.oid),
      (select pg_catalog.string_agg(pg_catalog.concat(a.attnum, ':', a.xmin), ',' order by a.attnum) from pg_catalog.pg_attribute a where t.typtype = 'c' and a.attrelid = t.typrelid))
  from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace left join pg_catalog.pg_class c on c.oid = t.typrelid
  where t.typtype in ('e', 'd', 'c', 'r') and (t.typtype <> 'c' or c.relkind = 'c') and ${userSchema}`;

/** Of all rows of a part of the catalog: what one says, as text, hashed with what it is of. */
const fingerprint = (says: string, of: string): string =>
  `pg_catalog.concat(count(*), ':', sum(pg_catalog.hashtextextended(${says}, ${of})))`;

/**
 * One value over all that `marksSql` tells, of every table whether it is selected or not: where it is the same as before nothing has changed, and that is known for a third of what
 * the marks cost. A row of the catalog is told from all others by what it is of, and from what it was by the transaction that wrote it. The sum of their hashes, 64 bits each,
 * does not depend on an order, and no two of them cancel each other.
 */
const digestSql = `
  with n as materialized (select n.oid, n.nspname from pg_catalog.pg_namespace n where ${userSchema}),
  c as materialized (select c.oid, c.relname, c.relnamespace, c.relkind, c.relispartition, c.relreplident
    from pg_catalog.pg_class c where c.relnamespace in (select oid from n) and c.relkind in ('r', 'p', 'v', 'm', 'S', 'c') and c.relpersistence <> 't')
  select pg_catalog.concat_ws(' ',
    (select ${fingerprint('n.nspname::text', 'n.oid::int8')} from n),
    (select ${fingerprint(`pg_catalog.concat(c.relnamespace, c.relkind, c.relispartition, c.relreplident, c.relname)`, 'c.oid::int8')} from c),
    (select ${fingerprint('a.xmin::text', '(a.attrelid::int8 << 16) + a.attnum')} from pg_catalog.pg_attribute a where a.attnum > 0 and a.attrelid in (select oid from c where relkind in ('r', 'p', 'c'))),
    (select ${fingerprint('d.xmin::text', 'd.oid::int8')} from pg_catalog.pg_attrdef d where d.adrelid in (select oid from c)),
    (select ${fingerprint('pg_catalog.concat(i.indisvalid, i.indisprimary, i.indisunique)', 'i.indexrelid::int8')} from pg_catalog.pg_index i where i.indrelid in (select oid from c)),
    (select ${fingerprint('k.xmin::text', 'k.oid::int8')} from pg_catalog.pg_constraint k where k.conrelid in (select oid from c)),
    (select ${fingerprint('g.xmin::text', 'g.oid::int8')} from pg_catalog.pg_trigger g where g.tgrelid in (select oid from c) and not g.tgisinternal and g.tgname !~ '^teal_'),
    (select ${fingerprint('h.xmin::text', '(h.inhrelid::int8 << 32) + h.inhparent::int8')} from pg_catalog.pg_inherits h where h.inhrelid in (select oid from c)),
    (select ${fingerprint('r.xmin::text', 'r.oid::int8')} from pg_catalog.pg_publication_rel r where r.prrelid in (select oid from c)),
    (select ${fingerprint('w.xmin::text', 'w.oid::int8')} from pg_catalog.pg_rewrite w where w.rulename = '_RETURN' and w.ev_class in (select oid from c)),
    (select ${fingerprint('s.xmin::text', 's.seqrelid::int8')} from pg_catalog.pg_sequence s where s.seqrelid in (select oid from c)),
    (select ${fingerprint('p.xmin::text', 'p.oid::int8')} from pg_catalog.pg_proc p where p.pronamespace in (select oid from n)),
    (select ${fingerprint('t.xmin::text', 't.oid::int8')} from pg_catalog.pg_type t where t.typnamespace in (select oid from n) and t.typtype in ('e', 'd', 'c', 'r')),
    (select ${fingerprint('e.xmin::text', 'e.oid::int8')} from pg_catalog.pg_enum e)) as digest`;

/** As a mark has it. Within a transaction it sees that transaction's catalog. */
export async function readDigest(querier: Querier): Promise<string> {
  const { rows } = await querier.query(digestSql);
  return rows[0]?.['digest'] ?? '';
}

/** As `readObjects`. */
export async function readMark(querier: Querier, selected: (table: TableName) => boolean): Promise<SchemaMark> {
  // First: what changes in between is another digest, and looked for by name.
  const state = await readCatalogState(querier);
  const digest = await readDigest(querier);
  return { state, digest, objects: await readObjects(querier, selected) };
}

/** `selected`: which tables are in it. Other objects are when their schema holds one of those. Within a transaction it sees that transaction's catalog. */
export async function readObjects(
  querier: Querier,
  selected: (table: TableName) => boolean,
): Promise<SchemaMark['objects']> {
  const { rows } = await querier.query(marksSql);
  const isTable = (row: (typeof rows)[number]): boolean => row['kind'] === 'table';
  const nameOf = (row: (typeof rows)[number]): TableName => ({
    schema: row['schema'] ?? '',
    name: row['name'] ?? '',
  });
  const schemas = new Set(rows.filter((row) => isTable(row) && selected(nameOf(row))).map((row) => row['schema']));
  return Object.fromEntries(
    rows
      .filter((row) => (isTable(row) ? selected(nameOf(row)) : schemas.has(row['schema'] ?? null)))
      .map((row) => [`${row['kind']} ${row['what']}`, row['mark'] ?? '']),
  );
}

/** Names of what is not the same in two marks of one server, in their order. */
export function markDifferences(before: SchemaMark['objects'], after: SchemaMark['objects']): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]).sort();
}

/** What a column demands or gives by itself, beside its type. `definition` holds a digest of the expression, never its text. */
export interface ColumnRule {
  readonly schema: string;
  readonly of: string;
  readonly name: string;
  readonly definition: string;
  /** Digest of a default's or generated column's expression, which two majors may print differently. */
  readonly expression: string;
}

/** Of partitions without the identity: from 17 on they have their parent's, before they had none. */
export async function readColumnRules(querier: Querier): Promise<readonly ColumnRule[]> {
  return askRows<ColumnRule>(
    querier,
    `select n.nspname as schema, c.relname as "of", format('%I.%I.%I', n.nspname, c.relname, a.attname) as name,
       concat_ws(', ', case when a.attnotnull then 'not null' end,
         case when c.relispartition then null when a.attidentity = 'a' then 'always an identity' when a.attidentity = 'd' then 'an identity' end,
         case a.attgenerated when 's' then 'generated' when 'v' then 'generated, virtual' else case when a.atthasdef then 'with a default' end end) as definition,
       coalesce(md5(pg_get_expr(d.adbin, d.adrelid)), '') as expression
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${userSchema} and ${notOfExtension('pg_class', 'c.oid')}`,
  );
}
