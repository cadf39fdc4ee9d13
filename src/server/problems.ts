import { z } from '@hono/zod-openapi';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { randomUUID } from 'node:crypto';
import { isTealError, TealError, type ErrorCode } from '../kernel/errors.ts';
import { errorRegistry } from '../kernel/codes/registry.ts';
import type { ErrorEntry } from '../kernel/codes/entry.ts';

/** Where a request is not as it should be. Never what was sent. */
const mistake = z.strictObject({ at: z.string(), what: z.string() });
export type RequestMistake = z.infer<typeof mistake>;

/** RFC 9457, with what every error of Teal tells. */
export const problemSchema = z
  .strictObject({
    type: z.string().describe('`urn:teal:` and the code'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().describe('See the page of all errors, docs/reference/errors.md'),
    doThis: z.string(),
    retry: z.enum(['auto', 'operator', 'never']),
    dataMayDiffer: z.enum(['yes', 'no', 'unknown']),
    instance: z.string().describe('`urn:uuid:` of this answer: the log of `teal serve` has it too'),
    mistakes: z.array(mistake).readonly().optional(),
  })
  .openapi('Problem');
export type Problem = z.infer<typeof problemSchema>;

/** A request that is not as the API describes it: all its mistakes at once. */
export class RequestMistakes extends TealError {
  readonly mistakes: readonly RequestMistake[];

  constructor(mistakes: readonly RequestMistake[]) {
    super('TEAL-SERVER-008', `${mistakes.length} mistakes in the request`, { mistakes: mistakes.length });
    this.mistakes = mistakes;
  }
}

const statuses: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  'TEAL-JOURNAL-003': 409,
  'TEAL-JOURNAL-008': 404,
  'TEAL-SERVER-004': 401,
  'TEAL-SERVER-005': 403,
  'TEAL-SERVER-006': 403,
  'TEAL-SERVER-007': 429,
  'TEAL-SERVER-008': 400,
  'TEAL-SERVER-009': 404,
  'TEAL-SERVER-010': 429,
  'TEAL-SERVER-011': 413,
  'TEAL-SERVER-013': 409,
  'TEAL-SERVER-014': 409,
  'TEAL-SERVER-020': 409,
  'TEAL-SERVER-030': 401,
  'TEAL-SERVER-031': 503,
  'TEAL-SERVER-032': 403,
  'TEAL-SERVER-033': 400,
  'TEAL-SERVER-034': 403,
  'TEAL-SERVER-035': 403,
  'TEAL-SERVER-040': 400,
  'TEAL-SERVER-050': 405,
  'TEAL-SERVER-051': 415,
};

/** Of a code that stands here for a state of the migration, not of the request or of this process: it is not there, it is held, a side does not answer. */
function statusOf(code: ErrorCode): ContentfulStatusCode {
  return statuses[code] ?? (code === 'TEAL-SERVER-012' || code.startsWith('TEAL-KERNEL') ? 500 : 503);
}

/**
 * What a client is told of an error: the registry's words, and nothing of the message, the facts or the causes, which may name hosts, files and roles. Those are for
 * the log, under `instance`.
 */
export function problemOf(error: unknown): Problem {
  const code = isTealError(error) ? error.code : 'TEAL-SERVER-012';
  const entry: ErrorEntry = errorRegistry[code];
  return {
    type: `urn:teal:${code}`,
    title: entry.summary,
    status: statusOf(code),
    detail: entry.happened,
    code,
    doThis: entry.doThis,
    retry: entry.retry,
    dataMayDiffer: entry.dataMayDiffer,
    instance: `urn:uuid:${randomUUID()}`,
    ...(error instanceof RequestMistakes ? { mistakes: error.mistakes } : {}),
  };
}
