import { describeError } from '../../kernel/errors.ts';
import { wordsOf, type Moved } from '../../kernel/vocabulary.ts';
import type { Gate } from '../../ports/gate.ts';

/** What a comparison of both sides came to. */
export interface Verified {
  readonly equal: boolean;
  /** Tables and rows, or topics and records; or what differs. */
  readonly evidence: string;
}

/** Yes when both sides are equal at one position. `last` is a comparison that still counts: none lies between it and now that could have changed its answer. */
export function verifyGate(
  id: string,
  verify: (signal: AbortSignal) => Promise<Verified>,
  last: () => Verified | undefined,
  moved: Moved = 'tables',
): Gate {
  return {
    id,
    asks: `are both sides equal, ${wordsOf(moved).compared}?`,
    person: false,
    async ask(signal) {
      try {
        const { equal, evidence } = last() ?? (await verify(signal));
        return { answer: equal ? 'yes' : 'no', evidence };
      } catch (error) {
        signal.throwIfAborted();
        return { answer: 'cannot tell', evidence: describeError(error) };
      }
    },
  };
}
