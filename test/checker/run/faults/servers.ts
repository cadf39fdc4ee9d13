import type { Side } from '../../../../src/model/catalog.ts';
import { letCommitsThrough, stallCommits } from '../../../support/stalled-commits.ts';
import type { Injector } from '../world.ts';

const kill =
  (side: Side): Injector =>
  async ({ servers }) => {
    const { pid } = servers[side];
    if (pid === undefined) throw new Error(`${side} does not run`);
    await servers[side].kill9();
    return {
      what: `kill -9 of ${side}'s postmaster ${pid} and its backends`,
      heal: async () => servers[side].restart(),
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
