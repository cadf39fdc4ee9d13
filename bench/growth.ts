import type { Client } from 'pg';
import { monotonicMs } from '../src/kernel/clock.ts';
import { withClient } from '../tools/servers/with-client.ts';
import type { Arena, Benchmark, Target, Variant } from './benchmark.ts';
import { bigTable } from './data/sets.ts';
import { countText, scaled } from './data/data-set.ts';
import { measure } from './measure.ts';
import { MemoryWatch } from './memory-watch.ts';
import { freshDatabase, openPair, type Pair } from './pair.ts';
import { exponent } from './rounds.ts';
import { Teal } from './teal.ts';

/** Stages of which the growth is told, with the steps that they are made of; the last three are commands. */
const stages: Readonly<Record<string, RegExp | undefined>> = Object.freeze({
  prepare: /^prepare:/,
  rows: /^copy:rows$/,
  'indexes and statistics': /^copy:(keys|analyse)$/,
  follow: /^follow:/,
  verify: undefined,
  cut: undefined,
  'way back': undefined,
});

type Costs = Readonly<Record<string, number>>;

/** Seconds of each stage, and the memory of each program in MB, of one whole migration. */
async function migrate(pair: Pair, blueUrl: string): Promise<Costs> {
  const greenUrl = await freshDatabase(pair.green, 'moved');
  await using stack = new AsyncDisposableStack();
  const teal = stack.use(await Teal.start(pair, { blueUrl, greenUrl, spec: 'traffic: { router: none }' }));
  const watch = new MemoryWatch(() => teal.pid);
  await teal.ask('up');
  const took = teal.stepSeconds();
  const costs: Record<string, number> = {};
  for (const [stage, steps] of Object.entries(stages)) {
    if (steps === undefined) continue;
    const matching = Object.entries(took).filter(([step]) => steps.test(step));
    costs[`${stage}, s`] = matching.reduce((sum, [, seconds]) => sum + seconds, 0);
  }
  costs['verify, s'] = await seconds(async () => teal.ask('verify'));
  costs['cut, s'] = await seconds(async () => teal.ask('cutover'));
  costs['way back, s'] = await seconds(async () => teal.ask('rollback'));
  for (const [program, peak] of Object.entries(await watch.end())) costs[`${program}, MB`] = peak;
  return costs;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = monotonicMs();
  await work();
  return (monotonicMs() - began) / 1000;
}

interface Sized {
  readonly size: number;
  readonly costs: Costs;
}

/** Of each size, and how each cost grows between the two largest: what is the same for every size weighs least there. */
export function figuresOf(all: readonly Sized[]): Readonly<Record<string, number>> {
  const figures: Record<string, number> = {};
  for (const name of Object.keys(all[0]?.costs ?? {})) {
    for (const { size, costs } of all) figures[`${name} ×${size / (all[0]?.size ?? 1)}`] = costs[name] ?? Number.NaN;
    const [below, largest] = all.slice(-2).map(({ size, costs }) => ({ size, cost: costs[name] ?? Number.NaN }));
    if (below !== undefined && largest !== undefined) figures[exponentOf(name)] = exponent(below, largest);
  }
  return figures;
}

const exponentOf = (cost: string): string => `exponent of ${cost.replace(/, (s|MB)$/, '')}`;

const targets: readonly Target[] = Object.keys(stages).map((stage) => ({
  figure: exponentOf(stage),
  first: '<= 1.05',
  goal: '<= 1',
}));

function variant(
  name: string,
  about: string,
  sizesOf: (scale: number) => readonly number[],
  fill: (pair: Pair, url: string, size: number) => Promise<void>,
): Variant {
  return {
    name,
    about,
    targets,
    maxRounds: 1,
    open: async (settings): Promise<Arena> => {
      await using stack = new AsyncDisposableStack();
      const pair = stack.use(await openPair(settings, { max_locks_per_transaction: '512' }));
      const bases: { readonly url: string; readonly size: number }[] = [];
      for (const size of sizesOf(settings.scale)) {
        const url = await freshDatabase(pair.blue, `blue_${bases.length}`);
        await fill(pair, url, size);
        bases.push({ url, size });
      }
      const round = async (): ReturnType<typeof measure> =>
        measure(
          pair,
          () => ['ended children'],
          async () => {
            const all: Sized[] = [];
            for (const { url, size } of bases) all.push({ size, costs: await migrate(pair, url) });
            return figuresOf(all);
          },
        );
      const kept = stack.move();
      return {
        contenders: [{ name: 'Teal', role: 'teal', round }],
        [Symbol.asyncDispose]: async () => kept.disposeAsync(),
      };
    },
  };
}

const mostRows = 4_000_000;
const mostTables = 1_000;

async function fillTables(url: string, tables: number): Promise<void> {
  await withClient(url, async (client) => {
    for (let from = 0; from < tables; from += 100) await createTables(client, from, Math.min(from + 100, tables));
  });
}

async function createTables(client: Client, from: number, to: number): Promise<void> {
  const each = Array.from(
    { length: to - from },
    (_, at) =>
      `create table t${from + at} (id int generated by default as identity primary key, note text unique); insert into t${from + at} (note) select 'n' || n from generate_series(1, 3) n`,
  );
  await client.query(each.join(';'));
}

export const growth: Benchmark = {
  name: 'growth',
  title: 'Growth',
  about:
    'Whole migrations of three sizes, one after the other: the time of each stage, the memory of each program, and how both grow between the two larger sizes (1: as the size, 2: as its square).',
  chart: 'seconds',
  variants: [
    variant(
      'rows',
      `One table of ${countText(mostRows / 16)}, ${countText(mostRows / 4)} and ${countText(mostRows)} rows.`,
      (scale) => [1 / 16, 1 / 4, 1].map((share) => scaled(mostRows, scale) * share),
      async (pair, url, size) => bigTable.load({ url, major: pair.blue.major }, size / mostRows),
    ),
    variant(
      'tables',
      `${mostTables / 100}, ${mostTables / 10} and ${mostTables} tables of three rows.`,
      (scale) => [1 / 100, 1 / 10, 1].map((share) => Math.max(1, Math.round(mostTables * scale * share))),
      async (_, url, size) => fillTables(url, size),
    ),
  ],
};
