import { expect, test } from 'vitest';
import { asPosition } from '../model/position.ts';
import { expose } from './exposition.ts';
import { metrics } from './metrics.ts';
import type { Sample } from './sample.ts';

const nowMs = Date.parse('2026-01-01T00:10:00.000Z');
const empty: Sample = { migration: 'shop', version: '0.1.0', nowMs, flows: [], hasProxy: false };
const full: Sample = {
  ...empty,
  hasProxy: true,
  anomalies: {
    open: { 'clients.p95': 12.5 },
    full: [{ side: 'green', what: 'databaseBytes', atMs: nowMs + 3_600_000 }],
  },
  journal: {
    records: 42,
    lastMs: nowMs - 3_000,
    isWritten: true,
    phase: 'cutting',
    live: 'blue',
    epoch: 2,
    stages: { copy: 'finished' },
    openSteps: { failed: 1 },
    gates: [{ gate: 'cutover.gates[0]', person: true, answer: 'not yet' }],
    cutSinceMs: nowMs - 1_500,
    cuts: [
      { from: 'blue', to: 'green', end: 'finished', endMs: nowMs - 60_000, pauseMs: 84 },
      { from: 'green', to: 'blue', end: 'aborted', endMs: nowMs - 30_000 },
    ],
    certificates: { count: 3, lastMs: nowMs - 120_000 },
  },
  flows: [
    {
      flow: 'forward',
      mode: 'live',
      now: { state: 'running' },
      received: asPosition('0/2'),
      applied: asPosition('0/1'),
      lagBytes: 12,
      lagMs: 250,
      transactions: 7,
      changes: 9,
      changesPerSecond: 3,
      spoolBytes: 100,
      retainedBytes: 5,
      retainedLimitBytes: 50,
      rogueTransactions: 0,
      schema: [],
    },
  ],
  proxy: {
    state: { mode: 'holding', pointsTo: 'blue', epoch: 2, clients: 4, inFlight: 1, pinned: [] },
    queries: 11,
    bytesIn: 12,
    bytesOut: 13,
    longestWaitMs: 80,
    alarm: false,
  },
  shadow: { share: 0.1, outcomes: { equal: 30, real: 1 } },
  shadowWrites: { share: 0.1, outcomes: { equal: 3, real: 1 } },
  canary: { share: 0.5, outcomes: { green: 20, 'not ready': 2 } },
  supervisor: { lives: true, restarts: { forward: 2 } },
  progress: { step: 'copy:tables', done: 10, total: 40, unit: 'bytes' },
};

const linesOf = (text: string): readonly string[] =>
  text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

test('a sample with everything has every metric that is documented, and no other', async () => {
  const names = linesOf(await expose(full)).map((line) => /^[a-z_]+/.exec(line)?.[0] ?? '');
  expect([...new Set(names)].sort()).toEqual(metrics.map(({ name }) => name).sort());
});

test('units are seconds and bytes, and of a state one series is 1', async () => {
  const lines = linesOf(await expose(full));
  expect(lines).toEqual(
    expect.arrayContaining([
      'teal_live_side{side="blue"} 1',
      'teal_live_side{side="green"} 0',
      'teal_flow_lag_seconds{flow="forward"} 0.25',
      'teal_flow_up{flow="forward"} 1',
      'teal_flow_up{flow="reverse"} 0',
      'teal_cut_open_seconds 1.5',
      'teal_cut_last_pause_seconds 0.084',
      'teal_cuts_total{to="green",end="finished"} 1',
      'teal_verification_age_seconds 120',
      'teal_gate_answer{gate="cutover.gates[0]",person="yes",answer="not yet"} 1',
      'teal_proxy_longest_wait_seconds 0.08',
    ]),
  );
  for (const state of ['teal_phase{', 'teal_flow_state{', 'teal_proxy_points_to{', 'teal_gate_answer{']) {
    expect(lines.filter((line) => line.startsWith(state) && line.endsWith(' 1'))).toHaveLength(1);
  }
});

test('what is not known is not told as 0', async () => {
  const text = await expose(empty);
  expect(linesOf(text).map((line) => line.split(/[ {]/)[0])).toEqual(['teal_info', 'teal_flow_up', 'teal_flow_up']);
});

test('every metric is named and described as Prometheus asks, and has the labels that it says', () => {
  for (const { name, type, help, labels, read } of metrics) {
    expect(name).toMatch(/^teal_[a-z]+(_[a-z]+)*$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(help).toMatch(/\.$/);
    for (const { labels: of } of read(full)) expect(Object.keys(of).sort()).toEqual([...labels].sort());
  }
  expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length);
});
