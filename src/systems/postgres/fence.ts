import { TealError } from '../../kernel/errors.ts';
import type { Side, TableName } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import {
  fenceSigns,
  type Fence,
  type FenceRows,
  type FenceState,
  type FenceTold,
  type OwnerRow,
  type RaiseOptions,
} from '../../ports/fence.ts';
import type { SchemaMark } from '../../ports/schemas.ts';
import { isCatalogAsItWas } from './catalog-state.ts';
import { flushCommits, withLockRetry, type PgConnection, type PgRow } from './connection.ts';
import { lockForFence } from './fence-locks.ts';
import type { KeptSession } from './kept-session.ts';
import { positionOfLsnText } from './position.ts';
import { quoteNames, quoteTable } from './quote.ts';
import { markDifferences, readDigest, readObjects } from './schema-forms.ts';

export const fenceTrigger = 'teal_fence';

/**
 * Advisory lock, exclusive in every transaction that switches the fence or writes the owner row, shared by who asks how things are. A commit may be durable for long before anybody
 * sees it (it waits for a standby), and outlives the controller that sent it: who looked without waiting for it would take a decided cut for an undecided one.
 */
const fenceLock = '1952801132, 502';
export const lockFence = `select pg_catalog.pg_advisory_xact_lock(${fenceLock})`;
export const awaitFence = `select pg_catalog.pg_advisory_xact_lock_shared(${fenceLock})`;

const openFunction = `
create or replace function teal.fence() returns trigger language plpgsql as $$
begin
  return null;
end $$`;

export const closedFunction = `
create or replace function teal.fence() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  ${fenceSigns.closedWord} using
    errcode = '${fenceSigns.sqlState}',
    message = format('${fenceSigns.message}: %I.%I takes no writes here', tg_table_schema, tg_table_name),
    hint = 'The data has moved, or is moving, to the other system. Connect through the proxy.';
end $$`;

/** SQL: whether the function is the closed one; NULL where there is none. */
export const isClosedSql = `(select p.prosrc like '%${fenceSigns.closedWord}%' from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace where n.nspname = 'teal' and p.proname = 'fence')`;

export interface PostgresFenceOptions {
  /**
   * Where nobody holds the clients: of a fence and a transaction that wait for each other the server ends the transaction (40P01), of which nothing has happened then, and not the fence. Only
   * where the account of the fence is a superuser, and `lockTimeoutMs` leaves time enough for the server to see it (`deadlock_timeout`, mostly a second). Default: the one that waits longer is ended.
   */
  readonly winsDeadlocks?: boolean;
  /** A last question under the locks, before the token is written: it throws where the side must not be closed now. */
  readonly beforeToken?: (connection: PgConnection) => Promise<void>;
}

/**
 * The fence of PostgreSQL: a statement trigger on every table, enabled all the time, that calls one function; a transaction that replaces the function switches all of them (correctness.md §0.5,
 * §3.3: there the triggers themselves are switched, a thousand catalog rows instead of one).
 *
 * Sound because SHARE ROW EXCLUSIVE waits for every open writer and blocks new ones, and the closed function becomes visible at the commit that carries the token: a writer either
 * committed before the token, or locks its table afterwards. Who locks a table reads what was invalidated until then (LockRelationOid), the function's row among it, and each call of a trigger
 * looks whether its function is still that row (plpgsql_compile). It fires in sessions of origin `origin` and `local`, so carriers (`replica`) pass.
 * Every partition carries its own: a statement trigger on the parent does not fire for a write to the leaf.
 */
export class PostgresFence implements Fence {
  readonly #session: KeptSession;
  readonly #tables: readonly TableName[];
  /** SQL: of every managed table that is there (`n`, `c`) its trigger (`t`), nulls where it has none. */
  readonly #triggersOfAll: string;
  readonly #selected: (table: TableName) => boolean;
  readonly #winsDeadlocks: boolean;
  readonly #beforeToken: PostgresFenceOptions['beforeToken'];

  /** `tables`: all managed ones, partitioned parents included. `selected`: what a mark of the schema covers. */
  constructor(
    session: KeptSession,
    tables: readonly TableName[],
    selected: (table: TableName) => boolean = () => true,
    more: PostgresFenceOptions = {},
  ) {
    this.#winsDeadlocks = more.winsDeadlocks === true;
    this.#beforeToken = more.beforeToken;
    this.#session = session;
    this.#tables = tables;
    const schemas = quoteNames(tables.map((table) => table.schema));
    this.#triggersOfAll = `unnest(${schemas}, ${quoteNames(tables.map((table) => table.name))}) as wanted (schema, name)
      join pg_namespace n on n.nspname = wanted.schema join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
      left join pg_trigger t on t.tgrelid = c.oid and t.tgname = '${fenceTrigger}'`;
    this.#selected = selected;
  }

  told(side: Side, lockTimeoutMs: number): FenceTold {
    const locks = `SHARE ROW EXCLUSIVE on the managed tables of ${side} for some milliseconds`;
    const costs = 'a few milliseconds a hundred tables';
    return {
      raising: {
        does: `closes every managed table of ${side} to writes and writes the token, in one transaction`,
        locks: `${locks}; waits for them at most ${lockTimeoutMs} ms; reads pass`,
        costs,
      },
      lowering: { locks, costs },
    };
  }

  async install(closed: boolean): Promise<void> {
    await this.#session.use(async (connection) => {
      await connection.transaction(async () => {
        await connection.query(lockFence);
        await connection.query(closed ? closedFunction : openFunction);
      });
      // One short transaction a table: a lock on all of them at once would stop a busy blue for as long as its slowest writer.
      for (const statement of await this.#toArm(connection)) {
        await withLockRetry({}, async () => connection.query(`${briefly} ${statement}`));
      }
      await flushCommits(connection);
    });
  }

  async raise(options: RaiseOptions): Promise<Position> {
    return this.#session.use(async (connection) => {
      await connection.transaction(async () => {
        await connection.query(
          `set local lock_timeout = ${options.lockTimeoutMs}; set local synchronous_commit = on; ${lockFence}`,
        );
        await lockForFence(connection, this.#tables, { ...options, winsDeadlocks: this.#winsDeadlocks });
        await refusePrepared(connection);
        if (options.schema !== undefined) await this.#refuseChanged(connection, options.schema);
        await this.#beforeToken?.(connection);
        const statements = [...(await this.#toArm(connection)), closedFunction];
        await connection.query(statements.join(';\n'));
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
          const closed = await isClosed(connection);
          if (closed) await connection.query(openFunction);
          if (owner !== undefined) await writeOwner(connection, owner);
          else if (closed) await writeReopened(connection);
        }),
      );
    }, signal);
  }

  async probe(signal?: AbortSignal): Promise<FenceState> {
    return this.#session.use(async (connection) => {
      if (!(await isInstalled(connection))) return { fence: 'absent', tokens: [] };
      const { rows } = await connection.query(
        `${awaitFence};
         select triggers.armed, triggers.installed, ${isClosedSql} as closed, ${rowsSql}
         from (select count(t.oid) as installed, count(*) filter (where t.tgenabled = 'O') as armed from ${this.#triggersOfAll}) triggers`,
      );
      const row = rows[0] ?? {};
      const [armed, installed] = [Number(row['armed']), Number(row['installed'])];
      return { fence: fenceWord(row['closed'] === 't', armed, installed, this.#tables.length), ...parseRows(row) };
    }, signal);
  }

  async written(signal?: AbortSignal): Promise<FenceRows> {
    return this.#session.use(async (connection) => {
      if (!(await isInstalled(connection))) return { tokens: [] };
      const { rows } = await connection.query(`${awaitFence}; select ${rowsSql}`);
      return parseRows(rows[0] ?? {});
    }, signal);
  }

  async remove(): Promise<void> {
    await this.#session.use(async (connection) => {
      for (const { table, enabled } of await this.#triggers(connection)) {
        if (enabled === null) continue;
        const drop = `${briefly} drop trigger if exists ${fenceTrigger} on ${quoteTable(table)}`;
        await withLockRetry({}, async () => connection.query(drop));
      }
      await flushCommits(connection);
      await connection.query('drop function if exists teal.fence()');
    });
  }

  /** Under the locks: no table can change any more until the commit. */
  async #refuseChanged(connection: PgConnection, allowed: SchemaMark): Promise<void> {
    if (allowed.state !== undefined && (await isCatalogAsItWas(connection, allowed.state))) return;
    if ((await readDigest(connection)) === allowed.digest) return;
    const changed = markDifferences(allowed.objects, await readObjects(connection, this.#selected));
    if (changed.length === 0) return;
    const named = changed.slice(0, 20);
    throw new TealError('TEAL-SYSTEMS-502', `changed meanwhile: ${named.join(', ')}`, {
      changed: changed.length,
      objects: named,
    });
  }

  /** Statements for the tables whose trigger is not there or would not fire: somebody may have disabled it for a load of data, or dropped it. */
  async #toArm(connection: PgConnection): Promise<readonly string[]> {
    const there = await this.#triggers(connection, `where t.tgenabled is distinct from 'O'`);
    return there.map(({ table, enabled }) => (enabled === null ? createTrigger(table) : enableTrigger(table)));
  }

  /** Of the managed tables that are there; `enabled` as `pg_trigger.tgenabled` has it, null without a trigger. */
  async #triggers(
    connection: PgConnection,
    which = '',
  ): Promise<readonly { table: TableName; enabled: string | null }[]> {
    const { rows } = await connection.query(
      `select n.nspname as schema, c.relname as name, t.tgenabled as enabled from ${this.#triggersOfAll} ${which}`,
    );
    return rows.map((row) => ({
      table: { schema: row['schema'] ?? '', name: row['name'] ?? '' },
      enabled: row['enabled'] ?? null,
    }));
  }
}

/** Several statements in one text are one transaction. Thousands of these follow each other: the disk is waited for once, by `flushCommits`. */
export const briefly = `set local lock_timeout = '500ms'; set local synchronous_commit = off;`;

async function isClosed(connection: PgConnection): Promise<boolean> {
  const { rows } = await connection.query(`select ${isClosedSql} as closed`);
  return rows[0]?.['closed'] === 't';
}

/** `armed`: those that would fire. While it is open it is no matter whether one would: raising enables them all. */
function fenceWord(isClosed: boolean, armed: number, installed: number, all: number): FenceState['fence'] {
  if (installed === 0) return 'absent';
  // Its making ended early: a table was busy for too long.
  if (installed < all) return 'partly';
  if (!isClosed) return 'installed';
  return armed === all ? 'raised' : 'partly';
}

function createTrigger(table: TableName): string {
  return `create trigger ${fenceTrigger} before insert or update or delete or truncate on ${quoteTable(table)}
    for each statement execute function teal.fence()`;
}

/** ONLY: each partition has its own, so the number of locks is known beforehand. */
function enableTrigger(table: TableName): string {
  return `alter table only ${quoteTable(table)} enable trigger ${fenceTrigger}`;
}

/** A transaction that was prepared before could still commit after the token: its locks would have stopped the fence, unless it locks no managed table. */
export async function refusePrepared(connection: PgConnection): Promise<void> {
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

async function isInstalled(connection: PgConnection): Promise<boolean> {
  const { rows } = await connection.query(`select to_regclass('teal.cut') is not null as there`);
  return rows[0]?.['there'] === 't';
}

/** SQL: what `parseRows` reads. After `awaitFence` in one message, which is one transaction; each statement of it sees what was committed when it began. */
const rowsSql = `(select array_to_json(array_agg(c.token order by c.at))::text from teal.cut c) as tokens,
  (select array_to_json(array[o.epoch::text, o.owner, o.cut])::text from teal.owner o order by o.epoch desc limit 1) as owner`;

function parseRows(row: PgRow): FenceRows {
  const owner = parseOwner(row['owner'] ?? null);
  return { tokens: JSON.parse(row['tokens'] ?? '[]') as string[], ...(owner === undefined ? {} : { owner }) };
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
