import type { ShadowTally, Tally } from '../../ports/shadow.ts';
import type { ShadowSpec } from '../../spec/spec.ts';
import { formatDuration } from '../../spec/units.ts';

export interface ShadowJudgement {
  /** `not watched`: the proxy compares nothing, or other shares. */
  readonly verdict: 'enough' | 'not yet' | 'different' | 'not watched';
  /** One line. */
  readonly evidence: string;
}

/** Whether what was watched is what the file asks for. Differences come first: they do not wait for the time. */
export function judgeShadow(tally: ShadowTally, spec: ShadowSpec): ShadowJudgement {
  const asked = kindsOf(spec).map((kind) => ({ kind, found: kind === 'reads' ? tally : tally.writes }));
  const time = formatDuration(Math.floor(tally.watchedMs / 1_000) * 1_000);
  const evidence = `in ${time}: ${asked.map(({ kind, found }) => tell(kind, found)).join('; ')}`;
  if (!isAsAsked(tally, spec)) return { verdict: 'not watched', evidence };
  if (asked.some(({ found }) => found.real > spec.maxDifferences)) return { verdict: 'different', evidence };
  const isEnough = tally.watchedMs >= spec.forMs && asked.every(({ found }) => found.compared >= spec.atLeast);
  return { verdict: isEnough ? 'enough' : 'not yet', evidence };
}

export function isAsAsked({ share, writes, scratch }: ShadowTally, spec: ShadowSpec): boolean {
  return share === spec.reads && writes.share === spec.writes && scratch === spec.scratch;
}

/** What the file asks for. */
export function kindsOf({ reads, writes }: ShadowSpec): readonly ('reads' | 'writes')[] {
  return [...(reads > 0 ? (['reads'] as const) : []), ...(writes > 0 ? (['writes'] as const) : [])];
}

function tell(kind: 'reads' | 'writes', found: Tally): string {
  const { compared, equal, lag, volatile, real, unsettled, unanswered, shed } = found;
  const parts = [
    `${compared} ${kind} compared`,
    `${equal} equal`,
    kind === 'reads' ? `${real} different` : `${real} refused by green`,
    ...(lag > 0 ? [`${lag} only until green had caught up`] : []),
    ...(volatile > 0 ? [`${volatile} of volatile statements`] : []),
    ...(unsettled > 0 ? [`${unsettled} not told why`] : []),
    ...(unanswered > 0 ? [`${unanswered} not answered by green`] : []),
    ...(shed > 0 ? [`${shed} left out, for too many waited`] : []),
  ];
  return parts.join(', ');
}
