import { TealError } from '../../../kernel/errors.ts';
import { tableKey, type Catalog, type Side, type Table, type TableName } from '../../../model/catalog.ts';
import { tenantTables, type TenantTables } from '../../../model/tenant-tables.ts';
import type { CloseOptions, LentTenants, TenantGates, TenantsState, TenantToken } from '../../../ports/tenants.ts';
import { withLockRetry, type PgConnection, type PgRow } from '../connection.ts';
import { awaitFence, briefly, closedFunction, lockFence, refusePrepared } from '../fence.ts';
import { lockForFence } from '../fence-locks.ts';
import type { KeptSession } from '../kept-session.ts';
import { quoteIdent, quoteTable } from '../quote.ts';
import { installTealSchema } from '../teal-schema.ts';
import {
  closedKept,
  closedRows,
  keptTrigger,
  lentFence,
  lentRows,
  openKept,
  openRows,
  rowTrigger,
} from './gate-functions.ts';
import { joinSequences, partSequences, sequencesUsed } from './sequences.ts';
import { rowsThatSpan } from './spanning.ts';

export interface TenantGatesOptions {
  readonly sessions: Readonly<Record<Side, KeptSession>>;
  readonly catalog: Catalog;
  /** The column by which rows are a tenant's. */
  readonly by: string;
  /** Tables without it, `schema.name`. */
  readonly shared: readonly string[];
}

type Kind = TenantToken | 'lent' | 'home';

/**
 * Gates between the rows of two PostgreSQL: a row trigger on every table of tenants, enabled all the time, that calls one function; a transaction that replaces the function switches all of them. Sound for
 * the reasons of the fence (`PostgresFence`): the locks wait for every open writer, and the function that is there at their end becomes visible at the commit which carries the token.
 */
export class PostgresTenantGates implements TenantGates {
  readonly #options: TenantGatesOptions;
  readonly #tables: TenantTables;
  /** What blue locks, and what it keeps rows of. */
  readonly #guarded: readonly TableName[];

  constructor(options: TenantGatesOptions) {
    this.#options = options;
    this.#tables = tenantTables(options.catalog, options.by, options.shared);
    this.#guarded = [...this.#tables.rows, ...this.#tables.guarded.map(({ table }) => table)];
  }

  async install(): Promise<void> {
    const { sessions, by } = this.#options;
    const { obstacles } = this.#tables;
    await sessions.blue.use(async (connection) => {
      const spanning = [...obstacles.map(({ what }) => what), ...(await rowsThatSpan(connection, this.#tables, by))];
      if (spanning.length > 0) throw spans(spanning);
    });
    for (const side of ['blue', 'green'] as const) {
      await sessions[side].use(async (connection) => {
        await installTealSchema(connection, side);
        await connection.query(`${openRows}; ${openKept}`);
        if ((await this.#missing(connection, side)).length === 0) return;
        for (const statement of this.#triggers(side)) {
          await withLockRetry({}, async () => connection.query(`${briefly} ${statement}`));
        }
      });
    }
  }

  async isInstalled(): Promise<boolean> {
    const { sessions } = this.#options;
    const sides = await Promise.all(
      (['blue', 'green'] as const).map(async (side) =>
        sessions[side].use(async (connection) => (await this.#missing(connection, side)).length === 0),
      ),
    );
    return sides.every(Boolean);
  }

  async isThere(): Promise<boolean> {
    const { sessions } = this.#options;
    const sides = await Promise.all([sessions.blue.use(gateTriggers), sessions.green.use(gateTriggers)]);
    return sides.some((triggers) => triggers.length > 0);
  }

  async remove(): Promise<void> {
    for (const side of ['blue', 'green'] as const) {
      await this.#options.sessions[side].use(async (connection) => removeTenantGates(connection));
    }
  }

  async state(signal?: AbortSignal): Promise<TenantsState> {
    const { blue, green } = this.#options.sessions;
    const away = await blue.use(readLent, signal);
    const there = await green.use(readLent, signal);
    return {
      ...(away === undefined ? {} : { away }),
      ...(there === undefined ? {} : { openForMs: there.forMs }),
    };
  }

  async closeBlue(lent: LentTenants, { lockTimeoutMs, signal }: CloseOptions): Promise<void> {
    await this.#options.sessions.blue.use(async (connection) => {
      await connection.transaction(async () => {
        await connection.query(
          `set local lock_timeout = ${lockTimeoutMs}; set local synchronous_commit = on; ${lockFence}`,
        );
        await refuseOver(connection, lent.run, 'home');
        await lockForFence(connection, this.#guarded, { lockTimeoutMs, signal });
        await refusePrepared(connection);
        await this.#refuseMissing(connection, 'blue');
        await connection.query(`${closedRows(this.#options.by, lent.tenants)}; ${closedKept}`);
        await writeLent(connection, lent);
        await writeToken(connection, 'lend', lent.run);
      });
    }, signal);
  }

  async hasArrived(token: TenantToken, run: string, signal?: AbortSignal): Promise<boolean> {
    const side = token === 'lend' ? 'green' : 'blue';
    return this.#options.sessions[side].use(async (connection) => hasToken(connection, token, run), signal);
  }

  async partSequences(signal?: AbortSignal): Promise<void> {
    await this.#ofBoth(partSequences, signal);
  }

  async sequencesUsed(): Promise<number> {
    return this.#ofBoth(sequencesUsed);
  }

  async joinSequences(signal?: AbortSignal): Promise<void> {
    await this.#ofBoth(joinSequences, signal);
  }

  async openGreen(lent: LentTenants, signal?: AbortSignal): Promise<void> {
    await this.#options.sessions.green.use(async (connection) => {
      await connection.transaction(async () => {
        await connection.query(`set local lock_timeout = '500ms'; set local synchronous_commit = on; ${lockFence}`);
        await refuseOver(connection, lent.run, 'recalled');
        if (await hasToken(connection, 'lent', lent.run)) return;
        await this.#refuseMissing(connection, 'green');
        await connection.query(`${lentRows(this.#options.by, lent.tenants)}; ${lentFence(this.#tables.rows)}`);
        await writeLent(connection, lent);
        await writeToken(connection, 'lent', lent.run);
      });
    }, signal);
  }

  async closeGreen(run: string, { lockTimeoutMs, signal }: CloseOptions): Promise<boolean> {
    return this.#options.sessions.green.use(
      async (connection) =>
        connection.transaction(async () => {
          await connection.query(
            `set local lock_timeout = ${lockTimeoutMs}; set local synchronous_commit = on; ${lockFence}`,
          );
          const wasLent = await hasToken(connection, 'lent', run);
          if (await hasToken(connection, 'recalled', run)) return wasLent;
          if (wasLent) {
            await lockForFence(connection, this.#options.catalog.tables, { lockTimeoutMs, signal });
            await refusePrepared(connection);
          }
          await connection.query(`${closedFunction}; ${openRows}; delete from teal.lent`);
          await writeToken(connection, 'recalled', run);
          return wasLent;
        }),
      signal,
    );
  }

  async openBlue(run: string, signal?: AbortSignal): Promise<void> {
    await this.#options.sessions.blue.use(async (connection) => {
      await connection.transaction(async () => {
        await connection.query(`set local lock_timeout = '500ms'; set local synchronous_commit = on; ${lockFence}`);
        if (await hasToken(connection, 'home', run)) return;
        await connection.query(`${openRows}; ${openKept}; delete from teal.lent`);
        await writeToken(connection, 'home', run);
      });
    }, signal);
  }

  async #ofBoth<T>(work: (blue: PgConnection, green: PgConnection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { blue, green } = this.#options.sessions;
    return blue.use(async (ofBlue) => green.use(async (ofGreen) => work(ofBlue, ofGreen), signal), signal);
  }

  #triggers(side: Side): readonly string[] {
    const ofRows = this.#roots().map(
      (table) =>
        `create or replace trigger ${rowTrigger} after insert or update or delete on ${quoteTable(table)} for each row execute function teal.tenants()`,
    );
    if (side === 'green') return ofRows;
    const kept = (table: TableName, events: string): string =>
      `create or replace trigger ${keptTrigger} before ${events} on ${quoteTable(table)} for each statement execute function teal.kept()`;
    return [
      ...ofRows,
      ...this.#tables.rows.map((table) => kept(table, 'truncate')),
      ...this.#tables.guarded.map(({ table, columns }) =>
        kept(table, `delete or truncate or update of ${columns.map(quoteIdent).join(', ')}`),
      ),
    ];
  }

  /** Those whose trigger their partitions get with it, also those that are made later. */
  #roots(): readonly Table[] {
    const all = new Set(this.#tables.rows.map(tableKey));
    return this.#tables.rows.filter(({ partitionOf }) => partitionOf === undefined || !all.has(tableKey(partitionOf)));
  }

  async #refuseMissing(connection: PgConnection, side: Side): Promise<void> {
    const missing = await this.#missing(connection, side);
    if (missing.length === 0) return;
    const named = missing.slice(0, 10);
    throw new TealError('TEAL-SYSTEMS-701', `${side}: ${named.join(', ')}`, { side, tables: missing.length });
  }

  /** Tables of which a gate is not there, or would not fire. */
  async #missing(connection: PgConnection, side: Side): Promise<readonly string[]> {
    const wanted = [
      ...this.#tables.rows.map((table) => [table, rowTrigger] as const),
      ...(side === 'blue' ? this.#guarded.map((table) => [table, keptTrigger] as const) : []),
    ];
    const { rows } = await connection.query(
      `select wanted.schema || '.' || wanted.name as relation from unnest($1::text[], $2::text[], $3::text[]) as wanted (schema, name, trigger)
       where not exists (select from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where n.nspname = wanted.schema and c.relname = wanted.name and t.tgname = wanted.trigger and t.tgenabled = 'O')`,
      [
        wanted.map(([table]) => table.schema),
        wanted.map(([table]) => table.name),
        wanted.map(([, trigger]) => trigger),
      ],
    );
    return rows.map((row) => row['relation'] ?? '');
  }
}

/** But those that come and go with another. */
async function gateTriggers(connection: PgConnection): Promise<readonly PgRow[]> {
  const { rows } = await connection.query(
    `select n.nspname as schema, c.relname as name, t.tgname as trigger from pg_catalog.pg_trigger t
     join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where t.tgname = any ($1) and t.tgparentid = 0`,
    [[rowTrigger, keptTrigger]],
  );
  return rows;
}

/** Idempotent; also where they never were. */
export async function removeTenantGates(connection: PgConnection): Promise<void> {
  for (const row of await gateTriggers(connection)) {
    const table = quoteTable({ schema: row['schema'] ?? '', name: row['name'] ?? '' });
    const drop = `${briefly} drop trigger if exists ${quoteIdent(row['trigger'] ?? '')} on ${table}`;
    await withLockRetry({}, async () => connection.query(drop));
  }
  await connection.query(`do $$ begin if to_regnamespace('teal') is not null then
    drop function if exists teal.tenants(); drop function if exists teal.kept(); end if; end $$`);
}

async function readLent(connection: PgConnection): Promise<(LentTenants & { readonly forMs: number }) | undefined> {
  const there = await connection.query(`select to_regclass('teal.lent') is not null as there`);
  if (there.rows[0]?.['there'] !== 't') return undefined;
  const { rows } = await connection.query(
    `${awaitFence}; select tenant, run, session, extract(epoch from clock_timestamp() - at) * 1000 as ms from teal.lent order by tenant`,
  );
  const [first] = rows;
  if (first === undefined) return undefined;
  return {
    run: first['run'] ?? '',
    session: first['session'] ?? '',
    tenants: rows.map((row) => row['tenant'] ?? ''),
    forMs: Number(first['ms']),
  };
}

async function writeLent(connection: PgConnection, { run, tenants, session }: LentTenants): Promise<void> {
  await connection.query(
    'insert into teal.lent (tenant, run, session) select tenant, $2, $3 from unnest($1::text[]) as t (tenant)',
    [tenants, run, session],
  );
}

/** As rows of `teal.cut`, which flows carry: the epoch is that of no cut. */
async function writeToken(connection: PgConnection, kind: Kind, run: string): Promise<void> {
  await connection.query(
    'insert into teal.cut (token, kind, cut, epoch, at) values ($1, $2, $3, 0, clock_timestamp())',
    [tokenOf(kind, run), kind, run],
  );
}

async function hasToken(connection: PgConnection, kind: Kind, run: string): Promise<boolean> {
  const { rows } = await connection.query('select exists (select from teal.cut where token = $1) as there', [
    tokenOf(kind, run),
  ]);
  return rows[0]?.['there'] === 't';
}

function tokenOf(kind: Kind, run: string): string {
  return `${run}/${kind}`;
}

/** A statement of which Teal gave up the answer may reach the server when the run is over. */
async function refuseOver(connection: PgConnection, run: string, kind: 'home' | 'recalled'): Promise<void> {
  if (await hasToken(connection, kind, run)) throw new TealError('TEAL-SYSTEMS-702', run, { run });
}

function spans(what: readonly string[]): TealError {
  const more = what.length > 10 ? `; and ${what.length - 10} more` : '';
  return new TealError('TEAL-SYSTEMS-700', `${what.slice(0, 10).join('; ')}${more}`, { found: what.slice(0, 100) });
}
