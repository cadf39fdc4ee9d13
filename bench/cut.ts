import { must } from '../src/kernel/assert.ts';
import { sleep, waitFor } from '../src/kernel/clock.ts';
import { freePort } from '../tools/servers/free-port.ts';
import { withClient } from '../tools/servers/with-client.ts';
import type { Arena, Benchmark, Reading, Settings, Target, Variant } from './benchmark.ts';
import { Crowd, feltBetween } from './clients.ts';
import { epochMs } from './measure.ts';
import { databaseUrl, freshDatabase, openPair, quieten, type Pair } from './pair.ts';
import { copySchema, subscribe, unsubscribe } from './peers/native-subscription.ts';
import { startPgBouncer, type PgBouncer } from '../tools/servers/pgbouncer.ts';
import { Teal } from './teal.ts';

const pgbouncer = 'PgBouncer around a subscription';
const callsPerSecond = 2_000;
const rows = 1_000;
/** Clients call so long before a cut, and after it. */
const beforeMs = 2_000;
const afterMs = 1_500;

/** What is felt beside the cut itself: from its command until all clients were served again for a moment. */
const targets: readonly Target[] = [
  { figure: 'silence ms', first: '<= 150', goal: '<= 50' },
  { figure: 'longest wait ms', first: '<= 600', goal: '<= 350' },
  { figure: 'failed', first: '<= 0', goal: '<= 0' },
  { figure: 'lost writes', first: '<= 0', goal: '<= 0' },
  { figure: 'silence ms', against: pgbouncer, first: '<= 1.5', goal: '<= 1' },
];

export const cut: Benchmark = {
  name: 'cut',
  title: 'The cut: what clients feel',
  about: `node-postgres clients in a process of their own make ${callsPerSecond.toLocaleString('en')} calls a second, every other one a write, while the live side changes. *Silence* is the longest time in which no client got an answer, *longest
wait* that of one client; both from the command to the cut until ${afterMs} ms after its end. *Lost writes* are acknowledged ones that are not on the side that is live then, or are there twice. Teal's cut fences the side that is left, proves
by a token that all has arrived, and keeps a way back; each round goes to the other side. ${pgbouncer} is scripted as well as one can, in transaction mode: PAUSE, a mark that must arrive, sequences, a new configuration, RELOAD,
RESUME; it fences nobody else and has no way back, so that it is set up anew before each round.`,
  chart: 'silence ms',
  variants: [1, 1_000].flatMap((tables) => [16, 64, 256].map((clients) => variantOf(clients, tables))),
};

function variantOf(clients: number, tables: number): Variant {
  const about = `${tables.toLocaleString('en')} ${tables === 1 ? 'table' : 'tables, each with a key, an index and a sequence'}.`;
  return {
    name: `${clients} clients, ${tables.toLocaleString('en')} ${tables === 1 ? 'table' : 'tables'}`,
    about,
    targets,
    open: async (settings) => open(clients, Math.max(1, Math.round(tables * Math.min(1, settings.scale))), settings),
  };
}

async function open(clients: number, tables: number, settings: Settings): Promise<Arena> {
  await using stack = new AsyncDisposableStack();
  const pair = stack.use(await openPair(settings, { max_connections: '800', max_locks_per_transaction: '256' }));
  const teal = await tealCuts(pair, clients, tables, stack);
  const kept = stack.move();
  return {
    contenders: [
      { name: 'Teal', role: 'teal', round: teal },
      { name: pgbouncer, role: 'peer', round: async () => scriptedCut(pair, clients, tables) },
    ],
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

async function fill(url: string, tables: number): Promise<void> {
  await withClient(url, async (client) => {
    await client.query('create table counted (id int primary key, n bigint not null default 0)');
    await client.query(`insert into counted select i from generate_series(1, ${rows}) i`);
    for (let at = 1; at < tables; at += 1) {
      await client.query(
        `create table more_${at} (id bigserial primary key, a int, b text, c timestamptz default now(), d numeric); create index on more_${at} (a)`,
      );
    }
  });
}

/** Clients before, during and after `change`; `liveUrl` is asked for what they wrote. */
async function felt(
  clients: number,
  url: string,
  change: () => Promise<Readonly<Record<string, number>>>,
  liveUrl: () => string,
): Promise<Reading> {
  const before = await sum(url);
  await using crowd = await Crowd.start({ url, clients, callsPerSecond, rows });
  await sleep(beforeMs);
  const fromMs = epochMs();
  const figures = await change();
  const untilMs = epochMs();
  await sleep(afterMs);
  const { calls, acknowledgedWrites, failures } = await crowd.end();
  const { silenceMs, longestWaitMs, p50Ms, p99Ms } = feltBetween(calls, fromMs, untilMs + afterMs);
  const without = feltBetween(calls, fromMs - beforeMs / 2, fromMs);
  const written = (await sum(liveUrl())) - before;
  return {
    seconds: (untilMs - fromMs) / 1_000,
    cpu: {},
    figures: {
      'silence ms': silenceMs,
      'longest wait ms': longestWaitMs,
      'p50 ms': p50Ms,
      'p99 ms': p99Ms,
      'silence without a cut ms': without.silenceMs,
      'longest wait without a cut ms': without.longestWaitMs,
      failed: failures.length,
      'lost writes': Math.abs(acknowledgedWrites - written),
      ...figures,
    },
  };
}

async function sum(url: string): Promise<number> {
  return withClient(url, async (client) => {
    const { rows: answer } = await client.query<{ n: string }>('select sum(n) as n from counted');
    return Number(must(answer[0], 'a sum').n);
  });
}

/** Each round is a cut to the other side. */
async function tealCuts(
  pair: Pair,
  clients: number,
  tables: number,
  stack: AsyncDisposableStack,
): Promise<() => Promise<Reading>> {
  const sides = {
    blue: await freshDatabase(pair.blue, 'by_teal'),
    green: await freshDatabase(pair.green, 'by_teal'),
  };
  await fill(sides.blue, tables);
  const port = await freePort();
  const teal = stack.use(
    await Teal.start(pair, {
      blueUrl: sides.blue,
      greenUrl: sides.green,
      spec: `traffic: { listen: "127.0.0.1:${port}", clientAuth: trust }`,
    }),
  );
  await teal.ask('up');
  let live: keyof typeof sides = 'blue';
  return async () => {
    await quieten(pair.blue, pair.green);
    const url = `postgres://postgres@127.0.0.1:${port}/by_teal`;
    const change = async (): Promise<Readonly<Record<string, number>>> => {
      await teal.ask(live === 'blue' ? 'cutover' : 'rollback');
      live = live === 'blue' ? 'green' : 'blue';
      return budget(teal.stepSeconds());
    };
    return felt(clients, url, change, () => sides[live]);
  };
}

/** Of the last cut, as its journal's steps were begun and done. */
function budget(steps: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const cuts = Object.keys(steps).filter((step) => step.startsWith('cut:'));
  const last = cuts.at(-1)?.split(':')[1];
  return Object.fromEntries(
    cuts
      .filter((step) => step.split(':')[1] === last)
      .map((step) => [`step ${step.split(':')[2]} ms`, (steps[step] ?? 0) * 1_000]),
  );
}

async function scriptedCut(pair: Pair, clients: number, tables: number): Promise<Reading> {
  const sourceUrl = await freshDatabase(pair.blue, 'by_pgbouncer');
  const targetUrl = await freshDatabase(pair.green, 'by_pgbouncer');
  await fill(sourceUrl, tables);
  await withClient(sourceUrl, async (client) => client.query('create table marks (n int primary key)'));
  await copySchema(pair, sourceUrl, targetUrl);
  const subscription = { sourceUrl, targetUrl, name: 'bench_cut' };
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => unsubscribe(subscription));
  await subscribe(subscription);
  await quieten(pair.blue, pair.green);
  const settings = { max_prepared_statements: 100, server_login_retry: 1, default_pool_size: 40 };
  const bouncer = stack.use(
    await startPgBouncer({ release: 'newer', mode: 'transaction', server: pair.blue, settings }),
  );
  const url = databaseUrl({ ...pair.blue, url: bouncer.url }, 'by_pgbouncer');
  return await felt(
    clients,
    url,
    async () => script(bouncer, pair, sourceUrl, targetUrl),
    () => targetUrl,
  );
}

async function script(
  bouncer: PgBouncer,
  pair: Pair,
  sourceUrl: string,
  targetUrl: string,
): Promise<Readonly<Record<string, number>>> {
  const took: Record<string, number> = {};
  return withClient(sourceUrl, async (source) =>
    withClient(targetUrl, async (target) => {
      const step = async (what: string, work: () => Promise<unknown>): Promise<void> => {
        const began = performance.now();
        await work();
        took[`step ${what} ms`] = performance.now() - began;
      };
      await step('pause', async () => bouncer.say('PAUSE'));
      await step('lag', async () => {
        await source.query('insert into marks values (1)');
        await waitFor({ what: 'the mark', timeoutMs: 60_000, everyMs: 1 }, async () => {
          const { rows: there } = await target.query('select 1 from marks');
          return there.length > 0 ? true : undefined;
        });
      });
      await step('sequences', async () => {
        const { rows: found } = await source.query<{ name: string; value: string }>(
          `select format('%I.%I', schemaname, sequencename) as name, last_value as value from pg_sequences where last_value is not null`,
        );
        await target.query(
          'select setval(name::regclass, value) from unnest($1::text[], $2::bigint[]) as s (name, value)',
          [found.map(({ name }) => name), found.map(({ value }) => value)],
        );
      });
      await step('reload', async () => {
        await bouncer.pointTo(pair.green);
        await bouncer.say('RELOAD');
      });
      await step('resume', async () => bouncer.say('RESUME'));
      return took;
    }),
  );
}
