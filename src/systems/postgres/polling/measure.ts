import type { PolledColumn } from '../../../model/polled-column.ts';
import type { PgConnection, PgRow } from '../connection.ts';
import { quoteIdent, quoteTable } from '../quote.ts';
import { overlapSeconds, polledTypes, type PolledTable } from './poll.ts';

/** Of a table, spread over it. */
const pagesLookedAt = 500;

/** What `teal assess` says of the columns by which tables are to be polled. Reads the catalog, statistics, and some pages of each table. */
export async function measurePolled(
  connection: PgConnection,
  tables: readonly PolledTable[],
): Promise<readonly PolledColumn[]> {
  const { rows } = await connection.query(catalogSql, [
    tables.map(({ schema }) => schema),
    tables.map(({ name }) => name),
    tables.map(({ column }) => column),
  ]);
  const measured: PolledColumn[] = [];
  for (const row of rows) {
    const table = { schema: row['schema'] ?? '', name: row['name'] ?? '', column: row['column'] ?? '' };
    measured.push(row['type'] === null ? table : { ...table, seen: await seenOf(connection, table, row) });
  }
  return measured;
}

const catalogSql = `
select n.nspname as schema, c.relname as name, w.stamp as column, format_type(a.atttypid, a.atttypmod) as type, a.atttypid in (${polledTypes.join(', ')}) as is_time,
       a.atttypid = 'timestamp'::regtype as is_local, a.attnotnull as not_null,
       exists (select from pg_index i join pg_class ic on ic.oid = i.indexrelid join pg_am m on m.oid = ic.relam
                where i.indrelid = c.oid and i.indisvalid and i.indpred is null and i.indkey[0] = a.attnum and m.amname = 'btree') as is_indexed,
       coalesce((select pg_get_expr(d.adbin, d.adrelid) ~* '(now|current_timestamp|localtimestamp|clock_timestamp|statement_timestamp|transaction_timestamp)'
                   from pg_attrdef d where d.adrelid = c.oid and d.adnum = a.attnum), false) as is_filled,
       exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled <> 'D' and t.tgtype & 19 = 19 and t.tgname <> 'teal_record') as is_touched,
       s.null_frac as null_share, s.most_common_freqs[1] as common_share,
       100 * least(1, ${pagesLookedAt} / greatest(1, pg_relation_size(c.oid) / current_setting('block_size')::float8)) as percent,
       has_table_privilege(c.oid, 'select') as may
  from unnest($1::text[], $2::text[], $3::text[]) with ordinality w (schema, relation, stamp, place)
  join pg_namespace n on n.nspname = w.schema join pg_class c on c.relnamespace = n.oid and c.relname = w.relation
  left join pg_attribute a on a.attrelid = c.oid and a.attname = w.stamp and a.attnum > 0 and not a.attisdropped
  left join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = w.stamp and not s.inherited
 order by w.place`;

async function seenOf(
  connection: PgConnection,
  table: PolledTable,
  row: PgRow,
): Promise<NonNullable<PolledColumn['seen']>> {
  const is = (name: string): boolean => row[name] === 't';
  const share = (name: string): number | undefined => (row[name] === null ? undefined : Number(row[name]));
  const [nullShare, commonShare] = [share('null_share'), share('common_share')];
  const looked =
    is('is_time') && is('may')
      ? await lookAt(connection, table, is('is_local'), Number(row['percent']))
      : { looked: 0, behind: 0, ahead: 0 };
  return {
    type: row['type'] ?? '',
    isTime: is('is_time'),
    notNull: is('not_null'),
    isIndexed: is('is_indexed'),
    isFilled: is('is_filled'),
    isTouched: is('is_touched'),
    ...(nullShare === undefined ? {} : { nullShare }),
    ...(commonShare === undefined ? {} : { commonShare }),
    ...looked,
  };
}

/**
 * Compares the order in which rows were written, by the ids of their transactions, with their times: a row that is older than one which an earlier transaction wrote would have been missed, had a poll
 * lain between. Of rows that one transaction wrote nothing is known, and transactions that stayed open for long look like it.
 */
async function lookAt(
  connection: PgConnection,
  table: PolledTable,
  isLocal: boolean,
  percent: number,
): Promise<{ readonly looked: number; readonly behind: number; readonly ahead: number }> {
  const slack = `interval '${overlapSeconds} seconds'${isLocal ? ` + interval '14 hours'` : ''}`;
  const now = isLocal ? `(now() at time zone 'UTC')` : 'now()';
  const { rows } = await connection.query(
    `select count(*) as looked, count(*) filter (where w.at < w.before - (${slack})) as behind, count(*) filter (where w.at > ${now} + (${slack})) as ahead
       from (select s.at, max(s.at) filter (where s.at <= ${now} + (${slack})) over (order by s.age desc groups between unbounded preceding and 1 preceding) as before
               from (select t.${quoteIdent(table.column)} as at, age(t.xmin) as age from only ${quoteTable(table)} t tablesample system (${percent}) limit 100000) s
              where s.at is not null) w`,
  );
  const number = (name: string): number => Number(rows[0]?.[name] ?? 0);
  return { looked: number('looked'), behind: number('behind'), ahead: number('ahead') };
}
