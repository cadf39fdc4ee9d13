import type { MysqlSeries } from '../tools/servers/install-mysql.ts';
import type { MysqlServer } from '../tools/servers/mysql.ts';
import { startPostgres, type PostgresServer } from '../tools/servers/postgres.ts';
import { execute } from '../tools/servers/with-client.ts';
import type { Arena, Benchmark, Contender, Reading, Settings, Target, Variant } from './benchmark.ts';
import { copied, figuresOfSteps } from './copy-figures.ts';
import { digestsOfMysql, digestsOfPostgres, expectSame, type Digests } from './data/digest.ts';
import { mysqlBigTable, mysqlMixture, type MysqlDataSet } from './data/mysql-sets.ts';
import { openFolder } from './folder.ts';
import { measure } from './measure.ts';
import { bytesOf, database, openMysql, settle, urlOf, versionOf } from './mysql-pair.ts';
import { freshDatabase, quieten, settingsOfBoth } from './pair.ts';
import { installPgloader, pgload } from './peers/pgloader.ts';
import { Teal } from './teal.ts';

/** Teal's default; pgloader gets the same. */
const jobs = 4;
const peer = 'pgloader';
const target = 'moved';

interface Course {
  readonly pair: { readonly blue: MysqlServer; readonly green: PostgresServer };
  readonly folder: string;
  readonly digests: Digests;
  readonly bytes: number;
}

/** A clean database on green before the clock, all rows there after it, value by value. */
async function moved(
  { pair, digests }: Course,
  who: string,
  move: (greenUrl: string, after: AsyncDisposableStack) => Promise<Reading>,
): Promise<Reading> {
  const greenUrl = await freshDatabase(pair.green, target);
  await settle(pair.blue);
  await quieten(pair.green);
  await using after = new AsyncDisposableStack();
  const reading = await move(greenUrl, after);
  expectSame(digests, await digestsOfPostgres(greenUrl, database), who);
  return reading;
}

function teal(course: Course): Contender {
  const { pair, folder, bytes } = course;
  const place = { folder, blue: {}, green: { major: pair.green.major } };
  return {
    name: 'Teal',
    role: 'teal',
    round: async () =>
      moved(course, 'Teal', async (greenUrl, after) => {
        let started: Teal | undefined;
        const tool = (): readonly (number | undefined)[] => [started?.pid];
        return measure(pair, tool, async () => {
          const systems = { blue: pair.blue.flavour };
          const options = { blueUrl: urlOf(pair.blue, database), greenUrl, systems };
          started = after.use(await Teal.start(place, options));
          await copied(started);
          return figuresOfSteps(bytes, started);
        });
      }),
  };
}

function pgloader(course: Course): Contender {
  const { pair, folder } = course;
  return {
    name: peer,
    role: 'peer',
    round: async () => {
      const program = await installPgloader();
      return moved(course, peer, async (targetUrl) =>
        measure(
          pair,
          () => ['ended children'],
          async () => {
            await pgload(program, { sourceUrl: urlOf(pair.blue, database), targetUrl, folder, jobs });
            // Teal's last step but the flow's; pgloader leaves it to autovacuum, which is off here.
            await execute(targetUrl, ['analyze']);
          },
        ),
      );
    },
  };
}

const targets: readonly Target[] = [
  { figure: 'seconds', against: peer, first: '<= 0.8', goal: '<= 0.5' },
  { figure: 'cpu', against: peer, first: '<= 1', goal: '<= 0.7' },
];

function variant(series: MysqlSeries, data: MysqlDataSet): Variant {
  return {
    name: `${series.startsWith('mysql') ? 'MySQL' : 'MariaDB'}, ${data.name}`,
    about: data.about,
    targets,
    open: async (settings) => open(series, data, settings),
  };
}

async function open(series: MysqlSeries, data: MysqlDataSet, settings: Settings): Promise<Arena> {
  await using stack = new AsyncDisposableStack();
  const blue = stack.use(await openMysql(series, 1));
  const green = stack.use(await startPostgres({ major: settings.greenMajor, settings: settingsOfBoth }));
  const folder = await openFolder(stack);
  await data.load(blue, settings.scale);
  const course: Course = {
    pair: { blue, green },
    folder,
    digests: await digestsOfMysql(blue, database),
    bytes: await bytesOf(blue),
  };
  const versions = [`${await versionOf(blue)} to PostgreSQL ${settings.greenMajor}`];
  // Where it cannot be had it fails in its round, and says why.
  const [program] = await Promise.allSettled([installPgloader()]);
  if (program.status === 'fulfilled') versions.push(program.value.version);
  const kept = stack.move();
  return {
    versions,
    contenders: [teal(course), pgloader(course)],
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

export const mysqlToPostgres: Benchmark = {
  name: 'mysql-to-pg',
  title: 'The copy from MySQL to PostgreSQL',
  about:
    'From nothing on green to all of it there: schema, rows, indexes, statistics, constraints. Teal is measured from the start of its process to the moment when all that is done and its flow has come ' +
    'to the end of the copy; what it does beside it (its own tables, fences, a held snapshot, receiving the log) is in its time. pgloader reads without a snapshot and does not follow, and that of Debian 12 ends at a collation of MySQL 8.0 that it does not know (dimitri/pgloader #1211); ANALYZE of its ' +
    `tables is in its time, as it is in Teal's. Both move rows by ${jobs} at a time. After each round every table of both sides is compared by number of rows and a sum of hashes of all values.`,
  chart: 'seconds',
  between: ({ greenMajor }) => `MySQL 8.0 and MariaDB 10.11 to PostgreSQL ${greenMajor}`,
  variants: [
    variant('mysql-8.0', mysqlBigTable),
    variant('mysql-8.0', mysqlMixture),
    variant('mariadb-10.11', mysqlBigTable),
    variant('mariadb-10.11', mysqlMixture),
  ],
};
