import type { Sample } from './sample.ts';

export type Labels = Readonly<Record<string, string>>;
export interface Measured {
  readonly labels: Labels;
  readonly value: number;
}

/**
 * One metric. Its name, type and labels are a promise: dashboards and alerts stand on them. A new meaning gets a new name. Units are seconds and bytes; a state is a set of
 * series of which one is 1 (OpenMetrics' state set). No series for what is not known.
 */
export interface Metric {
  readonly name: `teal_${string}`;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (sample: Sample) => readonly Measured[];
}
