import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Injection, Injector, ProcessName, World } from '../world.ts';

const over = async (): Promise<void> => undefined;

/** `kill -9` of one of those that run, chosen by the seed, or of all. */
export function killOf(name: ProcessName, which: 'one' | 'all' = 'one'): Injector {
  return async (world): Promise<Injection> => {
    const running = world.pids(name);
    const chosen = which === 'all' ? running : running.length === 0 ? [] : [world.random.pick(running)];
    if (chosen.length === 0) throw new Error(`no ${name} runs`);
    for (const pid of chosen) process.kill(pid, 'SIGKILL');
    return { what: `kill -9 of ${name} ${chosen.join(' and ')}`, heal: over };
  };
}

/**
 * The end of the journal's log is cut short, as when the machine lost its power in the middle of a write. Only where no journal is open: the controller has been
 * killed.
 */
export async function tearJournal(world: Pick<World, 'stateDir' | 'random'>): Promise<Injection> {
  const path = join(world.stateDir, 'journal.db-wal');
  const { size } = await stat(path);
  const lost = Math.min(size, world.random.between(1, 4_000));
  await using file = await open(path, 'r+');
  await file.truncate(size - lost);
  return { what: `the last ${lost} bytes of the journal's log lost`, heal: over };
}

export const processFaults: Readonly<Record<string, Injector>> = {
  'kill supervisor': killOf('supervisor'),
  'kill worker forward': killOf('worker forward'),
  'kill worker reverse': killOf('worker reverse'),
  'kill proxy': killOf('proxy'),
  'kill holder': killOf('holder'),
  'kill both holders': killOf('holder', 'all'),
};
