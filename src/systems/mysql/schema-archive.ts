import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { TealError } from '../../kernel/errors.ts';
import { keyOf, schemaItem, type SchemaItem } from './schema-capture.ts';
import type { SchemaShape } from './schema-shape.ts';

const form = z.strictObject({
  kind: z.enum(['table', 'column', 'enum label', 'attribute']),
  schema: z.string(),
  of: z.string(),
  name: z.string(),
  definition: z.string(),
});
const rule = z.strictObject({
  schema: z.string(),
  of: z.string(),
  name: z.string(),
  definition: z.string(),
  expression: z.string(),
});
const object = z.strictObject({
  kind: z.enum(['index', 'constraint', 'sequence', 'view', 'function', 'procedure', 'event', 'trigger']),
  name: z.string(),
  definition: z.string(),
  definitionVaries: z.boolean(),
  table: z.strictObject({ schema: z.string(), name: z.string() }).exactOptional(),
});

const keptSchema = z.strictObject({
  version: z.literal(1),
  /** In an order in which they can be made. */
  items: z.array(schemaItem).readonly(),
  shape: z.strictObject({
    flavour: z.enum(['mysql', 'mariadb']),
    series: z.number(),
    forms: z.array(form).readonly(),
    rules: z.array(rule).readonly(),
    objects: z.array(object).readonly(),
  }),
});

/** The schema of a source as it was when it was read, in Teal's own folder. */
export interface KeptSchema {
  readonly items: readonly SchemaItem[];
  readonly shape: SchemaShape;
}

/** Undefined where none is kept. Errors: TEAL-SYSTEMS-202. */
export async function readKept(file: string): Promise<KeptSchema | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return keptSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new TealError('TEAL-SYSTEMS-202', 'the kept schema is not as Teal writes it', { file }, error);
  }
}

/** Whole or not at all, for its owner only: definitions hold defaults and the texts of programs. */
export async function keep(file: string, schema: KeptSchema): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, JSON.stringify({ version: 1, ...schema }), { mode: 0o600, flush: true });
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The same for equal schemas. */
export function fingerprintOf(items: readonly SchemaItem[]): string {
  const hash = createHash('sha256');
  for (const key of items.map(keyOf).sort()) hash.update(key);
  return hash.digest('hex');
}
