import { describe, expect, test } from 'vitest';
import { blueMajor, greenMajor } from '../../support/postgres.ts';
import type { Sample } from '../../../src/testing/checker/invariants.ts';
import { checkRun } from '../../../src/testing/checker/invariants.ts';
import { standardBounds } from '../run/samples.ts';
import { endure } from './endure.ts';
import { seriesTable } from './table.ts';

describe('a migration that is switched again and again', () => {
  test('grows nowhere, fails no client, loses nothing and leaves nothing', { timeout: 300_000 }, async () => {
    const said: string[] = [];
    const run = await endure({
      majors: [blueMajor(), greenMajor()],
      minutes: 0.75,
      everyMs: 9_000,
      sampleMs: 1_500,
      say: (line) => said.push(line),
    });
    expect(run.violations, `${said.join('\n')}\n${seriesTable(run.samples, run.bounds, run.steadyFromUs)}`).toEqual([]);
    expect(run.switches.length).toBeGreaterThanOrEqual(3);
    expect(run.load.transactions).toBeGreaterThan(500);
    expect(run.load.connections).toBeGreaterThan(30);
    const bounded = run.bounds.map(({ what }) => what);
    for (const process of ['controller', 'proxy', 'supervisor', 'worker forward', 'worker reverse']) {
      for (const of of ['resident, bytes', 'heap alive, bytes', 'descriptors', 'threads', 'timers'])
        expect(bounded).toContain(`${process}: ${of}`);
    }
    expect(bounded).toContain('worker forward, receiver: heap alive, bytes');
  });
});

describe('what is told as growth', () => {
  const minutes = 60;
  const samples = (what: string, at: (minute: number) => number): readonly Sample[] =>
    Array.from({ length: minutes * 12 }, (_, n) => ({ atUs: n * 5e6, what, value: at(n / 12) }));
  const judged = (what: string, at: (minute: number) => number): readonly string[] => {
    const bounds = standardBounds(new Set([what]), { steadyFromUs: 15 * 60e6, untilUs: 3_600e6, switches: 45 });
    return checkRun({ samples: samples(what, at), bounds }).map(({ text }) => text);
  };
  const MB = 2 ** 20;

  test.each<[string, (minute: number) => number]>([
    ['proxy: heap alive, bytes', (minute) => 20 * MB + minute * 100_000],
    ['worker forward: resident, bytes', (minute) => 100 * MB + minute * 1.5 * MB],
    ['worker forward: resident, bytes', () => 600 * MB],
    ['controller: descriptors', (minute) => 30 + Math.floor(minute)],
    ['proxy: timers', (minute) => 3 + Math.floor(minute)],
    ['blue: sessions named teal verify', (minute) => Math.floor(minute)],
    ['green: WAL retained by teal_x_rev, bytes', (minute) => minute * 4 * MB],
    ['blue: oldest transaction of Teal, seconds', (minute) => minute * 60],
    ['blue: slots', () => 3],
    ['green: prepared transactions', () => 1],
    ['state folder: spool reverse, bytes', (minute) => minute * 5 * MB],
    ['state folder: logs, bytes', (minute) => minute * 500_000],
  ])('%s', (what, at) => {
    expect(judged(what, at)).toHaveLength(1);
  });

  test.each<[string, (minute: number) => number]>([
    ['worker forward: heap alive, bytes', (minute) => 20 * MB + Math.sin(minute * 9) * MB],
    // A young process, and a step later on.
    ['proxy: resident, bytes', (minute) => (100 + Math.min(minute, 10) * 10 + (minute > 40 ? 12 : 0)) * MB],
    ['controller: descriptors', (minute) => 30 + ((minute * 12) % 5)],
  ])('not %s that moves as it does', (what, at) => {
    expect(judged(what, at)).toEqual([]);
  });
});
