import type { Side } from '../../../model/catalog.ts';
import { differenceIn, type ComparedAnswer, type Dialect, type Difference } from './compare.ts';
import type { Read } from './judge.ts';

/** How a read whose answers differed is asked again. */
export interface Asking<Answer extends ComparedAnswer> {
  /** Undefined when the side gave no answer. */
  ask(side: Side): Promise<Answer | undefined>;
  /** Resolves true when green has applied all that blue has committed before now; false when it has not in the time there is. */
  caughtUp(): Promise<boolean>;
}

export type Verdict =
  | { readonly verdict: 'lag' | 'volatile' | 'unsettled' | 'unanswered' }
  | { readonly verdict: 'real'; readonly difference: Difference };

/** A row that is changed between two looks of one round may be back as it was in the next. */
const confirmations = 2;
const rounds = 4;

/**
 * Tells why two answers differed. Blue is asked before and after green, and green only when it has applied what blue had shown. Where both answers of blue are the same, no change that
 * is on its way explains another one of green; where green's is one of them, the difference was of the moment; where blue never says the same twice, it is the statement's own.
 */
export async function settle<Answer extends ComparedAnswer>(
  read: Read,
  asking: Asking<Answer>,
  dialect: Dialect<Answer>,
): Promise<Verdict> {
  const { isPassing, hasForeignBytes } = dialect;
  let [real, unsteady] = [0, 0];
  for (let round = 0; round < rounds; round += 1) {
    const before = await asking.ask('blue');
    if (before === undefined || isPassing(before)) return { verdict: 'unsettled' };
    if (!(await asking.caughtUp())) return { verdict: 'unsettled' };
    const green = await asking.ask('green');
    if (green === undefined || isPassing(green)) return { verdict: 'unanswered' };
    if (hasForeignBytes(before) || hasForeignBytes(green)) return { verdict: 'unsettled' };
    const after = await asking.ask('blue');
    if (after === undefined || isPassing(after)) return { verdict: 'unsettled' };
    const difference = differenceIn(dialect, before, green, read);
    if (difference === undefined || differenceIn(dialect, after, green, read) === undefined) return { verdict: 'lag' };
    if (differenceIn(dialect, before, after, read) === undefined) real += 1;
    else unsteady += 1;
    if (real === confirmations) return { verdict: 'real', difference };
  }
  return { verdict: unsteady > 1 && real === 0 ? 'volatile' : 'unsettled' };
}
