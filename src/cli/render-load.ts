import type { BaselineComparison, ComparedLoad, KeyStatement, Percentiles } from '../app/baseline.ts';
import type { Captured } from '../app/capture.ts';
import type { ReplayFindings } from '../app/replay.ts';
import { hang } from '../plan/wrap.ts';
import { tone } from './print.ts';

const shownStatements = 10;
const width = 80;

/** What was recorded. */
export function renderCaptured({ file, ...tally }: Captured): string {
  const { sessions, asks, dropped, leftOut, sessionsLeftOut, bytes, ended } = tally;
  return [
    tone('bold', `${asks} asks of ${sessions} sessions are in ${file}`),
    `  size       ${megabytes(bytes)}, ended by ${ended.map(endingText).join(', ')}`,
    ...(dropped > 0 ? [`  dropped    ${dropped}: the file was written too slowly`] : []),
    ...countLines('  left out   ', leftOut),
    ...(sessionsLeftOut > 0 ? [`  unknown    ${sessionsLeftOut} sessions whose state could not be told`] : []),
  ].join('\n');
}

/** What a replay has found, the worst first. */
export function renderReplay(found: ReplayFindings): string {
  const { capture, because, statements, otherRoles } = found;
  const head =
    because.length === 0 ? tone('green', 'It does as well') : tone('red', `It does worse: ${because.join('; ')}`);
  return [
    head,
    `  recorded   ${percentileText(found.recorded)}${capture.isWhole ? '' : ', the capture ends early'}`,
    `  replayed   ${percentileText(found.replayed)}`,
    `  pace       ${seconds(found.tookMs)} for ${seconds(found.plannedMs)}, 19 of 20 at most ${found.lateP95Ms} ms late`,
    `  sessions   ${found.sessions} played, ${found.sessionsLeftOut} left out`,
    ...countLines('  lost       ', found.sessionsLost),
    ...countLines('  not asked  ', found.skipped),
    ...(found.refusedWrites > 0 ? [`  writes     ${found.refusedWrites} were refused: nothing may be written`] : []),
    ...(found.lostToRedaction > 0
      ? [`  redaction  ${found.lostToRedaction} values are none of their type any more`]
      : []),
    ...(otherRoles.length > 0 ? hang('  roles      ', `asked as another role: ${otherRoles.join(', ')}`, width) : []),
    ...comparedLines(statements),
  ].join('\n');
}

/** The key statements of a load. */
export function renderLoad(statements: readonly KeyStatement[]): string {
  const shown = statements.slice(0, shownStatements);
  return shown
    .flatMap(({ statement, ...cost }) => [
      ...hang('  statement  ', statement, width),
      `             ${percentileText(cost)}`,
    ])
    .join('\n');
}

/** A load against a baseline. */
export function renderComparison({ name, before, after, because, statements }: BaselineComparison): string {
  const head =
    because.length === 0
      ? tone('green', `As good as ${name}`)
      : tone('red', `Worse than ${name}: ${because.join('; ')}`);
  return [
    head,
    `  before     ${percentileText(before)}`,
    `  now        ${percentileText(after)}`,
    ...comparedLines(statements),
  ].join('\n');
}

function comparedLines(statements: readonly ComparedLoad[]): readonly string[] {
  return statements
    .slice(0, shownStatements)
    .flatMap(({ statement, before, after, newErrors, slower }) => [
      ...hang('  statement  ', statement, width),
      `             ${percentileText(after)}${slower ? ', slower' : ''}; before ${percentileText(before)}`,
      ...countLines('             fails ', newErrors),
    ]);
}

function percentileText({ count, p50Ms, p95Ms, p99Ms }: Percentiles): string {
  return p50Ms === undefined ? 'none' : `${count}: ${p50Ms}/${p95Ms}/${p99Ms} ms (p50/p95/p99)`;
}

function countLines(head: string, counts: Readonly<Record<string, number>>): readonly string[] {
  return Object.entries(counts).flatMap(([why, count]) => hang(head, `${count}: ${why}`, width));
}

function endingText(why: string): string {
  return { time: 'its time', size: 'its size', asked: 'request' }[why] ?? why;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
