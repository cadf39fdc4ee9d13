import type { Client } from 'pg';
import type { Side } from '../../../src/model/catalog.ts';
import type { Leftover } from '../../../src/testing/checker/invariants.ts';

/** What is there of Teal's making on a side, at the end of a migration; the proxy goes on for its clients. `isClosed`: the fence of a side that is kept closed is meant to stay. */
export async function leftoversOf(client: Client, side: Side, isClosed: boolean): Promise<readonly Leftover[]> {
  const { rows } = await client.query<{ kind: Leftover['kind']; name: string }>(
    `select 'slot' as kind, slot_name as name from pg_replication_slots where slot_name like 'teal%'
     union all select 'publication', pubname from pg_publication where pubname like 'teal%'
     union all select 'origin', roname from pg_replication_origin where roname like 'teal%'
     union all select 'trigger', evtname from pg_event_trigger where evtname like 'teal%'
     union all select 'fence', tgrelid::regclass::text from pg_trigger where tgname like 'teal%' and not $1
     union all select 'schema', nspname from pg_namespace where nspname = 'teal' and not $1
     union all select 'replica identity', oid::regclass::text from pg_class
       where relreplident = 'f' and relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
     union all select 'session', application_name from pg_stat_activity
       where application_name like 'teal %' and application_name not like 'teal check%' and application_name not like 'teal proxy%'`,
    [isClosed],
  );
  return rows.map(({ kind, name }) => ({ side, kind, name }));
}
