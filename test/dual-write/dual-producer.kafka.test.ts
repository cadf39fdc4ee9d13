import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test, vi } from 'vitest';
import { openDualProducer, reconcileTopics } from '../../src/app/dual-write/index.ts';
import { must } from '../../src/kernel/assert.ts';
import { waitFor } from '../../src/kernel/clock.ts';
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
import { startKafka } from '../../tools/servers/kafka.ts';
import { kafkaIsTested, namePrefix, testCluster } from '../support/kafka.ts';

const partitions = 3;
const reachMs = 120_000;

async function logsOf(bootstrap: string, topic: string): Promise<readonly (readonly string[])[]> {
  await using cluster = await openCluster(bootstrap);
  const logs: string[][] = [];
  for (let partition = 0; partition < partitions; partition += 1) {
    const log = await patiently('the log', async () => readLog(cluster, topic, partition));
    logs.push(log.map((record) => sampleOf(record).value?.toString() ?? 'null'));
  }
  return logs;
}

/** An application of the same name, killed when it has written for a while. Returns what the first cluster had acknowledged to it. */
async function killedApplication(...args: readonly string[]): Promise<readonly string[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'producer-runner.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: string[] = [];
  const ended = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(`of the runner ${line}`);
    if (acknowledged.length === 200) child.kill('SIGKILL');
  }
  expect((await ended)[1]).toBe('SIGKILL');
  return acknowledged;
}

describe.skipIf(!kafkaIsTested)('a producer for two clusters', () => {
  test('what the first has comes to the second once and in its order, though a process is killed and the second stands still', async () => {
    const blue = await testCluster('blue');
    await using green = await startKafka();
    const prefix = namePrefix();
    const topic = `${prefix}orders`;
    await makeTopic(blue.bootstrap, topic, { partitions });
    await patiently('green', async () => makeTopic(green.bootstrap, topic, { partitions }));
    const of = {
      from: urlOf(blue.bootstrap),
      to: urlOf(green.bootstrap),
      name: prefix.replaceAll(/[^a-z0-9]+/g, ''),
      topics: [topic],
    };
    const onTurn = vi.fn<(turn: 'carries' | 'waits') => void>();
    await using dual = await openDualProducer({ ...of, takeoverMs: 2_000, onTurn });
    const recordsOf = (what: string, count: number) =>
      Array.from({ length: count }, (_, at) => ({ topic, key: `key ${at % 5}`, value: `${what} ${at}` }));

    const first = recordsOf('first', 100);
    const sent = await dual.send(first);
    expect(sent.reduce((sum, { offset }) => sum + offset + 1n, 0n)).toBe(100n);
    expect(await dual.done(sent, reachMs)).toBe('written');
    expect(await dual.status()).toEqual({ behind: 0n, carries: true });

    // The newest carries; this one takes over when that one stands still.
    const ofOther = await killedApplication(of.from, of.to, of.name, topic);
    const second = recordsOf('second', 50);
    expect(await dual.done(await dual.send(second), reachMs)).toBe('written');
    expect(onTurn.mock.calls.map(([turn]) => turn)).toEqual(['carries', 'waits', 'carries']);

    process.kill(must(green.pid, 'a broker'), 'SIGSTOP');
    const third = recordsOf('third', 50);
    const waiting = await dual.send(third);
    expect(await dual.done(waiting, 500)).toBe('waits');
    expect((await dual.status()).behind).toBeGreaterThanOrEqual(50n);
    process.kill(must(green.pid, 'a broker'), 'SIGCONT');
    expect(await dual.done(waiting, reachMs)).toBe('written');

    // Opened with one more topic it goes on where it was.
    const other = `${prefix}another`;
    for (const { bootstrap } of [blue, green]) await makeTopic(bootstrap, other, { partitions });
    {
      await using wider = await openDualProducer({ ...of, topics: [other, topic] });
      const both = await wider.send([other, topic].map((name) => ({ topic: name, key: 'key 1', value: 'of both' })));
      expect(await wider.done(both, reachMs)).toBe('written');
    }

    const consistency = await reconcileTopics(of);
    expect(consistency).toMatchObject({ equal: true, rate: 1, topics: [{ topic, outcome: 'equal', by: 'records' }] });
    const logs = await logsOf(green.bootstrap, topic);
    expect(logs).toEqual(await logsOf(blue.bootstrap, topic));
    const found = new Set(logs.flat());
    expect(found.size).toBe(logs.flat().length);
    const acknowledged = [...[...first, ...second, ...third].map(({ value }) => value), ...ofOther];
    expect(acknowledged.filter((value) => !found.has(value))).toEqual([]);

    await using stray = plainProducer(green.bootstrap, topic, 1);
    await stray.send([sample('by somebody else')]);
    await dual.done(await dual.send([{ topic, partition: 1, value: 'behind it' }]), reachMs);
    const different = await reconcileTopics(of);
    expect(different).toMatchObject({ equal: false, rate: 0 });
    expect(different.topics[0]?.why[0]).toMatch(/partition 1|1:/);
  });

  test('what cannot be written to both is refused before it is written to one', async () => {
    const [blue, green] = [await testCluster('blue'), await testCluster('green')];
    const prefix = namePrefix();
    const topic = `${prefix}orders`;
    await makeTopic(blue.bootstrap, topic);
    await makeTopic(green.bootstrap, topic, { partitions: 2 });
    const of = { from: urlOf(blue.bootstrap), to: urlOf(green.bootstrap), name: prefix.slice(0, -1), topics: [topic] };
    await using dual = await openDualProducer(of);
    await expect(dual.ended).rejects.toThrow(/TEAL-SYSTEMS-653/);
    await expect(dual.send([{ topic: `${prefix}other`, value: 'x' }])).rejects.toThrow(/TEAL-DUALWRITE-003/);
    await expect(dual.send([{ topic, partition: 1, value: 'x' }])).rejects.toThrow(/TEAL-DUALWRITE-003/);
    const sent = await dual.send([{ topic, value: 'one' }]);
    await expect(dual.done(sent, 1_000)).rejects.toThrow(/TEAL-SYSTEMS-653/);
    await waitFor({ what: 'the record on the first', timeoutMs: reachMs }, async () => {
      await using cluster = await openCluster(blue.bootstrap);
      return (await readLog(cluster, topic)).length === 1 ? true : undefined;
    });
  });
});
