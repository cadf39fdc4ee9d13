import { writeFileSync } from 'node:fs';
import { monotonicMs, sleep } from '../src/kernel/clock.ts';
import { mergeReports, type BookKeeper, type ClientsReport } from './books.ts';

/** What every process of clients is told. */
export interface CrowdOptions {
  readonly clients: number;
  readonly callsPerSecond: number;
  /** Where the report is written when the process is told to stop. */
  readonly report: string;
  readonly customers: number;
  readonly orders: number;
}

export interface ShopClient {
  readonly keeper: BookKeeper;
  open(): Promise<void>;
  /** One visit to the shop. What it throws has failed. */
  visit(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The shop's clients: a process of their own, so that nothing of Teal slows their clocks. They come at their pace until the process is told to stop, and then their report is
 * written, to which `more` adds.
 */
export async function runCrowd(
  options: CrowdOptions,
  make: (number: number) => ShopClient,
  more: () => Partial<ClientsReport> = () => ({}),
): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.on('SIGTERM', end).on('SIGINT', end).on('disconnect', end);
  process.on('message', end);
  const clients = Array.from({ length: options.clients }, (_, number) => make(number));
  const running = Promise.all(clients.map(async (client) => keepComing(client, options, stop.signal)));
  process.send?.('started');
  await running;
  const report: ClientsReport = { ...mergeReports(clients.map(({ keeper }) => keeper.report)), ...more() };
  writeFileSync(options.report, JSON.stringify(report));
  process.disconnect?.();
}

async function keepComing(client: ShopClient, options: CrowdOptions, signal: AbortSignal): Promise<void> {
  await client.open();
  const everyMs = (1000 * options.clients) / options.callsPerSecond;
  let next = monotonicMs();
  while (!signal.aborted) {
    try {
      await client.visit();
    } catch (error) {
      client.keeper.fail(error);
    }
    next = Math.max(next + everyMs, monotonicMs() - 5 * everyMs);
    const pause = next - monotonicMs();
    if (pause > 1) await sleep(pause);
  }
  await client.close();
}

/** From 1 to `most`. */
export function anyOf(most: number): number {
  return 1 + Math.floor(Math.random() * most);
}
