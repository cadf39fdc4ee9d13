import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { MigrationEvent } from '../../src/app/events.ts';
import { kafkaMoveOf } from '../../src/app/kafka-pair.ts';
import { loadSpec } from '../../src/app/load-spec.ts';
import type { Migration } from '../../src/app/migration.ts';
import { openMigration } from '../../src/app/open-migration.ts';
import { planMigration } from '../../src/app/plan-migration.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { ConnectRest } from '../../src/carriers/connect/rest.ts';
import { kafkaGroups } from '../../src/systems/kafka/groups/kafka-groups.ts';
import { kafkaFence } from '../../src/systems/kafka/fence/kafka-fence.ts';
import { adminOf, applicationOf } from '../../src/systems/kafka/test-support/clients.ts';
import { alterConfigs } from '../../src/systems/kafka/topics/make-topic.ts';
import { compareClusters } from '../../src/systems/kafka/verify/compare-clusters.ts';
import {
  makeTopic,
  openCluster,
  patiently,
  plainProducer,
  readLog,
  sample,
  sampleOf,
  urlOf,
} from '../../src/systems/kafka/test-support/logs.ts';
import { startConnect, type ConnectCluster, type ConnectOptions } from '../../tools/servers/connect.ts';
import { isLong } from '../support/long.ts';
import { connectIsTested, namePrefix, testCluster, type TestCluster } from '../support/kafka.ts';

const limitMs = 1_200_000;
vi.setConfig({ testTimeout: limitMs });

interface Place {
  readonly prefix: string;
  readonly blue: string;
  readonly green: string;
  readonly connect: ConnectCluster;
}

/** The workers keep what is theirs on green, as MirrorMaker's manual has it. */
async function placeOf(options: Omit<ConnectOptions, 'bootstrap'>): Promise<Place & AsyncDisposable> {
  const [blue, green] = [await testCluster('blue'), await testCluster('green')];
  const connect = await startConnect({ ...options, bootstrap: green.bootstrap });
  return {
    prefix: namePrefix(),
    blue: blue.bootstrap,
    green: green.bootstrap,
    connect,
    [Symbol.asyncDispose]: async () => connect[Symbol.asyncDispose](),
  };
}

async function fileOf(
  { prefix, connect }: Place,
  tasks = 4,
): Promise<{ readonly file: string; readonly name: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-mm2-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const name = prefix.replaceAll(/[^a-z0-9]+/g, '');
  const file = join(folder, 'teal.yaml');
  await writeFile(
    file,
    `teal: 1
name: ${name}
blue: { system: kafka, url: "\${BLUE_URL}" }
green: { system: kafka, url: "\${GREEN_URL}" }
topics: { include: ["${prefix}*"] }
groups: { include: ["${prefix}*"] }
carrier: connect
connect: { url: ${JSON.stringify(connect.urls)}, replicationFactor: 1, tasks: ${tasks} }
cutover:
  maxPause: 5m
  gates: [{ lag: 30s, for: 1s }, { verify: full }, { person: you }]
soak: { for: 0s }
`,
  );
  return { file, name };
}

async function topicsBeginning(bootstrap: string, ...parts: readonly string[]): Promise<readonly string[]> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [bootstrap] });
  try {
    const topics = await admin.listTopics();
    return topics.filter((topic) => parts.some((part) => topic.includes(part))).toSorted();
  } finally {
    await admin.close();
  }
}

/** What readers of the partition meet, in their order. */
async function valuesOf(bootstrap: string, topic: string, partition = 0): Promise<readonly string[]> {
  await using cluster = await openCluster(bootstrap);
  const log = await patiently('the log', async () => readLog(cluster, topic, partition));
  return log.map((record) => sampleOf(record).value?.toString() ?? 'null');
}

/** Of the tasks that copy records. */
async function killWorkerOfSource({ workers }: ConnectCluster): Promise<void> {
  const rest = new ConnectRest({ url: workers.flatMap(({ pid, url }) => (pid === undefined ? [] : [url])) });
  const worker = await waitFor({ what: 'a task of the source', timeoutMs: 120_000, everyMs: 200 }, async () => {
    const source = (await rest.names()).find((name) => name.endsWith('-mm2-source'));
    const [task] = source === undefined ? [] : ((await rest.status(source))?.tasks ?? []);
    if (task?.state !== 'RUNNING') return undefined;
    return workers.find(({ pid, url }) => pid !== undefined && url.endsWith(`//${task.worker_id}`));
  });
  await worker.kill9();
}

async function finished(migration: Migration, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await migration.stopProcesses();
    throw error;
  }
}

/** Records of tests are of long ago. */
const kept = { 'retention.ms': '-1' };

const values = (name: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${name} ${at}`);

describe.skipIf(!connectIsTested)('two clusters of Kafka by MirrorMaker 2', () => {
  test('go over exactly once, come back and go over again, with a group, and keep no trace of it', async () => {
    await using place = await placeOf({ settings: { 'exactly.once.source.support': 'enabled' } });
    const { prefix, blue, green } = place;
    const topic = `${prefix}orders`;
    await makeTopic(blue, topic, { partitions: 2, configs: kept });
    await using onBlue = plainProducer(blue, topic);
    await using onGreen = plainProducer(green, topic);
    const first = values('first', 500);
    await onBlue.send([
      ...first.map((value) => sample(value)),
      sample('', { value: null }),
      sample('headed', {
        key: null,
        headers: [
          [Buffer.from('h'), null],
          [Buffer.from('h'), Buffer.from([0, 255])],
        ],
      }),
    ]);

    const { file, name } = await fileOf(place);
    const env = { ...process.env, BLUE_URL: urlOf(blue), GREEN_URL: urlOf(green) };
    const { signal } = new AbortController();
    const loaded = loadSpec(file, env);
    const { plan } = await planMigration(loaded, signal);
    const deploy = plan.stages.flatMap(({ steps }) => steps).find(({ id }) => id === 'follow:deploy-forward');
    expect(deploy?.does).toContain('consumers may meet them twice');

    const move = kafkaMoveOf(loaded.spec, [topic]);
    const groups = kafkaGroups(move);
    const group = `${prefix}billing`;
    await groups.commit('blue', group, [{ topic, partition: 0, offset: 250n, metadata: 'mine' }]);

    await using migration = await openMigration({ file, env, command: 'up', signal, onEvent: () => undefined });
    await finished(migration, async () => {
      expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
      const names = (await (await fetch(`${place.connect.urls[0]}/connectors`)).json()) as readonly string[];
      expect(names.map((each) => each.replace(/^teal-.*-mm2-/, '')).toSorted()).toEqual([
        'checkpoint',
        'heartbeat',
        'source',
      ]);
      // A task that fails is started again until what it failed by is mended.
      await using ofGreen = await openCluster(green);
      await alterConfigs(ofGreen, topic, { 'max.message.bytes': '78' });
      await onBlue.send([sample('while it runs')]);
      const log = join(loaded.stateDir, 'carrier-forward', 'worker.log');
      await waitFor({ what: 'a task to be started again', timeoutMs: 120_000 }, async () =>
        /mm2-source again: .*RecordTooLarge/.test(await readFile(log, 'utf8')) ? true : undefined,
      );
      await alterConfigs(ofGreen, topic, { 'max.message.bytes': null });

      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      const there = [...first, 'null', 'headed', 'while it runs'];
      expect(await valuesOf(green, topic)).toEqual(there);
      expect(await groups.committed('green', group)).toMatchObject([{ topic, partition: 0, metadata: 'mine' }]);
      const [committed] = await groups.committed('green', group);
      const records = await readLog(ofGreen, topic);
      const next = records.find(({ offset }) => offset >= (committed?.offset ?? 0n));
      expect(next === undefined ? undefined : sampleOf(next).value?.toString()).toBe('first 250');
      // Green has decided: nothing is left on the workers, and nothing of theirs on green.
      await waitFor({ what: 'the connectors to go', timeoutMs: 120_000 }, async () => {
        const left = (await (await fetch(`${place.connect.urls[0]}/connectors`)).json()) as readonly string[];
        return left.length === 0 ? true : undefined;
      });

      await onGreen.send([sample('native')]);
      expect(await migration.rollback('to see that it can')).toMatchObject({ outcome: 'done', live: 'blue' });
      expect(await valuesOf(blue, topic)).toEqual([...there, 'native']);
      await onBlue.send([sample('back')]);
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      expect(await valuesOf(green, topic)).toEqual([...there, 'native', 'back']);

      const { verified } = await migration.verify();
      expect(verified).toMatchObject({ equal: true });
      expect(await migration.finalise({ early: true })).toMatchObject({ outcome: 'done', live: 'green' });
    });
    expect(await topicsBeginning(green, `teal.${name}.`, 'heartbeats')).toEqual([]);
  });

  test('lose nothing where a worker that writes at least once is killed twice, and count what came again', async () => {
    // A place is noted when a task ends in good order, and at no other time: whoever takes over sends again what came since.
    await using place = await placeOf({ workers: 3, settings: { 'offset.flush.interval.ms': '3600000' } });
    const { prefix, blue, green, connect } = place;
    const [orders, states] = [`${prefix}orders`, `${prefix}states`];
    await makeTopic(blue, orders, { configs: kept });
    await makeTopic(blue, states, { configs: { ...kept, 'cleanup.policy': 'compact' } });
    await using toOrders = plainProducer(blue, orders);
    await using toStates = plainProducer(blue, states);
    const first = values('first', 3_000);
    for (let at = 0; at < first.length; at += 500) {
      await toOrders.send(first.slice(at, at + 500).map((value) => sample(value)));
    }
    const state = (key: number, value: string, told: Buffer | null = Buffer.from(value)) =>
      sample(value, { key: Buffer.from(`key ${key}`), value: told });
    for (let version = 0; version < 3; version += 1) {
      await toStates.send(Array.from({ length: 100 }, (_, key) => state(key, `${key} as of ${version}`)));
    }

    const { file } = await fileOf(place, 1);
    const env = { ...process.env, BLUE_URL: urlOf(blue), GREEN_URL: urlOf(green) };
    const { signal } = new AbortController();
    const move = kafkaMoveOf(loadSpec(file, env).spec, [orders, states]);
    let killing: Promise<unknown> = Promise.reject(new Error('the copy was not waited for'));
    killing.catch(() => undefined);
    const onEvent = (event: MigrationEvent): void => {
      if (event.kind === 'step started' && event.step === 'copy:catch-up') {
        killing = killWorkerOfSource(connect);
        // Heard when it is awaited.
        killing.catch(() => undefined);
      }
    };
    await using migration = await openMigration({ file, env, command: 'up', signal, onEvent });
    await finished(migration, async () => {
      expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
      await killing;
      const second = values('second', 500);
      await toOrders.send(second.map((value) => sample(value)));
      await waitFor({ what: 'the copies', timeoutMs: 120_000, everyMs: 1_000 }, async () =>
        (await valuesOf(green, orders)).includes('second 499') ? true : undefined,
      );
      await killWorkerOfSource(connect);
      await toOrders.send([sample('last')]);
      await toStates.send([state(0, 'the newest'), state(1, 'gone', null)]);
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });

      const found = await valuesOf(green, orders);
      const all = [...first, ...second, 'last'];
      expect([...new Set(found)]).toEqual(all);
      expect(found.length).toBeGreaterThanOrEqual(all.length + second.length);
      const compared = await compareClusters(move, { signal });
      expect(compared.topics.flatMap(({ why }) => why)).toEqual([]);
      expect(compared.topics).toMatchObject([
        { topic: orders, by: 'records', records: 3_501n, repeated: BigInt(found.length - 3_501) },
        { topic: states, by: 'keys', records: 99n },
      ]);
      expect(await migration.rollback('to see that it can')).toMatchObject({ outcome: 'done', live: 'blue' });
      // Blue never sees what came again.
      expect(await valuesOf(blue, orders)).toEqual(all);
      expect(await migration.abort('seen enough')).toMatchObject({ live: 'blue' });
    });
  });

  test.runIf(isLong)(
    'go over between clusters that know their users, by workers that keep their own topics on a third',
    async () => {
      const users = { admin: 'of "admin"' };
      const own = await testCluster('blue');
      const options = { users, apart: 'mirror maker' };
      const [blue, green] = [await testCluster('blue', options), await testCluster('green', options)];
      await using connect = await startConnect({
        bootstrap: own.bootstrap,
        settings: { 'exactly.once.source.support': 'enabled' },
      });
      const place = { prefix: namePrefix(), blue: blue.bootstrap, green: green.bootstrap, connect };
      const loginTo = ({ bootstrap }: TestCluster) => ({ bootstrap, username: 'admin', password: users.admin });
      const [onBlue, onGreen] = [loginTo(blue), loginTo(green)];
      const topic = `${place.prefix}orders`;
      await using admin = adminOf(onBlue);
      await admin.createTopics({
        topics: [topic],
        partitions: 1,
        replicas: 1,
        configs: [{ name: 'retention.ms', value: '-1' }],
      });
      await using application = applicationOf(onBlue);
      await application.send(
        topic,
        0,
        values('first', 100).map((value) => sample(value)),
      );

      const { file } = await fileOf(place);
      const urlAs = (bootstrap: string): string =>
        `kafka://admin:${encodeURIComponent(users.admin)}@${bootstrap}?security.protocol=SASL_PLAINTEXT&sasl.mechanism=PLAIN`;
      const env = { ...process.env, BLUE_URL: urlAs(place.blue), GREEN_URL: urlAs(place.green) };
      const { signal } = new AbortController();
      await using migration = await openMigration({ file, env, command: 'up', signal, onEvent: () => undefined });
      await finished(migration, async () => {
        expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
        const move = kafkaMoveOf(loadSpec(file, env).spec, [topic]);
        expect(await kafkaFence(move, 'green').kind()).toBe('acl');
        await application.send(topic, 0, [sample('last')]);
        expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
        const compared = await compareClusters(move, { signal });
        expect(compared.topics).toMatchObject([{ outcome: 'equal', records: 101n, repeated: 0n }]);
        expect(await migration.finalise({ early: true })).toMatchObject({ outcome: 'done', live: 'green' });
      });
      await using there = adminOf(onGreen);
      expect((await there.listTopics()).filter((name) => !name.startsWith('__'))).toEqual([topic]);
    },
  );
});
