import type { Client } from 'pg';

const sql = `
  select 'slot ' || slot_name as name, plugin || case when active then ', in use' else ', idle' end as value from pg_replication_slots
  union all select 'publication ' || p.pubname, string_agg(t.schemaname || '.' || t.tablename, ' ' order by t.tablename)
    from pg_publication p left join pg_publication_tables t using (pubname) group by p.pubname
  union all select 'origin ' || roname, 'there' from pg_replication_origin
  union all select 'event trigger ' || evtname, evtenabled::text from pg_event_trigger
  union all select 'trigger ' || tgname || ' on ' || tgrelid::regclass, tgenabled::text from pg_trigger where not tgisinternal
  union all select 'function ' || oid::regprocedure, case when prosrc like '%raise exception%' then 'closed' else 'open' end from pg_proc
    where pronamespace = to_regnamespace('teal') and proname = 'fence'
  union all select 'index ' || indexrelid::regclass, (indisvalid and indisready)::text from pg_index
    where indrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
  union all select 'table ' || oid::regclass, relreplident::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
  union all select 'role ' || rolname, rolcanlogin::text from pg_roles
  union all select 'setting of ' || coalesce(setrole::regrole::text, 'all'), setconfig::text from pg_db_role_setting`;
const decided = `
  select 'token ' || token as name, kind || ' of ' || cut as value from teal.cut
  union all select 'owner of epoch ' || epoch, owner || ' by ' || cut from teal.owner`;

/** What Teal has made and decided on one side, by name. */
export async function outsideOf(client: Client): Promise<Readonly<Record<string, string>>> {
  const named = async (text: string): Promise<{ name: string; value: string | null }[]> =>
    (await client.query<{ name: string; value: string | null }>(text)).rows;
  const there = await client.query<{ there: boolean }>(`select to_regclass('teal.owner') is not null as there`);
  const rows = [...(await named(sql)), ...(there.rows[0]?.there === true ? await named(decided) : [])];
  return Object.fromEntries(rows.map(({ name, value }) => [name, value ?? 'null']));
}
