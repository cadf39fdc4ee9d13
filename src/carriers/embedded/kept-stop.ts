import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { monotonicMs, nowMs } from '../../kernel/clock.ts';
import { asPosition, type Position } from '../../model/position.ts';
import { writeAtomically } from './config.ts';

/** A place where a flow stands still, until a moment of this process's monotonic clock. */
export interface Stop {
  readonly position: Position;
  readonly untilMs: number;
}

const kept = z.strictObject({ position: z.string(), untilWallMs: z.number() });

function fileOf(folder: string): string {
  return join(folder, 'stop.json');
}

/** On disk, because a worker that takes the place of one that died must stand still too: a comparison or a repair relies on it. */
export async function keepStop(folder: string, { position, untilMs }: Stop): Promise<void> {
  const untilWallMs = nowMs() + untilMs - monotonicMs();
  await writeAtomically(fileOf(folder), JSON.stringify({ position, untilWallMs }));
}

export async function forgetStop(folder: string): Promise<void> {
  await rm(fileOf(folder), { force: true });
}

/** Undefined when there is none, or none that still holds. */
export async function keptStop(folder: string): Promise<Stop | undefined> {
  try {
    const { position, untilWallMs } = kept.parse(JSON.parse(await readFile(fileOf(folder), 'utf8')));
    const restMs = untilWallMs - nowMs();
    return restMs <= 0 ? undefined : { position: asPosition(position), untilMs: monotonicMs() + restMs };
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return undefined;
    throw error;
  }
}
