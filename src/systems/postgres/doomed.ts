import type { Side } from '../../model/catalog.ts';
import type { DoomedWrites } from '../../ports/shadow.ts';
import { fenceSigns } from '../../ports/fence.ts';
import type { PgConnection } from './connection.ts';
import { closedFunction, isClosedSql, lockFence } from './fence.ts';
import type { KeptSession } from './kept-session.ts';
import { leadSequences } from './sequences.ts';

/**
 * The trigger is deferred to the end of the transaction, where it fails it: nobody ever commits a row, so a row that is seen is one's own. It fires for PREPARE TRANSACTION too, and after the row was
 * deleted (AfterTriggerExecute fetches it with SnapshotAny); what a savepoint takes back of it, it takes back of all that was written after it. Unlogged: it holds nothing. Looked up by an index, for rows that
 * were taken back stay in their pages until a vacuum (heap_insert leaves no hint that they may be pruned).
 */
const make = `
create unlogged table if not exists teal.doomed (xid xid8 not null default pg_current_xact_id());
create index if not exists doomed_xid on teal.doomed (xid);
create or replace function teal.doom() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  raise exception 'teal: this transaction was begun to be rolled back' using errcode = '${fenceSigns.sqlState}';
end $$;
drop trigger if exists teal_doom on teal.doomed;
create constraint trigger teal_doom after insert on teal.doomed deferrable initially deferred for each row execute function teal.doom();
grant select, insert on teal.doomed to public`;

/** Closed, but to transactions that cannot commit. */
const admittingFunction = closedFunction
  .replace('set search_path = pg_catalog', 'set search_path = pg_catalog set enable_seqscan = off')
  .replace(
    /\bbegin\n/,
    `begin
  if exists (select from teal.doomed where xid = pg_current_xact_id_if_assigned()) then return null; end if;
`,
  );

const isAdmittingSql = `(select p.prosrc like '%teal.doomed%' from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace where n.nspname = 'teal' and p.proname = 'fence')`;

/** So many numbers are sequences of green ahead of those of blue while it tries writes. */
const lead = 10_000;

/** Of green, of PostgreSQL; schema `teal` and the fence must be there. */
export function doomedWrites(sessions: Readonly<Record<Side, KeptSession>>): DoomedWrites {
  const session = sessions.green;
  return {
    leadSequences: async () => leadSequences(sessions, 'blue', 'green', lead),
    async admit() {
      await session.use(async (connection) =>
        connection.transaction(async () => {
          await connection.query(lockFence);
          // Where clients write already nothing keeps them out.
          if (!(await holds(connection, isClosedSql))) return;
          await connection.query(`${make};\n${admittingFunction}`);
        }),
      );
    },
    async isAdmitted() {
      return session.use(async (connection) => holds(connection, isAdmittingSql));
    },
    async dismiss() {
      await session.use(async (connection) =>
        connection.transaction(async () => {
          await connection.query(lockFence);
          if (await holds(connection, isAdmittingSql)) await connection.query(closedFunction);
        }),
      );
    },
  };
}

async function holds(connection: PgConnection, sql: string): Promise<boolean> {
  const { rows } = await connection.query(`select ${sql} as holds`);
  return rows[0]?.['holds'] === 't';
}
