import type { OutboxLook } from '../ports/outbox.ts';

interface OutboxMetric {
  readonly name: `teal_outbox_${string}`;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  /** By the label `state`, or one value; none for what is not known. */
  readonly read: (look: OutboxLook) => number | bigint | Readonly<Record<string, number>> | undefined;
}

const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1_000);

/** Names are a promise, as those of a migration's metrics (room observe). */
export const outboxMetrics: readonly OutboxMetric[] = [
  {
    name: 'teal_outbox_pending',
    type: 'gauge',
    help: 'Events in the outbox that were not delivered; counted to 100000.',
    read: ({ pending }) => pending,
  },
  {
    name: 'teal_outbox_lag_seconds',
    type: 'gauge',
    help: 'How long ago the oldest of them was written; 0 where there is none.',
    read: ({ oldestMs }) => seconds(oldestMs ?? 0),
  },
  {
    name: 'teal_outbox_letters',
    type: 'gauge',
    help: 'Letters by state: dead, behind (a dead one of their aggregate), due (to be delivered again).',
    read: ({ dead, behind, due }) => ({ dead, behind, due }),
  },
  {
    name: 'teal_outbox_relay_up',
    type: 'gauge',
    help: '1 while a relay has the lease, here or elsewhere.',
    read: ({ relay }) => (relay?.runs === true ? 1 : 0),
  },
  {
    name: 'teal_outbox_delivered_total',
    type: 'counter',
    help: 'Events that were delivered since the tables were made; what came twice counts once or more.',
    read: ({ relay }) => relay?.delivered,
  },
  {
    name: 'teal_outbox_last_delivery_age_seconds',
    type: 'gauge',
    help: 'How long ago the last delivery was written down; absent before the first.',
    read: ({ relay }) => seconds(relay?.deliveredAgoMs),
  },
  {
    name: 'teal_outbox_log_usable',
    type: 'gauge',
    help: '1 where the outbox is followed by its log and that can be read, 0 where it cannot; absent by polling.',
    read: ({ log }) => (log === undefined ? undefined : Number(log.state === 'usable')),
  },
  {
    name: 'teal_outbox_log_behind_bytes',
    type: 'gauge',
    help: 'Log, of whatever tables, that was written since the place up to which all is delivered; absent by polling.',
    read: ({ log }) => log?.behindBytes,
  },
  {
    name: 'teal_outbox_log_retained_bytes',
    type: 'gauge',
    help: 'Log that the server keeps for the relay; absent by polling.',
    read: ({ log }) => log?.retainedBytes,
  },
];

/** In the text exposition format 0.0.4 of Prometheus. */
export function exposeOutbox(look: OutboxLook): string {
  return outboxMetrics.flatMap((metric) => linesOf(metric, metric.read(look))).join('');
}

function linesOf({ name, type, help }: OutboxMetric, value: ReturnType<OutboxMetric['read']>): readonly string[] {
  if (value === undefined) return [];
  const series =
    typeof value === 'object'
      ? Object.entries(value).map(([state, count]) => `${name}{state="${state}"} ${count}\n`)
      : [`${name} ${value}\n`];
  return [`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`, ...series];
}
