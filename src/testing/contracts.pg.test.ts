import { describe, test } from 'vitest';
import type { Side } from 'teal/adapter';
import {
  fenceContract,
  routerContract,
  stepContract,
  type FenceWorld,
  type RouterWorld,
  type StepWorld,
} from 'teal/testing';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { must } from '../kernel/assert.ts';
import type { Step } from '../ports/step.ts';
import type { Table } from '../model/catalog.ts';
import { PostgresFence } from '../systems/postgres/fence.ts';
import { identityStep } from '../systems/postgres/identity.ts';
import { createIntrospector } from '../systems/postgres/inspect/introspector.ts';
import { KeptSession } from '../systems/postgres/kept-session.ts';
import { publicationStep } from '../systems/postgres/publication.ts';
import { fenceStep, tealSchemaStep } from '../systems/postgres/setup-steps.ts';
import { installTealSchema } from '../systems/postgres/teal-schema.ts';
import { proxied } from '../traffic/proxy/test-support/proxied.ts';

/** A write of a client's: committed, or refused by the fence (25006) with no effect. */
async function isAccepted(database: TestDatabase): Promise<boolean> {
  try {
    await database.query('insert into kept values (default)');
    return true;
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === '25006') return false;
    throw error;
  }
}

async function fenceWorld(major: TestDatabase['major'], side: Side): Promise<FenceWorld> {
  const database = await testDatabase(major);
  await database.query('create table kept (id int generated always as identity primary key)');
  const session = new KeptSession({ url: database.url, applicationName: 'teal-test' });
  await session.use(async (connection) => installTealSchema(connection, side));
  return {
    fence: new PostgresFence(session, [{ schema: 'public', name: 'kept' }]),
    side,
    clientWrites: async () => isAccepted(database),
    async carrierWrites() {
      const carrier = await database.connect();
      await carrier.query(`set session_replication_role = replica; insert into kept values (default)`);
      await carrier.end();
      return true;
    },
    async clientStaysOpen() {
      const client = await database.connect();
      await client.query('begin; insert into kept values (default)');
      return async () => {
        await client.query('commit');
        await client.end();
      };
    },
    async rows() {
      const [row] = await database.query('select count(*) as n from kept');
      return Number(row?.['n']);
    },
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

describe.each([
  [blueMajor(), 'blue'],
  [greenMajor(), 'green'],
] as const)('the fence of PostgreSQL %i as %s', (major, side) => {
  for (const { name, run } of fenceContract(async () => fenceWorld(major, side))) test(name, run);
});

describe('the proxy', () => {
  const open = async (): Promise<RouterWorld> => {
    const world = await proxied();
    const client = await world.connect();
    const sideOf = async (): Promise<Side> => {
      const { rows } = await client.query<{ name: string }>('select current_database() as name');
      return rows[0]?.name === world.blue.name ? 'blue' : 'green';
    };
    return {
      router: world.router,
      decide: async (...to) => world.decide(...to),
      ask: sideOf,
      async begin() {
        await client.query('begin; select 1');
        return async () => void (await client.query('commit'));
      },
      [Symbol.asyncDispose]: async () => world[Symbol.asyncDispose](),
    };
  };
  for (const { name, run } of routerContract(open, true)) test(name, run);
});

/** All that these steps may change, as the catalog has it. */
const everything = `
  select string_agg(line, E'\\n' order by line) as all from (
    select format('%s %s', nspname, nspowner) as line from pg_namespace where nspname !~ '^pg_(toast|temp)'
    union all select format('%s %s %s', relnamespace::regnamespace, relname, relreplident) from pg_class where relnamespace::regnamespace::text in ('public', 'teal') and relkind = 'r'
    union all select format('%s %s', pubname, tablename) from pg_publication_tables
    union all select format('%s %s %s', tgrelid::regclass, tgname, tgenabled) from pg_trigger where not tgisinternal) it`;

type MakeStep = (session: KeptSession, tables: readonly Table[]) => Step;

async function stepWorld(make: MakeStep): Promise<StepWorld> {
  const database = await testDatabase(blueMajor());
  await database.query(`create table keyed (id int primary key); create table keyless (line text);
    create table odd (line text); alter table odd replica identity nothing`);
  const session = new KeptSession({ url: database.url, applicationName: 'teal-test' });
  const { tables } = await session.use(async (connection) => createIntrospector(connection).describe());
  const step = make(session, tables);
  if (!step.id.includes('schema')) await session.use(async (connection) => installTealSchema(connection, 'blue'));
  return {
    step,
    async look() {
      const [row] = await database.query(everything);
      return must(row, 'a row')['all'];
    },
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

describe.each<[string, MakeStep]>([
  ['schema teal', (session) => tealSchemaStep('blue', session, [])],
  ['identity', (session, tables) => identityStep('blue', session, tables)],
  ['publication', (session, tables) => publicationStep('blue', session, 'teal_contract', tables)],
  ['fence', (session, tables) => fenceStep('blue', new PostgresFence(session, tables), false, tables.length)],
])('the step of PostgreSQL for %s', (_, make) => {
  for (const { name, run } of stepContract(async () => stepWorld(make))) test(name, run);
});
