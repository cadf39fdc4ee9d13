import { describeError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { Gate } from '../../ports/gate.ts';
import type { AskValue } from '../../ports/query.ts';

export interface SqlGateOptions {
  readonly id: string;
  readonly on: Side;
  readonly sql: string;
  readonly equals: string;
}

/** Yes when a query of the user's gives the value that he expects. The value found is not told: it may be a row's. */
export function sqlGate(options: SqlGateOptions, ask: AskValue): Gate {
  return {
    id: options.id,
    asks: `does the query on ${options.on} give ${JSON.stringify(options.equals)}?`,
    person: false,
    async ask(signal) {
      try {
        const value = await ask(options.on, options.sql, signal);
        if (value === options.equals) return { answer: 'yes', evidence: 'the value is the expected one' };
        return {
          answer: 'no',
          evidence: value === null ? 'the query gives NULL or no row' : 'the query gives another value',
        };
      } catch (error) {
        signal.throwIfAborted();
        return { answer: 'cannot tell', evidence: describeError(error) };
      }
    },
  };
}
