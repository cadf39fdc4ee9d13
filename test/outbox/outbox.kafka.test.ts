import { describe, expect, test } from 'vitest';
import { deadLetters, initOutbox, outboxStatus } from '../../src/app/outbox/index.ts';
import {
  makeTopic,
  openCluster,
  patiently,
  readLog,
  sampleOf,
  urlOf,
} from '../../src/systems/kafka/test-support/logs.ts';
import { kafkaIsTested, namePrefix, testCluster } from '../support/kafka.ts';
import { greenMajor, testDatabase } from '../support/postgres.ts';
import { startRelay, writeEvents } from './relaying.ts';

describe.skipIf(!kafkaIsTested)('an outbox to Kafka', () => {
  test('is what Debezium’s router makes of it: in order for each key, and a record that is too large is a dead letter', async () => {
    await using database = await testDatabase(greenMajor());
    const { bootstrap } = await testCluster('green');
    const topicPrefix = namePrefix();
    const topic = `${topicPrefix}order`;
    await using cluster = await openCluster(bootstrap);
    await patiently('a topic', async () =>
      makeTopic(bootstrap, topic, { partitions: 3, configs: { 'max.message.bytes': '20000' } }),
    );
    const from = { from: database.url };
    await initOutbox(from);
    const ids = Array.from({ length: 200 }, (_, at) => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`);
    for (const [at, id] of ids.entries()) {
      await writeEvents('postgres', database, { id, aggregateId: String(at % 7), type: 'changed', payload: { at } });
    }
    await writeEvents(
      'postgres',
      database,
      { aggregateId: '3', payload: 'x'.repeat(50_000) },
      { aggregateId: '3', payload: 'behind it' },
      { aggregateId: '4', type: 'gone', payload: null },
    );
    const relay = startRelay({ ...from, to: urlOf(bootstrap), topicPrefix });
    await relay.until('an empty outbox', async () => (await outboxStatus(from)).pending === 0);
    await relay.stop();

    const records = (await Promise.all([0, 1, 2].map(async (partition) => readLog(cluster, topic, partition)))).map(
      (each) => each.map(sampleOf),
    );
    const keys = records.map((each) => new Set(each.map(({ key }) => String(key))));
    expect(keys.reduce((sum, each) => sum + each.size, 0)).toBe(7);
    const seen = new Set<string>();
    const first = records.flat().filter(({ headers }) => {
      const id = String(headers.find(([name]) => String(name) === 'id')?.[1]);
      return !seen.has(id) && seen.add(id);
    });
    for (const key of ['0', '1', '2', '3', '4', '5', '6']) {
      const values = first
        .filter((each) => String(each.key) === key)
        .map(({ value }) => (value === null ? null : Number(JSON.parse(String(value)).at)));
      const expected = ids.flatMap((_, at) => (String(at % 7) === key ? [at] : []));
      expect(values).toEqual(key === '4' ? [...expected, null] : expected);
    }
    const last = first.find(({ value }) => value === null);
    expect(
      last?.headers.map(([name, value]) => `${String(name)} ${name.toString() === 'type' ? String(value) : ''}`),
    ).toEqual(['id ', 'type gone']);
    expect(
      (await deadLetters(from)).map(({ state, attempts, reason }) => [
        state,
        attempts,
        /TEAL-OUTBOX-010.*MESSAGE_TOO_LARGE|^$/.test(reason),
      ]),
    ).toEqual([
      ['dead', 1, true],
      ['behind', 0, true],
    ]);
  });
});
