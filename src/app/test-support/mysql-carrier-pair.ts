import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { greenMajor, testDatabase } from '../../../test/support/postgres.ts';
import type { MysqlServer } from '../../../tools/servers/mysql.ts';
import { carrierPaths, flowNames } from '../../carriers/embedded/config.ts';
import type { CarrierStatus } from '../../carriers/embedded/protocol.ts';
import { waitFor } from '../../kernel/clock.ts';
import { otherSide, type Side } from '../../model/catalog.ts';
import type { Position } from '../../model/position.ts';
import { flowSource, type Carrier, type Flow } from '../../ports/carrier.ts';
import { connect as connectMysql } from '../../systems/mysql/connection.ts';
import { readActingKeys } from '../../systems/mysql/acting-keys.ts';
import { openSourceProbe, readBeginning } from '../../systems/mysql/source-probe.ts';
import {
  installTealSchema as installOnMysql,
  originOf,
  removeTealSchema as removeFromMysql,
} from '../../systems/mysql/teal-schema.ts';
import { connect as connectPostgres } from '../../systems/postgres/connection.ts';
import { positionOfLsnText } from '../../systems/postgres/position.ts';
import { createSlot } from '../../systems/postgres/slot.ts';
import { installTealSchema as installOnPostgres } from '../../systems/postgres/teal-schema.ts';
import { connectCarrier } from '../connect-carrier.ts';
import { writeFirstPosition } from '../first-position.ts';

/** On a machine that does other things too. */
export const patienceMs = 240_000;

export type Row = Readonly<Record<string, string | null>>;

/** A session of a client on one side. */
export interface Client extends AsyncDisposable {
  query(sql: string): Promise<readonly Row[]>;
}

/** One side of a pair, on either family. */
export interface End extends AsyncDisposable {
  readonly system: 'postgres' | 'mysql';
  readonly url: string;
  query(sql: string): Promise<readonly Row[]>;
  client(): Promise<Client>;
  /** What a flow from here has to have applied so that it has all that is committed now. */
  head(): Promise<Position>;
  /** Makes what a flow from here begins with. */
  begin(stateDir: string, flow: Flow, migration: string): Promise<void>;
}

export interface UnlikePair extends AsyncDisposable {
  readonly ends: Readonly<Record<Side, End>>;
  readonly carrier: Carrier;
  readonly stateDir: string;
  readonly migration: string;
  status(flow: Flow): Promise<CarrierStatus>;
  caughtUp(flow: Flow): Promise<CarrierStatus>;
  /** Ends the worker as a machine that loses its power would, and starts another. */
  kill(flow: Flow): Promise<void>;
}

export interface TablesOfBoth {
  readonly postgres: readonly string[];
  readonly mysql: readonly string[];
}

/** A database `shop` on this server, with nothing else of a test before. */
export async function mysqlEnd(server: MysqlServer, side: Side, tables: readonly string[]): Promise<End> {
  const url = `mysql://root@127.0.0.1:${server.port}/shop`;
  const open = async (address: string) => connectMysql({ url: address, applicationName: 'teal test' });
  const session = await open(`mysql://root@127.0.0.1:${server.port}/`);
  await removeFromMysql(session);
  for (const sql of ['drop database if exists shop', 'create database shop', ...tables]) await session.query(sql);
  await installOnMysql(session, side);
  const unused = async (): Promise<Position> => Promise.reject(new Error('a test knows where it begins'));
  const probe = openSourceProbe({ url, applicationName: 'teal test head', side, firstPosition: unused });
  return {
    system: 'mysql',
    url,
    query: async (sql) => (await session.query(sql)).rows,
    async client() {
      const client = await open(url);
      return {
        query: async (sql) => (await client.query(sql)).rows,
        [Symbol.asyncDispose]: async () => client.close(),
      };
    },
    head: async () => (await probe.look()).head,
    async begin(stateDir, flow) {
      const position = await readBeginning(session, side);
      const isWanted = ({ schema }: { readonly schema: string }): boolean => schema === 'shop';
      const actingKeys = await readActingKeys(session, { database: undefined, isWanted });
      await writeFirstPosition(stateDir, flow, { position, actingKeys });
    },
    async [Symbol.asyncDispose]() {
      await probe[Symbol.asyncDispose]();
      await removeFromMysql(session);
      await session.query('drop database if exists shop');
      await session.close();
    },
  };
}

/** A database with a schema `shop`. */
export async function postgresEnd(side: Side, tables: readonly string[]): Promise<End> {
  const db = await testDatabase(greenMajor());
  await db.query(['create schema shop', 'set extra_float_digits = 3', `set timezone = 'UTC'`, ...tables].join(';'));
  await using session = await connectPostgres({ url: db.url, applicationName: 'teal test' });
  await installOnPostgres(session, side);
  let streams: readonly string[] = [];
  return {
    system: 'postgres',
    url: db.url,
    query: async (sql) => db.query(sql),
    async client() {
      const client = await db.connect();
      return {
        query: async (sql) => (await client.query<Row>(sql)).rows,
        [Symbol.asyncDispose]: async () => client.end(),
      };
    },
    async head() {
      const [row] = await db.query('select pg_current_wal_insert_lsn() as lsn');
      return positionOfLsnText(row?.['lsn'] ?? '');
    },
    async begin(_, flow, migration) {
      const { slot, publication } = flowNames(migration, flow);
      streams = (['forward', 'reverse'] as const).map((each) => originOf(flowNames(migration, each).stream));
      const own = await db.query(
        `select format('%I.%I', schemaname, tablename) as t from pg_tables where schemaname = 'shop'`,
      );
      const published = [...own.map((row) => row['t']), 'teal.cut', 'teal.owner', 'teal.heartbeat'].join(', ');
      await db.query(`create publication ${publication} for table ${published}`);
      await using walsender = await connectPostgres({
        url: db.url,
        applicationName: 'teal test slot',
        replication: 'database',
      });
      await createSlot(walsender, slot, { lockTimeoutMs: 30_000, snapshot: 'nothing' });
    },
    async [Symbol.asyncDispose]() {
      for (const name of streams) {
        await db.query('select pg_replication_origin_drop(roname) from pg_replication_origin where roname = $1', [
          name,
        ]);
      }
      await db[Symbol.asyncDispose]();
    },
  };
}

/** Two sides with the same tables, and the beginnings of both flows: what a migration has after its copy, of no rows. The ends are disposed of with it. */
export async function unlikePair(blue: End, green: End): Promise<UnlikePair> {
  const migration = `t_${randomBytes(5).toString('hex')}`;
  const stateDir = await mkdtemp(join(tmpdir(), 'teal-unlike-'));
  const ends = { blue, green };
  for (const flow of ['forward', 'reverse'] as const) await ends[flowSource(flow)].begin(stateDir, flow, migration);
  const carrier = connectCarrier({
    migration,
    stateDir,
    urls: { blue: blue.url, green: green.url },
    systems: { blue: blue.system, green: green.system },
    tables: { include: ['shop.*'] },
    heartbeatEveryMs: 500,
    schemaEveryMs: 500,
    startTimeoutMs: patienceMs,
    // Less than a flow has to receive in any test: what a source keeps for nobody may end no flow.
    ...(blue.system === 'mysql' && green.system === 'mysql' ? { walBudgetBytes: 1 } : {}),
  });
  const status = async (flow: Flow): Promise<CarrierStatus> => (await carrier.status(flow)) as CarrierStatus;
  return {
    ends,
    carrier,
    stateDir,
    migration,
    status,
    async caughtUp(flow) {
      const wanted = await ends[flowSource(flow)].head();
      return waitFor({ what: `the ${flow} flow to catch up`, timeoutMs: patienceMs }, async () => {
        const seen = await status(flow);
        const isWaiting = seen.now.state === 'waiting' && seen.now.code.startsWith('TEAL-SYNC');
        if (seen.now.state === 'failed' || isWaiting) throw new Error(JSON.stringify(seen.now));
        return seen.applied >= wanted ? seen : undefined;
      });
    },
    async kill(flow) {
      const pid = Number(await readFile(carrierPaths(stateDir, flow).pid, 'utf8'));
      process.kill(pid, 'SIGKILL');
      await carrier.deploy(flow);
    },
    async [Symbol.asyncDispose]() {
      await carrier.retire('forward');
      await carrier.retire('reverse');
      await rm(stateDir, { recursive: true, force: true });
      await blue[Symbol.asyncDispose]();
      await green[Symbol.asyncDispose]();
    },
  };
}

/** The decision of a cut, as it stands on the side that gains: nothing of a fence. */
export async function give(pair: UnlikePair, owner: Side, epoch: number): Promise<void> {
  await pair.ends[owner].query(`insert into teal.owner (epoch, owner, cut) values (${epoch}, '${owner}', 'test')`);
  const flow = owner === 'blue' ? 'forward' : 'reverse';
  const back = flowSource('forward') === otherSide(owner) ? 'forward' : 'reverse';
  await waitFor(
    { what: `the flow from ${owner} to be live, and the other one not`, timeoutMs: patienceMs },
    async () => {
      const [live, shadow] = [await pair.status(flow), await pair.status(back)];
      return (live.mode === 'live' && shadow.mode === 'shadow') || undefined;
    },
  );
}
