import {
  Admin,
  Consumer,
  FindCoordinatorKeyTypes,
  Producer,
  joinGroupV5,
  syncGroupV5,
  type Connection,
} from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kafkaIsTested, namePrefix, testCluster, type TestCluster } from '../../../../test/support/kafka.ts';
import type { KafkaFacts } from '../../../model/kafka-facts.ts';
import { connect } from '../connection.ts';
import { createIntrospector } from './introspector.ts';

describe.skipIf(!kafkaIsTested)('what a cluster tells of itself', () => {
  const prefix = namePrefix();
  let cluster: TestCluster;
  let admin: Admin;

  const look = async (): Promise<KafkaFacts> => {
    await using connection = await connect({ url: `kafka://${cluster.bootstrap}`, clientId: 'teal test' });
    return await createIntrospector(connection, { address: cluster.bootstrap }).facts();
  };
  const produce = async (topic: string, partition: number, values: readonly string[]): Promise<void> => {
    const producer = new Producer({ clientId: 'writer', bootstrapBrokers: [cluster.bootstrap] });
    const messages = values.map((value) => ({ topic, partition, key: Buffer.from('k'), value: Buffer.from(value) }));
    await producer.send({ messages, acks: -1 });
    await producer.close();
  };

  beforeAll(async () => {
    cluster = await testCluster('blue');
    admin = new Admin({ clientId: 'test', bootstrapBrokers: [cluster.bootstrap], retries: 5 });
  });
  afterAll(async () => admin?.close());

  test('topics, their partitions, what they are set to, and what is in them', async () => {
    const topic = `${prefix}orders`;
    const configs = [
      { name: 'cleanup.policy', value: 'compact,delete' },
      { name: 'max.message.bytes', value: '2000000' },
    ];
    await admin.createTopics({ topics: [topic], partitions: 3, replicas: 1, configs });
    await produce(topic, 1, ['a', 'b', 'c', 'd']);
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 1, offset: 1n }] }] });

    const facts = await look();

    const found = facts.topics.find(({ name }) => name === topic);
    expect(found).toEqual({
      name: topic,
      internal: false,
      partitions: [0, 1, 2].map((index) => ({ index, leader: 1, replicas: [1], inSync: [1] })),
    });
    const of = facts.topicConfigs.known ? facts.topicConfigs.value.get(topic) : undefined;
    expect(of?.get('cleanup.policy')).toEqual({ value: 'compact,delete', source: 'topic' });
    expect(of?.get('max.message.bytes')).toEqual({ value: '2000000', source: 'topic' });
    expect(of?.get('min.insync.replicas')?.source).toMatch(/broker|default/);
    expect(of?.get('message.timestamp.type')).toEqual({ value: 'CreateTime', source: 'default' });
    const none = { start: 0n, end: 0n, stable: 0n };
    const extents = facts.extents.known ? facts.extents.value.get(topic) : undefined;
    expect(extents).toEqual([none, { start: 1n, end: 4n, stable: 4n }, none]);
    expect(facts.topicBytes.known && facts.topicBytes.value.get(topic)).toBeGreaterThan(0n);
    expect(facts.features.known && facts.features.value.get('metadata.version')).toBeGreaterThan(0);
    expect(facts.apis.known && facts.apis.value.find(({ name }) => name === 'Fetch')?.min).toBe(4);
    expect(facts.acls).toEqual({ known: true, value: { enforced: false, entries: [] } });
  });

  test('groups of both protocols with members and committed offsets, and a group that is none of consumers', async () => {
    const topic = `${prefix}read`;
    await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
    await produce(topic, 0, ['a', 'b', 'c']);
    const consumers = (['classic', 'consumer'] as const).map(
      (groupProtocol) =>
        new Consumer({
          clientId: `${groupProtocol} reader`,
          bootstrapBrokers: [cluster.bootstrap],
          groupId: `${prefix}${groupProtocol}`,
          groupProtocol,
          autocommit: false,
        }),
    );
    const streams = [];
    for (const consumer of consumers) streams.push(await consumer.consume({ topics: [topic], mode: 'earliest' }));
    await consumers[0]?.commit({ offsets: [{ topic, partition: 0, offset: 2n, leaderEpoch: 0 }] });
    const opaque = await joinAs('connect', `${prefix}worker`);
    try {
      const { groups } = await look();
      const of = (id: string): unknown => groups.known && groups.value.find((group) => group.id === `${prefix}${id}`);
      expect(of('classic')).toMatchObject({
        state: 'Stable',
        type: 'classic',
        protocolType: 'consumer',
        members: {
          known: true,
          value: [{ clientId: 'classic reader', subscriptionVersion: expect.any(Number) as number }],
        },
        offsets: { known: true, value: [{ topic, partition: 0, offset: 2n }] },
      });
      expect(of('consumer')).toMatchObject({
        type: 'consumer',
        protocolType: 'consumer',
        members: { known: true, value: [{ clientId: 'consumer reader' }] },
      });
      expect(of('worker')).toMatchObject({
        type: 'classic',
        protocolType: 'connect',
        members: {
          known: true,
          value: [expect.not.objectContaining({ subscriptionVersion: expect.anything() as number })],
        },
        offsets: { known: true, value: [] },
      });
    } finally {
      for (const stream of streams) await stream.close();
      for (const consumer of consumers) await consumer.close(true);
      await opaque.close();
    }
  });

  test('who keeps readers of committed records from the end', async () => {
    const topic = `${prefix}held`;
    const transactionalId = `${prefix}writer`;
    await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 });
    const producer = new Producer({
      clientId: 'writer',
      bootstrapBrokers: [cluster.bootstrap],
      idempotent: true,
      transactionalId,
    });
    const transaction = await producer.beginTransaction();
    await transaction.send({ messages: [{ topic, partition: 1, value: Buffer.from('v') }] });
    try {
      const open = await look();
      expect(open.extents.known && open.extents.value.get(topic)?.[1]).toEqual({ start: 0n, end: 1n, stable: 0n });
      const held = open.openProducers.known ? open.openProducers.value.filter((one) => one.topic === topic) : [];
      expect(held).toMatchObject([{ topic, partition: 1, since: 0n }]);
      const found = open.transactions.known
        ? open.transactions.value.find((one) => one.transactionalId === transactionalId)
        : undefined;
      expect(found).toMatchObject({ state: 'Ongoing', partitions: [{ topic, partitions: [1] }] });
      expect(found?.producerId).toBe(held[0]?.producerId);
      expect(found?.openMs).toBeGreaterThanOrEqual(0);
      await transaction.commit();
      await expect
        .poll(
          async () => {
            const after = await look();
            return (
              after.transactions.known &&
              after.transactions.value.find((one) => one.transactionalId === transactionalId)
            );
          },
          { timeout: 60_000 },
        )
        .toMatchObject({ state: 'CompleteCommit', partitions: [] });
    } finally {
      await producer.close();
    }
  });

  /** A member whose metadata no consumer's decoder can read, as a worker of Kafka Connect has. */
  async function joinAs(protocolType: string, group: string): Promise<{ close(): Promise<void> }> {
    const member = new Admin({ clientId: 'worker', bootstrapBrokers: [cluster.bootstrap], retries: 5 });
    await member.findCoordinator({ keyType: FindCoordinatorKeyTypes.GROUP, keys: [group] });
    const connections: readonly Connection[] = [...(await member.connectToBrokers()).values()];
    const [connection] = connections;
    if (connection === undefined) throw new Error('no broker');
    const join = async (id: string): Promise<{ readonly memberId: string; readonly generationId: number }> =>
      joinGroupV5.api.async(
        connection,
        group,
        30_000,
        30_000,
        id,
        null,
        protocolType,
        [{ name: 'sessioned', metadata: Buffer.from([0xff]) }],
        '',
      );
    const first = await join('').catch(
      (error: { readonly response?: { readonly memberId: string } }) => error.response,
    );
    const { memberId, generationId } = await join(first?.memberId ?? '');
    await syncGroupV5.api.async(connection, group, generationId, memberId, null, protocolType, 'sessioned', [
      { memberId, assignment: Buffer.from([0xff]) },
    ]);
    return member;
  }
});
