import type { PostgresServer } from '../tools/servers/postgres.ts';
import { execute, withClient } from '../tools/servers/with-client.ts';
import type { Arena, Benchmark, Contender, Reading, Target, Variant } from './benchmark.ts';
import { copied, figuresOfSteps, megabytesPerSecond, movedFigure } from './copy-figures.ts';
import { contentsOf, type Contents, type DataSet } from './data/data-set.ts';
import { bigTable, keyless, mixture, partitioned, pgbench, shop, uuidKeys } from './data/sets.ts';
import { measure } from './measure.ts';
import { freshDatabase, openPair, quieten, type Pair } from './pair.ts';
import { copySchema, subscribe, unsubscribe } from './peers/native-subscription.ts';
import { clone, installPgcopydb } from './peers/pgcopydb.ts';
import { openPipes } from './peers/pipes.ts';
import { Teal } from './teal.ts';

/** Teal's defaults; the peers get the same. */
const [jobs, indexJobs] = [4, 2];
const database = 'moved';
const [pgcopydbName, nativeName, pipesName] = ['pgcopydb', 'native subscription', 'raw pipes'];

interface Course {
  readonly pair: Pair;
  readonly contents: Contents;
}

/** A clean database on green before the clock, all rows there after it; then whatever `move` has left to be undone, and nothing stays on either side. */
async function moved(
  course: Course,
  move: (targetUrl: string, after: AsyncDisposableStack) => Promise<Reading>,
): Promise<Reading> {
  const { pair, contents } = course;
  const targetUrl = await freshDatabase(pair.green, database);
  await quieten(pair.blue, pair.green);
  await using after = new AsyncDisposableStack();
  const reading = await move(targetUrl, after);
  await expectAll(targetUrl, contents);
  return reading;
}

async function expectAll(targetUrl: string, wanted: Contents): Promise<void> {
  const { rows } = await contentsOf(targetUrl);
  const wrong = Object.entries(wanted.rows).find(([table, count]) => rows[table] !== count);
  if (wrong === undefined) return;
  throw new Error(`table ${wrong[0]} should have ${wrong[1]} rows and has ${rows[wrong[0]] ?? 'none'}`);
}

function teal(course: Course): Contender {
  const { pair, contents } = course;
  return {
    name: 'Teal',
    role: 'teal',
    round: async () =>
      moved(course, async (greenUrl, after) => {
        let started: Teal | undefined;
        const tool = (): readonly (number | undefined)[] => [started?.pid];
        return measure(pair, tool, async () => {
          started = after.use(await Teal.start(pair, { blueUrl: pair.blue.url, greenUrl }));
          await copied(started);
          return figuresOfSteps(contents.bytes, started);
        });
      }),
  };
}

function pgcopydb(course: Course): Contender {
  const { pair } = course;
  return {
    name: pgcopydbName,
    role: 'peer',
    round: async () => {
      const program = await installPgcopydb();
      return moved(course, async (targetUrl) =>
        measure(
          pair,
          () => ['ended children'],
          async () => clone(program, pair, { sourceUrl: pair.blue.url, targetUrl, jobs, indexJobs }),
        ),
      );
    },
  };
}

function native(course: Course): Contender {
  const { pair } = course;
  return {
    name: nativeName,
    role: 'peer',
    round: async () =>
      moved(course, async (targetUrl, after) => {
        const options = { sourceUrl: pair.blue.url, targetUrl, name: 'bench_native' };
        after.defer(async () => unsubscribe(options));
        return measure(
          pair,
          () => ['ended children'],
          async () => {
            await copySchema(pair, options.sourceUrl, targetUrl);
            await subscribe(options);
            await execute(targetUrl, ['analyze']);
          },
        );
      }),
  };
}

function pipes(course: Course): Contender {
  const { pair, contents } = course;
  return {
    name: pipesName,
    role: 'limit',
    round: async () =>
      moved(course, async (targetUrl, after) => {
        const opened = after.use(await openPipes(pair, pair.blue.url));
        await opened.prepare(targetUrl);
        return measure(
          pair,
          () => ['ended children'],
          async () => {
            const began = performance.now();
            await opened.moveRows(targetUrl, jobs);
            const rows = (performance.now() - began) / 1000;
            await opened.finish(targetUrl, indexJobs);
            const all = (performance.now() - began) / 1000;
            return {
              [movedFigure]: megabytesPerSecond(contents.bytes, rows),
              'rows, s': rows,
              'indexes and statistics, s': all - rows,
            };
          },
        );
      }),
  };
}

const targets: readonly Target[] = [
  { figure: 'seconds', against: pgcopydbName, first: '<= 1', goal: '<= 0.85' },
  { figure: 'seconds', against: pipesName, first: '<= 1.15', goal: '<= 1.05' },
  { figure: movedFigure, against: pipesName, first: '>= 0.85', goal: '>= 0.95' },
];
const bigTableTarget: Target = { figure: 'seconds', against: nativeName, first: '<= 0.6', goal: '<= 0.4' };

function variant(data: DataSet, more: readonly Target[] = []): Variant {
  return {
    name: data.name,
    about: data.about(1),
    targets: [...targets, ...more],
    open: async (settings): Promise<Arena> => {
      await using stack = new AsyncDisposableStack();
      const pair = stack.use(await openPair(settings));
      await data.load(pair.blue, settings.scale);
      await createRoles(pair.blue, pair.green);
      const course: Course = { pair, contents: await contentsOf(pair.blue.url) };
      const kept = stack.move();
      return {
        contenders: [teal(course), pgcopydb(course), native(course), pipes(course)],
        [Symbol.asyncDispose]: async () => kept.disposeAsync(),
      };
    },
  };
}

/** Roles belong to the server and not to a database: without them only Teal could restore what the shop grants. */
async function createRoles(blue: PostgresServer, green: PostgresServer): Promise<void> {
  const { rows } = await withClient(blue.url, async (client) =>
    client.query<{ name: string }>(`select quote_ident(rolname) as name from pg_roles where oid >= 16384`),
  );
  await withClient(green.url, async (client) => {
    for (const { name } of rows) await client.query(`create role ${name}`);
  });
}

export const copy: Benchmark = {
  name: 'copy',
  title: 'The copy',
  about:
    'From nothing on green to all of it there: schema, rows, indexes, statistics, constraints. Teal is measured from the start of its process to the moment when all that is done and its flow has ' +
    'come to the end of the copy; what it does beside it (its own tables, fences, publication, slot, a held snapshot) is in its time. pgcopydb 0.10 clones and does not follow; the native ' +
    `subscription copies into tables with their indexes, and follows; the limit is psql's binary COPY in pipes into tables that are there already, then pg_restore's index builds and ANALYZE. ` +
    `All move rows by ${jobs} and build indexes by ${indexJobs} at a time.`,
  chart: 'seconds',
  variants: [
    variant(bigTable, [bigTableTarget]),
    variant(mixture),
    variant(uuidKeys),
    variant(keyless),
    variant(partitioned),
    variant(pgbench),
    variant(shop),
  ],
};
