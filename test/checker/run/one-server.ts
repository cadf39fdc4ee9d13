import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pairEvents, parseEvents, type Txn } from '../../../src/testing/checker/history.ts';
import { checkRun, type Violation } from '../../../src/testing/checker/invariants.ts';
import { scheduleOf, type ClientGroup, type Schedule } from '../schedule.ts';
import type { ClientProcess } from './client.ts';
import { postgresStore } from '../stores/postgres.ts';
import type { Store } from '../stores/store.ts';
import { opening } from './tables.ts';

export interface OneServerRun {
  readonly txns: readonly Txn[];
  readonly violations: readonly Violation[];
}

/** A schedule of one group of clients, with every kind of micro-operation. */
export function scheduleWith(seed: number, group: ClientGroup): Schedule {
  const schedule = scheduleOf(seed, { length: 'short' });
  // No rows of a loader: those that clients insert are all.
  return { ...schedule, groups: [group], longest: 6, rolledBackShare: 0.05 };
}

/** One process of clients on one server or through one proxy, no migration: what they saw is judged by what they left. For trying a driver or a kind of session. */
export async function runOnOneServer(
  url: string,
  schedule: Schedule,
  meanwhile: (acknowledged: () => Promise<number>) => Promise<void>,
  store: Store = postgresStore(url, 'blue'),
): Promise<OneServerRun> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-check-'));
  try {
    await store.load(schedule, []);
    const history = join(folder, 'history.jsonl');
    await writeFile(history, '');
    const options: ClientProcess = { url, schedule, group: 0, firstClient: 100, history };
    const child = fork(fileURLToPath(new URL('client.ts', import.meta.url)), [JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const exit = once(child, 'exit') as Promise<[number | null]>;
    await Promise.race([once(child, 'message'), exit]);
    const read = async (): Promise<string> => readFile(history, 'utf8');
    await meanwhile(async () => (await read()).split('"type":"ok"').length - 1).catch(async (error: unknown) => {
      throw new Error(`the last of its lines:\n${(await read()).split('\n').slice(-10).join('\n')}`, { cause: error });
    });
    if (child.connected) child.send('stop');
    const [code] = await exit;
    if (code !== 0) throw new Error(`the client process ended with ${code ?? 'a signal'}`);
    const txns = pairEvents([parseEvents(await readFile(history, 'utf8'))]);
    return { txns, violations: await judge(store, schedule, txns) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function judge(store: Store, { sizes }: Schedule, txns: readonly Txn[]): Promise<readonly Violation[]> {
  const state = await store.readState(0);
  const accounts = Array.from({ length: sizes.accounts }, (_, at) => [at + 1, opening] as const);
  return checkRun({ txns, opening: new Map(accounts), states: [state] });
}
