import { execute, withClient } from '../tools/servers/with-client.ts';
import type { Arena, Benchmark, Contender, Settings, Target, Variant } from './benchmark.ts';
import { scaled } from './data/data-set.ts';
import { measure, runToEnd } from './measure.ts';
import { databaseUrl, freshDatabase, openPair, type Pair } from './pair.ts';
import { installReladiff, reladiff } from './peers/reladiff.ts';
import { Teal } from './teal.ts';

const database = 'verified';
const copies = 'COPY of both sides';
const scan = 'count and hash of both sides';
const peer = 'reladiff';
const different = 10;
/** Connections a side: as many as Teal takes by itself. */
const threads = 4;

interface Table {
  readonly name: string;
  readonly about: string;
  readonly rows: number;
  readonly columns: string;
  readonly values: string;
}

const narrow: Table = {
  name: 'narrow',
  about: 'five columns of numbers and a time',
  rows: 2_000_000,
  columns: 'id bigint primary key, a int not null, b int, c bigint not null, at timestamptz not null',
  values: `i, (i::bigint * 7919) % 100003, nullif(i % 17, 0), i::bigint * 31, timestamptz '2026-01-01' + i * interval '1 second'`,
};
const wide: Table = {
  name: 'wide',
  about: 'text, JSON and numeric, half a kilobyte a row',
  rows: 300_000,
  columns: 'id bigint primary key, name text not null, price numeric(12,2), notes text, facts jsonb not null',
  values: `i, 'name ' || i, (i % 100000) / 100.0, nullif(repeat(md5(i::text), 10), ''), jsonb_build_object('n', i, 'tags', array[md5(i::text), 'x'])`,
};

export const verify: Benchmark = {
  name: 'verify',
  title: 'Verify: are both sides equal?',
  about: `The same rows on both servers; from the command to the answer. Teal compares at one position while its flow runs, and keeps a certificate. *${copies}* reads every row of both in parallel and throws it away, *${scan}* sums a hash of each;
neither tells which rows differ. In the tables that differ ${different} rows of one side have another value, and whoever looks must find them.`,
  chart: 'seconds',
  variants: [narrow, wide].flatMap((table) => [equalVariant(table), differentVariant(table)]),
};

function equalVariant(table: Table): Variant {
  const targets: readonly Target[] = [
    { figure: 'seconds', against: copies, first: '<= 3', goal: '<= 1.2' },
    { figure: 'seconds', against: peer, first: '<= 0.5', goal: '<= 0.2' },
  ];
  return { name: `${table.name}, equal`, about: aboutOf(table), targets, open: async (all) => open(table, 0, all) };
}

function differentVariant(table: Table): Variant {
  const targets: readonly Target[] = [{ figure: 'seconds', against: peer, first: '<= 0.5', goal: '<= 0.2' }];
  const about = `${aboutOf(table)} ${different} of them differ.`;
  return {
    name: `${table.name}, ${different} rows differ`,
    about,
    targets,
    open: async (all) => open(table, different, all),
  };
}

function aboutOf({ rows, about }: Table): string {
  return `${rows.toLocaleString('en')} rows at scale 1: ${about}.`;
}

async function open(table: Table, differences: number, settings: Settings): Promise<Arena> {
  await using stack = new AsyncDisposableStack();
  const pair = stack.use(await openPair(settings));
  const blueUrl = await freshDatabase(pair.blue, database);
  const greenUrl = await freshDatabase(pair.green, database);
  const rows = scaled(table.rows, settings.scale);
  await execute(blueUrl, [
    `create table ${table.name} (${table.columns})`,
    `insert into ${table.name} select ${table.values} from generate_series(1, ${rows}) i`,
    'vacuum analyze',
  ]);
  const teal = stack.use(await Teal.start(pair, { blueUrl, greenUrl }));
  await teal.ask('up');
  await differ(greenUrl, table, rows, differences);
  await installReladiff();
  const sides = [blueUrl, greenUrl];
  const kept = stack.move();
  return {
    contenders: [
      tealContender(pair, teal, differences),
      reladiffContender(pair, table, differences),
      ...(differences > 0 ? [] : [copiesContender(pair, table, sides), scanContender(pair, table, sides)]),
    ],
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

/** As whoever passes by the fence: spread over the whole table. */
async function differ(url: string, table: Table, rows: number, differences: number): Promise<void> {
  if (differences > 0) {
    const changed = table.name === 'wide' ? `notes = 'other'` : 'c = -1';
    const ids = Array.from({ length: differences }, (_, at) => 1 + Math.floor(((at + 0.5) * rows) / differences));
    await execute(url, [
      'set session_replication_role = replica',
      `update ${table.name} set ${changed} where id in (${ids.join(', ')})`,
    ]);
  }
  await execute(url, ['vacuum analyze']);
}

function tealContender(pair: Pair, teal: Teal, differences: number): Contender {
  return {
    name: 'Teal',
    role: 'teal',
    round: async () =>
      measure(
        pair,
        () => [teal.pid],
        async () => {
          const { equal, evidence } = (await teal.ask('verify')) as { equal: boolean; evidence: string };
          if (equal !== (differences === 0)) throw new Error(`not what there is: ${evidence}`);
        },
      ),
  };
}

function reladiffContender(pair: Pair, { name }: Table, differences: number): Contender {
  const [blueUrl, greenUrl] = [databaseUrl(pair.blue, database), databaseUrl(pair.green, database)];
  return {
    name: peer,
    role: 'peer',
    round: async () =>
      measure(
        pair,
        () => ['ended children'],
        async () => {
          const found = await reladiff({ blueUrl, greenUrl, table: name, key: 'id', threads });
          if (found !== differences) throw new Error(`${found} rows differ, not ${differences}`);
        },
      ),
  };
}

function copiesContender(pair: Pair, { name }: Table, urls: readonly string[]): Contender {
  const copy = `copy ${name} to stdout (format binary)`;
  return {
    name: copies,
    role: 'limit',
    round: async () =>
      measure(
        pair,
        () => ['ended children'],
        async () => {
          const one = async (url: string): Promise<string> =>
            runToEnd('/bin/sh', ['-c', `"${pair.tools.psql}" -X -q --dbname="$SIDE" -c "${copy}" > /dev/null`], {
              env: { SIDE: url },
            });
          await Promise.all(urls.map(one));
        },
      ),
  };
}

function scanContender(pair: Pair, { name }: Table, urls: readonly string[]): Contender {
  const sql = `select count(*) as rows, sum(hashtextextended(${name}::text, 0)) as sum from ${name}`;
  return {
    name: scan,
    role: 'limit',
    round: async () =>
      measure(
        pair,
        () => [],
        async () => {
          const answers = await Promise.all(
            urls.map(async (url) => withClient(url, async (client) => JSON.stringify((await client.query(sql)).rows))),
          );
          if (answers[0] !== answers[1]) throw new Error('the sums differ');
        },
      ),
  };
}
