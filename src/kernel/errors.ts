import { errorRegistry, type ErrorCode } from './codes/registry.ts';
import type { ErrorEntry } from './codes/entry.ts';

export type { ErrorCode } from './codes/registry.ts';
export type { ErrorEntry } from './codes/entry.ts';

/** Facts beside an error: names, counts, positions, durations. Never a row's values, a secret, or SQL with literals. */
export type ErrorFacts = Readonly<Record<string, string | number | bigint | boolean | readonly string[] | undefined>>;

/**
 * The one error class of Teal. Its `code` finds the registry's entry: what happened, what to do, who may retry and whether data may differ.
 * `detail` adds what only the place of the throw knows, in one sentence.
 */
export class TealError extends Error {
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, detail: string, facts: ErrorFacts = {}, cause?: unknown) {
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause });
    this.name = 'TealError';
    this.code = code;
    this.facts = facts;
  }

  get entry(): ErrorEntry {
    return errorRegistry[this.code];
  }
}

/** Of a text that came from elsewhere: another process, a state that was kept. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorRegistry, text);
}

export function isTealError(error: unknown, code?: ErrorCode): error is TealError {
  return error instanceof TealError && (code === undefined || error.code === code);
}

/** Text of anything that was thrown, causes included, on one line. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message === '' ? error.name : error.message;
  return error.cause === undefined ? own : `${own} (because: ${describeError(error.cause)})`;
}
