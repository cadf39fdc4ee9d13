import { execute } from '../tools/servers/with-client.ts';
import type { Arena, Benchmark, Contender, Reading, Settings, Target, Variant } from './benchmark.ts';
import { countText, scaled } from './data/data-set.ts';
import { mixture } from './data/sets.ts';
import { fillTable, hugeTransaction } from './data/workloads.ts';
import { leaveMark, makeMarks, markArrives } from './followers.ts';
import { measure } from './measure.ts';
import { MemoryWatch } from './memory-watch.ts';
import { freshDatabase, openPair, type Pair } from './pair.ts';
import { Teal } from './teal.ts';

const [small, large] = ['Teal, small', 'Teal, large'];
const figureOf = (program: string): string => `${program}, MB`;

/** Below the bound, and as much with few rows as with many. */
function targetsOf(programs: readonly string[]): readonly Target[] {
  return programs.flatMap((program) => [
    { of: large, figure: figureOf(program), first: '<= 300', goal: '<= 200' } as const,
    { of: large, figure: figureOf(program), against: small, first: '<= 1.2', goal: '<= 1.1' } as const,
  ]);
}

async function watched(pair: Pair, blueUrl: string, after: () => Promise<void>): Promise<Reading> {
  const greenUrl = await freshDatabase(pair.green, 'moved');
  await using stack = new AsyncDisposableStack();
  const teal = stack.use(await Teal.start(pair, { blueUrl, greenUrl }));
  const watch = new MemoryWatch(() => teal.pid);
  return await measure(
    pair,
    () => [teal.pid],
    async () => {
      await teal.ask('up');
      await after();
      const peaks = await watch.end();
      return Object.fromEntries(Object.entries(peaks).map(([program, peak]) => [figureOf(program), peak]));
    },
  );
}

const tables: Variant = {
  name: 'tables',
  about: 'A whole copy of a quarter of a gigabyte, and of a whole one.',
  targets: targetsOf(['controller', 'flow', 'holder']),
  maxRounds: 1,
  open: async (settings): Promise<Arena> => {
    await using stack = new AsyncDisposableStack();
    const pair = stack.use(await openPair(settings));
    const contenders: Contender[] = [];
    for (const [name, share] of [
      [small, 0.25],
      [large, 1],
    ] as const) {
      const url = await freshDatabase(pair.blue, `blue_${contenders.length}`);
      await mixture.load({ url, major: pair.blue.major }, settings.scale * share);
      contenders.push({ name, role: 'teal', round: async () => watched(pair, url, async () => undefined) });
    }
    const kept = stack.move();
    return { contenders, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
  },
};

const millions = 2_000_000;

const transaction: Variant = {
  name: 'one transaction',
  about: `A transaction of ${countText(millions / 10)} changed rows, and one of ${countText(millions)}, while Teal follows.`,
  targets: targetsOf(['flow']),
  maxRounds: 1,
  open: async (settings: Settings): Promise<Arena> => {
    await using stack = new AsyncDisposableStack();
    const pair = stack.use(await openPair(settings));
    await fillTable(pair, 1_000);
    await execute(pair.blue.url, [makeMarks]);
    const contender = (name: string, mark: number, changes: number): Contender => ({
      name,
      role: 'teal',
      round: async () =>
        watched(pair, pair.blue.url, async () => {
          await hugeTransaction.write(pair, { round: 1, tableRows: 1_000, changes });
          await leaveMark(pair, mark);
          await markArrives(pair.green.url.replace(/\/postgres$/, '/moved'), mark);
        }),
    });
    const contenders = [
      contender(small, 1, scaled(millions / 10, settings.scale)),
      contender(large, 2, scaled(millions, settings.scale)),
    ];
    const kept = stack.move();
    return { contenders, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
  },
};

export const memory: Benchmark = {
  name: 'memory',
  title: 'Memory',
  about:
    "The most memory (resident set) that each of Teal's programs has had, from its start to the end of the work, as the system keeps it.",
  chart: figureOf('flow'),
  variants: [tables, transaction],
};
