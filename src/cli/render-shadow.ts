import type { ShadowFindings, SideLatency, StatementFindings } from '../app/read-shadow.ts';
import { hang } from '../plan/wrap.ts';

const shownStatements = 10;

/** Lines of `teal status`: what was compared, and the statements that somebody should look at. */
export function shadowLines(shadow: ShadowFindings): readonly string[] {
  const { share, compared, equal, real, lag, volatile, unsettled, unanswered, shed, statements } = shadow;
  if (share === 0 && compared === 0) return [];
  const counts = [
    share === 0 ? 'ended' : `${Number((share * 100).toFixed(3))}% of reads`,
    `${compared} compared`,
    `${equal} equal`,
    `${real} different`,
    `${lag} only by lag`,
    `${volatile} volatile`,
    `${unsettled} untold`,
    `${unanswered} unanswered`,
    `${shed} shed`,
  ];
  const odd = statements.filter((it) => it.real > 0 || it.unanswered > 0 || it.slower);
  return [
    ...hang('  shadow     ', counts.join(', '), 80),
    ...odd.slice(0, shownStatements).flatMap(statementLines),
    ...(odd.length > shownStatements
      ? [`             and ${odd.length - shownStatements} more: teal status --json`]
      : []),
  ];
}

function statementLines(found: StatementFindings): readonly string[] {
  const { statement, real, unanswered, slower, example, blue, green } = found;
  const why = [
    ...(real > 0
      ? [`different ${times(real)}${example === undefined ? '' : `: blue ${example.blue}, green ${example.green}`}`]
      : []),
    ...(unanswered > 0 ? [`unanswered ${times(unanswered)}`] : []),
    ...(slower ? [`slower: ${latencyText(blue)} on blue, ${latencyText(green)} on green (p50/p95/p99)`] : []),
  ];
  return [...hang('    reads    ', statement, 80), ...why.flatMap((text) => hang('             ', text, 80))];
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function latencyText({ p50Ms, p95Ms, p99Ms }: SideLatency): string {
  return p50Ms === undefined ? 'not measured' : `${p50Ms}/${p95Ms}/${p99Ms} ms`;
}
