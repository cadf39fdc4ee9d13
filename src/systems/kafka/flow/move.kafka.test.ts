import { beforeAll, describe, expect, test } from 'vitest';
import { kafkaIsTested, namePrefix, testCluster } from '../../../../test/support/kafka.ts';
import { waitFor } from '../../../kernel/clock.ts';
import { otherSide, type Side } from '../../../model/catalog.ts';
import { compareClusters } from '../verify/compare-clusters.ts';
import { kafkaFence } from '../fence/kafka-fence.ts';
import { kafkaGroups } from '../groups/kafka-groups.ts';
import { openCluster } from '../mirror/cluster.ts';
import type { KafkaFence, KafkaMove } from '../roles.ts';
import { settled } from '../settled.ts';
import { adminOf, applicationOf, sendInTransaction, urlFor, type Login } from '../test-support/clients.ts';
import { patiently, readLog, sample, sampleOf, type Sample } from '../test-support/logs.ts';
import { kafkaRules } from '../topics/kafka-rules.ts';
import { kafkaTopics } from '../topics/kafka-topics.ts';
import { openKafkaFlow } from './kafka-flow.ts';

const users = { admin: 'secret', app: 'of-app' };
const reachMs = 120_000;
const never = new AbortController().signal;

describe.skipIf(!kafkaIsTested)('a move between two clusters with users', () => {
  let logins: Readonly<Record<Side, Record<keyof typeof users, Login>>>;

  beforeAll(async () => {
    const [blue, green] = [await testCluster('blue', { users }), await testCluster('green', { users })];
    const as = (bootstrap: string) => ({
      admin: { bootstrap, username: 'admin', password: users.admin },
      app: { bootstrap, username: 'app', password: users.app },
    });
    logins = { blue: as(blue.bootstrap), green: as(green.bootstrap) };
  });

  test('there, back and there again: every record once, in its order, groups where they were, strays found', async () => {
    const prefix = namePrefix();
    const [orders, states] = [`${prefix}orders`, `${prefix}states`];
    const move: KafkaMove = {
      urls: { blue: urlFor(logins.blue.admin), green: urlFor(logins.green.admin) },
      migration: prefix.slice(0, -1),
      topics: [orders, states],
    };
    await makeBlue(logins.blue.admin, prefix, { orders, states });
    const fences = { blue: kafkaFence(move, 'blue'), green: kafkaFence(move, 'green') };
    const topics = kafkaTopics(move);
    const groups = kafkaGroups(move);
    const group = `${prefix}billing`;

    expect(await topics.look()).toMatchObject({ missing: [orders, states], unlike: [] });
    expect(await fences.blue.probe()).toEqual({ fence: 'absent', tokens: [] });
    expect((await topics.create()).made).toEqual([orders, states]);
    expect(await topics.look()).toEqual({
      missing: [],
      made: [orders, states],
      unlike: [],
      notHeld: [],
      held: [orders, states],
    });
    await fences.blue.install(false);
    await fences.green.install(true);
    expect(await fences.green.kind()).toBe('acl');
    expect((await fences.green.probe()).fence).toBe('raised');
    const rules = kafkaRules(move, async () => [group]);
    expect((await rules.create()).made).toBeGreaterThan(0);
    expect(await rules.missing()).toEqual([]);

    // What applications have written: nulls, headers, a tombstone, a transaction that was committed and one that was not.
    const written: Sample[] = [
      sample('first', { key: null }),
      sample('gone', { value: null }),
      sample('headed', {
        headers: [
          [Buffer.from('h'), null],
          [Buffer.from('h'), Buffer.from([0, 255])],
        ],
      }),
      ...Array.from({ length: 200 }, (_, at) => sample(`r ${at}`)),
    ];
    await using onBlue = applicationOf(logins.blue.app);
    await using onGreen = applicationOf(logins.green.app);
    await onBlue.send(orders, 0, written.slice(0, 100));
    await sendInTransaction(logins.blue.admin, orders, [sample('never')], 'abort');
    await onBlue.send(orders, 0, written.slice(100));
    await sendInTransaction(logins.blue.admin, orders, [sample('decided')], 'commit');
    await onBlue.send(orders, 1, [sample('of the other partition')]);
    await onBlue.send(states, 0, [sample('s 1', { key: Buffer.from('s') }), sample('s 2', { key: Buffer.from('s') })]);

    const end = new AbortController();
    await using forward = await openKafkaFlow(move, 'forward');
    await using reverse = await openKafkaFlow(move, 'reverse');
    const running = Promise.all([forward.run(end.signal), reverse.run(end.signal)]);
    running.catch(() => undefined);
    await forward.caughtUp(AbortSignal.timeout(reachMs));
    expect(forward.status()).toMatchObject({ mode: 'live', epoch: 0, records: 207n, lag: 0n });
    expect(reverse.status().mode).toBe('shadow');
    await expectEqual(move, 'blue', 206n);

    // A group goes on at the very record.
    const positions = [
      { topic: orders, partition: 0, offset: 150n, metadata: 'mine' },
      { topic: orders, partition: 1, offset: 1n, metadata: null },
    ];
    await groups.commit('blue', group, positions);
    expect((await groups.list('blue')).map(({ id, members }) => ({ id, members }))).toEqual([
      { id: group, members: 0 },
    ]);
    const translated = await groups.translate('blue', group);
    expect(translated.behind).toEqual([]);
    await groups.commit('green', group, translated.offsets);
    expect(translated.offsets).toMatchObject(await groups.committed('green', group));
    expect(translated.offsets[0]).toMatchObject({ metadata: 'mine' });
    await expectSameNext(move, orders, [150n, translated.offsets[0]?.offset ?? -1n]);
    expect((await groups.lag('green', group)).members).toBe(0);
    expect((await groups.translate('green', group)).offsets.map(({ offset }) => offset)).toEqual([150n, 1n]);

    // The cut: blue refuses, the token comes, green decides.
    expect(await fences.green.unrouted()).toEqual([]);
    await cut(fences, 'blue', 1);
    await expect(onBlue.send(orders, 0, [sample('too late')])).rejects.toThrow();
    await onGreen.send(orders, 0, [sample('native 1'), sample('native 2')]);
    await waitFor({ what: 'the flow back', timeoutMs: reachMs }, () =>
      reverse.status().mode === 'live' ? true : undefined,
    );
    await reverse.caughtUp(AbortSignal.timeout(reachMs));
    expect(forward.status()).toMatchObject({ mode: 'shadow', epoch: 1 });
    await expectEqual(move, 'green', 208n);
    expect(await fences.blue.unrouted()).toEqual([]);

    // And back: what is mirrored a second time would be there twice.
    await cut(fences, 'green', 2);
    await onBlue.send(orders, 0, [sample('back 1')]);
    await waitFor({ what: 'the flow', timeoutMs: reachMs }, () =>
      forward.status().mode === 'live' ? true : undefined,
    );
    await forward.caughtUp(AbortSignal.timeout(reachMs));
    await expectEqual(move, 'blue', 209n);
    await groups.commit('blue', group, [
      { topic: orders, partition: 0, offset: await endOf(move, 'blue', orders), metadata: null },
    ]);
    const last = await groups.translate('blue', group);
    expect(last.behind).toEqual([]);
    await onBlue.send(orders, 0, [sample('back 2')]);
    await forward.caughtUp(AbortSignal.timeout(reachMs));
    await expectNext(move, 'green', orders, last.offsets[0]?.offset ?? -1n, 'back 2');

    // A cut that is taken back: everything goes on where it was.
    await fences.blue.raise({ cut: 'e3a1', token: 'e3a1/blue', epoch: 3, lockTimeoutMs: reachMs });
    await untilToken(fences.green, 'e3a1/blue');
    await fences.blue.lower();
    await onBlue.send(orders, 0, [sample('back 3')]);
    await waitFor({ what: 'the flow', timeoutMs: reachMs }, () =>
      forward.status().mode === 'live' ? true : undefined,
    );
    await forward.caughtUp(AbortSignal.timeout(reachMs));
    await expectEqual(move, 'blue', 211n);

    // Somebody who may do everything writes where nobody should.
    await using stray = applicationOf(logins.green.admin);
    await stray.send(orders, 1, [sample('stray')]);
    expect(await fences.green.unrouted()).toMatchObject([{ topic: orders, partition: 1, records: 1 }]);

    end.abort();
    await running;
    await topics.restore();
    expect((await topics.look()).held).toEqual([]);
    await fences.green.remove();
    await fences.blue.remove();
    expect(await fences.green.probe()).toEqual({ fence: 'absent', tokens: [] });
    await onGreen.send(orders, 1, [sample('free again')]);
  });
});

async function makeBlue(
  login: Login,
  prefix: string,
  { orders, states }: Record<'orders' | 'states', string>,
): Promise<void> {
  await using admin = adminOf(login);
  const old = { name: 'message.timestamp.before.max.ms', value: String(2n ** 62n) };
  const keep = { name: 'retention.ms', value: '3155760000000' };
  await admin.createTopics({ topics: [orders], partitions: 2, replicas: 1, configs: [keep, old] });
  const compact = { name: 'cleanup.policy', value: 'compact' };
  await admin.createTopics({ topics: [states], partitions: 1, replicas: 1, configs: [compact, old] });
  const rule = { resourcePatternType: 4, principal: 'User:app', host: '*', permissionType: 3 } as const;
  await admin.createAcls({
    creations: [
      { ...rule, resourceType: 2, resourceName: prefix, operation: 2 },
      { ...rule, resourceType: 5, resourceName: prefix, operation: 2 },
    ],
  });
}

async function cut(fences: Readonly<Record<Side, KafkaFence>>, from: Side, epoch: number): Promise<void> {
  const name = `e${epoch}a1`;
  const token = `${name}/${from}`;
  await fences[from].raise({ cut: name, token, epoch, lockTimeoutMs: reachMs });
  // Asked again after a crash it finds what it did.
  await fences[from].raise({ cut: name, token, epoch, lockTimeoutMs: reachMs });
  expect(await fences[from].probe()).toMatchObject({
    fence: 'raised',
    tokens: expect.arrayContaining([token]) as string[],
  });
  const to = otherSide(from);
  await untilToken(fences[to], token);
  await fences[to].lower({ epoch, owner: to, cut: name });
  expect(await fences[to].probe()).toMatchObject({ fence: 'installed', owner: { epoch, owner: to, cut: name } });
}

async function untilToken(fence: KafkaFence, token: string): Promise<void> {
  await waitFor({ what: `the token ${token}`, timeoutMs: reachMs }, async () =>
    (await fence.probe()).tokens.includes(token) ? true : undefined,
  );
}

async function expectEqual(move: KafkaMove, live: Side, records: bigint): Promise<void> {
  const compared = await compareClusters(move, { signal: never });
  expect(compared.topics.flatMap(({ why }) => why)).toEqual([]);
  expect(compared.equal).toBe(true);
  expect(compared.topics.map((it) => it.live)).toEqual([live, live]);
  // Of the compacted topic one key.
  expect(compared.topics.map(({ by, records: count }) => [by, count])).toEqual([
    ['records', records - 1n],
    ['keys', 1n],
  ]);
}

async function expectSameNext(move: KafkaMove, topic: string, [blue, green]: readonly [bigint, bigint]): Promise<void> {
  const [a, b] = [await nextAt(move, 'blue', topic, blue), await nextAt(move, 'green', topic, green)];
  expect(a).toBeDefined();
  expect(b).toEqual(a);
}

async function expectNext(move: KafkaMove, side: Side, topic: string, offset: bigint, value: string): Promise<void> {
  expect((await nextAt(move, side, topic, offset))?.value?.toString()).toBe(value);
}

/** What a reader who goes on there meets first. */
async function nextAt(move: KafkaMove, side: Side, topic: string, offset: bigint): Promise<Sample | undefined> {
  await using cluster = await openCluster({ url: move.urls[side], clientId: 'test' });
  const log = await patiently('the log', async () => readLog(cluster, topic));
  const record = log.find((each) => each.offset >= offset);
  return record === undefined ? undefined : sampleOf(record);
}

async function endOf(move: KafkaMove, side: Side, topic: string): Promise<bigint> {
  await using cluster = await openCluster({ url: move.urls[side], clientId: 'test' });
  return await settled('the end', never, async () => cluster.offsetOf(await cluster.partition(topic, 0), 'latest'));
}
