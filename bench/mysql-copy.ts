import type { Arena, Benchmark, Contender, Reading, Target, Variant } from './benchmark.ts';
import { copied, figuresOfSteps } from './copy-figures.ts';
import { digestsOfMysql, expectSame, type Digests } from './data/digest.ts';
import { createDatabase, mysqlBigTable, mysqlMixture, mysqlTextKeys, type MysqlDataSet } from './data/mysql-sets.ts';
import { measure } from './measure.ts';
import {
  bytesOf,
  database,
  dropDatabase,
  execute,
  openMysqlPair,
  settle,
  urlOf,
  versionOf,
  type MysqlPair,
  type Serieses,
} from './mysql-pair.ts';
import {
  dumpAndLoad,
  dumpAndLoadInParallel,
  installDump,
  installMydumper,
  type DumpPrograms,
} from './peers/mysql-dump.ts';
import { Teal } from './teal.ts';

/** Teal's default; mydumper and myloader get the same. */
const jobs = 4;
const mydumperName = 'mydumper and myloader';
const dumpName = 'dump in a pipe';

interface Course {
  readonly pair: MysqlPair;
  readonly digests: Digests;
  readonly bytes: number;
}

/** Nothing of it on green before the clock, all rows there after it, value by value. */
async function moved(
  { pair, digests }: Course,
  who: string,
  move: (after: AsyncDisposableStack) => Promise<Reading>,
): Promise<Reading> {
  await dropDatabase(pair.green, database);
  await settle(pair.blue, pair.green);
  await using after = new AsyncDisposableStack();
  const reading = await move(after);
  expectSame(digests, await digestsOfMysql(pair.green, database), who);
  return reading;
}

function teal(course: Course): Contender {
  const { pair } = course;
  return {
    name: 'Teal',
    role: 'teal',
    round: async () =>
      moved(course, 'Teal', async (after) => {
        let started: Teal | undefined;
        const tool = (): readonly (number | undefined)[] => [started?.pid];
        return measure(pair, tool, async () => {
          started = after.use(await startTeal(pair));
          await copied(started);
          return figuresOfSteps(course.bytes, started);
        });
      }),
  };
}

async function startTeal(pair: MysqlPair): Promise<Teal> {
  const systems = { blue: pair.blue.flavour, green: pair.green.flavour };
  const place = { folder: pair.folder, blue: {}, green: {} };
  return Teal.start(place, { blueUrl: urlOf(pair.blue, database), greenUrl: urlOf(pair.green), systems });
}

function mydumper(course: Course): Contender {
  const { blue, green, folder } = course.pair;
  return {
    name: mydumperName,
    role: 'peer',
    round: async () => {
      const programs = await installMydumper();
      return moved(course, mydumperName, async () =>
        measure(
          course.pair,
          () => ['ended children'],
          async () => dumpAndLoadInParallel(programs, { blue, green, database, folder, jobs }),
        ),
      );
    },
  };
}

function dump(course: Course): Contender {
  const { blue, green, folder } = course.pair;
  return {
    name: dumpName,
    role: 'peer',
    round: async () => {
      const programs = await installDump(blue.flavour);
      return moved(course, dumpName, async () =>
        measure(
          course.pair,
          () => ['ended children'],
          async () => {
            await execute(green, [createDatabase]);
            await dumpAndLoad(programs, { blue, green, database, folder, jobs });
          },
        ),
      );
    },
  };
}

/** As far as they can be had: whoever cannot fails in its round, and says why. */
async function versionsOf(pair: MysqlPair): Promise<readonly string[]> {
  const servers = [await versionOf(pair.blue), await versionOf(pair.green)];
  const peers = await Promise.allSettled([installMydumper(), installDump(pair.blue.flavour)]);
  const told = ({ dump: one, load: other }: DumpPrograms): readonly string[] => [one.version, other.version];
  return [servers.join(' to '), ...peers.flatMap((peer) => (peer.status === 'fulfilled' ? told(peer.value) : []))];
}

const targets: readonly Target[] = [
  { figure: 'seconds', against: mydumperName, first: '<= 1', goal: '<= 0.85' },
  { figure: 'seconds', against: dumpName, first: '<= 0.6', goal: '<= 0.4' },
  { figure: 'cpu', against: mydumperName, first: '<= 2', goal: '<= 1.5' },
];

function variant(between: string, series: Serieses, data: MysqlDataSet): Variant {
  return {
    name: `${between}, ${data.name}`,
    about: data.about,
    targets,
    open: async (settings): Promise<Arena> => {
      await using stack = new AsyncDisposableStack();
      const pair = stack.use(await openMysqlPair(series));
      await data.load(pair.blue, settings.scale);
      const course: Course = {
        pair,
        digests: await digestsOfMysql(pair.blue, database),
        bytes: await bytesOf(pair.blue),
      };
      const versions = await versionsOf(pair);
      const kept = stack.move();
      return {
        versions,
        contenders: [teal(course), mydumper(course), dump(course)],
        [Symbol.asyncDispose]: async () => kept.disposeAsync(),
      };
    },
  };
}

const mysql: Serieses = { blue: 'mysql-8.0', green: 'mysql-8.0' };
const mariadb: Serieses = { blue: 'mariadb-10.11', green: 'mariadb-11.4' };

export const mysqlCopy: Benchmark = {
  name: 'mysql-copy',
  title: 'The copy of MySQL and MariaDB',
  about:
    'From nothing on green to all of it there. Teal is measured from the start of its process to the moment when all that is done and its flow has come to the end of the copy; what it does beside ' +
    'it (its own tables, fences, a held snapshot, receiving the log) is in its time. mydumper writes files, then myloader reads them, past the log of green as it does by itself: whoever wants to follow green ' +
    `has to begin after it. *${dumpName}* is mysqldump | mysql, or mariadb-dump | mariadb, of one snapshot, one session each. Neither follows. Teal and mydumper move rows by ${jobs} at a time. ` +
    'After each round every table of both sides is compared by number of rows and a sum of hashes of all values.',
  chart: 'seconds',
  between: () => 'MySQL 8.0 to 8.0 and MariaDB 10.11 to 11.4',
  variants: [
    variant('MySQL', mysql, mysqlBigTable),
    variant('MySQL', mysql, mysqlMixture),
    variant('MySQL', mysql, mysqlTextKeys),
    variant('MariaDB', mariadb, mysqlBigTable),
    variant('MariaDB', mariadb, mysqlMixture),
  ],
};
