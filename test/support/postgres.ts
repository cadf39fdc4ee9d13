import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier, type CustomTypesConfig } from 'pg';
import { inject } from 'vitest';
import { waitFor } from '../../src/kernel/clock.ts';
import { asPostgresMajor, type PostgresMajor } from '../../tools/servers/install-postgres.ts';
import { startPostgres, type PostgresServer } from '../../tools/servers/postgres.ts';
import type { PostgresOptions } from '../../tools/servers/postgres-cluster.ts';
import type { ServerRequest } from './server-desk.ts';

/** Every value as the server prints it, NULL as null: a test about values must not look at them through a driver's conversions. */
export type TextRow = Readonly<Record<string, string | null>>;

export interface TestServer {
  readonly major: PostgresMajor;
  /** The superuser, on database `postgres`. */
  readonly url: string;
}

export interface TestDatabase extends AsyncDisposable {
  readonly major: PostgresMajor;
  readonly name: string;
  /** The superuser, on this database. */
  readonly url: string;
  /** On one connection that is kept, so `BEGIN` and `SET` last. Without parameters several statements may be given: the rows are the last one's. */
  query(sql: string, params?: readonly unknown[]): Promise<readonly TextRow[]>;
  /** One more connection, ended with the database at the latest. */
  connect(): Promise<Client>;
}

export interface TestServerOptions {
  /** Another server is started for each different set. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** The old side of the version matrix: TEAL_BLUE, by default 14. */
export function blueMajor(): PostgresMajor {
  return asPostgresMajor(process.env['TEAL_BLUE'] ?? 14);
}

/** The new side of the version matrix: TEAL_GREEN, by default 18. */
export function greenMajor(): PostgresMajor {
  return asPostgresMajor(process.env['TEAL_GREEN'] ?? 18);
}

/**
 * The server of this major that all tests of the run share; started when it is first asked for. Do not stop it, and leave no roles behind. With
 * TEAL_TEST_PG_<major> set to a superuser's URL it is that server instead, and tests that ask for settings of their own still get their own.
 */
export async function testServer(major: PostgresMajor, options: TestServerOptions = {}): Promise<TestServer> {
  const { settings = {} } = options;
  const outside = process.env[`TEAL_TEST_PG_${major}`];
  if (outside !== undefined && Object.keys(settings).length === 0) return Object.freeze({ major, url: outside });
  const request: ServerRequest = { major, settings };
  const response = await fetch(inject('serverDesk'), { method: 'POST', body: JSON.stringify(request) });
  const answer = await response.text();
  if (!response.ok) throw new Error(`no PostgreSQL ${major} for this test: ${answer}`);
  return Object.freeze({ major, url: answer });
}

/** A server for one test alone, which it may stop, kill and restart. Use it with `await using`. */
export async function ownServer(
  major: PostgresMajor,
  options: Omit<PostgresOptions, 'major'> = {},
): Promise<PostgresServer> {
  return startPostgres({ ...options, major });
}

/** An empty database for one test, on the shared server or on the one given. Use it with `await using`: disposal drops it with all that hangs on it. */
export async function testDatabase(
  where: PostgresMajor | TestServer,
  options: TestServerOptions = {},
): Promise<TestDatabase> {
  const server = typeof where === 'number' ? await testServer(where, options) : where;
  const name = `teal_test_${randomBytes(6).toString('hex')}`;
  await once(server.url, async (client) =>
    client.query(`create database ${escapeIdentifier(name)} template template0`),
  );
  return openDatabase(server, name);
}

/** `url` with another database name. */
export function onDatabase(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${encodeURIComponent(name)}`;
  return other.href;
}

const asText: CustomTypesConfig = { getTypeParser: () => (value: string | Buffer) => value };

function openDatabase(server: TestServer, name: string): TestDatabase {
  const url = onDatabase(server.url, name);
  const clients = new Set<Client>();
  let kept: Promise<Client> | undefined;
  const connect = async (): Promise<Client> => {
    const client = new Client({ connectionString: url, types: asText, application_name: 'teal-test' });
    clients.add(client);
    // A test may kill the server: the connection is then of no use, and the next query makes another.
    client.on('error', () => clients.delete(client));
    client.on('end', () => clients.delete(client));
    await client.connect();
    return client;
  };
  const keptClient = async (): Promise<Client> => {
    const client = await kept?.catch(() => undefined);
    if (client !== undefined && clients.has(client)) return client;
    kept = connect();
    return kept;
  };
  return Object.freeze({
    major: server.major,
    name,
    url,
    connect,
    async query(sql: string, params?: readonly unknown[]) {
      const client = await keptClient();
      const answer = await client.query<TextRow>(sql, params === undefined ? undefined : [...params]);
      // pg answers an array when the text held several statements, which its types do not say.
      const results: readonly { readonly rows: readonly TextRow[] }[] = Array.isArray(answer) ? answer : [answer];
      return results.at(-1)?.rows ?? [];
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...clients].map(async (client) => client.end()));
      await dropDatabase(server.url, name);
    },
  });
}

async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await once(onDatabase(serverUrl, name), async (client) => {
    await dropSubscriptions(client);
    await rollBackPrepared(client);
  });
  await once(serverUrl, async (client) => {
    await dropSlots(client, name);
    await client.query(`drop database ${escapeIdentifier(name)} with (force)`);
  });
}

/** A subscription keeps its database from being dropped; without its slot it goes even when the publisher is gone already. */
async function dropSubscriptions(client: Client): Promise<void> {
  const { rows } = await client.query<{ subname: string }>(
    'select subname from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())',
  );
  for (const { subname } of rows) {
    const subscription = escapeIdentifier(subname);
    await client.query(`alter subscription ${subscription} disable`);
    await client.query(`alter subscription ${subscription} set (slot_name = none)`);
    await client.query(`drop subscription ${subscription}`);
  }
}

async function rollBackPrepared(client: Client): Promise<void> {
  const { rows } = await client.query<{ gid: string }>(
    'select gid from pg_prepared_xacts where database = current_database()',
  );
  for (const { gid } of rows) await client.query(`rollback prepared ${client.escapeLiteral(gid)}`);
}

/** A slot that somebody still reads cannot be dropped: its reader is ended first, which takes a moment to be seen. */
async function dropSlots(client: Client, name: string): Promise<void> {
  await waitFor({ what: `the slots of ${name} to be free`, timeoutMs: 60_000 }, async () => {
    await client.query(
      'select pg_terminate_backend(active_pid) from pg_replication_slots where database = $1 and active',
      [name],
    );
    await client.query(
      'select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1 and not active',
      [name],
    );
    const { rows } = await client.query('select from pg_replication_slots where database = $1', [name]);
    return rows.length === 0 || undefined;
  });
}

async function once(url: string, use: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url, application_name: 'teal-test' });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}
