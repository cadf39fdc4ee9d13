import type { MysqlSeries } from '../tools/servers/install-mysql.ts';
import type { MysqlServer } from '../tools/servers/mysql.ts';
import type { Arena, Benchmark, Contender, Target, Variant } from './benchmark.ts';
import { digestsOfMysql, expectSame, type Digests } from './data/digest.ts';
import { fillBig } from './data/mysql-sets.ts';
import { mysqlWorkloads, type MysqlWorkload } from './data/mysql-workloads.ts';
import { sizeOf } from './data/workloads.ts';
import { measure } from './measure.ts';
import { leaveMark, markArrives, openMysqlFollowers, replicaNames, type MysqlFollower } from './mysql-followers.ts';
import { database, settle, versionOf } from './mysql-pair.ts';

const rate = 'rows/s';

function contender(
  follower: MysqlFollower,
  blue: MysqlServer,
  changes: number,
  wanted: () => Promise<Digests>,
): Contender {
  return {
    name: follower.name,
    role: follower.role,
    round: async (round) => {
      const tool = (): readonly (number | undefined)[] => [follower.pid()];
      const sides = { blue, green: follower.server };
      const { seconds, cpu } = await measure(sides, tool, async () => {
        follower.release();
        await markArrives(follower, round);
      });
      expectSame(await wanted(), await digestsOfMysql(follower.server, database), follower.name);
      // A replica's server is held with all that it has: what it has not written yet must not be left for its next round.
      await settle(follower.server);
      follower.hold();
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

type Aim = Omit<Target, 'figure' | 'against'>;

function variant(
  series: MysqlSeries,
  workload: MysqlWorkload,
  aims: Readonly<Partial<Record<keyof typeof replicaNames, Aim>>> = {},
): Variant {
  const targets = (['single', 'parallel'] as const).flatMap((which): readonly Target[] => {
    const aim = aims[which];
    return aim === undefined ? [] : [{ ...aim, figure: rate, against: replicaNames[which] }];
  });
  return {
    name: `${series.startsWith('mysql') ? 'MySQL' : 'MariaDB'}, ${workload.name}`,
    about: workload.about,
    targets,
    open: async (settings): Promise<Arena> => {
      await using stack = new AsyncDisposableStack();
      const sizeIn = (round: number): ReturnType<typeof sizeOf> => sizeOf(workload, settings.scale, round);
      const { blue, followers } = stack.use(
        await openMysqlFollowers(series, async (server) => fillBig(server, sizeIn(1).tableRows)),
      );
      let digests: Promise<Digests> | undefined;
      const wanted = async (): Promise<Digests> => (digests ??= digestsOfMysql(blue, database));
      const versions = [await versionOf(blue)];
      const kept = stack.move();
      return {
        versions,
        contenders: followers.map((follower) => contender(follower, blue, sizeIn(1).changes, wanted)),
        beforeRound: async (round) => {
          await workload.write(blue, sizeIn(round));
          await leaveMark(blue, round);
          digests = undefined;
          await settle(blue);
        },
        [Symbol.asyncDispose]: async () => kept.disposeAsync(),
      };
    },
  };
}

const { bulkInserts, plainUpdates, singleRows, indexedUpdates, deletes, hotKeys, hugeTransaction } = mysqlWorkloads;

export const mysqlApply: Benchmark = {
  name: 'mysql-apply',
  title: 'Applying changes of MySQL and MariaDB',
  about:
    "Three servers follow the same blue: one by Teal, two by the servers' own replication (GTIDs, row format, commits in the source's order), in one thread and with 4 workers; " +
    'blue notes for them what depends on what by the rows (`WRITESET`) where it can. Each target writes a log of its own and waits for its disk at each commit, as the servers have it by themselves. All are held by SIGSTOP, ' +
    "Teal's worker here, the whole server of a replica there, while a workload is written on blue; then each in turn is let go, and the clock runs until the last transaction is seen. So it is the whole way " +
    "that is measured: reading the log on blue, sending, the relay log or Teal's spool, applying; and all work through the same log. After each round every table is compared with blue's by number of rows and a sum of hashes of all values.",
  chart: rate,
  between: () => 'MySQL 8.0 to 8.0 and MariaDB 11.4 to 11.4',
  variants: [
    variant('mysql-8.0', bulkInserts, { single: { first: '>= 1', goal: '>= 1.5' }, parallel: { goal: '>= 1' } }),
    variant('mysql-8.0', plainUpdates, { single: { first: '>= 1', goal: '>= 1.5' }, parallel: { goal: '>= 1' } }),
    variant('mysql-8.0', singleRows, { single: { first: '>= 1.5', goal: '>= 3' }, parallel: { goal: '>= 1' } }),
    variant('mysql-8.0', indexedUpdates),
    variant('mysql-8.0', deletes),
    variant('mysql-8.0', hotKeys),
    variant('mysql-8.0', hugeTransaction),
    variant('mariadb-11.4', bulkInserts, { single: { first: '>= 1', goal: '>= 1.5' }, parallel: { goal: '>= 1' } }),
    variant('mariadb-11.4', plainUpdates, { single: { first: '>= 1', goal: '>= 1.5' }, parallel: { goal: '>= 1' } }),
    variant('mariadb-11.4', singleRows, { single: { first: '>= 1.5', goal: '>= 3' }, parallel: { goal: '>= 1' } }),
  ],
};
