import { z } from 'zod';
import { describeError, isErrorCode, isTealError, TealError, type ErrorFacts } from '../../kernel/errors.ts';
import { redact } from '../../kernel/redact.ts';

/** What may be said on the control socket: one JSON object a line, answered by one line with the same `id`. */
const side = z.enum(['blue', 'green']);

export const requestSchema = z.discriminatedUnion('op', [
  z.strictObject({ id: z.int(), op: z.literal('read') }),
  z.strictObject({ id: z.int(), op: z.literal('about') }),
  z.strictObject({ id: z.int(), op: z.literal('stats') }),
  z.strictObject({ id: z.int(), op: z.literal('figures') }),
  z.strictObject({ id: z.int(), op: z.literal('look') }),
  z.strictObject({ id: z.int(), op: z.literal('warm') }),
  z.strictObject({
    id: z.int(),
    op: z.literal('hold'),
    cut: z.string(),
    leaseMs: z.number().min(0),
    drainMs: z.number().min(0),
  }),
  z.strictObject({ id: z.int(), op: z.literal('renew'), leaseMs: z.number().min(0) }),
  z.strictObject({ id: z.int(), op: z.literal('point'), side, epoch: z.int().min(0) }),
  z.strictObject({ id: z.int(), op: z.literal('release') }),
  /** With an order: begins shadow reads and writes anew, or ends them (both 0). Answered with what was counted. */
  z.strictObject({
    id: z.int(),
    op: z.literal('shadow'),
    order: z
      .strictObject({
        reads: z.number().min(0).max(1),
        writes: z.number().min(0).max(1),
        scratch: z.string().min(1).optional(),
      })
      .optional(),
  }),
  /** Begins to record, ends it (`end`), or only tells. Answered with what was recorded; to `end` when all of it is in the file. */
  z.strictObject({
    id: z.int(),
    op: z.literal('capture'),
    begin: z
      .strictObject({
        path: z.string().min(1),
        atMs: z.number(),
        forMs: z.number().min(0),
        limitBytes: z.number().min(0),
        redactKey: z
          .string()
          .regex(/^[\da-f]{32,128}$/)
          .optional(),
      })
      .optional(),
    end: z.literal(true).optional(),
  }),
  /** Sets the share of sessions whose reads green answers, for so long; ends it; or neither. Answered with what was counted. */
  z.strictObject({
    id: z.int(),
    op: z.literal('canary'),
    set: z
      .strictObject({ share: z.number().gt(0).max(1), leaseMs: z.number().min(0), by: z.string().optional() })
      .optional(),
    end: z.literal(true).optional(),
  }),
  /** Holds the sessions of tenants, or has them go where their rows are taken (`settle`), or neither. Answered to `hold` as a hold, else with where they are. */
  z.strictObject({
    id: z.int(),
    op: z.literal('tenants'),
    hold: z
      .strictObject({
        tenants: z.array(z.string()).min(1),
        session: z.string().min(1),
        leaseMs: z.number().min(0),
        drainMs: z.number().min(0),
        anyway: z.boolean(),
      })
      .optional(),
    settle: z.literal(true).optional(),
  }),
  z.strictObject({ id: z.int(), op: z.literal('stop') }),
]);

export type ControlRequest = z.output<typeof requestSchema>;
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
export type ControlWords = WithoutId<ControlRequest>;

/** What is said to those who direct sessions, not to the process that they are in. */
export type DirectingWords = Exclude<
  ControlWords,
  { op: 'about' | 'shadow' | 'canary' | 'capture' | 'tenants' | 'stop' }
>;
/** What is said to those who compare reads of clients. */
export type ShadowWords = Extract<ControlWords, { op: 'shadow' }>;
/** What is said of reads that green answers. */
export type CanaryWords = Extract<ControlWords, { op: 'canary' }>;
/** What is said of sessions of tenants. */
export type TenantWords = Extract<ControlWords, { op: 'tenants' }>;
/** What is said to those who record what clients ask. */
export type CaptureWords = Extract<ControlWords, { op: 'capture' }>;

export type Outcome =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: ErrorWords };
export type ControlAnswer = Outcome & { readonly id: number };

export const lineLimitBytes = 1 << 20;

/** The last line of the log of a proxy that could not start. */
export const lastWords = z.object({
  error: z.object({ code: z.string(), detail: z.string(), facts: z.record(z.string(), z.unknown()) }),
});

export interface ErrorWords {
  readonly code: string;
  readonly detail: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** An error as JSON carries it from one process to another. */
export function wordsOf(error: unknown): ErrorWords {
  if (!isTealError(error)) return { code: 'TEAL-KERNEL-001', detail: redact(describeError(error)), facts: {} };
  return { code: error.code, detail: redact(error.message.slice(error.code.length + 2)), facts: error.facts };
}

/** The error on the other side. */
export function errorOf({ code, detail, facts }: ErrorWords): TealError {
  return new TealError(isErrorCode(code) ? code : 'TEAL-KERNEL-001', detail, facts as ErrorFacts);
}
