import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TealError } from '../kernel/errors.ts';
import type { ActingKey } from '../model/acting-keys.ts';
import { asPosition, type Position } from '../model/position.ts';
import type { Flow } from '../ports/carrier.ts';

const table = z.strictObject({ schema: z.string(), name: z.string() });
const columns = z.array(z.string()).readonly();
const action = z.enum(['none', 'cascade', 'set null']);
const actingKey = z.strictObject({
  name: z.string(),
  child: table,
  columns,
  parent: table,
  referencedColumns: columns,
  onDelete: action,
  onUpdate: action,
});
/** A file without keys is of a time when a source with any was refused. */
const schema = z.strictObject({ position: z.string().min(1), actingKeys: z.array(actingKey).readonly().default([]) });

/** What a flow begins with whose source keeps no slot. */
export interface Beginning {
  /** What was before is in the copy. */
  readonly position: Position;
  /** Foreign keys of the source whose cascades its log does not hold, as they were behind the position. */
  readonly actingKeys: readonly ActingKey[];
}

/** Where a flow begins whose source keeps no slot: what was before is in the copy. */
export function firstPositionFile(stateDir: string, flow: Flow): string {
  return join(stateDir, `first-position-${flow}.json`);
}

/** On disk when it resolves, whole or not at all, for its owner alone. To be called before the snapshot is taken. */
export async function writeFirstPosition(stateDir: string, flow: Flow, beginning: Beginning): Promise<void> {
  const path = firstPositionFile(stateDir, flow);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const next = `${path}.new`;
  await rm(next, { force: true });
  const file = await open(next, 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(beginning)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  await syncFolder(stateDir);
}

/** Undefined when there is none. Errors: TEAL-CARRIERS-009 it cannot be read. */
export async function readFirstPosition(stateDir: string, flow: Flow): Promise<Beginning | undefined> {
  return readBeginning(firstPositionFile(stateDir, flow));
}

/** Idempotent. */
export async function removeFirstPosition(stateDir: string, flow: Flow): Promise<void> {
  await rm(firstPositionFile(stateDir, flow), { force: true });
}

/** What a worker begins with. Errors: TEAL-CARRIERS-009 also when there is none. */
export async function requireFirstPosition(path: string | undefined): Promise<Beginning> {
  const beginning = path === undefined ? undefined : await readBeginning(path);
  if (beginning === undefined) throw new TealError('TEAL-CARRIERS-009', 'the file is missing', { path });
  return beginning;
}

async function readBeginning(path: string): Promise<Beginning | undefined> {
  try {
    const { position, actingKeys } = schema.parse(JSON.parse(await readFile(path, 'utf8')));
    return { position: asPosition(position), actingKeys };
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return undefined;
    throw new TealError('TEAL-CARRIERS-009', 'the file cannot be read', { path }, error);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
