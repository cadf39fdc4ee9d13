import { isPassing, isRefusedWrite, type Answer, type Difference } from './answer.ts';
import type { WrittenStatement } from './sample.ts';

/** What green said to one statement that blue had accepted. `busy`: its rows were locked. `closed`: green let nothing be written at all. */
export type WriteOutcome =
  | { readonly outcome: 'equal' | 'busy' | 'closed' | 'unanswered' }
  | {
      readonly outcome: 'different';
      readonly kind: 'refused' | 'of rows' | 'there already';
      readonly difference: Difference;
    };

/** Pure. */
export function outcomeOf({ tag, write }: WrittenStatement, green: Answer): WriteOutcome {
  if (green.error === undefined) {
    const [said = 'nothing'] = green.tags ?? [];
    if (said === tag) return { outcome: 'equal' };
    return { outcome: 'different', kind: 'of rows', difference: { kind: 'count', blue: tag, green: said } };
  }
  if (green.error === '55P03') return { outcome: 'busy' };
  if (isRefusedWrite(green)) return { outcome: 'closed' };
  if (isPassing(green)) return { outcome: 'unanswered' };
  const difference: Difference = { kind: 'error', blue: tag, green: `error ${green.error}` };
  return { outcome: 'different', kind: kindOf(green.error, write.isPlainInsert), difference };
}

/** The transaction failed at its end, for what is checked there. Pure. */
export function outcomeOfEnd({ error }: Answer): WriteOutcome | undefined {
  if (error === undefined) return undefined;
  if (isPassing({ rows: [], error })) return { outcome: 'unanswered' };
  return {
    outcome: 'different',
    kind: kindOf(error, false),
    difference: { kind: 'error', blue: 'COMMIT', green: `error ${error} at COMMIT` },
  };
}

/** The same rows need not be there: green is before what blue did, or after it, or somewhere else. */
function kindOf(code: string, isPlainInsert: boolean): 'refused' | 'of rows' | 'there already' {
  // The flow has brought the row, or another one like it.
  if (code === '23505' || code === '23P01') return 'there already';
  if (ofTheStatement.test(code) || (isPlainInsert && ofItsValues.test(code))) return 'refused';
  return 'of rows';
}

/** What does not depend on any row: syntax, names, rights, types, features, limits, defects (manual, "PostgreSQL Error Codes"). */
const ofTheStatement = /^(?:0A|3D|3F|42|54|58|F0|XX)/;
/** Of an INSERT of rows that the statement has itself: values that do not fit, NOT NULL, CHECK, GENERATED ALWAYS. */
const ofItsValues = /^(?:22|23502|23514|428)/;

export type WriteVerdict =
  | { readonly verdict: 'lag' | 'unanswered' }
  | { readonly verdict: 'real' | 'unsettled'; readonly difference?: Difference };

/**
 * Tells what a difference means. Blue cannot be asked again, for it has written; green is, once it has applied what blue had written. Real is only what green refuses twice for reasons that no
 * row explains. What rows explain is lag where it is over, and else untold: green is then as blue was after the statement, not before it. Pure.
 */
export function settleWrite(first: WriteOutcome, again: WriteOutcome): WriteVerdict {
  switch (again.outcome) {
    case 'equal':
      return { verdict: 'lag' };
    case 'busy':
      return { verdict: 'unsettled' };
    case 'closed':
    case 'unanswered':
      return { verdict: 'unanswered' };
    case 'different': {
      const { kind, difference } = again;
      if (kind === 'there already') return { verdict: 'lag' };
      const isSure = kind === 'refused' && first.outcome === 'different' && first.kind === 'refused';
      return { verdict: isSure ? 'real' : 'unsettled', difference };
    }
  }
}
