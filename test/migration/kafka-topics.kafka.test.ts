import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { adminUrl, fileOf, furnish, kafkaUsers, startCrowd, type KafkaStage } from '../../demo/kafka-stage.ts';
import { kafkaMoveOf } from '../../src/app/kafka-pair.ts';
import { loadSpec } from '../../src/app/load-spec.ts';
import type { Migration } from '../../src/app/migration.ts';
import { openMigration } from '../../src/app/open-migration.ts';
import { planMigration } from '../../src/app/plan-migration.ts';
import { readStatus } from '../../src/app/status.ts';
import { compareClusters } from '../../src/systems/kafka/verify/compare-clusters.ts';
import { kafkaIsTested, namePrefix, testCluster } from '../support/kafka.ts';

async function stageOf(): Promise<KafkaStage> {
  const options = { users: { ...kafkaUsers }, apart: 'life' };
  const [blue, green] = [await testCluster('blue', options), await testCluster('green', options)];
  const stage = { prefix: namePrefix(), bootstrap: { blue: blue.bootstrap, green: green.bootstrap } };
  await furnish(stage);
  return stage;
}

/** The command, killed at that place. */
async function killedAt(place: string, folder: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const failpoints = {
    TEAL_FAILPOINTS: join(folder, `${place.replaceAll(/\W/g, '_')}.ledger`),
    TEAL_FAILPOINT_NAMES: place,
  };
  const child = spawn(process.execPath, ['src/cli/main.ts', ...args], {
    env: { ...env, ...failpoints },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const told = text(child.stderr);
  const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  expect(signal, await told).toBe('SIGKILL');
}

describe.skipIf(!kafkaIsTested)('topics that are cut one by one', () => {
  test('go, come back and go again beside others that stay; a controller is killed on either side of the decision', async () => {
    const stage = await stageOf();
    const [orders, payments] = [`${stage.prefix}orders`, `${stage.prefix}payments`];
    const trouble: string[] = [];
    await using crowd = await startCrowd(stage, { pauseMs: 20, onTrouble: (what) => trouble.push(what) });
    const folder = await mkdtemp(join(tmpdir(), 'teal-kafka-topics-'));
    onTestFinished(async () => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'teal.yaml');
    const name = stage.prefix.replaceAll(/[^a-z0-9]+/g, '');
    await writeFile(file, fileOf(stage.prefix, crowd.url, { name }));
    const env = {
      ...process.env,
      BLUE_URL: adminUrl(stage.bootstrap.blue),
      GREEN_URL: adminUrl(stage.bootstrap.green),
    };
    const loaded = loadSpec(file, env);
    const { signal } = new AbortController();
    const as = async <T>(command: string, work: (migration: Migration) => Promise<T>): Promise<T> => {
      await using migration = await openMigration({ file, env, command, signal, onEvent: () => undefined });
      return await work(migration);
    };
    const cutPayments = ['cutover', '--topic', `${stage.prefix}pay*`, '-f', file];
    try {
      await as('up', async (it) => expect(await it.up()).toMatchObject({ outcome: 'waiting', live: 'blue' }));
      await expect(as('cutover --topic', async (it) => it.cutoverTopics(['no.such']))).rejects.toThrow(/TEAL-APP-061/);

      // Before the decision: nothing has moved.
      await killedAt('step:cut:e1a1:token:journalled', folder, cutPayments, env);
      await as('verify', async (it) => it.recover());
      expect(readStatus(loaded)).toMatchObject({
        phase: 'blue',
        cuts: [{ topics: [payments], end: expect.stringContaining('TEAL-STAGES-105') }],
      });
      expect(readStatus(loaded).ahead).toBeUndefined();

      // After it: payments are on green, whoever comes next.
      await killedAt('step:cut:e1a2:decide:acted', folder, cutPayments, env);
      await as('verify', async (it) => it.recover());
      expect(readStatus(loaded)).toMatchObject({ live: 'blue', phase: 'blue', ahead: [payments] });
      expect(await as('cutover --topic', async (it) => it.cutoverTopics([payments]))).toMatchObject({
        outcome: 'done',
        live: 'blue',
      });

      // A group of both topics goes to green; the mirrors of both directions feed it there.
      await as('cutover --group', async (it) => it.moveReaders('green', [`${stage.prefix}billing`]));
      const compared = await compareClusters(kafkaMoveOf(loaded.spec, [orders, payments]), { signal });
      expect(compared.topics.map(({ topic, live, outcome }) => [topic, live, outcome])).toEqual([
        [orders, 'blue', 'equal'],
        [payments, 'green', 'equal'],
      ]);
      expect(await as('abort', async (it) => it.abort('too early'))).toMatchObject({
        outcome: 'no',
        next: ['teal rollback'],
      });
      const { plan } = await planMigration(loaded, signal);
      expect(JSON.stringify(plan)).toContain(payments);

      expect(await as('rollback', async (it) => it.rollback('to see that it can'))).toMatchObject({
        outcome: 'done',
        live: 'blue',
      });
      expect(readStatus(loaded)).toMatchObject({ phase: 'back', live: 'blue' });
      expect(readStatus(loaded).ahead).toBeUndefined();

      expect(await as('cutover --topic', async (it) => it.cutoverTopics([orders]))).toMatchObject({
        outcome: 'done',
        live: 'blue',
      });
      expect(readStatus(loaded)).toMatchObject({ ahead: [orders] });
      expect(await as('cutover', async (it) => it.cutover())).toMatchObject({ outcome: 'done', live: 'green' });

      const report = await crowd.finish();
      console.log(
        Object.entries(report.groups).map(([g, r]) => [g, r.longestGapMs]),
        report.longestWriteMs,
        report.refused,
      );
      expect(trouble).toEqual([]);
      for (const judged of Object.values(report.groups)) {
        expect(judged).toMatchObject({ lost: 0, doubled: 0, disordered: 0, strange: 0, texts: [] });
      }
      await as('verify', async (it) => expect((await it.verify()).verified).toMatchObject({ equal: true }));
      expect(readStatus(loaded).cuts.map(({ to, topics, end }) => [to, topics?.length, end])).toEqual([
        ['green', 1, 'given up: TEAL-STAGES-105'],
        ['green', 1, 'done'],
        ['blue', 1, 'done'],
        ['green', 1, 'done'],
        ['green', undefined, 'done'],
      ]);
      await as('finalise', async (it) =>
        expect(await it.finalise({ early: true })).toMatchObject({ outcome: 'done', live: 'green' }),
      );
    } catch (error) {
      await as('stop', async (it) => it.stopProcesses());
      throw error;
    }
  });
});
