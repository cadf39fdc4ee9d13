import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TealError } from '../kernel/errors.ts';
import { differenceCauses } from '../model/difference-causes.ts';
import type { ComparedTable } from './differences.ts';
import { absent } from './wanted.ts';

const cause = z
  .strictObject({
    cause: z.enum(differenceCauses),
    what: z.enum(['missing on blue', 'missing on green', 'different']),
    says: z.string(),
    confidence: z.number().min(0).max(1),
    count: z.int().min(0),
    of: z.int().min(0),
    columns: z.array(z.string()).readonly(),
    examples: z.array(z.record(z.string(), z.string().nullable()).readonly()).readonly(),
    sql: z.strictObject({ blue: z.string(), green: z.string() }).readonly(),
  })
  .readonly();

const keptSchema = z
  .strictObject({
    format: z.literal('teal-differences'),
    version: z.literal(1),
    certificate: z.string(),
    tables: z.array(z.strictObject({ table: z.string(), causes: z.array(cause).readonly() }).readonly()).readonly(),
  })
  .readonly();

/** What a comparison has found to be the probable causes of its differences. It holds keys of rows: its file is its owner's alone, and the certificate stays without. */
export type KeptDifferences = z.infer<typeof keptSchema>;

const folderOf = (stateDir: string): string => join(stateDir, 'differences');

/** Writes `differences/<certificate>.json` (mode 0600) into the state folder; nothing where no table has a cause. */
export function keepDifferences(stateDir: string, certificate: string, tables: readonly ComparedTable[]): void {
  const told = tables.flatMap(({ table, causes }) => (causes.length === 0 ? [] : [{ table, causes }]));
  if (told.length === 0) return;
  mkdirSync(folderOf(stateDir), { recursive: true, mode: 0o700 });
  const kept: KeptDifferences = { format: 'teal-differences', version: 1, certificate, tables: told };
  const file = join(folderOf(stateDir), `${certificate}.json`);
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
}

/** Those beside a certificate that is kept under this name; undefined where none were found. TEAL-VERIFY-010. */
export async function readDifferences(stateDir: string, certificate: string): Promise<KeptDifferences | undefined> {
  const text = await readFile(join(folderOf(stateDir), `${certificate}.json`), 'utf8').catch(absent);
  if (text === undefined) return undefined;
  try {
    return keptSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new TealError('TEAL-VERIFY-010', 'kept differences cannot be read', { certificate }, error);
  }
}
