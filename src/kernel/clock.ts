import { setTimeout as delay } from 'node:timers/promises';
import { orAborted } from './abort.ts';
import { TealError } from './errors.ts';

/** Wall clock in milliseconds since 1970: for people and records, never for measuring. */
export function nowMs(): number {
  return Date.now();
}

/** Monotonic clock in milliseconds: for durations and deadlines. */
export function monotonicMs(): number {
  return performance.now();
}

export function isoNow(): string {
  return new Date(nowMs()).toISOString();
}

/** Rejects with TEAL-KERNEL-003 as soon as the signal is aborted. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw new TealError('TEAL-KERNEL-003', 'stopped while waiting', {}, error);
  }
}

/** Calls after a time, unless it is disposed of before. For waits that begin and end with every transaction: a promise that is given up costs an error. */
export function later(ms: number, call: () => void): Disposable {
  const timer = setTimeout(call, ms);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

export interface Waiting {
  /** What is awaited, for the error and for the screen. */
  readonly what: string;
  readonly timeoutMs: number;
  /** Time between two looks; default 50 ms. For conditions that no event announces (another process, a database's state). */
  readonly everyMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks until `look` returns something else than undefined, and returns it. A deadline is an error (TEAL-KERNEL-002), never a silent go-ahead.
 */
export async function waitFor<T>(waiting: Waiting, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = monotonicMs() + waiting.timeoutMs;
  for (;;) {
    waiting.signal?.throwIfAborted();
    const seen = await look();
    if (seen !== undefined) return seen;
    if (monotonicMs() >= deadline) {
      throw new TealError('TEAL-KERNEL-002', `still waiting for ${waiting.what}`, { timeoutMs: waiting.timeoutMs });
    }
    await sleep(waiting.everyMs ?? 50, waiting.signal);
  }
}

/** Work that is left off after a time: its signal is then aborted with the error that `late` makes, and that is thrown at once. */
export async function within<T>(ms: number, late: () => Error, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const [over, ended] = [new AbortController(), new AbortController()];
  void sleep(ms, ended.signal).then(
    () => over.abort(late()),
    // The work was quicker.
    () => undefined,
  );
  try {
    return await orAborted(work(over.signal), over.signal);
  } catch (error) {
    over.signal.throwIfAborted();
    throw error;
  } finally {
    ended.abort();
  }
}
