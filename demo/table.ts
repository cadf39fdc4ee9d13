import type { MigrationEvent } from '../src/app/events.ts';
import type { Again, ClientsReport } from './books.ts';
import type { Verdict } from './judge.ts';

/** A cut as it was seen from outside: from the moment clients were asked to wait, or a side was about to be closed, until they could go on. */
export interface CutSeen {
  fromMs: number;
  untilMs: number;
  /** False of an attempt that was given up. */
  made: boolean;
}

export interface DemoResult {
  readonly filled: number;
  readonly report: ClientsReport;
  readonly cuts: readonly CutSeen[];
  readonly verdict: Verdict;
  readonly verified: Extract<MigrationEvent, { kind: 'verified' }> | undefined;
  /** Where the report lies. */
  readonly story: string;
  readonly tookMs: number;
}

/** Prints what happened; true when every figure is as promised. */
export function closingTable(result: DemoResult, say: (text: string) => void): boolean {
  const { report, verdict, verified } = result;
  const made = result.cuts.filter((cut) => cut.made).length;
  const givenUp = result.cuts.length - made;
  const waits = result.cuts.map((cut) => longestWait(report, cut));
  const wrong = verdict.missing + verdict.invented + verdict.doubled;
  const different = verified?.different ?? -1;
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['queries sent by clients', report.queries.toLocaleString('en'), report.queries > 0],
    ['queries failed', String(report.failures.length), report.failures.length === 0],
    ['cuts made', `${made}${givenUp === 0 ? '' : `, ${givenUp} attempts given up`}`, made === 3],
    ['longest waits in the cuts, ms', waits.join(', '), waits.length > 0],
    ...(report.again === undefined ? [] : [againRow(report.again)]),
    [
      'rows compared at one position',
      verified === undefined ? 'none' : Number(verified.rows).toLocaleString('en'),
      verified !== undefined,
    ],
    ['tables different', String(different), different === 0],
    ['acknowledged writes', verdict.acknowledged.toLocaleString('en'), verdict.acknowledged > 0],
    ['of these missing or doubled', String(wrong), wrong === 0],
    ['sum of all balances kept', verdict.balanceKept ? 'yes' : 'NO', verdict.balanceKept],
    ['certificate of equality', verified?.equal === true ? 'issued' : 'none', verified?.equal === true],
    ['time', `${(result.tookMs / 1000).toFixed(0)} s`, true],
  ];
  say('');
  for (const [name, value, good] of rows) say(`${good ? '✓' : '✗'} ${name.padEnd(32)} ${value}`);
  for (const failure of report.failures.slice(0, 5)) say(`    ${failure.at} ${failure.what}`);
  // On lines of their own: a path that is broken in two cannot be copied.
  process.stdout.write(`\ncertificate  ${verified?.file ?? 'none'}\nreport       ${result.story}\n`);
  return rows.every(([, , good]) => good);
}

/** Of clients that go where their writes are taken: none of it is a failure, all of it is in their waits. */
function againRow({ refused, deadlock, lost }: Again): readonly [string, string, boolean] {
  const others = deadlock + lost === 0 ? '' : `; deadlocks ${deadlock}, answers lost ${lost}`;
  return ['refused by a fence, done again', `${refused.toLocaleString('en')}${others}`, true];
}

/** In whole milliseconds, of what was under way meanwhile; in brackets for an attempt that was given up. */
function longestWait(report: ClientsReport, cut: CutSeen): string {
  const during = report.slow.filter(
    (call) => call.startedMs <= cut.untilMs && call.startedMs + call.tookMs >= cut.fromMs,
  );
  const longest = Math.round(during.reduce((most, call) => Math.max(most, call.tookMs), 0));
  return cut.made ? String(longest) : `(${longest})`;
}
