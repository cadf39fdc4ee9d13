import { Client } from 'pg';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../../../test/support/postgres.ts';
import { startPgBouncer, type PgBouncer, type PgBouncerRelease } from '../../../../tools/servers/pgbouncer.ts';
import type { Side } from '../../../model/catalog.ts';
import type { OwnerRow } from '../../../ports/fence.ts';
import type { Place } from '../entry.ts';
import { PgBouncerRouter, type PgBouncerOptions } from '../router.ts';

/** A name that the console takes in quotes alone. */
export const pooledName = 'The-shop';

export interface Pooled extends AsyncDisposable {
  readonly bouncer: PgBouncer;
  readonly router: PgBouncerRouter;
  readonly blue: TestDatabase;
  readonly green: TestDatabase;
  readonly places: Readonly<Record<Side, Place>>;
  /** A client through PgBouncer; ended with the world. */
  readonly connect: () => Promise<Client>;
  /** The side that answered it. */
  readonly sideOf: (client: Client) => Promise<Side>;
  readonly decide: (side: Side, epoch: number) => void;
}

/** A real PgBouncer before two databases, with owner rows in memory. */
export async function pooled(
  release: PgBouncerRelease,
  settings: Readonly<Record<string, string | number>> = {},
  options: Partial<PgBouncerOptions> = {},
): Promise<Pooled> {
  await using stack = new AsyncDisposableStack();
  const blue = stack.use(await testDatabase(blueMajor()));
  const green = stack.use(await testDatabase(greenMajor()));
  const place = ({ url, name }: TestDatabase): Place => ({
    host: '127.0.0.1',
    port: Number(new URL(url).port),
    database: name,
  });
  const places = { blue: place(blue), green: place(green) };
  const line = `${pooledName} = host=127.0.0.1 port=${places.blue.port} dbname='${blue.name}' pool_size=20`;
  const bouncer = stack.use(
    await startPgBouncer({
      release,
      mode: 'transaction',
      databases: ['; shop', line],
      settings: { server_login_retry: 1, ...settings },
    }),
  );
  const owners: Partial<Record<Side, OwnerRow>> = {};
  const router = stack.use(
    new PgBouncerRouter({
      admin: bouncer.adminUrl,
      database: pooledName,
      places,
      config: bouncer.config,
      maxPauseMs: 3_000,
      readOwner: async (side) => owners[side],
      ...options,
    }),
  );
  const kept = stack.move();
  return {
    bouncer,
    router,
    blue,
    green,
    places,
    decide: (side, epoch) => void (owners[side] = { epoch, owner: side, cut: `e${epoch}a1` }),
    async connect() {
      const client = new Client({ host: '127.0.0.1', port: bouncer.port, user: 'postgres', database: pooledName });
      client.on('error', () => undefined);
      await client.connect();
      kept.defer(async () => client.end());
      return client;
    },
    async sideOf(client) {
      const { rows } = await client.query<{ name: string }>('select current_database() as name');
      return rows[0]?.name === blue.name ? 'blue' : 'green';
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}
