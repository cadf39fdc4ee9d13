import { otherSide, type Side } from '../../model/catalog.ts';
import type { Fence } from '../../ports/fence.ts';
import type { Probed, Step } from '../../ports/step.ts';
import type { PgConnection } from './connection.ts';
import { ddlTriggers, removeDdlNotes } from './ddl-notes.ts';
import { dropPublication } from './drop-publication.ts';
import { fenceTrigger } from './fence.ts';
import type { KeptSession } from './kept-session.ts';
import { dropOrigins } from './origins.ts';
import { quoteIdent } from './quote.ts';
import { dropSlot } from './slot.ts';
import { removePollingAndRecord } from './polling/step.ts';
import { removeTenantGates } from './tenants/gates.ts';
import { recorderTriggers } from './trigger-source/recorder.ts';

/** What Teal is called on both servers, from the migration's name. */
export interface TealNames {
  /** Of the flow that leaves a side: slot and publication are there, the origin is on the other side. */
  readonly flow: Readonly<Record<Side, string>>;
  /** The origin of repairs, on the side that was repaired. */
  readonly repair: string;
}

/** Slots allow a-z, 0-9 and _ only (manual, "CREATE_REPLICATION_SLOT"). */
export function tealNames(migration: string): TealNames {
  const base = `teal_${migration.replaceAll('-', '_')}`;
  return { flow: { blue: `${base}_fwd`, green: `${base}_rev` }, repair: `${base}_repair` };
}

/** The origins under which Teal writes on a side: of the flow that comes to it, and of repairs. */
export function originsOf(side: Side, names: TealNames): readonly string[] {
  return [names.flow[otherSide(side)], names.repair];
}

/**
 * Takes away all that Teal made on one side and proves it. `keepClosed`: the triggers of the fence stay, enabled, with the one function that they call, so that a
 * forgotten client cannot write to a side that nobody reads any more; `DROP SCHEMA teal CASCADE` opens it.
 */
export function removalStep(
  side: Side,
  session: KeptSession,
  fence: Fence,
  names: TealNames,
  keepClosed: boolean,
): Step {
  return {
    id: `finalise:remove-${side}`,
    does: keepClosed
      ? `takes slot, publication, origin and Teal's tables away from ${side}, and leaves it closed to writes`
      : `takes slot, publication, origin, triggers and schema teal away from ${side}`,
    locks: keepClosed
      ? 'SHARE UPDATE EXCLUSIVE on the tables for a moment: reads and writes pass'
      : 'ACCESS EXCLUSIVE on one table at a time for a moment; waits at most 500 ms a try',
    costs: 'nothing',
    undone: 'it is not: after it there is no way back',
    probe: async () =>
      session.use(async (connection): Promise<Probed> => {
        const left = await leftovers(connection, side, names, keepClosed);
        return left.length === 0
          ? { state: 'done', evidence: `nothing of Teal is left on ${side}${keepClosed ? ' but the fence' : ''}` }
          : { state: 'not done' };
      }),
    act: async ({ signal }) => {
      // Table by table, before the schema: DROP SCHEMA CASCADE would lock all of them in one transaction, across those of the clients.
      if (!keepClosed) await fence.remove();
      await session.use(async (connection) => {
        await removeDdlNotes(connection);
        await removePollingAndRecord(connection);
        await removeTenantGates(connection);
        await dropSlot(connection, names.flow[side], { terminateReader: true, signal });
        await dropPublication(connection, names.flow[side], signal);
        await dropOrigins(connection, originsOf(side, names), signal);
        if (keepClosed) await dropTables(connection);
        else await connection.query('drop schema if exists teal cascade');
      });
    },
    undo: async () => undefined,
  };
}

/** Names of what is still there; empty when nothing is. */
async function leftovers(
  connection: PgConnection,
  side: Side,
  names: TealNames,
  keepClosed: boolean,
): Promise<readonly string[]> {
  const { rows } = await connection.query(
    `select 'slot ' || slot_name as what from pg_replication_slots where slot_name = $1
     union all select 'publication ' || pubname from pg_publication where pubname = $1
     union all select 'origin ' || roname from pg_replication_origin where roname = any ($2)
     union all select 'table ' || relname from pg_class where relnamespace = to_regnamespace('teal') and relkind in ('r', 'p')
     union all select 'trigger on ' || tgrelid::regclass::text from pg_trigger where tgname = $3 and not $4
     union all select 'trigger on ' || tgrelid::regclass::text from pg_trigger where tgname = any ($6)
     union all select 'event trigger ' || evtname from pg_event_trigger where evtname = any ($5)
     union all select 'schema teal' where to_regnamespace('teal') is not null and not $4`,
    [names.flow[side], originsOf(side, names), fenceTrigger, keepClosed, ddlTriggers, recorderTriggers],
  );
  return rows.map((row) => row['what'] ?? '');
}

async function dropTables(connection: PgConnection): Promise<void> {
  const { rows } = await connection.query(
    `select relname as name from pg_class where relnamespace = to_regnamespace('teal') and relkind = 'r'`,
  );
  if (rows.length === 0) return;
  await connection.query(`drop table ${rows.map((row) => `teal.${quoteIdent(row['name'] ?? '')}`).join(', ')}`);
}
