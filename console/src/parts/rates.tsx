import { useMemo, type ReactNode } from 'react';
import { bytesText, countText, durationText } from '../pure/format.ts';
import { columnsOf, queryRates } from '../pure/series.ts';
import { useConsole, useNow } from '../state/hooks.ts';
import { Chart, type ChartLine } from './chart.tsx';

const flows: readonly ChartLine[] = [
  { label: 'forward', tone: 'blue' },
  { label: 'reverse', tone: 'green' },
];
const queries: readonly ChartLine[] = [{ label: 'statements/s', tone: 'plain' }];
const waits: readonly ChartLine[] = [{ label: 'wait', tone: 'plain' }];

/** Lag and rates of both flows, and what clients see of the proxy. */
export function Rates(): ReactNode {
  const { points } = useConsole();
  const now = useNow();
  const drawn = useMemo(() => {
    const rates = queryRates(points);
    return {
      lag: columnsOf(points, [({ forward }) => forward?.lagMs, ({ reverse }) => reverse?.lagMs]),
      behind: columnsOf(points, [({ forward }) => forward?.lagBytes, ({ reverse }) => reverse?.lagBytes]),
      changes: columnsOf(points, [
        ({ forward }) => forward?.changesPerSecond,
        ({ reverse }) => reverse?.changesPerSecond,
      ]),
      queries: columnsOf(points, [({ atMs }) => rates.get(atMs)]),
      waits: columnsOf(points, [({ proxy }) => proxy?.longestWaitMs]),
      hasProxy: points.some(({ proxy }) => proxy !== undefined),
    };
  }, [points]);
  const whole = (value: number): string => countText(value);
  return (
    <div className="charts">
      <Chart title="Lag" lines={flows} columns={drawn.lag} format={durationText} nowMs={now} />
      <Chart title="Behind in the log" lines={flows} columns={drawn.behind} format={bytesText} nowMs={now} />
      <Chart title="Changes a second" lines={flows} columns={drawn.changes} format={whole} nowMs={now} />
      {drawn.hasProxy ? (
        <>
          <Chart title="Clients' statements" lines={queries} columns={drawn.queries} format={whole} nowMs={now} />
          <Chart
            title="Clients' longest wait in a hold"
            lines={waits}
            columns={drawn.waits}
            format={durationText}
            nowMs={now}
          />
        </>
      ) : null}
    </div>
  );
}
