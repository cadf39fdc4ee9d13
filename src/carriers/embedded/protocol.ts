import { z } from 'zod';
import { asPosition, type Position } from '../../model/position.ts';
import type { FlowStatus, LogBudget } from '../../ports/carrier.ts';
import type { Failure } from '../../sync/receiver.ts';

/** One JSON object a line in both directions. Requests may overlap; `id` brings an answer to its question. */
export const carrierRequestSchema = z.discriminatedUnion('method', [
  z.strictObject({ id: z.number().int(), method: z.literal('status') }),
  z.strictObject({
    id: z.number().int(),
    method: z.literal('stopAt'),
    position: z
      .string()
      .max(200)
      .transform((text): Position => asPosition(text)),
    leaseMs: z.number().int().positive(),
  }),
  /** Answered with the status when everything has been read that the source had committed. */
  z.strictObject({ id: z.number().int(), method: z.literal('catchUp') }),
  z.strictObject({ id: z.number().int(), method: z.literal('resume') }),
  /** A worker that only receives applies from now on, also after it was started anew. */
  z.strictObject({ id: z.number().int(), method: z.literal('begin') }),
  /** A worker that has failed tries again. */
  z.strictObject({ id: z.number().int(), method: z.literal('retry') }),
  /** Answered when the spool is gone; the process then ends. */
  z.strictObject({ id: z.number().int(), method: z.literal('retire') }),
]);
export type CarrierRequest = z.infer<typeof carrierRequestSchema>;

export type CarrierResponse =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: Failure };

export const carrierResponseSchema = z.union([
  z.object({ id: z.number().int(), failure: z.object({ code: z.string(), reason: z.string() }) }),
  z.object({ id: z.number().int(), result: z.unknown() }),
]);

/** A longer line is an error: nothing that is asked or answered comes near it. */
export const maxLineBytes = 64 * 1024;

/** The port's status, and what only this carrier has to say. */
export interface CarrierStatus extends FlowStatus {
  readonly pid: number;
  /** Nothing is applied until `begin`. */
  readonly receiveOnly: boolean;
  readonly receiving: 'connecting' | 'streaming' | 'spool full';
  readonly budget: LogBudget;
  readonly epoch: number;
  /** The first rogue transaction: tables and position, never values. */
  readonly rogueFirst?: string;
  /** Why it connects again, when it does. */
  readonly lastFailure?: Failure;
}
