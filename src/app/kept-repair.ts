import { mkdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TealError } from '../kernel/errors.ts';
import type { ComparedTable } from './differences.ts';
import { replaceNow } from './replace-now.ts';
import { absent } from './wanted.ts';

const row = z
  .strictObject({
    key: z.record(z.string(), z.string().nullable()).readonly(),
    what: z.enum(['missing on blue', 'missing on green', 'different']),
    columns: z.array(z.string()).readonly(),
  })
  .readonly();

const repair = z
  .strictObject({
    on: z.enum(['blue', 'green']),
    rows: z.array(row).readonly(),
    of: z.int().min(0),
    sql: z.string(),
  })
  .readonly();

const keptSchema = z
  .strictObject({
    format: z.literal('teal-repair'),
    version: z.literal(1),
    certificate: z.string(),
    tables: z.array(z.strictObject({ table: z.string(), repair }).readonly()).readonly(),
  })
  .readonly();

/** What would make rows equal that the newest comparison has found to differ. */
export type KeptRepair = z.infer<typeof keptSchema>;

const folderOf = (stateDir: string): string => join(stateDir, 'differences');
const fileOf = (stateDir: string): string => join(folderOf(stateDir), 'repair.json');

/**
 * Writes `differences/repair.json` (mode 0600) into the state folder, the only file beside the spool that holds rows' values: it is of the newest comparison alone, which takes the place of the one before, or
 * takes it away.
 */
export function keepRepair(stateDir: string, certificate: string, compared: readonly ComparedTable[]): void {
  const tables = compared.flatMap(({ table, repair: found }) =>
    found === undefined ? [] : [{ table, repair: found }],
  );
  if (tables.length === 0) {
    forgetRepair(stateDir);
    return;
  }
  mkdirSync(folderOf(stateDir), { recursive: true, mode: 0o700 });
  const kept: KeptRepair = { format: 'teal-repair', version: 1, certificate, tables };
  replaceNow(fileOf(stateDir), `${JSON.stringify(kept, null, 2)}\n`);
}

/** At the end of a migration, and where nothing differs any more. */
export function forgetRepair(stateDir: string): void {
  rmSync(fileOf(stateDir), { force: true });
}

/** Undefined where there is none of this comparison. TEAL-VERIFY-020. */
export async function readRepair(stateDir: string, certificate: string): Promise<KeptRepair | undefined> {
  const text = await readFile(fileOf(stateDir), 'utf8').catch(absent);
  if (text === undefined) return undefined;
  try {
    const kept = keptSchema.parse(JSON.parse(text));
    return kept.certificate === certificate ? kept : undefined;
  } catch (error) {
    throw new TealError('TEAL-VERIFY-020', 'the kept repair cannot be read', { certificate }, error);
  }
}
