import type { TableName } from '../model/catalog.ts';
import type { Sequences } from '../ports/sequences.ts';
import type { KeptSession as MysqlSession } from '../systems/mysql/kept-session.ts';
import { moveCounter, readCounters, type TableCounter } from '../systems/mysql/sequences.ts';
import * as counters from '../systems/mysql/sequence-values.ts';
import type { KeptSession as PostgresSession } from '../systems/postgres/kept-session.ts';
import { columnKey, readColumnSequences, setSequences, type Sequence } from '../systems/postgres/sequences.ts';
import * as sequences from '../systems/postgres/sequence-values.ts';
import { nextNumber, type SequenceState } from '../systems/postgres/sequence-values.ts';

/** A column that counts by itself, on both sides. */
export interface CountingColumn {
  readonly blue: TableName;
  readonly green: TableName;
  /** On green. */
  readonly column: string;
}

/** One generator as both sides have it now. */
interface Counting {
  readonly counter: TableCounter;
  readonly sequence: Sequence;
}

/**
 * AUTO_INCREMENT of a blue that is MySQL or MariaDB, and the sequences of the same columns on a green that is PostgreSQL. Rows that come with their numbers move a counter, and no
 * sequence; numbers that were given and lost move neither on the other side.
 */
export function unlikeSequences(
  sessions: { readonly blue: MysqlSession; readonly green: PostgresSession },
  columns: readonly CountingColumn[],
  headroom: number,
): Sequences {
  const read = async (signal: AbortSignal | undefined): Promise<readonly Counting[]> => {
    const [onBlue, onGreen] = await Promise.all([
      sessions.blue.use(readCounters, signal),
      sessions.green.use(readColumnSequences, signal),
    ]);
    return columns.flatMap(({ blue, green, column }) => {
      const counter = onBlue.get(`${blue.schema}\0${blue.name}`);
      const sequence = onGreen.get(columnKey(green, column));
      return counter === undefined || sequence === undefined ? [] : [{ counter, sequence }];
    });
  };
  const toGreen = async (found: readonly Counting[], signal: AbortSignal | undefined): Promise<number> => {
    const moves = found.flatMap(({ counter, sequence }) => {
      const state = sequences.nextAfter(stateOf(counter), sequence.state, sequence, BigInt(headroom));
      return state === undefined ? [] : [{ sequence, state }];
    });
    if (moves.length > 0) await sessions.green.use(async (connection) => setSequences(connection, moves), signal);
    return moves.length;
  };
  const toBlue = async (found: readonly Counting[], signal: AbortSignal | undefined): Promise<number> => {
    const moves = found.flatMap(({ counter, sequence }) => {
      const next = counters.nextAfter(counterOf(sequence), counter, BigInt(headroom));
      return next === undefined ? [] : [{ counter, next }];
    });
    await sessions.blue.use(async (connection) => {
      for (const { counter, next } of moves) await moveCounter(connection, counter, next);
    }, signal);
    return moves.length;
  };
  return {
    async handOver(_, to, signal) {
      const found = await read(signal);
      const moved = to === 'green' ? await toGreen(found, signal) : await toBlue(found, signal);
      return { sequences: found.length, moved };
    },
    async behind(_, to, signal) {
      const found = await read(signal);
      return found.filter(({ counter, sequence }) =>
        to === 'green' ? isGreenBehind(counter, sequence) : counters.isBehind(counterOf(sequence), counter),
      ).length;
    },
  };
}

/** One that is used up on both sides cannot be moved further, and need not be. */
function isGreenBehind(counter: TableCounter, sequence: Sequence): boolean {
  const given = stateOf(counter);
  return (
    sequences.isBehind(given, sequence.state, sequence) &&
    sequences.nextAfter(given, sequence.state, sequence, 0n) !== undefined
  );
}

/** A counter as a sequence that gives its next number next. */
function stateOf({ next }: TableCounter): SequenceState {
  return { last: next, called: false };
}

/** A sequence as a counter: its greatest number no matter, for that of the other side rules. */
function counterOf({ state, increment, max }: Sequence): counters.Counter {
  return { next: nextNumber(state, increment), max };
}
