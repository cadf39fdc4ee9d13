import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  blueMajor,
  greenMajor,
  testDatabase,
  type TestDatabase,
  type TestServer,
} from '../../../test/support/postgres.ts';
import type { PostgresServer } from '../../../tools/servers/postgres.ts';
import { carrierPaths } from '../../carriers/embedded/config.ts';
import type { CarrierStatus } from '../../carriers/embedded/protocol.ts';
import { waitFor } from '../../kernel/clock.ts';
import { isProcessThere } from '../../kernel/process-there.ts';
import type { Side } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import type { Carrier, Flow } from '../../ports/carrier.ts';
import { connect } from '../../systems/postgres/connection.ts';
import { positionOfLsnText } from '../../systems/postgres/position.ts';
import { createSlot } from '../../systems/postgres/slot.ts';
import { installTealSchema } from '../../systems/postgres/teal-schema.ts';
import { connectCarrier } from '../connect-carrier.ts';

export interface PairOptions {
  readonly blue?: TestServer | PostgresServer;
  readonly green?: TestServer | PostgresServer;
  readonly spoolLimitBytes?: number;
  readonly walBudgetBytes?: number;
  /** More statements on both sides, before the publications are made. */
  readonly prepare?: string;
}

export interface CarrierPair extends AsyncDisposable {
  readonly blue: TestDatabase;
  readonly green: TestDatabase;
  readonly carrier: Carrier;
  readonly stateDir: string;
  status(flow: Flow): Promise<CarrierStatus>;
}

const tables = `
  create table account (id int primary key, balance bigint not null, note text);
  create table entry (id bigint primary key, account int not null, amount bigint not null);
  create table log (at timestamptz, what text);
  alter table log replica identity full;`;

/** Two databases with the same tables, and slot and publication of both flows: what a migration has after its copy, of no rows. */
export async function carrierPair(where: PairOptions = {}): Promise<CarrierPair> {
  const [blue, green] = [
    await testDatabase(where.blue ?? blueMajor()),
    await testDatabase(where.green ?? greenMajor()),
  ];
  // Slots are names of the whole server, which tests share.
  const migration = `t_${randomBytes(5).toString('hex')}`;
  // Long, as folders of continuous integration are: longer than a unix socket's path may be.
  const stateDir = await mkdtemp(join(tmpdir(), `teal-${'long-'.repeat(18)}`));
  for (const [side, db, suffix] of [
    ['blue', blue, 'fwd'],
    ['green', green, 'rev'],
  ] as const) {
    await db.query(tables + (where.prepare ?? ''));
    await prepareSide(db, side, `teal_${migration}_${suffix}`);
  }
  const carrier = connectCarrier({
    migration,
    stateDir,
    urls: { blue: blue.url, green: green.url },
    schemaEveryMs: 500,
    ...(where.spoolLimitBytes === undefined ? {} : { spoolLimitBytes: where.spoolLimitBytes }),
    ...(where.walBudgetBytes === undefined ? {} : { walBudgetBytes: where.walBudgetBytes }),
  });
  return {
    blue,
    green,
    carrier,
    stateDir,
    status: async (flow) => (await carrier.status(flow)) as CarrierStatus,
    async [Symbol.asyncDispose]() {
      await carrier.retire('forward');
      await carrier.retire('reverse');
      await rm(stateDir, { recursive: true, force: true });
      await green.query(
        `select pg_replication_origin_drop(roname) from pg_replication_origin where roname like 'teal_${migration}%'`,
      );
      await blue.query(
        `select pg_replication_origin_drop(roname) from pg_replication_origin where roname like 'teal_${migration}%'`,
      );
      await blue[Symbol.asyncDispose]();
      await green[Symbol.asyncDispose]();
    },
  };
}

async function prepareSide(db: TestDatabase, side: Side, name: string): Promise<void> {
  await using session = await connect({ url: db.url, applicationName: 'teal test' });
  await installTealSchema(session, side);
  await session.query(
    `create publication ${name} for table public.account, public.entry, public.log, teal.cut, teal.owner, teal.heartbeat`,
  );
  await using walsender = await connect({ url: db.url, applicationName: 'teal test slot', replication: 'database' });
  await createSlot(walsender, name, { lockTimeoutMs: 30_000, snapshot: 'nothing' });
}

export async function head(db: TestDatabase): Promise<Position> {
  const [row] = await db.query('select pg_current_wal_insert_lsn() as lsn');
  return positionOfLsnText(row?.['lsn'] ?? '');
}

/** Until the forward flow has on its disk what is on blue now, whether it applies it or not. */
export async function received(pair: CarrierPair): Promise<void> {
  const wanted = await head(pair.blue);
  await waitFor({ what: 'the flow to receive', timeoutMs: 60_000 }, async () =>
    (await pair.status('forward')).received >= wanted ? true : undefined,
  );
}

/** Until the flow has applied all that is on its source now; fails at once when it fails. */
export async function caughtUp(pair: CarrierPair, flow: Flow): Promise<CarrierStatus> {
  const wanted = await head(flow === 'forward' ? pair.blue : pair.green);
  return waitFor({ what: 'the flow to catch up', timeoutMs: 60_000 }, async () => {
    const status = await pair.status(flow);
    if (status.now.state === 'failed') throw new Error(`${status.now.code} ${status.now.reason}`);
    return status.applied >= wanted ? status : undefined;
  });
}

/** Every row of every table, in an order that both servers agree on. */
export async function contents(db: TestDatabase): Promise<unknown> {
  const all = [];
  for (const table of ['account', 'entry', 'log']) {
    const rows = await db.query(`select t::text as row from ${table} t order by t::text collate "C"`);
    all.push([table, rows.map((row) => row['row'])]);
  }
  return all;
}

/** Ends the worker of a flow at once. Resolves when it is gone: one that is asked while it dies may answer a last time. */
export async function killWorker(pair: CarrierPair, flow: Flow): Promise<void> {
  const pid = await pidOf(pair, flow);
  process.kill(pid, 'SIGKILL');
  await waitFor({ what: 'the worker to be gone', timeoutMs: 60_000 }, () => (isProcessThere(pid) ? undefined : true));
}

export async function pidOf(pair: CarrierPair, flow: Flow): Promise<number> {
  return Number(await readFile(carrierPaths(pair.stateDir, flow).pid, 'utf8'));
}
