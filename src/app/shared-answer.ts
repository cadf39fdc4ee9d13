import { monotonicMs } from '../kernel/clock.ts';

/** Work that many ask for at once is done once: who asks while it runs, or within `forMs` of its end, gets the same answer. An error is kept for nobody. */
export function sharedAnswer<T>(forMs: number, work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let kept: { readonly answer: T; readonly untilMs: number } | undefined;
  const run = async (): Promise<T> => {
    try {
      const answer = await work();
      kept = { answer, untilMs: monotonicMs() + forMs };
      return answer;
    } finally {
      running = undefined;
    }
  };
  return async () => {
    if (kept !== undefined && monotonicMs() < kept.untilMs) return kept.answer;
    running ??= run();
    return running;
  };
}
