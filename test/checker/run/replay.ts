import { withClient } from '../../../tools/servers/with-client.ts';
import type { Side } from '../../../src/model/catalog.ts';
import type { World } from './world.ts';

/** What Teal has made and decided on both sides, by name: what a command that finds nothing to do must leave as it is. Positions and progress move by themselves and are not in it. */
export async function outsideOf(world: World): Promise<Readonly<Record<string, string>>> {
  const sides = await Promise.all(
    (['blue', 'green'] as const).map(async (side): Promise<Record<string, string>> => ofSide(world.url(side), side)),
  );
  return Object.assign({}, ...sides) as Record<string, string>;
}

const sql = `
  select 'slot ' || slot_name as name, plugin || case when active then ', in use' else ', idle' end as value from pg_replication_slots
  union all select 'publication ' || p.pubname, string_agg(t.schemaname || '.' || t.tablename, ' ' order by t.tablename)
    from pg_publication p left join pg_publication_tables t using (pubname) group by p.pubname
  union all select 'origin ' || roname, 'there' from pg_replication_origin
  union all select 'event trigger ' || evtname, evtenabled::text from pg_event_trigger
  union all select 'trigger ' || tgname || ' on ' || tgrelid::regclass, tgenabled::text from pg_trigger where not tgisinternal
  union all select 'index ' || indexrelid::regclass, (indisvalid and indisready)::text from pg_index
    where indrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
  union all select 'table ' || oid::regclass, relreplident::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
  union all select 'role ' || rolname, rolcanlogin::text from pg_roles
  union all select 'setting of ' || coalesce(setrole::regrole::text, 'all'), setconfig::text from pg_db_role_setting`;
const decided = `
  select 'token ' || token as name, kind || ' of ' || cut as value from teal.cut
  union all select 'owner of epoch ' || epoch, owner || ' by ' || cut from teal.owner`;

async function ofSide(url: string, side: Side): Promise<Record<string, string>> {
  return withClient(url, async (client) => {
    const named = async (text: string): Promise<{ name: string; value: string | null }[]> =>
      (await client.query<{ name: string; value: string | null }>(text)).rows;
    const there = await client.query<{ there: boolean }>(`select to_regclass('teal.owner') is not null as there`);
    const rows = [...(await named(sql)), ...(there.rows[0]?.there === true ? await named(decided) : [])];
    return Object.fromEntries(rows.map(({ name, value }) => [`${side}: ${name}`, value ?? 'null']));
  });
}
