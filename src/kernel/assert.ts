import { TealError, type ErrorFacts } from './errors.ts';

/** Stops when something that must be true is not: a defect of Teal, never a user's mistake. */
export function assert(condition: boolean, what: string, facts: ErrorFacts = {}): asserts condition {
  if (!condition) throw new TealError('TEAL-KERNEL-001', what, facts);
}

/** The value, or a defect when it is missing. */
export function must<T>(value: T | null | undefined, what: string, facts: ErrorFacts = {}): T {
  if (value === null || value === undefined) throw new TealError('TEAL-KERNEL-001', `missing: ${what}`, facts);
  return value;
}

/** For the default branch of a switch over a union: the compiler proves it is never reached. */
export function unreachable(value: never, what: string): never {
  throw new TealError('TEAL-KERNEL-001', `unreachable: ${what}`, { value: String(value) });
}
