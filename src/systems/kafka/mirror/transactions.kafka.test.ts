import { beforeAll, describe, expect, test } from 'vitest';
import { kafkaIsTested, namePrefix, testCluster } from '../../../../test/support/kafka.ts';
import { gatherRecords, writeContent } from '../../../wire/kafka/record.ts';
import { makeTopic, openCluster, patiently, readLog, sampleOf } from '../test-support/logs.ts';
import type { LedPartition } from './cluster.ts';
import { Transactions } from './transactions.ts';

describe.skipIf(!kafkaIsTested)('transactions of one id', () => {
  let bootstrap: string;
  beforeAll(async () => {
    bootstrap = (await testCluster('green')).bootstrap;
  });

  test('who goes on says who it was: what it left open is undone, and a later writer is not fenced by it', async () => {
    const topic = `${namePrefix()}orders`;
    await makeTopic(bootstrap, topic);
    await using cluster = await openCluster(bootstrap);
    const place = await patiently('the topic', async () => cluster.partition(topic, 0));
    const signal = new AbortController().signal;
    const options = { cluster, transactionalId: topic, transactionTimeoutMs: 600_000, signal };
    const open = async (before?: Transactions) =>
      patiently('a coordinator', async () => Transactions.open(options, before?.producer));

    const first = await open();
    await first.begin([place]);
    await write(first, place, 'left open');
    const second = await open(first);
    expect(second.producer.producerId).toBe(first.producer.producerId);
    await second.begin([place]);
    await write(second, place, 'committed');
    await second.commit();
    const third = await open(second);

    const other = await open();
    await expect(Transactions.open(options, third.producer)).rejects.toThrow('TEAL-SYSTEMS-650');
    await expect(third.begin([place])).rejects.toThrow('TEAL-SYSTEMS-650');
    await other.begin([place]);
    await write(other, place, 'of the later one');
    await other.commit();

    const log = await patiently('the log', async () => readLog(cluster, topic));
    expect(log.map((record) => sampleOf(record).value?.toString())).toEqual(['committed', 'of the later one']);
  });
});

async function write(transactions: Transactions, place: LedPartition, value: string): Promise<void> {
  const content = writeContent(Buffer.from('k'), Buffer.from(value));
  await transactions.produce(place, gatherRecords([{ timestamp: 5n, content }]));
}
