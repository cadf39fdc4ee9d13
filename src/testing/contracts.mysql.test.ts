import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Side } from 'teal/adapter';
import { routerContract, type RouterWorld } from 'teal/testing';
import { allSeries } from '../../test/support/mysql.ts';
import { startMysql } from '../../tools/servers/mysql.ts';
import { proxiedMysql, type Servers } from '../traffic/proxy/mysql/test-support/proxied.ts';

describe.for(allSeries)('the proxy in front of $series', ({ series, tested }) => {
  let servers: Servers;
  beforeAll(async () => {
    if (tested) servers = { blue: await startMysql({ series }), green: await startMysql({ series }) };
  });
  afterAll(async () => {
    for (const server of Object.values(servers ?? {})) await server[Symbol.asyncDispose]();
  });

  const open = async (): Promise<RouterWorld> => {
    const world = await proxiedMysql(servers);
    const client = await world.connect();
    return {
      router: world.router,
      decide: async (...to) => world.decide(...to),
      async ask(): Promise<Side> {
        const [rows] = await client.query<RowDataPacket[]>('select @@port as port');
        return Number(rows[0]?.['port']) === servers.blue.port ? 'blue' : 'green';
      },
      async begin() {
        await client.query('begin');
        await client.query('select 1');
        return async () => void (await client.query('commit'));
      },
      [Symbol.asyncDispose]: async () => world[Symbol.asyncDispose](),
    };
  };
  describe.skipIf(!tested)('as every router', () => {
    for (const { name, run } of routerContract(open, true)) test(name, run);
  });
});
