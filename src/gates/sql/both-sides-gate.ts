import { describeError } from '../../kernel/errors.ts';
import type { Gate, GateAnswer } from '../../ports/gate.ts';
import type { AskValue } from '../../ports/query.ts';
import { differAtMost } from './within.ts';

export interface BothSidesGateOptions {
  readonly id: string;
  readonly sql: string;
  /** Decimal: how far two numbers may be apart. Absent: both values are one text. */
  readonly within?: string;
}

/**
 * Yes when a query of the user's gives the same value on both sides. They are asked one after the other while clients write, so that another value is "not yet": the side
 * that follows is a moment behind. Neither value is told: it may be a row's.
 */
export function bothSidesGate({ id, sql, within }: BothSidesGateOptions, ask: AskValue): Gate {
  const same = within === undefined ? 'the same value' : `values at most ${within} apart`;
  return {
    id,
    asks: `does the query give ${same} on both sides?`,
    person: false,
    momentary: true,
    everyMs: 2_000,
    async ask(signal) {
      try {
        const blue = await ask('blue', sql, signal);
        return compared(blue, await ask('green', sql, signal), within);
      } catch (error) {
        signal.throwIfAborted();
        return { answer: 'cannot tell', evidence: describeError(error) };
      }
    },
  };
}

function compared(blue: string | null, green: string | null, within: string | undefined): GateAnswer {
  if (blue === green) {
    return { answer: 'yes', evidence: blue === null ? 'NULL or no row on both sides' : 'the same value on both sides' };
  }
  if (blue === null || green === null) {
    const side = blue === null ? 'blue' : 'green';
    return { answer: 'not yet', evidence: `the query gives NULL or no row on ${side}, and a value on the other side` };
  }
  if (within === undefined) return { answer: 'not yet', evidence: 'the sides give different values' };
  const isClose = differAtMost(blue, green, within);
  if (isClose === undefined)
    return { answer: 'cannot tell', evidence: 'the sides give different values, not both a number' };
  return isClose
    ? { answer: 'yes', evidence: `the values are at most ${within} apart` }
    : { answer: 'not yet', evidence: `the values are more than ${within} apart` };
}
