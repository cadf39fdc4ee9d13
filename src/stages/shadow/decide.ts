import type { ShadowTally } from '../../ports/shadow.ts';
import type { ShadowSpec } from '../../spec/spec.ts';
import { formatDuration } from '../../spec/units.ts';

export interface ShadowJudgement {
  /** `not watched`: the proxy compares nothing, or another share. */
  readonly verdict: 'enough' | 'not yet' | 'different' | 'not watched';
  /** One line. */
  readonly evidence: string;
}

/** Whether what was watched is what the file asks for. Differences come first: they do not wait for the time. */
export function judgeShadow(tally: ShadowTally, spec: ShadowSpec): ShadowJudgement {
  const evidence = tell(tally);
  if (tally.share !== spec.share) return { verdict: 'not watched', evidence };
  if (tally.real > spec.maxDifferences) return { verdict: 'different', evidence };
  const isEnough = tally.watchedMs >= spec.forMs && tally.compared >= spec.atLeast;
  return { verdict: isEnough ? 'enough' : 'not yet', evidence };
}

function tell(tally: ShadowTally): string {
  const { compared, equal, lag, volatile, real, unsettled, unanswered, shed, watchedMs } = tally;
  const parts = [
    `${compared} reads compared in ${formatDuration(Math.floor(watchedMs / 1_000) * 1_000)}`,
    `${equal} equal`,
    `${real} different`,
    ...(lag > 0 ? [`${lag} only until green had caught up`] : []),
    ...(volatile > 0 ? [`${volatile} of volatile statements`] : []),
    ...(unsettled > 0 ? [`${unsettled} not told why`] : []),
    ...(unanswered > 0 ? [`${unanswered} not answered by green`] : []),
    ...(shed > 0 ? [`${shed} left out, for too many waited`] : []),
  ];
  return parts.join(', ');
}
