import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { greenMajor, blueMajor, testDatabase } from '../support/postgres.ts';
import { TestFlow, rowsOf } from './flow.ts';

const failpoints = [
  'sync.apply.before-statements',
  'sync.apply.before-commit',
  'sync.apply.after-commit',
  'sync.apply.before-trim',
];

/** One life of the applier; how it ended. */
async function live(runner: readonly string[], environment: Record<string, string>): Promise<'killed' | 'done'> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'crash-runner.ts'), ...runner], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [said, [code, signal]] = await Promise.all([
    text(child.stderr),
    once(child, 'exit') as Promise<[number, string]>,
  ]);
  if (signal === 'SIGKILL') return 'killed';
  if (code === 0) return 'done';
  // A backend of the life before may hold the origin for a moment.
  if (said.includes('TEAL-SYNC-119')) return 'killed';
  throw new Error(said);
}

test('killed at every edge of a commit, an applier that starts again applies everything exactly once', async () => {
  await using source = await testDatabase(blueMajor());
  await using target = await testDatabase(greenMajor());
  // Without a key nothing would hinder a second insert, nor tell a second update: only the position does.
  const schema = `create table log (n int, v int); alter table log replica identity full; create table acc (id int primary key, v int)`;
  for (const db of [source, target]) await db.query(schema);
  await using flow = await TestFlow.open(source, target);
  for (let at = 1; at <= 12; at += 1) {
    await source.query(
      `begin; insert into log select ${at}, i from generate_series(1, 10) i; insert into acc values (${at}, 0); update acc set v = v + 1; commit`,
    );
  }
  // Larger than a batch: goes in slices.
  await source.query(
    'begin; insert into log select 99, i from generate_series(1, 200) i; update acc set v = v + 100; commit',
  );

  const folder = await mkdtemp(path.join(tmpdir(), 'teal-crash-'));
  onTestFinished(async () => rm(folder, { recursive: true }));
  const ledger = path.join(folder, 'ledger');
  const ends: string[] = [];
  while (ends.at(-1) !== 'done') {
    expect(ends.length).toBeLessThan(40);
    ends.push(await live([source.url, target.url, flow.migration, flow.begin], { TEAL_FAILPOINTS: ledger }));
  }
  // It was killed once at each, before this life.
  expect((await readFile(ledger, 'utf8')).trim().split('\n').sort()).toEqual([...failpoints].sort());
  expect(await rowsOf(target, 'log')).toEqual(await rowsOf(source, 'log'));
  expect(await rowsOf(target, 'acc')).toEqual(await rowsOf(source, 'acc'));
});
