import { TealError } from '../../kernel/errors.ts';
import type { Side, TableName } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import type { Fence, FenceState, OwnerRow, RaiseOptions } from '../../ports/fence.ts';
import type { SchemaMark } from '../../ports/schemas.ts';
import { flushCommits, withLockRetry, type PgConnection } from './connection.ts';
import type { KeptSession } from './kept-session.ts';
import { positionOfLsnText } from './position.ts';
import { quoteTable } from './quote.ts';
import { markDifferences, readDigest, readObjects } from './schema-forms.ts';

/** Beginning of the message of the fence's error (SQLSTATE 25006): proxies know a statement that had no effect by it. */
export const fenceMessage = 'teal: fenced';
export const fenceTrigger = 'teal_fence';

/**
 * Advisory lock, exclusive in every transaction that switches the fence or writes the owner row, shared by who asks how things are. A commit may be durable for long before anybody
 * sees it (it waits for a standby), and outlives the controller that sent it: who looked without waiting for it would take a decided cut for an undecided one.
 */
const fenceLock = '1952801132, 502';
const lockFence = `select pg_catalog.pg_advisory_xact_lock(${fenceLock})`;
const awaitFence = `select pg_catalog.pg_advisory_xact_lock_shared(${fenceLock})`;

const fenceFunction = `
create or replace function teal.fence() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  raise exception using
    errcode = '25006',
    message = format('${fenceMessage}: %I.%I takes no writes here', tg_table_schema, tg_table_name),
    hint = 'The data has moved, or is moving, to the other system. Connect through the proxy.';
end $$`;

/**
 * The fence of PostgreSQL: a statement trigger on every table that refuses writes, switched by one transaction (correctness.md §0.5, §3.3).
 *
 * Sound because SHARE ROW EXCLUSIVE waits for every open writer and blocks new ones, and the trigger becomes visible at the commit that carries the token: a
 * writer either committed before the token or meets the trigger. It fires in sessions of origin `origin` and `local`, so carriers (`replica`) pass.
 * Every partition carries its own: a statement trigger on the parent does not fire for a write to the leaf.
 */
export class PostgresFence implements Fence {
  readonly #session: KeptSession;
  readonly #tables: readonly TableName[];
  readonly #selected: (table: TableName) => boolean;

  /** `tables`: all managed ones, partitioned parents included. `selected`: what a mark of the schema covers. */
  constructor(
    session: KeptSession,
    tables: readonly TableName[],
    selected: (table: TableName) => boolean = () => true,
  ) {
    this.#session = session;
    this.#tables = tables;
    this.#selected = selected;
  }

  async install(closed: boolean): Promise<void> {
    await this.#session.use(async (connection) => {
      await connection.query(fenceFunction);
      const missing = await this.#tablesWhere(connection, 'absent');
      // One short transaction a table: a lock on all of them at once would stop a busy blue for as long as its slowest writer.
      for (const table of missing) {
        await withLockRetry({}, async () => connection.query(`${briefly} ${createTrigger(table, closed)}`));
      }
      await flushCommits(connection);
      const wrong = await this.#tablesWhere(connection, closed ? 'open' : 'closed');
      if (wrong.length > 0) await connection.query(wrong.map((table) => switchTrigger(table, closed)).join(';\n'));
    });
  }

  async raise(options: RaiseOptions): Promise<Position> {
    return this.#session.use(async (connection) => {
      await connection.transaction(async () => {
        await connection.query(
          `set local lock_timeout = ${options.lockTimeoutMs}; set local synchronous_commit = on; ${lockFence}`,
        );
        await connection.query(`lock table ${this.#tables.map(only).join(', ')} in share row exclusive mode`);
        await refusePrepared(connection);
        if (options.schema !== undefined) await this.#refuseChanged(connection, options.schema);
        await connection.query(this.#tables.map((table) => switchTrigger(table, true)).join(';\n'));
        await writeToken(connection, options.token, 'fence', options.cut, options.epoch);
      });
      return currentPosition(connection);
    }, options.signal);
  }

  async lower(owner?: OwnerRow, signal?: AbortSignal): Promise<void> {
    await this.#session.use(async (connection) => {
      await withLockRetry({}, async () =>
        connection.transaction(async () => {
          await connection.query(`set local lock_timeout = '500ms'; set local synchronous_commit = on; ${lockFence}`);
          if (owner !== undefined && (await hasOwner(connection, owner))) return;
          const closed = await this.#tablesWhere(connection, 'closed');
          if (closed.length > 0) {
            await connection.query(closed.map((table) => switchTrigger(table, false)).join(';\n'));
          }
          if (owner !== undefined) await writeOwner(connection, owner);
          else if (closed.length > 0) await writeReopened(connection);
        }),
      );
    }, signal);
  }

  async probe(signal?: AbortSignal): Promise<FenceState> {
    return this.#session.use(async (connection) => {
      const exists = await connection.query(`select to_regclass('teal.cut') is not null as there`);
      if (exists.rows[0]?.['there'] !== 't') return { fence: 'absent', tokens: [] };
      const oids = `array[${(await this.#oids(connection)).join(', ')}]::oid[]`;
      // One message and one transaction; each statement sees what was committed when it began.
      const { rows } = await connection.query(
        `${awaitFence};
         select (select count(*) from pg_trigger t where t.tgname = '${fenceTrigger}' and t.tgrelid = any (${oids}) and t.tgenabled <> 'D') as raised,
                (select count(*) from pg_trigger t where t.tgname = '${fenceTrigger}' and t.tgrelid = any (${oids})) as installed,
                (select array_to_json(array_agg(c.token order by c.at))::text from teal.cut c) as tokens,
                (select array_to_json(array[o.epoch::text, o.owner, o.cut])::text from teal.owner o order by o.epoch desc limit 1) as owner`,
      );
      const row = rows[0] ?? {};
      const [raised, installed] = [Number(row['raised']), Number(row['installed'])];
      const owner = parseOwner(row['owner'] ?? null);
      return {
        fence: fenceWord(raised, installed, this.#tables.length),
        tokens: JSON.parse(row['tokens'] ?? '[]') as string[],
        ...(owner === undefined ? {} : { owner }),
      };
    }, signal);
  }

  async remove(): Promise<void> {
    await this.#session.use(async (connection) => {
      const there = await this.#tablesWhere(connection, 'any');
      for (const table of there) {
        const drop = `${briefly} drop trigger if exists ${fenceTrigger} on ${quoteTable(table)}`;
        await withLockRetry({}, async () => connection.query(drop));
      }
      await flushCommits(connection);
      await connection.query('drop function if exists teal.fence()');
    });
  }

  /** Under the locks: no table can change any more until the commit. */
  async #refuseChanged(connection: PgConnection, allowed: SchemaMark): Promise<void> {
    if ((await readDigest(connection)) === allowed.digest) return;
    const changed = markDifferences(allowed.objects, await readObjects(connection, this.#selected));
    if (changed.length === 0) return;
    const named = changed.slice(0, 20);
    throw new TealError('TEAL-SYSTEMS-502', `changed meanwhile: ${named.join(', ')}`, {
      changed: changed.length,
      objects: named,
    });
  }

  async #oids(connection: PgConnection): Promise<string[]> {
    const { rows } = await connection.query(
      `select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
       join unnest($1::text[], $2::text[]) as wanted (schema, name) on wanted.schema = n.nspname and wanted.name = c.relname`,
      [this.#tables.map((table) => table.schema), this.#tables.map((table) => table.name)],
    );
    return rows.map((row) => row['oid'] ?? '0');
  }

  async #tablesWhere(connection: PgConnection, state: 'absent' | 'open' | 'closed' | 'any'): Promise<TableName[]> {
    const { rows } = await connection.query(
      `select n.nspname as schema, c.relname as name, t.tgenabled as enabled
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       join unnest($1::text[], $2::text[]) as wanted (schema, name) on wanted.schema = n.nspname and wanted.name = c.relname
       left join pg_trigger t on t.tgrelid = c.oid and t.tgname = $3`,
      [this.#tables.map((table) => table.schema), this.#tables.map((table) => table.name), fenceTrigger],
    );
    return rows
      .filter((row) => matches(state, row['enabled'] ?? null))
      .map((row) => ({ schema: row['schema'] ?? '', name: row['name'] ?? '' }));
  }
}

/** Several statements in one text are one transaction. Thousands of these follow each other: the disk is waited for once, by `flushCommits`. */
const briefly = `set local lock_timeout = '500ms'; set local synchronous_commit = off;`;

function matches(state: 'absent' | 'open' | 'closed' | 'any', enabled: string | null): boolean {
  if (enabled === null) return state === 'absent';
  if (state === 'any') return true;
  return state === (enabled === 'D' ? 'open' : 'closed');
}

function fenceWord(raised: number, installed: number, all: number): FenceState['fence'] {
  if (installed === 0) return 'absent';
  // Its making ended early: a table was busy for too long.
  if (installed < all) return 'partly';
  if (raised === 0) return 'installed';
  return raised === all ? 'raised' : 'partly';
}

function only(table: TableName): string {
  return `only ${quoteTable(table)}`;
}

function createTrigger(table: TableName, closed: boolean): string {
  return `create trigger ${fenceTrigger} before insert or update or delete or truncate on ${quoteTable(table)}
    for each statement execute function teal.fence();
    ${switchTrigger(table, closed)}`;
}

/** ONLY: each partition is switched by its own statement, so the number of locks is known beforehand. */
function switchTrigger(table: TableName, closed: boolean): string {
  return `alter table ${only(table)} ${closed ? 'enable' : 'disable'} trigger ${fenceTrigger}`;
}

/** A transaction that was prepared before could still commit after the token: its locks would have stopped the fence, unless it locks no managed table. */
async function refusePrepared(connection: PgConnection): Promise<void> {
  const { rows } = await connection.query(
    'select count(*) as prepared from pg_prepared_xacts where database = current_database()',
  );
  const prepared = Number(rows[0]?.['prepared']);
  if (prepared > 0) throw new TealError('TEAL-SYSTEMS-500', `${prepared} prepared transactions are open`, { prepared });
}

async function writeToken(
  connection: PgConnection,
  token: string,
  kind: 'fence' | 'reopened',
  cut: string,
  epoch: number,
): Promise<void> {
  await connection.query(
    'insert into teal.cut (token, kind, cut, epoch, at) values ($1, $2, $3, $4, clock_timestamp())',
    [token, kind, cut, epoch],
  );
}

/** Tells the flow that reads this side that clients write here again. Only called where the fence was raised: the newest fence's row is its own. */
async function writeReopened(connection: PgConnection): Promise<void> {
  await connection.query(
    `insert into teal.cut (token, kind, cut, epoch, at)
     select c.token || '/reopened', 'reopened', c.cut, c.epoch, clock_timestamp()
     from teal.cut c where c.kind = 'fence' order by c.at desc limit 1
     on conflict (token) do nothing`,
  );
}

async function writeOwner(connection: PgConnection, owner: OwnerRow): Promise<void> {
  await connection.query(
    'insert into teal.owner (epoch, owner, cut, token_lsn, at) values ($1, $2, $3, pg_current_wal_insert_lsn(), clock_timestamp())',
    [owner.epoch, owner.owner, owner.cut],
  );
}

async function hasOwner(connection: PgConnection, owner: OwnerRow): Promise<boolean> {
  const { rows } = await connection.query('select cut from teal.owner where epoch = $1', [owner.epoch]);
  const cut = rows[0]?.['cut'];
  if (cut !== undefined && cut !== owner.cut) {
    throw new TealError('TEAL-SYSTEMS-501', 'another cut has decided this epoch', { epoch: owner.epoch });
  }
  return cut !== undefined;
}

function parseOwner(text: string | null): OwnerRow | undefined {
  if (text === null) return undefined;
  const [epoch, owner, cut] = JSON.parse(text) as [string, Side, string];
  return { epoch: Number(epoch), owner, cut };
}

async function currentPosition(connection: PgConnection): Promise<Position> {
  const { rows } = await connection.query('select pg_current_wal_insert_lsn()::text as lsn');
  return positionOfLsnText(rows[0]?.['lsn'] ?? '');
}
