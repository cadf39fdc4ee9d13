import { connect, type MysqlConnection } from '../../src/systems/mysql/connection.ts';
import { MysqlFence } from '../../src/systems/mysql/fence.ts';
import { KeptSession } from '../../src/systems/mysql/kept-session.ts';
import { readEndOfBinlog } from '../../src/systems/mysql/source-probe.ts';
import { installTealSchema, removeTealSchema } from '../../src/systems/mysql/teal-schema.ts';
import type { MysqlServer } from '../../tools/servers/mysql.ts';

/** A server with a table `moving.t (id int primary key)`, a fence that can be raised, and clients who may write there and no more. */
export interface FencedServer extends AsyncDisposable {
  readonly url: string;
  readonly fence: MysqlFence;
  readonly root: MysqlConnection;
  client(): Promise<MysqlConnection>;
}

export async function fencedServer(server: MysqlServer): Promise<FencedServer> {
  const url = (user: string): string => `mysql://${user}@127.0.0.1:${server.port}/`;
  const open = async (user: string): Promise<MysqlConnection> =>
    connect({ url: url(user), applicationName: 'teal test' });
  const root = await open('root');
  await root.query('set global read_only = off');
  await removeTealSchema(root);
  await installTealSchema(root, 'blue');
  for (const sql of [
    'drop database if exists moving',
    'create database moving',
    'create table moving.t (id int primary key)',
    `create user if not exists app@'%'`,
    `grant select, insert, update, delete on moving.* to app@'%'`,
  ])
    await root.query(sql);
  const session = new KeptSession({ url: url('root'), applicationName: 'teal test' });
  const fence = new MysqlFence({ session, position: readEndOfBinlog });
  await fence.install(false);
  return {
    url: url('root'),
    fence,
    root,
    client: async () => open('app'),
    async [Symbol.asyncDispose]() {
      await root.query('set global read_only = off');
      if (server.flavour === 'mysql') await root.query('reset persist if exists read_only');
      await root.close();
      await session[Symbol.asyncDispose]();
    },
  };
}
