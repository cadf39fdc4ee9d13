import { join } from 'node:path';
import type { Side } from '../../../../src/model/catalog.ts';
import { letCommitsThrough, stallCommits } from '../../../support/stalled-commits.ts';
import type { MysqlServer } from '../../../../tools/servers/mysql.ts';
import { readIfThere } from '../../../../tools/servers/postgres-cluster.ts';
import { withMysql } from '../../stores/with-mysql.ts';
import type { Injector } from '../world.ts';

async function isClosed({ port }: MysqlServer): Promise<boolean> {
  return withMysql(`mysql://root@127.0.0.1:${port}/`, async (ask) => {
    const [row] = await ask('select @@global.read_only');
    return row?.[0] === '1';
  });
}

/**
 * As servers of users come up again: MySQL as it was told to persist, which those of tests do not read (`--no-defaults`); MariaDB as its configuration says, where whoever follows
 * docs/guide/mysql-to-mysql.md has noted that it is closed.
 */
async function keepsClosed({ flavour, dataDir }: MysqlServer, wasClosed: boolean): Promise<boolean> {
  if (flavour === 'mariadb') return wasClosed;
  return /"read_only" *: *\{ *"Value" *: *"ON"/.test((await readIfThere(join(dataDir, 'mysqld-auto.cnf'))) ?? '');
}

const kill =
  (side: Side): Injector =>
  async ({ servers }) => {
    const { pid } = servers[side];
    if (pid === undefined) throw new Error(`${side} does not run`);
    const server = servers[side];
    if (!('series' in server)) {
      await server.kill9();
      return {
        what: `kill -9 of ${side}'s postmaster ${pid} and its backends`,
        heal: async () => servers[side].restart(),
      };
    }
    const wasClosed = await isClosed(server);
    await server.kill9();
    return {
      what: `kill -9 of ${side}'s server ${pid}`,
      heal: async () => server.restart((await keepsClosed(server, wasClosed)) ? { 'read-only': 'ON' } : {}),
    };
  };

/** The side that is live now, also when another is at the end. */
const stalledStandby: Injector = async (world) => {
  const side = await world.live();
  await stallCommits(world.url(side));
  return { what: `commits on ${side} wait for a standby`, heal: async () => letCommitsThrough(world.url(side)) };
};

export const serverFaults: Readonly<Record<string, Injector>> = {
  'kill blue server': kill('blue'),
  'kill green server': kill('green'),
  'stalled standby': stalledStandby,
};
