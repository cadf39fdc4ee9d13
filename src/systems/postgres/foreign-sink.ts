import { TealError } from '../../kernel/errors.ts';
import { storedTables, type Catalog, type Table, type TableName } from '../../model/catalog.ts';
import type { Step } from '../../ports/step.ts';
import { withLockRetry, type PgConnection } from './connection.ts';
import type { KeptSession } from './kept-session.ts';
import { dropOrigins } from './origins.ts';
import { quoteLiteral, quoteNames, quoteTable } from './quote.ts';

/** How the sessions of a sink that is not Teal's are called, as `application_name`: by that the trigger knows them. */
export const foreignSinkApplication = 'teal sink';

export const foreignSinkTrigger = 'teal_sink';
export const foreignSinkStepId = 'prepare:sink-green';

/** A server lets one session at a time use an origin, and a sink that is taken for dead may still have one. */
const origins = 8;

/** As the origins of Teal are called (see sync/control.ts): what comes with one is no stray write on green. */
export function foreignSinkOrigins(migration: string): readonly string[] {
  return Array.from({ length: origins }, (_, index) => `teal_${migration}_sink${index + 1}`);
}

/**
 * In a session of a sink, before its first write: takes an origin that nobody uses. Before each: looks whether an owner row is there. From the decision on nothing may come by this
 * way any more, neither what a worker that was taken for dead still holds, nor what the flow back has written on blue.
 */
function functionOf(migration: string): string {
  const names = foreignSinkOrigins(migration).map(quoteLiteral).join(', ');
  return `
create or replace function teal.sink() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
declare
  name text;
begin
  if current_setting('application_name') is distinct from ${quoteLiteral(foreignSinkApplication)} then
    return null;
  end if;
  if exists (select from teal.owner) then
    raise exception 'teal: the sink comes too late: green owns the data' using errcode = '25006';
  end if;
  if pg_replication_origin_session_is_setup() then
    return null;
  end if;
  foreach name in array array[${names}] loop
    begin
      perform pg_replication_origin_session_setup(name);
      return null;
    exception when object_in_use then
      continue;
    end;
  end loop;
  raise exception 'teal: ${origins} sessions of the sink write already' using errcode = '55006';
end $$`;
}

/**
 * What a sink of somebody else's needs so that its writes on green are told apart from a client's: a trigger on each table that fires in sessions with `session_replication_role =
 * replica` alone, in which such a sink writes and which no fence stops.
 */
export function foreignSinkStep(migration: string, session: KeptSession, catalog: Pick<Catalog, 'tables'>): Step {
  const tables = storedTables(catalog).filter(({ persistence }) => persistence === 'permanent');
  return {
    id: foreignSinkStepId,
    does: `puts a trigger on ${tables.length} tables of green that marks what the sink writes as Teal's, and refuses it once green owns the data`,
    locks: 'nothing that anybody waits for',
    costs: 'some microseconds for each statement of the sink',
    undone: 'triggers, function and origins are dropped',
    probe: async () => {
      const armed = await session.use(async (connection) => countTriggers(connection, tables));
      return armed === tables.length
        ? { state: 'done', evidence: `triggers on ${armed} tables` }
        : { state: 'not done' };
    },
    act: async () =>
      session.use(async (connection) => {
        for (const name of foreignSinkOrigins(migration)) await createOrigin(connection, name);
        await connection.query(functionOf(migration));
        for (const table of tables) {
          const name = quoteTable(table);
          await withLockRetry({}, async () =>
            connection.query(
              `set local lock_timeout = '500ms';
               create or replace trigger ${foreignSinkTrigger} before insert or update or delete or truncate on ${name} for each statement execute function teal.sink();
               alter table only ${name} enable replica trigger ${foreignSinkTrigger}`,
            ),
          );
        }
      }),
    undo: async ({ signal }) =>
      session.use(async (connection) => removeForeignSink(connection, migration, tables, signal)),
  };
}

/** The end of `foreignSinkStep`. */
export function foreignSinkBackStep(migration: string, session: KeptSession, catalog: Pick<Catalog, 'tables'>): Step {
  const tables = storedTables(catalog);
  return {
    id: 'finalise:remove-sink-green',
    does: 'takes the triggers and origins of the sink away from green',
    locks: 'ACCESS EXCLUSIVE on one table at a time for a moment; waits at most 500 ms a try',
    costs: 'nothing',
    undone: 'not needed',
    probe: async () => {
      const left = await session.use(async (connection) => countLeft(connection, migration));
      return left === 0 ? { state: 'done', evidence: 'no trigger and no origin is left' } : { state: 'not done' };
    },
    act: async ({ signal }) =>
      session.use(async (connection) => removeForeignSink(connection, migration, tables, signal)),
    undo: async () => undefined,
  };
}

/** Table by table, so that no client waits for more than one. Idempotent. Errors: TEAL-SYSTEMS-007 while a sink still writes. */
export async function removeForeignSink(
  connection: PgConnection,
  migration: string,
  tables: readonly TableName[],
  signal?: AbortSignal,
): Promise<void> {
  for (const table of tables) {
    const drop = `set local lock_timeout = '500ms'; drop trigger if exists ${foreignSinkTrigger} on ${quoteTable(table)}`;
    if (await exists(connection, table)) await withLockRetry({ signal }, async () => connection.query(drop));
  }
  await connection.query('drop function if exists teal.sink()');
  await dropOrigins(connection, foreignSinkOrigins(migration), signal);
}

async function exists(connection: PgConnection, table: TableName): Promise<boolean> {
  const { rows } = await connection.query('select to_regclass($1) is not null as there', [quoteTable(table)]);
  return rows[0]?.['there'] === 't';
}

async function createOrigin(connection: PgConnection, name: string): Promise<void> {
  await connection.query(
    `select pg_replication_origin_create($1) where not exists (select from pg_replication_origin where roname = $1)`,
    [name],
  );
}

async function countTriggers(connection: PgConnection, tables: readonly Table[]): Promise<number> {
  const { rows } = await connection.query(
    `select count(*) as armed from unnest(${quoteNames(tables.map(({ schema }) => schema))}, ${quoteNames(tables.map(({ name }) => name))}) as wanted (schema, name)
     join pg_namespace n on n.nspname = wanted.schema join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
     join pg_trigger t on t.tgrelid = c.oid and t.tgname = '${foreignSinkTrigger}' and t.tgenabled = 'R'`,
  );
  return Number(rows[0]?.['armed'] ?? 0);
}

async function countLeft(connection: PgConnection, migration: string): Promise<number> {
  const { rows } = await connection.query(
    `select (select count(*) from pg_trigger where tgname = '${foreignSinkTrigger}')
          + (select count(*) from pg_replication_origin where roname = any ($1)) as left`,
    [foreignSinkOrigins(migration)],
  );
  return Number(rows[0]?.['left'] ?? 0);
}

/** What green tells of a sink that is not Teal's. */
export interface ForeignSinkSeen {
  /** An owner row is there: nothing comes by this way any more. */
  readonly decided: boolean;
  /** The newest heartbeat of blue that has come through: microseconds since 1970, by blue's clock. */
  readonly heartbeatUs: bigint | undefined;
}

export async function lookAtForeignSink(connection: PgConnection): Promise<ForeignSinkSeen> {
  const { rows } = await connection.query(
    `select exists (select from teal.owner) as decided,
            (select (extract(epoch from at) * 1000000)::int8 from teal.heartbeat where side = 'blue') as heartbeat`,
  );
  const [row] = rows;
  if (row === undefined) throw new TealError('TEAL-KERNEL-001', 'a query without FROM gave no row');
  const heartbeat = row['heartbeat'] ?? null;
  return {
    decided: row['decided'] === 't',
    heartbeatUs: heartbeat === null ? undefined : BigInt(heartbeat),
  };
}
