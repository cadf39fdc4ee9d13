import { waitFor } from '../../kernel/clock.ts';
import { passesByItself } from './mirror/refusals.ts';

const settleMs = 60_000;

/** Tries until what was just asked of a cluster is known to all its brokers: a new topic's leader, a coordinator, a rule. What does not pass by itself ends it. TEAL-KERNEL-002 after a minute. */
export async function settled<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const { answer } = await waitFor({ what, timeoutMs: settleMs, everyMs: 50, signal }, async () => {
    try {
      return { answer: await work() };
    } catch (error) {
      if (passesByItself(error)) return undefined;
      throw error;
    }
  });
  return answer;
}
