import { Admin } from '@platformatic/kafka';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, test } from 'vitest';
import { kafkaIsTested, namePrefix, testCluster } from '../../../../test/support/kafka.ts';
import { waitFor } from '../../../kernel/clock.ts';
import { kafkaFence } from '../fence/kafka-fence.ts';
import { kafkaGroups } from '../groups/kafka-groups.ts';
import { gatherRecords, writeContent } from '../../../wire/kafka/record.ts';
import { Transactions } from '../mirror/transactions.ts';
import type { KafkaFence, KafkaMove } from '../roles.ts';
import { makeTopic, openCluster, patiently, plainProducer, sample, urlOf } from '../test-support/logs.ts';
import { kafkaTopics } from '../topics/kafka-topics.ts';
import { compareClusters } from '../verify/compare-clusters.ts';
import { openKafkaFlow } from './kafka-flow.ts';

const reachMs = 120_000;
const never = new AbortController().signal;

describe.skipIf(!kafkaIsTested)('a move between clusters without an authorizer', () => {
  let blue: string;
  let green: string;

  beforeAll(async () => {
    blue = (await testCluster('blue')).bootstrap;
    green = (await testCluster('green')).bootstrap;
  });

  test('a killed worker is followed by another; producers are refused without an authorizer too; strays are found', async () => {
    const prefix = namePrefix();
    const topic = `${prefix}orders`;
    const move = { urls: { blue: urlOf(blue), green: urlOf(green) }, migration: prefix.slice(0, -1), topics: [topic] };
    await makeTopic(blue, topic, { partitions: 2, configs: { 'max.message.bytes': '2000000', 'retention.ms': '-1' } });
    const topics = kafkaTopics(move);
    const fences = { blue: kafkaFence(move, 'blue'), green: kafkaFence(move, 'green') };
    await topics.create();
    await fences.blue.install(false);
    await fences.green.install(true);
    expect(await fences.blue.kind()).toBe('limit');
    expect([(await fences.blue.probe()).fence, (await fences.green.probe()).fence]).toEqual(['installed', 'watched']);

    await using producer = plainProducer(blue, topic);
    await producer.send(Array.from({ length: 500 }, (_, at) => sample(`${at}`)));
    for (let kill = 0; kill < 2; kill += 1) {
      const child = startChild(move);
      const ended = once(child, 'exit');
      await once(createInterface(child.stdout as NonNullable<typeof child.stdout>), 'line');
      await producer.send([sample(`after ${kill}`)]);
      child.kill('SIGKILL');
      await ended;
    }
    const end = new AbortController();
    await using forward = await openKafkaFlow(move, 'forward');
    await using reverse = await openKafkaFlow(move, 'reverse');
    const running = Promise.all([forward.run(end.signal), reverse.run(end.signal)]);
    running.catch(() => undefined);
    await forward.caughtUp(AbortSignal.timeout(reachMs));
    const compared = await compareClusters(move, { signal: never });
    expect(compared).toMatchObject({ equal: true, topics: [{ topic, records: 502n, by: 'records' }] });

    // A group that somebody reads with is not moved under its feet, and one that has read everything has no lag.
    const groups = kafkaGroups(move);
    await groups.commit('blue', prefix, [{ topic, partition: 0, offset: 502n, metadata: null }]);
    expect(await groups.lag('blue', prefix)).toEqual({ lag: 0n, members: 0 });

    // Nothing passes while blue is closed; a transaction that was open then can end. A cut that is taken back leaves what was there.
    const raising = { cut: 'e1a1', token: 'e1a1/blue', epoch: 1, lockTimeoutMs: reachMs };
    await fences.blue.raise(raising);
    expect((await fences.blue.probe()).fence).toBe('raised');
    await expect(producer.send([sample('refused')])).rejects.toThrow();
    await waitForToken(fences.green, 'e1a1/blue');
    await fences.blue.lower();
    expect((await fences.blue.probe()).fence).toBe('installed');
    await using open = await openTransaction(blue, topic);
    await expect(
      fences.blue.raise({ ...raising, cut: 'e1a2', token: 'e1a2/blue', lockTimeoutMs: 500 }),
    ).rejects.toThrow('TEAL-SYSTEMS-663');
    expect((await fences.blue.probe()).fence).toBe('installed');
    const closed = fences.blue.raise({ ...raising, cut: 'e1a3', token: 'e1a3/blue' });
    await waitFor({ what: 'the limit', timeoutMs: reachMs }, async () =>
      (await fences.blue.probe()).fence === 'raised' ? true : undefined,
    );
    await open.commit();
    await closed;
    await fences.blue.lower();
    await producer.send([sample('large', { value: Buffer.alloc(10_000) })]);
    await forward.caughtUp(AbortSignal.timeout(reachMs));

    // Cut for good: producers are refused on blue until they are led away; then the flow back comes through, and who still writes on blue is found.
    await fences.blue.raise({ cut: 'e1a4', token: 'e1a4/blue', epoch: 1, lockTimeoutMs: reachMs });
    await waitForToken(fences.green, 'e1a4/blue');
    await fences.green.lower({ epoch: 1, owner: 'green', cut: 'e1a4' });
    await using onGreen = plainProducer(green, topic, 1);
    await onGreen.send([sample('native')]);
    await waitFor({ what: 'the flow back to know of the cut', timeoutMs: reachMs }, () =>
      reverse.status().epoch === 1 ? true : undefined,
    );
    await expect(producer.send([sample('not led away yet')])).rejects.toThrow();
    expect([(await fences.blue.probe()).fence, reverse.status().mode]).toEqual(['raised', 'shadow']);
    await fences.blue.letThrough();
    await waitFor({ what: 'the flow back', timeoutMs: reachMs }, () =>
      reverse.status().mode === 'live' ? true : undefined,
    );
    await reverse.caughtUp(AbortSignal.timeout(reachMs));
    expect((await fences.blue.probe()).fence).toBe('watched');
    expect(await fences.blue.unrouted()).toEqual([]);
    await producer.send([sample('stray')]);
    expect(await fences.blue.unrouted()).toMatchObject([{ topic, partition: 0, records: 1 }]);
    await onGreen.send([sample('last')]);
    await reverse.caughtUp(AbortSignal.timeout(reachMs));
    expect(await compareClusters(move, { signal: never })).toMatchObject({ equal: true });

    end.abort();
    await running;
    // Made again under its name, a topic is another one: the mirror says so and carries nothing into it.
    await remake(green, topic);
    await using again = await openKafkaFlow(move, 'reverse');
    await expect(again.run(AbortSignal.timeout(reachMs))).rejects.toThrow('TEAL-SYSTEMS-653');
    await fences.blue.remove();
    await fences.green.remove();
  });
});

function startChild(move: KafkaMove): ChildProcess {
  const program = join(import.meta.dirname, '../test-support/flow-main.ts');
  return spawn(process.execPath, [program, JSON.stringify(move), 'forward'], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function waitForToken(fence: KafkaFence, token: string): Promise<void> {
  await waitFor({ what: 'the token', timeoutMs: reachMs }, async () =>
    (await fence.probe()).tokens.includes(token) ? true : undefined,
  );
}

/** One that has written a record and is not decided. */
async function openTransaction(
  bootstrap: string,
  topic: string,
): Promise<AsyncDisposable & { readonly commit: () => Promise<void> }> {
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await openCluster(bootstrap));
  const place = await cluster.partition(topic, 1);
  const options = { cluster, transactionalId: `${topic}.open`, transactionTimeoutMs: 600_000, signal: never };
  const transactions = stack.use(await patiently('a coordinator', async () => Transactions.open(options, undefined)));
  await transactions.begin([place]);
  const content = writeContent(Buffer.from('k'), Buffer.from('decided late'));
  await transactions.produce(place, gatherRecords([{ timestamp: 5n, content }]));
  const kept = stack.move();
  return { commit: async () => transactions.commit(), [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

async function remake(bootstrap: string, topic: string): Promise<void> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [bootstrap] });
  try {
    await admin.deleteTopics({ topics: [topic] });
  } finally {
    await admin.close();
  }
  await patiently('the topic', async () => makeTopic(bootstrap, topic, { partitions: 2 }));
}
