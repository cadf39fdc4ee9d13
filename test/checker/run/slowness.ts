import { must } from '../../../src/kernel/assert.ts';

/**
 * `SLOW=10`: everything of a run may take ten times as long as on a machine that does nothing else, and clients may be held for so much longer. A schedule stays what it is. Every process of a run
 * has it in its environment.
 */
export const slowness = must(asFactor(process.env['SLOW'] ?? '1'), 'SLOW is a number from 1 to 100');

function asFactor(text: string): number | undefined {
  const factor = Number(text);
  return factor >= 1 && factor <= 100 ? factor : undefined;
}

/** Milliseconds, as many as this machine needs. */
export function patiently(ms: number): number {
  return Math.round(ms * slowness);
}
