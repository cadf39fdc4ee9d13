import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type Connection, type ConnectionOptions } from 'mysql2/promise';
import type { MysqlServer } from '../../../../../tools/servers/mysql.ts';
import type { Side } from '../../../../model/catalog.ts';
import { ProxyRouter } from '../../client.ts';
import { readProxyConfig, type ProxyConfigInput } from '../../config.ts';
import type { ProxyOptions, RunningProxy } from '../../serve.ts';
import { startMysqlProxy } from '../proxy.ts';

type OneProcess = Awaited<ReturnType<typeof startMysqlProxy>>;

/** A proxy in this process between two servers, and what a cut does to them, by hand. */
export interface ProxiedMysql<Proxy extends RunningProxy = OneProcess> extends AsyncDisposable {
  readonly proxy: Proxy;
  /** The Router port, over the control socket. */
  readonly router: ProxyRouter;
  /** What the proxy has logged. */
  readonly said: readonly string[];
  connect(options?: ConnectionOptions): Promise<Connection>;
  /** The owner row, as step C8 writes it. */
  decide(side: Side, epoch: number): Promise<void>;
  /** hold, decide, point, release. */
  cut(side: Side, epoch: number): Promise<void>;
}

export type Servers = Readonly<Record<Side, MysqlServer>>;

/** Straight to a server, as its administrator. */
export async function direct(server: MysqlServer): Promise<Connection> {
  return createConnection({ host: '127.0.0.1', port: server.port, user: 'root' });
}

export async function proxiedMysql(
  servers: Servers,
  settings: Partial<ProxyConfigInput> = {},
  urlOptions = '',
): Promise<ProxiedMysql> {
  return proxiedMysqlBy(async (options) => startMysqlProxy(options), servers, settings, urlOptions);
}

export async function proxiedMysqlBy<Proxy extends RunningProxy>(
  begin: (options: ProxyOptions) => Promise<Proxy>,
  servers: Servers,
  settings: Partial<ProxyConfigInput> = {},
  urlOptions = '',
): Promise<ProxiedMysql<Proxy>> {
  for (const server of Object.values(servers)) {
    await using admin = await direct(server);
    await admin.query('create database if not exists teal');
    await admin.query('drop table if exists teal.owner');
    await admin.query('create table teal.owner (epoch bigint primary key, owner varchar(5), cut varchar(200))');
  }
  return start(begin, servers, settings, urlOptions);
}

async function start<Proxy extends RunningProxy>(
  begin: (options: ProxyOptions) => Promise<Proxy>,
  servers: Servers,
  settings: Partial<ProxyConfigInput>,
  urlOptions: string,
): Promise<ProxiedMysql<Proxy>> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-proxied-'));
  const controlPath = join(folder, 'proxy.sock');
  const config = readProxyConfig({
    migration: 'test',
    // What a test leaves in a transaction is not waited for.
    stopGraceMs: 0,
    listen: { host: '127.0.0.1', port: 0 },
    controlPath,
    ...settings,
  });
  const said: string[] = [];
  const urlOf = (server: MysqlServer): string => `mysql://root@127.0.0.1:${server.port}/${urlOptions}`;
  const proxy = await begin({
    config,
    blueUrl: urlOf(servers.blue),
    greenUrl: urlOf(servers.green),
    log: (event, facts) => said.push(`${event} ${JSON.stringify(facts)}`),
  });
  const router = new ProxyRouter(controlPath);
  const clients = new Set<Connection>();
  const decide = async (side: Side, epoch: number): Promise<void> => {
    await using admin = await direct(servers[side]);
    await admin.query('insert into teal.owner values (?, ?, ?)', [epoch, side, `cut ${epoch}`]);
  };
  return {
    proxy,
    router,
    said,
    decide,
    async connect(options = {}) {
      const client = await createConnection({ host: '127.0.0.1', port: proxy.port, user: 'root', ...options });
      client.on('error', () => clients.delete(client));
      clients.add(client);
      return client;
    },
    async cut(side, epoch) {
      const held = await router.hold({ cut: `cut ${epoch}`, leaseMs: 60_000, drainMs: 20_000 });
      if (!held.drained) throw new Error(`not drained: ${JSON.stringify(held)}`);
      await decide(side, epoch);
      await router.point(side, epoch);
      await router.release();
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      await proxy.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
