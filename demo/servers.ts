import { startPostgres, type PostgresServer } from '../tools/servers/postgres.ts';

/** PostgreSQL 14 as blue and 18 as green, which end with `stack`. */
export async function startServers(
  stack: AsyncDisposableStack,
): Promise<{ readonly blue: PostgresServer; readonly green: PostgresServer }> {
  const server = async (major: 14 | 18): Promise<PostgresServer> =>
    stack.use(
      await startPostgres({
        major,
        superuserPassword: 'demo-superuser',
        auth: 'scram-sha-256',
        settings: { max_wal_size: '4GB' },
      }),
    );
  const [blue, green] = await Promise.all([server(14), server(18)]);
  return { blue, green };
}
