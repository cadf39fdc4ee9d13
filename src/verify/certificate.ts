import { createHash } from 'node:crypto';
import { z } from 'zod';
import { TealError } from '../kernel/errors.ts';

const side = z.enum(['blue', 'green']);
/** Counts may pass what a JavaScript number holds: decimal text. */
const count = z.string().regex(/^\d+$/);
const perSide = <T extends z.ZodType>(value: T) => z.strictObject({ blue: value, green: value });

const sideSchema = z.strictObject({
  side,
  version: z.string(),
  /** `host:port/database`, without secrets. */
  address: z.string(),
  /** Of this side's own log. The live side's is the position that the certificate is about. */
  position: z.string(),
  snapshotAt: z.iso.datetime(),
});

const differencesSchema = z.strictObject({
  missing: perSide(z.int().nonnegative()),
  different: z.int().nonnegative(),
  /** Differing columns by name, among the rows that were described one by one. */
  columns: z.record(z.string(), z.int().positive()),
  described: z.int().nonnegative(),
  truncated: z.boolean(),
});

const tableSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  outcome: z.enum(['equal', 'differs', 'absent', 'unsettled']),
  /** Why there is no answer; the side where it is absent. */
  reason: z.string().optional(),
  rows: perSide(count).optional(),
  /** Count-free sums of row hashes, 64 hexadecimal digits; comparable only inside one certificate. */
  digest: perSide(z.string().regex(/^[0-9a-f]{64}$/)).optional(),
  form: z.enum(['quick', 'text']).optional(),
  keyed: z.boolean().optional(),
  leftOut: z.array(z.strictObject({ column: z.string(), why: z.string() })),
  differentTypes: z.array(z.string()),
  differences: differencesSchema.optional(),
});

const objectsSchema = z.strictObject({
  compared: z.record(z.string(), z.int().nonnegative()),
  differences: z.array(
    z.strictObject({
      kind: z.string(),
      name: z.string(),
      what: z.enum(['only on blue', 'only on green', 'defined differently', 'behind on the other side']),
    }),
  ),
});

const bodySchema = z.strictObject({
  format: z.literal('teal-certificate'),
  version: z.literal(1),
  migration: z.string(),
  flow: z.enum(['forward', 'reverse']),
  result: z.enum(['equal', 'differs', 'unsettled']),
  /** `reduced`: at least one column of a table was left out of the comparison. */
  precision: z.enum(['full', 'reduced']),
  startedAt: z.iso.datetime(),
  durationMs: z.int().nonnegative(),
  /** How long the carrier stood still. */
  heldMs: z.int().nonnegative(),
  live: sideSchema,
  other: sideSchema,
  tables: z.array(tableSchema),
  objects: objectsSchema,
});

/**
 * The kept proof of one comparison. Frozen: a test holds its JSON Schema by hash; a change of shape is a new version beside this one. It holds names,
 * counts and positions, never a row's values.
 */
export const certificateSchema = bodySchema.extend({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });

export type CertificateBody = z.infer<typeof bodySchema>;
export type CertificateTable = z.infer<typeof tableSchema>;
export type CertificateObjects = z.infer<typeof objectsSchema>;
export type Certificate = z.infer<typeof certificateSchema>;

/** Adds the sum of everything else: SHA-256 of its JSON with the names of all objects sorted. It guards against accidents and edits, it is no signature. */
export function sealCertificate(body: CertificateBody): Certificate {
  return Object.freeze({ ...bodySchema.parse(body), sha256: sumOf(body) });
}

/** Reads a kept certificate. Error TEAL-VERIFY-004 when it is not one, or not as it was made. */
export function openCertificate(json: string): Certificate {
  const { sha256, ...body } = parse(json);
  if (sumOf(body) !== sha256)
    throw new TealError('TEAL-VERIFY-004', 'the sum of the certificate does not fit its text');
  return Object.freeze({ ...body, sha256 });
}

function parse(json: string): Certificate {
  try {
    return certificateSchema.parse(JSON.parse(json));
  } catch (error) {
    throw new TealError('TEAL-VERIFY-004', 'not a certificate of a known version', {}, error);
  }
}

function sumOf(body: CertificateBody): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(body)))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, item]) => [name, sorted(item)]));
}
