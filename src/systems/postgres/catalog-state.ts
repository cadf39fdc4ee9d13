import type { Querier } from './inspect/querier.ts';

/** All that a mark of the schema is made of. */
const catalogs = [
  'pg_namespace',
  'pg_class',
  'pg_attribute',
  'pg_attrdef',
  'pg_index',
  'pg_constraint',
  'pg_trigger',
  'pg_inherits',
  'pg_publication_rel',
  'pg_rewrite',
  'pg_sequence',
  'pg_proc',
  'pg_type',
  'pg_enum',
] as const;

/** What the catalog was at a moment, as far as `isCatalogAsItWas` must know it: a transaction before which all had ended, and how many rows each part had. */
export async function readCatalogState(querier: Querier): Promise<string> {
  const { rows } = await querier.query(
    `select pg_catalog.concat_ws(' ', pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()), ${catalogs.map((name) => `(select count(*) from pg_catalog.${name})`).join(', ')}) as state`,
  );
  return rows[0]?.['state'] ?? '';
}

/**
 * Whether no row of the catalog, of whatever schema, has come, gone or changed since. A row that is there and was written by a transaction that had ended then was there then; where
 * that is so of all, and they are as many, they are the same. It costs less than half of a digest, as no row is made a text. False also for what makes no difference to a schema, such as a
 * temporary table of somebody: then there is a digest to ask.
 *
 * Needs what a change of a definition is since 14: a new version of its row. What is written over rows in their place (VACUUM, ANALYZE) is no definition.
 */
export async function isCatalogAsItWas(querier: Querier, state: string): Promise<boolean> {
  const [since = '', ...counts] = state.split(' ');
  // As rows have it: without the epoch.
  const xid = BigInt.asUintN(32, BigInt(since));
  const each = catalogs.map(
    (name, at) =>
      `select ${at} as at, count(*) as rows, count(*) filter (where pg_catalog.age(c.xmin) <= (select age from since)) as newer from pg_catalog.${name} c`,
  );
  const { rows } = await querier.query(
    `with since as (select pg_catalog.age('${xid}'::xid) as age)
     select pg_catalog.string_agg(rows::text, ' ' order by at) as counts, sum(newer) as newer from (${each.join('\nunion all\n')}) parts`,
  );
  return rows[0]?.['counts'] === counts.join(' ') && rows[0]?.['newer'] === '0';
}
