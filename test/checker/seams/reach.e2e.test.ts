import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { pgTools } from '../../../tools/servers/pg-tools.ts';
import { withClient } from '../../../tools/servers/with-client.ts';
import { blueMajor, greenMajor, ownServer } from '../../support/postgres.ts';
import { Life } from '../../support/whole-life.ts';
import { ledgerOf, seamEnvironment } from './index.ts';
import { readLedger } from './sync-ledger.ts';

const before = { ...process.env };
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
});

test('the seam is in every process and thread of a migration', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'teal-reach-')));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => rm(folder, { recursive: true, force: true }));
  Object.assign(process.env, seamEnvironment({ folder }));
  const [blue, green] = [stack.use(await ownServer(blueMajor())), stack.use(await ownServer(greenMajor()))];
  await withClient(blue.url, async (client) => client.query('create table thing (id int primary key)'));
  const life = stack.use(
    await Life.begin({
      name: 'reach',
      blueUrl: blue.url,
      greenUrl: green.url,
      tools: await pgTools(blueMajor(), greenMajor()),
      gates: '[{ person: tester }]',
    }),
  );
  await life.migration.up();
  await life.migration.cutover();
  const began = readLedger(ledgerOf(folder)).flatMap((line) => (line.what === 'began' ? [line] : []));
  const of = (program: string): number[] =>
    began.filter((line) => line.program === program).map(({ thread }) => thread);
  expect(of('carrier-main.ts')).toEqual([0, 0]);
  // On a thread of its own in each flow's worker.
  expect(of('receiver-thread.ts')).toHaveLength(2);
  expect(of('receiver-thread.ts')).not.toContain(0);
  expect(of('holder-main.ts')).toEqual([0, 0]);
  expect(of('proxy-main.ts')).toEqual([0]);
  expect(of('supervisor-main.ts').length).toBeGreaterThanOrEqual(1);
  const spools = readLedger(ledgerOf(folder)).filter((line) => line.what === 'synced' && line.path.includes('/spool/'));
  expect(spools.length).toBeGreaterThan(2);
});
