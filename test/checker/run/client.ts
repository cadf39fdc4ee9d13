import { openSync, writeFileSync } from 'node:fs';
import { monotonicMs, sleep } from '../../../src/kernel/clock.ts';
import { must } from '../../../src/kernel/assert.ts';
import { openDriver } from '../drivers/installed.ts';
import { formatEvent, type HistoryEvent } from '../../../src/testing/checker/history.ts';
import type { ClientGroup, Schedule } from '../schedule.ts';
import { pgTools } from '../../../tools/servers/pg-tools.ts';
import { majorsOf } from '../systems.ts';
import { CheckedClient } from './checked-client.ts';
import { patiently } from './slowness.ts';
import { Pgbench } from './pgbench.ts';

export interface ClientProcess {
  /** Clients that follow a cut by themselves are told two, with a space between. */
  readonly url: string;
  readonly schedule: Schedule;
  readonly group: number;
  /** Of the first of its clients, below 10 000; a client that loses its connection goes on under its number plus 10 000, for as long as the process lives. */
  readonly firstClient: number;
  readonly history: string;
}

/** A client that has been told to stop has so long for the transaction that it is in; what it then still waits for hangs. */
const stopLimitMs = patiently(20_000);

async function main(options: ClientProcess): Promise<void> {
  const file = openSync(options.history, 'a', 0o600);
  // Whole: a write may take a part only.
  const log = (event: HistoryEvent): void => writeFileSync(file, formatEvent(event));
  const stop = new AbortController();
  for (const word of ['SIGTERM', 'SIGINT', 'disconnect', 'message'] as const) process.on(word, () => stop.abort());
  const group = must(options.schedule.groups[options.group], 'the group');
  const { clients, close } = await clientsOf(options, group, log);
  const began = monotonicMs();
  process.send?.('started');
  const running = new Map(clients.map((client) => [client, client.run(stop.signal)]));
  for (const [client, run] of running) void run.then(() => running.delete(client));
  const ended = Promise.all(running.values());
  await Promise.race([ended, stopped(stop.signal)]);
  for (const client of running.keys()) client.abandon();
  if (running.size === 0) await close();
  process.stdout.write(`${Math.round(monotonicMs() - began)} ms\n`);
  process.exit(0);
}

interface Clients {
  readonly clients: readonly (CheckedClient | Pgbench)[];
  readonly close: () => Promise<void>;
}

async function clientsOf(
  { schedule, firstClient, url }: ClientProcess,
  group: ClientGroup,
  log: (event: HistoryEvent) => void,
): Promise<Clients> {
  if (group.driver === 'pgbench') {
    const tools = await pgTools(...must(majorsOf(schedule.blue, schedule.green), 'two PostgreSQL'));
    return { clients: [new Pgbench({ tools, url, schedule, group, firstClient, log })], close: async () => undefined };
  }
  const driver = await openDriver(group.driver, url, group.clients);
  const clients = Array.from(
    { length: group.clients },
    (_, at) => new CheckedClient({ driver, schedule, group, number: firstClient + at, log }),
  );
  return { clients, close: async () => driver[Symbol.asyncDispose]() };
}

async function stopped(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await sleep(stopLimitMs);
}

if (import.meta.main) await main(JSON.parse(must(process.argv[2], 'options as JSON')) as ClientProcess);
