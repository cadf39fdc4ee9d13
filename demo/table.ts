import type { MigrationEvent } from '../src/app/events.ts';
import type { ClientsReport } from './clients.ts';
import type { Verdict } from './judge.ts';

export interface CutSeen {
  to: 'blue' | 'green';
  fromMs: number;
  untilMs: number;
  pauseMs: number | undefined;
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
  const waits = result.cuts.map((cut) => Math.round(longestWait(report, cut)));
  const wrong = verdict.missing + verdict.invented + verdict.doubled;
  const different = verified?.different ?? -1;
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['queries sent by clients', report.queries.toLocaleString('en'), report.queries > 0],
    ['queries failed', String(report.failures.length), report.failures.length === 0],
    ['cuts made', String(result.cuts.length), result.cuts.length === 3],
    ['longest waits in the cuts, ms', waits.join(', '), waits.length > 0],
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

/** Of calls that were under way while clients were held. */
function longestWait(report: ClientsReport, cut: CutSeen): number {
  const during = report.slow.filter(
    (call) => call.startedMs <= cut.untilMs && call.startedMs + call.tookMs >= cut.fromMs,
  );
  return during.reduce((longest, call) => Math.max(longest, call.tookMs), 0);
}
