import type { Arena, Benchmark, Contender, Settings, Variant } from './benchmark.ts';
import { runLoad } from './data/pgbench-load.ts';
import { pgbench } from './data/sets.ts';
import { catchUp, nativeName, openFollowers, type Followed, type Follower } from './followers.ts';
import { measure } from './measure.ts';
import { quieten } from './pair.ts';

const tps = 'transactions/s';
const nothingName = 'nothing following';

function contender(settings: Settings, followed: Followed, follower: Follower | undefined): Contender {
  const { pair } = followed;
  const seconds = Math.max(3, 12 * settings.scale);
  return {
    name: follower?.name ?? nothingName,
    role: follower?.role ?? 'limit',
    round: async () => {
      // What the others have left undone meanwhile is not in its time.
      if (follower !== undefined) await catchUp(pair, follower);
      await quieten(pair.blue, pair.green);
      const tool = (): readonly (number | undefined)[] => [follower?.pid()];
      const reading = await measure(pair, tool, async () => ({ [tps]: await runLoad(pair, { seconds }) }));
      follower?.hold();
      return reading;
    },
  };
}

const wholeLoad: Variant = {
  name: 'pgbench, as fast as it can',
  about: '8 clients, 12 s, on a database that does not fit into shared_buffers.',
  targets: [
    { figure: tps, against: nothingName, first: '>= 0.9', goal: '>= 0.9' },
    { figure: tps, against: nativeName, goal: '>= 1' },
    { of: nativeName, figure: tps, against: nothingName, goal: '>= 0.9' },
  ],
  open: async (settings): Promise<Arena> => {
    const followed = await openFollowers(settings, async (pair) => pgbench.load(pair.blue, settings.scale));
    return {
      contenders: [undefined, ...followed.followers].map((follower) => contender(settings, followed, follower)),
      [Symbol.asyncDispose]: async () => followed[Symbol.asyncDispose](),
    };
  },
};

export const source: Benchmark = {
  name: 'source',
  title: 'What following costs blue',
  about:
    'Transactions of pgbench on blue while nothing follows, while Teal does, and while a native subscription does. Blue, green, the tool and the clients share all cores: what a follower uses, blue ' +
    'has less. Whichever is not measured is held.',
  chart: tps,
  variants: [wholeLoad],
};
