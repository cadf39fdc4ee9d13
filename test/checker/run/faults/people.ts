import { Client } from 'pg';
import { otherSide } from '../../../../src/model/catalog.ts';
import { withClient } from '../../../../tools/servers/with-client.ts';
import type { Injector } from '../world.ts';
import { alter } from './alter.ts';

/** Then the other side gets it too, as docs/guide/ddl.md says. */
const ddl: Injector = async (world) => {
  const live = await world.live();
  const table = world.random.pick(['lists', 'accounts', 'rows', 'bag']);
  const sql = `alter table ${table} add column if not exists extra_${world.random.between(1, 1_000_000)} text`;
  await alter(world.url(live), sql);
  return { what: `${sql} on ${live}`, heal: async () => alter(world.url(otherSide(live)), sql) };
};

/**
 * A row that no client of the workload asks for, so that nobody has to wait for it, is written and not committed. In a cut that has begun only somebody beside the proxy can
 * still begin: the fence then waits for him.
 */
const longTransaction: Injector = async (world, { place }) => {
  const side = await world.live();
  const isProxied = place !== 'hold' && world.random.chance(0.5);
  const client = new Client({
    connectionString: isProxied ? world.clientUrl : world.url(side),
    application_name: 'long',
  });
  // What breaks it is told by its commit.
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin');
  await client.query('update ballast set filler = filler where id = 1');
  return {
    what: `a transaction stayed open on ${isProxied ? 'the proxy' : side}`,
    async heal() {
      try {
        await client.query('commit');
      } finally {
        await client.end();
      }
    },
  };
};

/** What is not live, and closed to everybody but those who say that they replicate. `teal verify --fix` makes it good. */
const rogueWriter: Injector = async (world) => {
  const side = otherSide(await world.live());
  await withClient(world.url(side), async (client) => {
    await client.query('set session_replication_role = replica');
    const { rowCount } = await client.query(`update ballast set filler = 'rogue' where id = 2`);
    if (rowCount !== 1) throw new Error(`${side} has no row to write over`);
  });
  return { what: `a rogue write on ${side}`, heal: async () => undefined };
};

export const peopleFaults: Readonly<Record<string, Injector>> = {
  ddl,
  'long transaction': longTransaction,
  'rogue writer': rogueWriter,
};
