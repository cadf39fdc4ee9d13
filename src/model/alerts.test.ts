import { expect, test } from 'vitest';
import {
  alertsKept,
  heardNotice,
  labelDigest,
  longestBeliefMs,
  nothingTold,
  type AlertNews,
  type AlertNotice,
  type ToldAlerts,
} from './alerts.ts';

const atMs = Date.parse('2026-11-30T02:00:00Z');
const notice = (...alerts: readonly AlertNews[]): AlertNotice => ({ source: 'alertmanager', alerts, leftOut: 0 });
const alert = (name: string, state: AlertNews['state'], sinceIso?: string): AlertNews => ({
  name,
  labels: { team: 'shop' },
  state,
  ...(sinceIso === undefined ? {} : { sinceIso }),
});
const after = (...notices: readonly AlertNotice[]): ToldAlerts =>
  notices.reduce((told, each, index) => heardNotice(told, each, atMs + index * 60_000), nothingTold);

test('an alert is known by its name and labels, whose values are not kept', () => {
  const told = after(notice(alert('A', 'firing', '2026-11-30T01:58:00.000Z'), { ...alert('A', 'firing'), labels: {} }));
  expect(told.alerts).toMatchObject([
    { name: 'A', labels: [labelDigest('team', 'shop')], state: 'firing', sinceIso: '2026-11-30T01:58:00.000Z' },
    { name: 'A', labels: [], sinceIso: '2026-11-30T02:00:00.000Z' },
  ]);
  expect(JSON.stringify(told)).not.toContain('shop');
  expect(labelDigest('a', 'bc')).not.toBe(labelDigest('ab', 'c'));
});

test('a word that comes again changes when it was told, and not since when it is so', () => {
  const told = after(
    notice(alert('A', 'firing')),
    notice(alert('A', 'as before')),
    notice(alert('A', 'resolved')),
    notice(alert('A', 'as before')),
  );
  expect(told.alerts).toMatchObject([
    { state: 'resolved', sinceIso: '2026-11-30T02:02:00.000Z', toldIso: '2026-11-30T02:03:00.000Z' },
  ]);
  expect(told.heard).toEqual({ alertmanager: '2026-11-30T02:03:00.000Z' });
  expect(after(notice(alert('A', 'as before'))).alerts[0]?.state).toBe('unknown');
});

test('what nobody tells for a day is forgotten', () => {
  const told = after(notice(alert('A', 'firing')));
  const later = (ms: number): number => heardNotice(told, notice(), atMs + ms).alerts.length;
  expect([later(longestBeliefMs), later(longestBeliefMs + 1)]).toEqual([1, 0]);
});

test('of too many those that fire stay, the newest, and that some are missing is told', () => {
  const many = Array.from({ length: alertsKept - 1 }, (_, n) => alert(`R${n}`, 'resolved'));
  const told = after(notice(...many), notice(alert('A', 'firing'), alert('B', 'resolved')));
  expect(told.alerts).toHaveLength(alertsKept);
  expect(told.alerts.slice(0, 2)).toMatchObject([{ name: 'A' }, { name: 'B' }]);
  expect(told.leftOut).toEqual({ alertmanager: '2026-11-30T02:01:00.000Z' });
  expect(after(notice(...many)).leftOut).toEqual({});
  expect(after({ ...notice(), leftOut: 1 }).leftOut).toEqual({ alertmanager: '2026-11-30T02:00:00.000Z' });
});
