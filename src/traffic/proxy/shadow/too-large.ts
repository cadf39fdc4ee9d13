import { isTealError, TealError } from '../../../kernel/errors.ts';

/** An answer that is not kept whole. */
export function tooLarge(): TealError {
  return new TealError('TEAL-WIRE-002', 'an answer is longer than the limit');
}

/** The answer went past its limit. */
export function isTooLarge(error: unknown): boolean {
  return isTealError(error, 'TEAL-WIRE-002');
}
