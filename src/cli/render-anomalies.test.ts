import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import type { AnomaliesSeen } from '../app/anomalies.ts';
import { renderAnomalies } from './render-anomalies.ts';

const atMs = Date.parse('2026-03-02T10:00:00.000Z');
const quiet: AnomaliesSeen = {
  version: 1,
  pid: 1,
  atIso: '2026-03-02T10:00:00.000Z',
  minutes: 600,
  open: [],
  past: [],
  capacities: [],
};

const text = (seen: Partial<AnomaliesSeen>): string => stripVTControlCharacters(renderAnomalies({ ...quiet, ...seen }));

test('nothing is said in a line, and too little to go by in another', () => {
  expect(text({})).toBe('Nothing is out of the usual');
  expect(text({ minutes: 12 })).toMatch(/^Not known yet: of 12 minutes/);
});

test('what is out of the usual, what was, and what will be full fit a terminal of 80 columns', () => {
  const expected = { from: 'the hours before', middle: 0.0004, spread: 0.005, minutes: 360 } as const;
  const one = { series: 'clients.failureShare', sinceMs: atMs, value: 0.2, worst: 0.31, expected, deviation: 40 };
  const full = {
    atMs: atMs + 4 * 86_400_000,
    earliestMs: atMs + 3 * 86_400_000,
    latestMs: atMs + 6 * 86_400_000,
    confidence: 0.9,
    perDay: 1e9,
    spanMs: 86_400_000,
  } as const;
  const told = text({
    open: [one],
    past: [{ ...one, series: 'other.temporaryBytes', worst: 3.2e9, untilMs: atMs + 600_000 }],
    capacities: [{ side: 'green', what: 'databaseBytes', now: 8e10, limit: 1e11, full }],
    trouble: 'blue: TEAL-SYSTEMS-001: it cannot be reached',
  });
  expect(told).toBe(
    [
      '1 number is out of the usual',
      '  now        statements failed, of all at the proxy (clients.failureShare):',
      '             20.0%; the hours before: 0.0% ± 0.5%, since 2026-03-02 10:00Z',
      '  was        temporary files written on the other side (other.temporaryBytes):',
      '             3.2 GB/s at worst; usual: 0.0 MB/s, 2026-03-02 10:00Z to 2026-03-02',
      '             10:10Z',
      '  room       disk of the database of green: 80.0 GB of 100.0 GB (80%), full at',
      '             2026-03-06 10:00Z (2026-03-05 10:00Z to 2026-03-08 10:00Z with 90%)',
      '  trouble    blue: TEAL-SYSTEMS-001: it cannot be reached',
    ].join('\n'),
  );
});
