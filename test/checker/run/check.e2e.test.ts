import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { isLong } from '../../support/long.ts';
import { blueMajor, greenMajor } from '../../support/postgres.ts';
import { scheduleOf, scheduleText } from '../schedule.ts';
import { runSeed } from './run-seed.ts';

/** A few short seeds in every run of the tests; `make check SEEDS=n` runs more of them, and longer ones. */
describe('what clients saw of a migration, judged', () => {
  const seeds: [number, string][] = [
    [1, 'kill controller'],
    [2, 'kill worker forward'],
  ];
  test.each(isLong ? seeds : seeds.slice(0, 1))('seed %i, %s', async (seed, fault) => {
    const schedule = scheduleOf(seed, {
      drivers: ['node-postgres'],
      majors: [blueMajor(), greenMajor()],
      length: 'short',
      faults: [fault],
    });
    const { violations, txns, cuts, injected } = await runSeed(schedule);
    expect(injected.map((each) => each.fault)).toEqual([fault]);
    expect(violations, scheduleText(schedule)).toEqual([]);
    expect(txns.filter(({ outcome }) => outcome === 'ok').length).toBeGreaterThan(100);
    expect(cuts.filter(({ outcome }) => outcome === 'done').length).toBeGreaterThanOrEqual(2);
  });

  test('of a run that takes longer than it may nothing stays but its traces', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'teal-late-'));
    onTestFinished(async () => rm(folder, { recursive: true }));
    // Servers run as another user.
    await chmod(folder, 0o755);
    const schedule = scheduleOf(1, { drivers: ['node-postgres'], majors: [greenMajor()], length: 'short' });
    const tracesTo = join(folder, 'traces');
    vi.stubEnv('TMPDIR', folder);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    await expect(runSeed(schedule, { limitMs: 3_000, tracesTo })).rejects.toThrow('not at its end after 3 s');
    expect(await readdir(folder)).toEqual(['traces']);
    expect(await readdir(tracesTo)).toContain('told.txt');
    expect(spawnSync('pgrep', ['--full', folder], { encoding: 'utf8' }).stdout).toBe('');
  });

  test('a write that is lost on the owner is found', async () => {
    const schedule = scheduleOf(3, {
      drivers: ['node-postgres'],
      majors: [greenMajor()],
      length: 'short',
      faults: ['kill worker reverse'],
    });
    const spoil = `update lists set elements = elements[:cardinality(elements) - 1]
      where k = (select k from lists where elements <> '{}' limit 1)`;
    const { violations } = await runSeed(schedule, { spoil });
    expect(violations.map(({ invariant }) => invariant)).toContain(1);
  });
});
