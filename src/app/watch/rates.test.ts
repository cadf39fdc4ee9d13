import { expect, test } from 'vitest';
import { ServedCounter } from '../../model/served.ts';
import type { Vitals } from '../../ports/vitals.ts';
import { vitalsIn } from './look-at-systems.ts';
import { meanOf, valuesBetween, type Look } from './rates.ts';

const vitals = (counters: Vitals['counters'], gauges: Vitals['gauges'] = {}): Vitals => ({
  counters,
  gauges,
  limits: {},
});
const at = (seconds: number, more: Partial<Look> = {}): Look => ({
  atMs: seconds * 1_000,
  live: 'blue',
  sides: {},
  ...more,
});

test('counters become rates and shares, by what the side is; what grows goes by the side', () => {
  const before = at(0, { sides: { blue: vitals({ commits: 100, rollbacks: 0, deadlocks: 1 }) } });
  const after = at(10, {
    sides: {
      blue: vitals({ commits: 190, rollbacks: 10, deadlocks: 2 }, { connections: 7, databaseBytes: 5 }),
      green: vitals({ commits: 5 }, { connections: 1 }),
    },
  });
  expect(valuesBetween(before, after)).toEqual({
    'live.commits': 9,
    'live.rollbackShare': 0.1,
    'live.deadlocks': 6,
    'live.connections': 7,
    'other.connections': 1,
    'blue.connections': 7,
    'blue.databaseBytes': 5,
    'green.connections': 1,
  });
});

test('a server that began to count anew has no rate, nor have two looks at one moment; of few nothing is shared out', () => {
  const many = at(0, { sides: { blue: vitals({ commits: 100 }) } });
  expect(valuesBetween(many, at(10, { sides: { blue: vitals({ commits: 3 }) } }))).toEqual({});
  expect(valuesBetween(many, many)).toEqual({});
  const few = { blue: vitals({ commits: 103, rollbacks: 1 }) };
  expect(
    valuesBetween(at(0, { sides: { blue: vitals({ commits: 100, rollbacks: 0 }) } }), at(10, { sides: few })),
  ).toEqual({
    'live.commits': 0.3,
  });
});

test('what the flow and clients did is counted while the live side is the same', () => {
  const counter = new ServedCounter();
  const none = counter.counts;
  for (let index = 0; index < 40; index++) counter.answered(8);
  const some = { clients: counter.counts, flow: { changes: 500, lagMs: 12 } };
  const zero = { clients: none, flow: { changes: 0, lagMs: 1 } };
  const values = valuesBetween(at(0, zero), at(10, some));
  expect(values).toMatchObject({ 'flow.changes': 50, 'flow.lag': 12, 'clients.answers': 4, 'clients.failureShare': 0 });
  expect(values['clients.p95']).toBeGreaterThan(6);
  expect(values['clients.p95']).toBeLessThan(12);
  expect(valuesBetween(at(0, zero), at(10, { ...some, live: 'green' }))).toEqual({ 'flow.lag': 12 });
});

test('a minute is the mean of its looks, each series of those that have it', () => {
  expect(meanOf([{ 'flow.lag': 1 }, { 'flow.lag': 3, 'live.active': 5 }, {}])).toEqual({
    'flow.lag': 2,
    'live.active': 5,
  });
  expect(meanOf([])).toEqual({});
});

test('of what a server tells, null is not known, and a decimal in quotes is a number', () => {
  expect(vitalsIn('{"counters":{"commits":null},"gauges":{"databaseBytes":"12"},"limits":{"connections":9}}')).toEqual({
    counters: {},
    gauges: { databaseBytes: 12 },
    limits: { connections: 9 },
  });
  expect(vitalsIn(null)).toEqual({ counters: {}, gauges: {}, limits: {} });
});
