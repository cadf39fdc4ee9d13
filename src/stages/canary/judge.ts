import { percentileMs, type Latencies } from '../../model/latencies.ts';
import type { CanaryStatement, CanaryTally } from '../../ports/canary.ts';
import type { CanarySpec } from '../../spec/spec.ts';
import { formatDuration } from '../../spec/units.ts';
import { count, rankTest } from './rank-test.ts';

export interface CanaryJudgement {
  /** `not set`: the proxy has another share, or none. */
  readonly verdict: 'held' | 'holding' | 'bad' | 'not set';
  /** One line. */
  readonly evidence: string;
}

/** Where green is slower, with what says so. */
export interface Slower {
  readonly statement: string;
  readonly evidence: string;
}

/** Of each side, before its durations say anything. */
const comparedAtLeast = 20;
/** Shared out over the statements that are compared. */
const significance = 1e-4;
/** What is certain may still be too little to matter: half of the reads, or one in twenty, must take green so much longer. */
const [medianTimes, tailTimes, leastMs] = [1.5, 2, 1];
/** Fewer may be a moment's. */
const errorsAtLeast = 3;

/** Whether a step has been held long enough, or must be given up: for what green has left to blue, or because it is slower. `recent`: of the last minute alone. */
export function judgeCanary(
  tally: CanaryTally,
  share: number,
  spec: CanarySpec,
  recent?: CanaryTally,
): CanaryJudgement {
  if (tally.share !== share) return { verdict: 'not set', evidence: tell(tally) };
  const looked = recent === undefined ? [tally] : [tally, recent];
  const bad = looked.map((it) => failingOf(it, spec) ?? slowerOf(it)[0]?.evidence).find((it) => it !== undefined);
  if (bad !== undefined) return { verdict: 'bad', evidence: bad };
  const isHeld = tally.heldMs >= spec.holdMs && tally.reads >= spec.atLeast;
  return { verdict: isHeld ? 'held' : 'holding', evidence: tell(tally) };
}

function failingOf(tally: CanaryTally, { maxErrors }: CanarySpec): string | undefined {
  const { reads, errors, unanswered, statements } = tally;
  const failed = errors + unanswered;
  if (failed < errorsAtLeast || failed <= maxErrors * (reads + failed)) return undefined;
  const worst = statements.toSorted((a, b) => failuresOf(b) - failuresOf(a))[0];
  const sqlState = worst?.lastError === undefined ? '' : `, last with ${worst.lastError}`;
  const most = worst === undefined ? '' : `; most of all ${failuresOf(worst)} times${sqlState}: ${worst.statement}`;
  return `of ${reads + failed} reads green answered ${errors} with an error that blue does not have, and ${unanswered} not in time${most}`;
}

function failuresOf({ errors, unanswered }: CanaryStatement): number {
  return errors + unanswered;
}

/** Statements that green answers later than blue, beyond doubt and by much; the least doubtful first. Those that are counted together are no statement. */
export function slowerOf({ statements }: CanaryTally): readonly Slower[] {
  const comparable = statements.filter(
    ({ statement, blue, green }) =>
      !statement.startsWith('(') && count(blue) >= comparedAtLeast && count(green) >= comparedAtLeast,
  );
  return comparable
    .map(({ statement, blue, green }) => ({ statement, blue, green, test: rankTest(blue, green) }))
    .filter(({ blue, green, test }) => test.p * comparable.length < significance && isMuch(blue, green))
    .toSorted((a, b) => a.test.p - b.test.p)
    .map(({ statement, blue, green, test }) => ({
      statement,
      evidence:
        `green is slower: p50 ${ms(blue, 0.5)} and p95 ${ms(blue, 0.95)} on blue (${count(blue)} reads), ` +
        `p50 ${ms(green, 0.5)} and p95 ${ms(green, 0.95)} on green (${count(green)}), p = ${test.p.toExponential(1)}: ${statement}`,
    }));
}

function isMuch(blue: Latencies, green: Latencies): boolean {
  return isLonger(blue, green, 0.5, medianTimes) || isLonger(blue, green, 0.95, tailTimes);
}

function isLonger(blue: Latencies, green: Latencies, share: number, times: number): boolean {
  const [here = 0, there = 0] = [percentileMs(blue, share), percentileMs(green, share)];
  return there > times * here && there - here > leastMs;
}

function ms(counts: Latencies, share: number): string {
  return `${Number((percentileMs(counts, share) ?? 0).toPrecision(3))} ms`;
}

function tell({ share, heldMs, sessions, reads, errors, unanswered, behind, notReady, leftOut }: CanaryTally): string {
  const toBlue = behind + notReady + leftOut;
  const held = formatDuration(Math.floor(heldMs / 1_000) * 1_000);
  return [
    `${percentText(share)} of sessions (${sessions}) for ${held}`,
    `${reads} reads answered by green`,
    ...(toBlue > 0 ? [`${toBlue} by blue (${behind} not yet on green)`] : []),
    `${errors} errors`,
    ...(unanswered > 0 ? [`${unanswered} without an answer`] : []),
    'none slower',
  ].join(', ');
}

export function percentText(share: number): string {
  return `${Number((share * 100).toFixed(3))}%`;
}
