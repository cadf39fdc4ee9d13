import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../../../test/support/postgres.ts';
import type { Side } from '../../../model/catalog.ts';
import { ProxyRouter } from '../client.ts';
import { readProxyConfig, type ProxyConfigInput } from '../config.ts';
import { startProxy } from '../proxy.ts';
import type { ProxyOptions, RunningProxy } from '../serve.ts';

/** A proxy in this process between two databases of the version matrix, and what a cut does to them, by hand. */
export interface Proxied<Proxy extends RunningProxy = Awaited<ReturnType<typeof startProxy>>> extends AsyncDisposable {
  readonly blue: TestDatabase;
  readonly green: TestDatabase;
  readonly proxy: Proxy;
  /** The Router port, over the control socket. */
  readonly router: ProxyRouter;
  readonly url: string;
  connect(config?: ClientConfig): Promise<Client>;
  /** The owner row, as step C8 writes it. */
  decide(side: Side, epoch: number): Promise<void>;
  /** hold, decide, point, release. */
  cut(side: Side, epoch: number): Promise<void>;
}

const ownerTable =
  'create schema teal; create table teal.owner (epoch int primary key, owner text, cut text, token_lsn pg_lsn, at timestamptz default now())';

export async function proxied(
  settings: Partial<ProxyConfigInput> = {},
  databases?: { readonly blue: TestDatabase; readonly green: TestDatabase },
): Promise<Proxied> {
  return proxiedBy(async (options) => startProxy(options), settings, databases);
}

export async function proxiedBy<Proxy extends RunningProxy>(
  start: (options: ProxyOptions) => Promise<Proxy>,
  settings: Partial<ProxyConfigInput> = {},
  databases?: { readonly blue: TestDatabase; readonly green: TestDatabase },
): Promise<Proxied<Proxy>> {
  const blue = databases?.blue ?? (await testDatabase(blueMajor()));
  const green = databases?.green ?? (await testDatabase(greenMajor()));
  await blue.query(ownerTable);
  await green.query(ownerTable);
  const folder = await mkdtemp(join(tmpdir(), 'teal-proxied-'));
  const controlPath = join(folder, 'proxy.sock');
  const config = readProxyConfig({
    migration: 'test',
    // What a test leaves in a transaction is not waited for.
    stopGraceMs: 0,
    listen: { host: '127.0.0.1', port: 0 },
    clientAuth: 'trust',
    controlPath,
    ...settings,
  });
  const proxy = await start({
    config,
    blueUrl: blue.url,
    greenUrl: green.url,
    log: () => {},
  });
  const router = new ProxyRouter(controlPath);
  const clients = new Set<Client>();
  const url = `postgres://postgres@127.0.0.1:${proxy.port}/${blue.name}`;
  const decide = async (side: Side, epoch: number): Promise<void> => {
    const database = side === 'blue' ? blue : green;
    await database.query('insert into teal.owner (epoch, owner, cut) values ($1, $2, $3)', [
      epoch,
      side,
      `cut ${epoch}`,
    ]);
  };
  return {
    blue,
    green,
    proxy,
    router,
    url,
    decide,
    async connect(extra = {}) {
      const client = new Client({
        host: '127.0.0.1',
        port: proxy.port,
        user: 'postgres',
        database: blue.name,
        ...extra,
      });
      client.on('error', () => clients.delete(client));
      await client.connect();
      clients.add(client);
      return client;
    },
    async cut(side, epoch) {
      const held = await router.hold({ cut: `cut ${epoch}`, leaseMs: 10_000, drainMs: 5_000 });
      if (!held.drained) throw new Error(`not drained: ${JSON.stringify(held)}`);
      await decide(side, epoch);
      await router.point(side, epoch);
      await router.release();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...clients].map(async (client) => client.end()));
      await proxy.stop();
      await rm(folder, { recursive: true, force: true });
      if (databases !== undefined) return;
      await blue[Symbol.asyncDispose]();
      await green[Symbol.asyncDispose]();
    },
  };
}
