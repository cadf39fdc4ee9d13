import { expect, test } from 'vitest';
import type { AlertNotice } from '../model/alerts.ts';
import { alertNotice, noticeOf } from './alert-notices.ts';

const read = (body: unknown): AlertNotice => noticeOf(alertNotice.parse(body));

/** Of the form that Alertmanager documents, with all of its fields. */
const group = {
  version: '4',
  groupKey: '{}/{team="shop"}:{alertname="GreenErrors"}',
  truncatedAlerts: 0,
  status: 'firing',
  receiver: 'teal',
  groupLabels: { alertname: 'GreenErrors' },
  commonLabels: { alertname: 'GreenErrors', team: 'shop' },
  commonAnnotations: { summary: 'too many errors' },
  externalURL: 'http://alertmanager.example:9093',
  alerts: [
    {
      status: 'firing',
      labels: { alertname: 'GreenErrors', team: 'shop', pod: 'a' },
      annotations: { summary: 'too many errors' },
      startsAt: '2026-11-30T03:00:00.123456789+01:00',
      endsAt: '0001-01-01T00:00:00Z',
      generatorURL: 'http://prometheus.example:9090/graph',
      fingerprint: 'c6eadffa33fcdf37',
    },
    {
      status: 'resolved',
      labels: { alertname: 'GreenErrors', team: 'shop', pod: 'b' },
      annotations: {},
      startsAt: '2026-11-30T01:00:00Z',
      endsAt: '2026-11-30T02:00:00Z',
      generatorURL: '',
      fingerprint: '1a30ba71cca2921f',
    },
  ],
};

test('a group of Alertmanager is its alerts, each with all of its labels', () => {
  expect(read(group)).toEqual({
    source: 'alertmanager',
    leftOut: 0,
    alerts: [
      {
        name: 'GreenErrors',
        labels: { alertname: 'GreenErrors', team: 'shop', pod: 'a' },
        state: 'firing',
        sinceIso: '2026-11-30T02:00:00.123Z',
      },
      {
        name: 'GreenErrors',
        labels: { alertname: 'GreenErrors', team: 'shop', pod: 'b' },
        state: 'resolved',
        sinceIso: '2026-11-30T01:00:00.000Z',
      },
    ],
  });
});

test('what is not told whole is counted', () => {
  const [alert] = group.alerts;
  const nameless = { ...alert, labels: { team: 'shop' } };
  const large = {
    ...alert,
    labels: { alertname: 'A', ...Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`l${n}`, ''])) },
  };
  expect(read({ ...group, truncatedAlerts: 3, alerts: [nameless, large] })).toMatchObject({ leftOut: 5, alerts: [] });
  const { truncatedAlerts: _, ...old } = group;
  expect(read(old).leftOut).toBe(0);
});

test.each([
  ['Triggered', 'firing'],
  ['Re-Triggered', 'firing'],
  ['Warn', 'firing'],
  ['Re-Warn', 'firing'],
  ['Recovered', 'resolved'],
  ['No Data', 'unknown'],
  ['Re-No Data', 'unknown'],
  ['Renotify', 'as before'],
  ['something new', 'unknown'],
])('%s of Datadog is %s', (transition, state) => {
  const body = { source: 'datadog', alert: '1234', transition, scope: 'env:prod, url:http://a:80,*' };
  expect(read(body)).toEqual({
    source: 'datadog',
    leftOut: 0,
    alerts: [{ name: '1234', labels: { env: 'prod', url: 'http://a:80' }, state }],
  });
});

test.each([
  ['another version', { ...group, version: '3' }],
  ['another source', { source: 'pager', alert: 'A', transition: 'Triggered' }],
  ['a state that is none', { ...group, alerts: [{ ...group.alerts[0], status: 'pending' }] }],
  ['a time that is none', { ...group, alerts: [{ ...group.alerts[0], startsAt: 'now' }] }],
  ['too many', { ...group, alerts: Array.from({ length: 5_001 }, () => group.alerts[0]) }],
  ['no name of a monitor', { source: 'datadog', alert: '', transition: 'Triggered' }],
])('%s is not taken', (_, body) => expect(alertNotice.safeParse(body).success).toBe(false));
