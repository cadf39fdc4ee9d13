import type { Client } from 'pg';
import { monotonicMs, sleep } from '../src/kernel/clock.ts';
import { execute, withClient } from '../tools/servers/with-client.ts';
import type { Arena, Benchmark, Contender, Settings, Variant } from './benchmark.ts';
import { pgbench } from './data/sets.ts';
import { capacityOf, runLoad } from './data/pgbench-load.ts';
import { catchUp, nativeName, openFollowers, type Followed, type Follower } from './followers.ts';
import { measure } from './measure.ts';
import { percentile } from './rounds.ts';

const [p50, p99] = ['lag p50, ms', 'lag p99, ms'];
const seenTimeoutMs = 60_000;

/** From the moment when a client of blue knows that its row is committed until a query on green sees it, in ms; 0 when the query was quicker than the answer. */
async function lagOfOneRow(blue: Client, green: Client, n: number): Promise<number> {
  const written = blue.query({ name: 'write', text: 'insert into probes values ($1)', values: [n] }).then(monotonicMs);
  for (const began = monotonicMs(); ;) {
    const { rows } = await green.query({ name: 'look', text: 'select 1 from probes where n = $1', values: [n] });
    const seen = monotonicMs();
    if (rows.length > 0) return Math.max(0, seen - (await written));
    if (seen - began > seenTimeoutMs) throw new Error('a row did not arrive within a minute');
  }
}

/** Rows one after the other, until enough were written or the time is over. */
async function probe(
  followed: Followed,
  follower: Follower,
  until: { readonly rows: number; readonly pauseMs: number; readonly over: () => boolean },
): Promise<readonly number[]> {
  const lags: number[] = [];
  await withClient(followed.pair.blue.url, async (blue) =>
    withClient(follower.url, async (green) => {
      const { rows } = await blue.query<{ n: string }>('select coalesce(max(n), 0) as n from probes');
      for (let n = Number(rows[0]?.n) + 1; lags.length < until.rows && !until.over(); n += 1) {
        lags.push(await lagOfOneRow(blue, green, n));
        await sleep(until.pauseMs);
      }
    }),
  );
  return lags;
}

function contender(followed: Followed, follower: Follower, ask: () => Promise<readonly number[]>): Contender {
  return {
    name: follower.name,
    role: follower.role,
    round: async () => {
      await catchUp(followed.pair, follower);
      try {
        return await measure(
          followed.pair,
          () => [follower.pid()],
          async () => {
            const lags = await ask();
            return { [p50]: percentile(lags, 0.5), [p99]: percentile(lags, 0.99), rows: lags.length };
          },
        );
      } finally {
        follower.hold();
      }
    },
  };
}

async function open(settings: Settings): Promise<Followed> {
  return openFollowers(settings, async (pair) => {
    await pgbench.load(pair.blue, settings.scale);
    await execute(pair.blue.url, ['create table probes (n bigint primary key)']);
  });
}

const alone: Variant = {
  name: 'one row alone',
  about: '200 rows, one after the other, on a blue that has nothing else to do.',
  targets: [{ figure: p50, against: nativeName, first: '<= 4', goal: '<= 1.5' }],
  open: async (settings): Promise<Arena> => {
    const followed = await open(settings);
    const rows = Math.max(20, Math.round(200 * settings.scale));
    const ask = async (follower: Follower): Promise<readonly number[]> =>
      probe(followed, follower, { rows, pauseMs: 20, over: () => false });
    return {
      contenders: followed.followers.map((follower) => contender(followed, follower, async () => ask(follower))),
      [Symbol.asyncDispose]: async () => followed[Symbol.asyncDispose](),
    };
  },
};

const underLoad: Variant = {
  name: "at half of blue's capacity",
  about: 'A row every 30 ms for 15 s, while pgbench asks blue for half the transactions that it can do alone.',
  targets: [{ figure: p99, first: '<= 250', goal: '<= 30' }],
  open: async (settings): Promise<Arena> => {
    const followed = await open(settings);
    const seconds = Math.max(3, 15 * settings.scale);
    const capacity = await capacityOf(followed.pair, Math.max(2, 5 * settings.scale));
    const ask = async (follower: Follower): Promise<readonly number[]> => {
      let isOver = false;
      const load = runLoad(followed.pair, { seconds, rate: capacity / 2 }).finally(() => (isOver = true));
      const lags = await probe(followed, follower, { rows: Infinity, pauseMs: 30, over: () => isOver });
      await load;
      return lags;
    };
    return {
      contenders: followed.followers.map((follower) => contender(followed, follower, async () => ask(follower))),
      [Symbol.asyncDispose]: async () => followed[Symbol.asyncDispose](),
    };
  },
};

export const lag: Benchmark = {
  name: 'lag',
  title: 'Lag',
  about:
    'From the moment when a client of blue knows that its row is committed until a query that asks without a pause sees it on green. Teal and the native subscription follow the same blue into two ' +
    'databases; whichever is not measured is held.',
  chart: p50,
  variants: [alone, underLoad],
};
