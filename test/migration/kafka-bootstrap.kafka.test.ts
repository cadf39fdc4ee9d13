import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Producer } from '@platformatic/kafka';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadSpec } from '../../src/app/load-spec.ts';
import { openMigration } from '../../src/app/open-migration.ts';
import { planMigration } from '../../src/app/plan-migration.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { makeTopic, openCluster, readLog, sampleOf, urlOf } from '../../src/systems/kafka/test-support/logs.ts';
import { startHaproxy, whyNoHaproxy } from '../../tools/servers/haproxy.ts';
import { kafkaIsTested, namePrefix, testCluster } from '../support/kafka.ts';

const whyNot = await whyNoHaproxy();

/** An application that knows one address, that of HAProxy. A record that is refused is sent again by a new producer, which begins at that address: as where whoever looks after the application starts it anew. */
class Application implements AsyncDisposable {
  readonly acknowledged: string[] = [];
  begun = 0;
  readonly #bootstrap: string;
  readonly #topic: string;
  readonly #ended: Promise<void>;
  #isEnding = false;

  constructor(bootstrap: string, topic: string) {
    this.#bootstrap = bootstrap;
    this.#topic = topic;
    this.#ended = this.#run();
    // Heard by whoever disposes of it.
    this.#ended.catch(() => undefined);
  }

  async sent(count: number): Promise<void> {
    const target = this.acknowledged.length + count;
    await waitFor({ what: `${count} more records`, timeoutMs: 60_000 }, async () =>
      this.acknowledged.length >= target ? true : undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      this.begun += 1;
      const producer = new Producer({
        clientId: 'application',
        bootstrapBrokers: [this.#bootstrap],
        retries: 0,
        autocreateTopics: false,
      });
      try {
        while (!this.#isEnding) await this.#send(producer);
      } catch {
        // Refused, or between the sides: the next one begins at the address again, with the same record.
      } finally {
        await producer.close();
      }
    }
  }

  async #send(producer: Producer): Promise<void> {
    const value = `record ${this.acknowledged.length}`;
    await producer.send({ acks: -1, messages: [{ topic: this.#topic, value: Buffer.from(value) }] });
    this.acknowledged.push(value);
  }
}

describe.skipIf(!kafkaIsTested || whyNot !== undefined)(`a bootstrap address by HAProxy${whyNot ?? ''}`, () => {
  test('leads producers that begin anew to the side that is live, over a cut and back', async () => {
    const [blue, green] = [await testCluster('blue'), await testCluster('green')];
    const prefix = namePrefix();
    const topic = `${prefix}orders`;
    await makeTopic(blue.bootstrap, topic, { configs: { 'retention.ms': '-1' } });
    await using haproxy = await startHaproxy({
      servers: [`server old ${blue.bootstrap}`, `server new ${green.bootstrap} disabled`],
    });
    const folder = await mkdtemp(join(tmpdir(), 'teal-bootstrap-'));
    onTestFinished(async () => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'teal.yaml');
    await writeFile(
      file,
      `teal: 1
name: ${prefix.replaceAll(/[^a-z0-9]+/g, '')}
blue: { system: kafka, url: "\${BLUE_URL}" }
green: { system: kafka, url: "\${GREEN_URL}" }
topics: { include: ["${prefix}*"] }
groups: { include: ["${prefix}*"] }
traffic: { router: haproxy, socket: ${haproxy.socket}, backend: shop, blue: old, green: new }
cutover: { gates: [{ lag: 5s, for: 1s }, { person: you }] }
soak: { for: 0s }
`,
    );
    const env = { ...process.env, BLUE_URL: urlOf(blue.bootstrap), GREEN_URL: urlOf(green.bootstrap) };
    const { signal } = new AbortController();
    const { plan } = await planMigration(loadSpec(file, env), signal);
    const costs = plan.stages.flatMap(({ steps }) => steps.map((step) => step.costs));
    expect(costs).toContainEqual(expect.stringContaining('writes fail from the fence on'));

    const application = new Application(`127.0.0.1:${haproxy.port}`, topic);
    await using migration = await openMigration({ file, env, command: 'up', signal, onEvent: () => undefined });
    try {
      expect(await migration.up()).toMatchObject({ outcome: 'waiting', live: 'blue' });
      await application.sent(5);
      expect(application.begun).toBe(1);
      expect(await migration.cutover()).toMatchObject({ outcome: 'done', live: 'green' });
      await application.sent(5);
      expect(await migration.rollback('to see that it can')).toMatchObject({ outcome: 'done', live: 'blue' });
      await application.sent(5);
      await application[Symbol.asyncDispose]();
      expect(application.begun).toBeGreaterThanOrEqual(3);
      await using cluster = await openCluster(blue.bootstrap);
      const found = (await readLog(cluster, topic)).map((record) => sampleOf(record).value?.toString() ?? '');
      const told = new Set(found);
      // Told first, for two long lists do not show where they differ.
      expect(application.acknowledged.filter((value) => !told.has(value))).toEqual([]);
      expect(found).toEqual(application.acknowledged);
      expect(await migration.abort('seen enough')).toMatchObject({ live: 'blue' });
    } catch (error) {
      await migration.stopProcesses();
      throw error;
    } finally {
      await application[Symbol.asyncDispose]();
    }
  });
});
