import { z } from '@hono/zod-openapi';
import type { AlertNews, AlertNotice } from '../model/alerts.ts';

/** The notices of alerts that are taken: fields that are not here are passed over. */

const alertsLimit = 5_000;
/** An alert with more is told as one that was left out. */
const labelsLimit = 64;
const name = z.string().min(1).max(200);
const instant = z.iso.datetime({ offset: true });

const alertmanagerAlert = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: z.record(z.string(), z.string()),
  startsAt: instant,
});

/** https://prometheus.io/docs/alerting/latest/configuration/#webhook_config */
const alertmanagerNotice = z
  .object({
    version: z.literal('4'),
    truncatedAlerts: z.number().min(0).default(0).describe('How many were left out for `max_alerts`'),
    alerts: z.array(alertmanagerAlert).max(alertsLimit),
  })
  .openapi('AlertmanagerNotice');

/** The payload that docs/guide/gates.md has for https://docs.datadoghq.com/integrations/webhooks/ */
const datadogNotice = z
  .object({
    source: z.literal('datadog'),
    alert: name.describe('$ALERT_ID: the number of the monitor'),
    transition: z.string().max(100).describe('$ALERT_TRANSITION'),
    scope: z.string().max(10_000).default('').describe('$ALERT_SCOPE'),
  })
  .openapi('DatadogNotice');

export const alertNotice = z.union([alertmanagerNotice, datadogNotice]);
export type AlertNoticeBody = z.infer<typeof alertNotice>;

export const alertsTaken = z
  .strictObject({ taken: z.int().describe('Alerts of the notice that are known now') })
  .openapi('AlertsTaken');

/** What a notice says, in the words of Teal. Pure. */
export function noticeOf(body: AlertNoticeBody): AlertNotice {
  if ('source' in body) return { source: body.source, alerts: [datadogNews(body)], leftOut: 0 };
  const whole = body.alerts.flatMap(alertmanagerNews);
  return {
    source: 'alertmanager',
    alerts: whole,
    leftOut: body.truncatedAlerts + body.alerts.length - whole.length,
  };
}

/** None of one without a name, or with too many labels. */
function alertmanagerNews({ status, labels, startsAt }: z.infer<typeof alertmanagerAlert>): readonly AlertNews[] {
  const named = name.safeParse(labels['alertname']);
  if (!named.success || Object.keys(labels).length > labelsLimit) return [];
  return [{ name: named.data, labels, state: status, sinceIso: new Date(startsAt).toISOString() }];
}

/** A scope is `env:prod, host:a`: with the number of the monitor it says which alert it is. */
function datadogNews({ alert, transition, scope }: z.infer<typeof datadogNotice>): AlertNews {
  const pairs = scope
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '' && tag !== '*')
    .map((tag): [string, string] => {
      const [key = '', ...value] = tag.split(':');
      return [key, value.join(':')];
    });
  return { name: alert, labels: Object.fromEntries(pairs), state: datadogState(transition) };
}

function datadogState(transition: string): AlertNews['state'] {
  if (/^(Re-)?(Triggered|Warn)$/.test(transition)) return 'firing';
  if (transition.endsWith('Recovered')) return 'resolved';
  return transition === 'Renotify' ? 'as before' : 'unknown';
}
