import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { adminUrl, fileOf, furnish, kafkaUsers, startCrowd, type KafkaStage } from '../../demo/kafka-stage.ts';
import type { MigrationEvent } from '../../src/app/events.ts';
import { loadSpec } from '../../src/app/load-spec.ts';
import { openMigration } from '../../src/app/open-migration.ts';
import { planMigration } from '../../src/app/plan-migration.ts';
import { readStatus } from '../../src/app/status.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { isProcessThere } from '../../src/kernel/process-there.ts';
import { openRegistry, type RegistryServer } from '../../src/systems/kafka/registry/test-support/registry-server.ts';
import { kafkaIsTested, namePrefix, testCluster } from '../support/kafka.ts';

const startMs = 120_000;

async function stageOf(): Promise<KafkaStage> {
  const options = { users: { ...kafkaUsers }, apart: 'life' };
  const [blue, green] = [await testCluster('blue', options), await testCluster('green', options)];
  const stage = { prefix: namePrefix(), bootstrap: { blue: blue.bootstrap, green: green.bootstrap } };
  await furnish(stage);
  return stage;
}

interface Registries extends AsyncDisposable {
  readonly blue: RegistryServer;
  readonly green: RegistryServer;
}

/** Blue's has two versions of a subject; green's is empty. */
async function openRegistries(): Promise<Registries> {
  const [blue, green] = [await openRegistry(), await openRegistry()];
  const versions = [
    { id: 17, schema: '"string"' },
    { id: 23, schema: '"int"' },
  ].map((kept, at) => [at + 1, kept] as const);
  blue.subjects.set('orders-value', new Map(versions));
  return {
    blue,
    green,
    async [Symbol.asyncDispose]() {
      await blue[Symbol.asyncDispose]();
      await green[Symbol.asyncDispose]();
    },
  };
}

async function pidOf(stateDir: string, flow: string): Promise<number> {
  return Number(await readFile(join(stateDir, `carrier-${flow}`, 'pid'), 'utf8'));
}

describe.skipIf(!kafkaIsTested)('two clusters of Kafka', () => {
  test('move under producers and consumers, back and again; a worker is killed meanwhile, and no record is lost, doubled or out of order', async () => {
    const stage = await stageOf();
    const trouble: string[] = [];
    await using crowd = await startCrowd(stage, { pauseMs: 20, onTrouble: (what) => trouble.push(what) });
    const folder = await mkdtemp(join(tmpdir(), 'teal-kafka-life-'));
    onTestFinished(async () => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'teal.yaml');
    // What Teal writes on both clusters goes by this name: tried again, it is another migration.
    const name = stage.prefix.replaceAll(/[^a-z0-9]+/g, '');
    await using registries = await openRegistries();
    const text = fileOf(stage.prefix, crowd.url, { name });
    await writeFile(
      file,
      text.replaceAll(/"\$\{(BLUE|GREEN)_URL\}"/g, '$&, schemaRegistry: { url: "${$1_REGISTRY}" }'),
    );
    const stateDir = join(folder, '.teal', name);
    const env = {
      ...process.env,
      BLUE_URL: adminUrl(stage.bootstrap.blue),
      GREEN_URL: adminUrl(stage.bootstrap.green),
      BLUE_REGISTRY: registries.blue.url,
      GREEN_REGISTRY: registries.green.url,
    };
    const { signal } = new AbortController();
    const loaded = loadSpec(file, env);
    const { plan } = await planMigration(loaded, signal);
    const planned = plan.stages.flatMap(({ steps }) => steps.map(({ id }) => id));
    expect(planned).toContain(`group:1:to-green:carry:${stage.prefix}billing`);
    expect(planned).not.toContain('cut:next:sequences');

    const steps: string[] = [];
    const onEvent = (event: MigrationEvent): void => {
      if (event.kind === 'step done') steps.push(event.step);
    };
    await using migration = await openMigration({ file, env, command: 'up', signal, onEvent });
    try {
      expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
      expect(planned.filter((id) => steps.includes(id))).toEqual(
        planned.filter((id) => !/^(cut|group|finalise):/.test(id)),
      );

      expect(registries.green.subjects).toEqual(registries.blue.subjects);

      // A schema that came later keeps the cut from going, by its name.
      const late = new Map([[1, { id: 31, schema: '"long"' }]]);
      registries.blue.subjects.set('late', late);
      await expect(migration.cutover()).rejects.toThrow(/TEAL-STAGES-108.*lacks late version 1 \(id 31\)/);
      registries.green.subjects.set('late', late);

      // One group alone, and back.
      const [group] = [`${stage.prefix}audit`];
      expect(await migration.moveReaders('green', [group])).toMatchObject({ outcome: 'done', live: 'blue' });
      expect(await migration.moveReaders('blue', [group])).toMatchObject({ outcome: 'done', live: 'blue' });

      const killed = await pidOf(stateDir, 'forward');
      process.kill(killed, 'SIGKILL');
      await waitFor({ what: 'another worker', timeoutMs: startMs }, async () => {
        const pid = await pidOf(stateDir, 'forward').catch(() => killed);
        return pid !== killed && isProcessThere(pid) ? true : undefined;
      });

      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      expect(await migration.rollback('to see that it can')).toMatchObject({ outcome: 'done', live: 'blue' });
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });

      const report = await crowd.finish();
      const whole = { lost: 0, doubled: 0, disordered: 0, strange: 0, texts: [] };
      expect(trouble).toEqual([]);
      expect(Object.keys(report.groups)).toHaveLength(3);
      for (const judged of Object.values(report.groups)) expect(judged).toMatchObject(whole);
      const bank = report.sendings[`${stage.prefix}bank`] ?? [];
      expect(bank.filter(({ outcome }) => outcome === 'ok').length).toBeGreaterThan(0);
      // It went on writing until it was refused.
      expect(report.refused).toBeGreaterThan(0);

      const { verified, tables } = await migration.verify();
      expect(verified).toMatchObject({ equal: true });
      expect(tables.map(({ table }) => table).toSorted()).toEqual([`${stage.prefix}orders`, `${stage.prefix}payments`]);
      const status = readStatus(loaded);
      expect(status).toMatchObject({ moves: 'topics', certificate: { tables: 2, partitions: 5 } });
      expect(status.cuts.map(({ to, end }) => [to, end])).toEqual([
        ['green', 'done'],
        ['blue', 'done'],
        ['green', 'done'],
      ]);
      expect(await migration.finalise({ early: true })).toMatchObject({ outcome: 'done', live: 'green' });
    } catch (error) {
      await migration.stopProcesses();
      throw error;
    }
  });
});
