import { withClient } from '../tools/servers/with-client.ts';
import type { Arena, Benchmark, Contender, Target, Variant } from './benchmark.ts';
import {
  bulkInserts,
  deletes,
  fillTable,
  hotKeys,
  hugeTransaction,
  indexedUpdates,
  plainUpdates,
  singleRows,
  sizeOf,
  type Workload,
} from './data/workloads.ts';
import { leaveMark, markArrives, nativeName, openFollowers, type Followed, type Follower } from './followers.ts';
import { measure } from './measure.ts';
import { quieten, type Pair } from './pair.ts';

const rate = 'rows/s';

/** From the moment when it is let go until the mark of the round, which lies behind `changes` rows, is on green. */
export function applying(follower: Follower, { pair }: Pick<Followed, 'pair'>, changes: number): Contender {
  return {
    name: follower.name,
    role: follower.role,
    round: async (round) => {
      const tool = (): readonly (number | undefined)[] => [follower.pid(), ...(follower.helpers?.() ?? [])];
      await quieten(pair.green);
      const reading = await measure(pair, tool, async () => {
        follower.release();
        await markArrives(follower.url, round);
      });
      follower.hold();
      await expectSameCount(pair, follower);
      const { seconds, cpu } = reading;
      const perRow = (labels: readonly string[]): number =>
        (labels.reduce((sum, label) => sum + (cpu[label] ?? Number.NaN), 0) * 1e6) / changes;
      const figures = {
        [rate]: changes / seconds,
        'CPU of blue, µs/row': perRow(['blue']),
        'CPU of green and tool, µs/row': perRow(['green', 'tool']),
      };
      return { seconds, cpu, figures };
    },
  };
}

async function expectSameCount(pair: Pair, follower: Follower): Promise<void> {
  const count = async (url: string): Promise<string | undefined> =>
    withClient(url, async (client) => (await client.query<{ n: string }>('select count(*) as n from big')).rows[0]?.n);
  const [there, here] = [await count(pair.blue.url), await count(follower.url)];
  if (there !== here) throw new Error(`blue has ${there} rows, ${follower.name} ${here}`);
}

function variant(workload: Workload, targets: readonly Omit<Target, 'figure' | 'against'>[]): Variant {
  return {
    name: workload.name,
    about: workload.about,
    targets: targets.map((each) => ({ ...each, figure: rate, against: nativeName })),
    open: async (settings): Promise<Arena> => {
      const sizeIn = (round: number): ReturnType<typeof sizeOf> => sizeOf(workload, settings.scale, round);
      const followed = await openFollowers(settings, async (pair) => fillTable(pair, sizeIn(1).tableRows));
      return {
        contenders: followed.followers.map((follower) => applying(follower, followed, sizeIn(1).changes)),
        beforeRound: async (round) => {
          await workload.write(followed.pair, sizeIn(round));
          await leaveMark(followed.pair, round);
          await quieten(followed.pair.blue);
        },
        [Symbol.asyncDispose]: async () => followed[Symbol.asyncDispose](),
      };
    },
  };
}

export const apply: Benchmark = {
  name: 'apply',
  title: 'Applying changes',
  about:
    'Two databases on green follow the same blue: one by Teal, one by a native subscription (binary, `synchronous_commit = off`, for the rest as its server has it). Both are held by SIGSTOP while a ' +
    'workload is written on blue; then each in turn is let go, and the clock runs until the last transaction is seen on green. So it is the whole way that is measured: decoding on blue, sending, ' +
    "Teal's spool, applying; and both work through the same log.",
  chart: rate,
  variants: [
    variant(bulkInserts, [{ first: '>= 1.3', goal: '>= 2.5' }]),
    variant(plainUpdates, [{ first: '>= 1', goal: '>= 1.5' }]),
    variant(singleRows, [{ first: '>= 1.5', goal: '>= 3' }]),
    variant(indexedUpdates, []),
    variant(deletes, []),
    variant(hotKeys, []),
    variant(hugeTransaction, []),
  ],
};
