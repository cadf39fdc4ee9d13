import type { Findings, ShadowFindings, SideLatency, StatementFindings } from '../app/read-shadow.ts';
import { hang } from '../plan/wrap.ts';

const shownStatements = 10;

/** Lines of `teal status`: what was compared, and the statements that somebody should look at. */
export function shadowLines(shadow: ShadowFindings): readonly string[] {
  return [
    ...linesOf(shadow, { title: 'shadow', kind: 'reads', real: 'different' }),
    ...linesOf(shadow.writes, { title: 'shadow', kind: 'writes', real: 'refused' }),
  ];
}

interface Words {
  readonly title: string;
  readonly kind: 'reads' | 'writes';
  /** What green did where it did otherwise. */
  readonly real: string;
}

function linesOf(found: Findings, words: Words): readonly string[] {
  const { share, compared, equal, real, lag, volatile, unsettled, unanswered, shed, statements } = found;
  if (share === 0 && compared === 0) return [];
  const counts = [
    share === 0 ? `${words.kind} ended` : `${Number((share * 100).toFixed(3))}% of ${words.kind}`,
    `${compared} compared`,
    `${equal} equal`,
    `${real} ${words.real}`,
    `${lag} only by lag`,
    ...(words.kind === 'reads' ? [`${volatile} volatile`] : []),
    `${unsettled} untold`,
    `${unanswered} unanswered`,
    `${shed} shed`,
  ];
  const odd = statements.filter((it) => it.real > 0 || it.unanswered > 0 || it.slower || isUntold(it));
  return [
    ...hang(`  ${words.title.padEnd(11)}`, counts.join(', '), 80),
    ...odd.slice(0, shownStatements).flatMap((statement) => statementLines(statement, words)),
    ...(odd.length > shownStatements
      ? [`             and ${odd.length - shownStatements} more: teal status --json`]
      : []),
  ];
}

/** There is something to be seen of it. */
function isUntold({ unsettled, example }: StatementFindings): boolean {
  return unsettled > 0 && example !== undefined;
}

function statementLines(found: StatementFindings, words: Words): readonly string[] {
  const { statement, real, unsettled, unanswered, slower, example, blue, green } = found;
  const told = example === undefined ? '' : `: blue ${example.blue}, green ${example.green}`;
  const why = [
    ...(real > 0 ? [`${words.real} ${times(real)}${told}`] : []),
    ...(real === 0 && isUntold(found) ? [`untold ${times(unsettled)}${told}`] : []),
    ...(unanswered > 0 ? [`unanswered ${times(unanswered)}`] : []),
    ...(slower ? [`slower: ${latencyText(blue)} on blue, ${latencyText(green)} on green (p50/p95/p99)`] : []),
  ];
  return [
    ...hang(`    ${words.kind.padEnd(9)}`, statement, 80),
    ...why.flatMap((text) => hang('             ', text, 80)),
  ];
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function latencyText({ p50Ms, p95Ms, p99Ms }: SideLatency): string {
  return p50Ms === undefined ? 'not measured' : `${p50Ms}/${p95Ms}/${p99Ms} ms`;
}
