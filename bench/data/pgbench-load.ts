import { runToEnd } from '../measure.ts';
import type { Pair } from '../pair.ts';

export interface Load {
  readonly seconds: number;
  /** Transactions a second; without it as many as blue can do. */
  readonly rate?: number;
}

const [clients, threads] = [8, 2];

/** pgbench's own transactions on blue. Returns how many were done a second. */
export async function runLoad(pair: Pair, { seconds, rate }: Load): Promise<number> {
  const said = await runToEnd(pair.tools.pgbench, [
    '--no-vacuum',
    '--protocol=prepared',
    '--random-seed=1',
    `--client=${clients}`,
    `--jobs=${threads}`,
    `--time=${Math.ceil(seconds)}`,
    ...(rate === undefined ? [] : [`--rate=${rate.toFixed(1)}`]),
    pair.blue.url,
  ]);
  const tps = /^tps = ([\d.]+)/m.exec(said)?.[1];
  if (tps === undefined) throw new Error(`pgbench did not tell its rate: ${said.slice(-200)}`);
  return Number(tps);
}

/** Transactions a second with nothing beside it. */
export async function capacityOf(pair: Pair, seconds: number): Promise<number> {
  return runLoad(pair, { seconds });
}
