import { z } from 'zod';
import { describeError, isTealError } from '../../kernel/errors.ts';
import { redact } from '../../kernel/redact.ts';

/** What may be said on the control socket: one JSON object a line, answered by one line with the same `id`. */
const side = z.enum(['blue', 'green']);

export const requestSchema = z.discriminatedUnion('op', [
  z.strictObject({ id: z.int(), op: z.literal('read') }),
  z.strictObject({ id: z.int(), op: z.literal('about') }),
  z.strictObject({ id: z.int(), op: z.literal('stats') }),
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
  /** With a share: begins shadow reads anew, or ends them (0). Answered with what was counted. */
  z.strictObject({ id: z.int(), op: z.literal('shadow'), share: z.number().min(0).max(1).optional() }),
  z.strictObject({ id: z.int(), op: z.literal('stop') }),
]);

export type ControlRequest = z.output<typeof requestSchema>;
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
export type ControlWords = WithoutId<ControlRequest>;

export type ControlAnswer =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | {
      readonly id: number;
      readonly ok: false;
      readonly error: {
        readonly code: string;
        readonly detail: string;
        readonly facts: Readonly<Record<string, unknown>>;
      };
    };

export const lineLimitBytes = 1 << 20;

/** The last line of the log of a proxy that could not start. */
export const lastWords = z.object({
  error: z.object({ code: z.string(), detail: z.string(), facts: z.record(z.string(), z.unknown()) }),
});

/** An error as a line of JSON carries it. */
export function wordsOf(error: unknown): z.output<typeof lastWords>['error'] {
  if (!isTealError(error)) return { code: 'TEAL-KERNEL-001', detail: redact(describeError(error)), facts: {} };
  return { code: error.code, detail: redact(error.message.slice(error.code.length + 2)), facts: error.facts };
}
