import { Counter, Gauge, Registry } from 'prom-client';
import type { Metric } from './metric.ts';
import { metrics } from './metrics.ts';
import type { Sample } from './sample.ts';

/**
 * A sample in the text exposition format 0.0.4 of Prometheus. The registry is of this scrape alone: a series whose subject has gone is not told any more, and counters are
 * what their source counts, which begin anew with it, as Prometheus expects.
 */
export async function expose(sample: Sample): Promise<string> {
  const registry = new Registry();
  for (const metric of metrics) add(registry, metric, sample);
  return registry.metrics();
}

function add(registry: Registry, { name, type, help, labels, read }: Metric, sample: Sample): void {
  const series = read(sample);
  // Without a series there is nothing to say, also not a help.
  if (series.length === 0) return;
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  if (type === 'gauge') {
    const gauge = new Gauge(options);
    for (const { labels: of, value } of series) gauge.set({ ...of }, value);
  } else {
    const counter = new Counter(options);
    for (const { labels: of, value } of series) counter.inc({ ...of }, value);
  }
}
