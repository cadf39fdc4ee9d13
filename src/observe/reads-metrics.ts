import type { Metric } from './metric.ts';
import type { Sample } from './sample.ts';

type Counts = Readonly<Record<string, number>>;

/** A series for each of what has become of reads. */
function byOutcome(counts: (sample: Sample) => Counts | undefined): Metric['read'] {
  return (sample) => Object.entries(counts(sample) ?? {}).map(([outcome, value]) => ({ labels: { outcome }, value }));
}

/** Of what green is asked too, or instead of blue. */
export const readsMetrics: readonly Metric[] = [
  {
    name: 'teal_shadow_share',
    type: 'gauge',
    help: 'Of reads, how many are put to green too, 0 to 1; absent where the file asks for none or no proxy answers.',
    labels: [],
    read: ({ shadow }) => (shadow === undefined ? [] : [{ labels: {}, value: shadow.share }]),
  },
  {
    name: 'teal_shadow_reads_total',
    type: 'counter',
    help: 'Reads that were put to green too, since the watch began, by what came of them: equal, lag, volatile, real (another answer on green), unsettled (nobody can tell), unanswered, shed (left out, as too many waited).',
    labels: ['outcome'],
    read: byOutcome(({ shadow }) => shadow?.outcomes),
  },
  {
    name: 'teal_shadow_writes_total',
    type: 'counter',
    help: 'Statements that write and were tried on green, since the watch began, by what came of them: equal, lag, real (refused by green), unsettled (nobody can tell), unanswered, shed (left out, as too many waited).',
    labels: ['outcome'],
    read: byOutcome(({ shadowWrites }) => shadowWrites?.outcomes),
  },
  {
    name: 'teal_canary_share',
    type: 'gauge',
    help: 'Of sessions, how many have their reads answered by green, 0 to 1; absent where the file asks for none or no proxy answers.',
    labels: [],
    read: ({ canary }) => (canary === undefined ? [] : [{ labels: {}, value: canary.share }]),
  },
  {
    name: 'teal_canary_reads_total',
    type: 'counter',
    help: 'Reads of the sessions of the canary, since its share was set, by who answered and why: green; of those that blue answered: error (of green), unanswered (by green in its time), behind (green had not applied what the session wrote), not ready (its state was not on green), left out (types that its client would not know).',
    labels: ['outcome'],
    read: byOutcome(({ canary }) => canary?.outcomes),
  },
];
