import { z } from 'zod';
import { TealError } from '../../kernel/errors.ts';
import type { GateAnswer } from '../../ports/gate.ts';

/** https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-points */
const points = z.object({
  status: z.string(),
  error: z.string().nullish(),
  series: z.array(z.object({ pointlist: z.array(z.tuple([z.number(), z.number().nullable()])) })).optional(),
});

/** https://docs.datadoghq.com/api/latest/monitors/#get-a-monitors-details */
const monitor = z.object({ name: z.string(), overall_state: z.string() });

/** What Datadog has not got of the last minutes may come still; older than this is a metric that nobody sends any more. */
const oldestPointMs = 5 * 60_000;

/**
 * The newest point of the one series that a query gives. TEAL-GATES-002 where there is none, or more than one, or where it is old. `atMs`: now, since 1970.
 */
export function newestPoint(document: unknown, atMs: number): number {
  const parsed = points.safeParse(document);
  if (!parsed.success) throw noValue('this is no answer of Datadog to a query');
  const { status, error, series = [] } = parsed.data;
  if (status !== 'ok') throw noValue(`status ${status.slice(0, 50)}: ${(error ?? 'no reason given').slice(0, 300)}`);
  const [first, second] = series;
  if (first === undefined) throw noValue('the query gives no series');
  if (second !== undefined) throw noValue(`the query gives ${series.length} series: which of them counts?`);
  // Intervals in which nothing was sent are null.
  const newest = first.pointlist.findLast(([, value]) => value !== null);
  if (newest === undefined) throw noValue('the series has no point');
  const [pointMs, value] = newest;
  if (value === null || atMs - pointMs > oldestPointMs)
    throw noValue(`its newest point is of ${new Date(pointMs).toISOString()}`);
  return value;
}

/** What the state of a monitor means. Only OK is a yes: a monitor without data, or one that is not evaluated, knows nothing. */
export function monitorAnswer(document: unknown): GateAnswer {
  const parsed = monitor.safeParse(document);
  if (!parsed.success) throw noValue('this is no answer of Datadog about a monitor');
  const { name, overall_state: state } = parsed.data;
  const evidence = `the monitor ${JSON.stringify(name.slice(0, 200))} is ${state.slice(0, 50)}`;
  if (state === 'OK') return { answer: 'yes', evidence };
  return { answer: state === 'Alert' || state === 'Warn' ? 'not yet' : 'cannot tell', evidence };
}

function noValue(why: string): TealError {
  return new TealError('TEAL-GATES-002', why);
}
