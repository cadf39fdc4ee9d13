import { debeziumVersion } from '../tools/servers/install-connect.ts';
import { kafkaVersion } from '../tools/servers/install-kafka.ts';
import { execute } from '../tools/servers/with-client.ts';
import { applying } from './apply.ts';
import type { Arena, Benchmark, Settings, Target, Variant } from './benchmark.ts';
import { bulkInserts, fillTable, plainUpdates, sizeOf, type Workload } from './data/workloads.ts';
import {
  followByTeal,
  holdable,
  leaveMark,
  makeMarks,
  markArrives,
  type Followed,
  type Follower,
} from './followers.ts';
import { freshDatabase, openPair, quieten, type Pair } from './pair.ts';
import { startDebezium } from './peers/debezium.ts';
import { copySchema } from './peers/native-subscription.ts';

const peerName = 'Debezium → JDBC sink, one task';
const firstMark = 0;

/** Copied, and held. */
async function followByConnect(pair: Pair, stack: AsyncDisposableStack): Promise<Follower> {
  const url = await freshDatabase(pair.green, 'by_connect');
  await copySchema(pair, pair.blue.url, url);
  const tables = ['big', 'marks'].map((name) => ({ schema: 'public', name }));
  const debezium = await startDebezium(stack, { sourceUrl: pair.blue.url, targetUrl: url, tables });
  await leaveMark(pair, firstMark);
  await markArrives(url, firstMark);
  await execute(url, ['analyze']);
  const worker = debezium.workerPid();
  if (worker === undefined) throw new Error('the worker of Kafka Connect has ended');
  const pids = { pid: debezium.workerPid, helpers: () => [debezium.brokerPid()] };
  return holdable(stack, { name: peerName, role: 'peer', url, ...pids }, worker);
}

async function openBoth(settings: Settings, fill: (pair: Pair) => Promise<void>): Promise<Followed> {
  await using stack = new AsyncDisposableStack();
  const pair = stack.use(await openPair(settings));
  await fill(pair);
  await execute(pair.blue.url, [makeMarks]);
  // The schema that is dumped for the sink has none of Teal's triggers yet.
  const byConnect = await followByConnect(pair, stack);
  const followers = [await followByTeal(pair, stack), byConnect];
  const kept = stack.move();
  return { pair, followers, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

const targets: readonly Target[] = [
  { figure: 'rows/s', against: peerName, goal: '>= 5' },
  { figure: 'cpu', against: peerName, goal: '<= 0.2' },
];

function variant(workload: Workload): Variant {
  return {
    name: workload.name,
    about: workload.about,
    targets,
    open: async (settings): Promise<Arena> => {
      const sizeIn = (round: number): ReturnType<typeof sizeOf> => sizeOf(workload, settings.scale, round);
      const followed = await openBoth(settings, async (pair) => fillTable(pair, sizeIn(1).tableRows));
      return {
        contenders: followed.followers.map((follower) => applying(follower, followed, sizeIn(1).changes)),
        versions: [`Debezium ${debeziumVersion}`, `Kafka and Kafka Connect ${kafkaVersion}`],
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

export const follow: Benchmark = {
  name: 'follow',
  title: "Following, beside Kafka Connect's path",
  about:
    "Two databases on green follow the same blue: one by Teal, one by Debezium's source, one topic of one partition and Debezium's JDBC sink, with the connectors that `carrier: connect` makes. Teal's " +
    'worker and the worker of Kafka Connect are held by SIGSTOP while a workload is written on blue; then each in turn is let go, and the clock runs until the last transaction is seen on green. ' +
    '*Tool* is Teal with its worker, or the worker of Kafka Connect with the broker.',
  chart: 'rows/s',
  variants: [
    variant({ ...bulkInserts, about: '100 thousand rows in transactions of 1,000.', changes: 100_000 }),
    variant({
      ...plainUpdates,
      about:
        '60 thousand rows, spread over a table of 100 thousand, in transactions of 100: a column without an index.',
      tableRows: 100_000,
      changes: 60_000,
    }),
  ],
};
