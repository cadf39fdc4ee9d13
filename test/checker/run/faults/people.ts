import { otherSide } from '../../../../src/model/catalog.ts';
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
  const writer = await world.store(side).openWriter(isProxied ? world.clientUrl : undefined);
  return {
    what: `a transaction stayed open on ${isProxied ? 'the proxy' : side}`,
    heal: async () => writer.commit(),
  };
};

/** What is not live, and closed to everybody but those who say that they replicate. `teal verify --fix` makes it good. */
const rogueWriter: Injector = async (world) => {
  const side = otherSide(await world.live());
  await world.store(side).writeRogue();
  return { what: `a rogue write on ${side}`, heal: async () => undefined };
};

export const peopleFaults: Readonly<Record<string, Injector>> = {
  ddl,
  'long transaction': longTransaction,
  'rogue writer': rogueWriter,
};
