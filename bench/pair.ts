import { pgTools, type PgTools } from '../tools/servers/pg-tools.ts';
import { startPostgres, type PostgresServer } from '../tools/servers/postgres.ts';
import { execute } from '../tools/servers/with-client.ts';
import type { Settings } from './benchmark.ts';
import { openFolder } from './folder.ts';

/** Two servers of a benchmark's own, the client programs between them, and a folder for whatever a contender writes. */
export interface Pair extends AsyncDisposable {
  readonly blue: PostgresServer;
  readonly green: PostgresServer;
  readonly tools: PgTools;
  readonly folder: string;
}

/**
 * The same for every contender. Checkpoints and the cleaning of tables come when they come and last longer than a round: both are left to `quieten`, before a
 * clock starts. `fsync` and `synchronous_commit` are as PostgreSQL has them.
 */
export const settingsOfBoth: Readonly<Record<string, string>> = Object.freeze({
  shared_buffers: '256MB',
  maintenance_work_mem: '256MB',
  max_wal_size: '16GB',
  min_wal_size: '1GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
  // A process that a benchmark has stopped in order to let work gather is not dead. Not 0: a walsender without a limit looks for an answer after every row that it sends.
  wal_sender_timeout: '1h',
  wal_receiver_timeout: '1h',
  // As many initial copies of a subscription at once as Teal's workers.
  max_sync_workers_per_subscription: '4',
  // Else a subscription that was just enabled may wait for 5 s before it begins.
  wal_retrieve_retry_interval: '100ms',
});

export async function openPair(settings: Settings, more: Readonly<Record<string, string>> = {}): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const server = async (major: Settings['blueMajor']): Promise<PostgresServer> =>
    stack.use(await startPostgres({ major, settings: { ...settingsOfBoth, ...more } }));
  const tools = await pgTools(settings.blueMajor, settings.greenMajor);
  const blue = await server(settings.blueMajor);
  const green = await server(settings.greenMajor);
  const folder = await openFolder(stack);
  const kept = stack.move();
  return { blue, green, tools, folder, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

/** Writes out what earlier work has left to be written, so that a round does not pay for the one before it. */
export async function quieten(...servers: readonly PostgresServer[]): Promise<void> {
  for (const server of servers) await execute(server.url, ['checkpoint']);
}

/** The address of another database of a server. */
export function databaseUrl(server: PostgresServer, database: string): string {
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  return url.href;
}

/** An empty database of that name, whatever was there. Its subscriptions must have been dropped. */
export async function freshDatabase(server: PostgresServer, database: string): Promise<string> {
  await execute(server.url, [`drop database if exists ${database} with (force)`, `create database ${database}`]);
  return databaseUrl(server, database);
}
