import { describe, expect, test } from 'vitest';
import { kafkaIsTested, namePrefix, testCluster } from '../../../../test/support/kafka.ts';
import { waitFor } from '../../../kernel/clock.ts';
import { otherSide, type Side } from '../../../model/catalog.ts';
import { kafkaFence } from '../fence/kafka-fence.ts';
import type { KafkaFlow, KafkaFlowStatus, KafkaMove } from '../roles.ts';
import { makeTopic, plainProducer, sample, urlOf } from '../test-support/logs.ts';
import { kafkaTopics } from '../topics/kafka-topics.ts';
import { compareClusters } from '../verify/compare-clusters.ts';
import { openKafkaFlow } from './kafka-flow.ts';

const reachMs = 120_000;
const never = new AbortController().signal;

/** One cut of these topics, as its steps do it. */
async function cut(move: KafkaMove, only: readonly string[], from: Side, epoch: number): Promise<void> {
  const [losing, gaining] = [kafkaFence(move, from, { only }), kafkaFence(move, otherSide(from), { only })];
  const [name, token] = [`e${epoch}`, `e${epoch}/${from}`];
  await losing.raise({ cut: name, token, epoch, lockTimeoutMs: reachMs });
  await waitFor({ what: 'the token', timeoutMs: reachMs }, async () =>
    (await gaining.written()).tokens.includes(token) ? true : undefined,
  );
  await gaining.lower({ epoch, owner: otherSide(from), cut: name });
  await losing.letThrough();
}

async function untilKnown(flows: readonly KafkaFlow[], epoch: number): Promise<readonly KafkaFlowStatus['part'][]> {
  await waitFor({ what: `both flows to know of epoch ${epoch}`, timeoutMs: reachMs }, () =>
    flows.every((flow) => flow.status().epoch >= epoch) ? true : undefined,
  );
  for (const flow of flows) await flow.caughtUp(AbortSignal.timeout(reachMs));
  return flows.map((flow) => flow.status().part);
}

describe.skipIf(!kafkaIsTested)('topics that are cut one by one, between clusters without an authorizer', () => {
  test('each is closed, carried and watched by itself', async () => {
    const [blue, green] = [(await testCluster('blue')).bootstrap, (await testCluster('green')).bootstrap];
    const prefix = namePrefix();
    const [bills, orders] = [`${prefix}bills`, `${prefix}orders`];
    const topics = [orders, bills];
    const move = { urls: { blue: urlOf(blue), green: urlOf(green) }, migration: prefix.slice(0, -1), topics };
    for (const topic of topics) await makeTopic(blue, topic, { partitions: 1 });
    const fences = { blue: kafkaFence(move, 'blue'), green: kafkaFence(move, 'green') };
    await kafkaTopics(move).create();
    await fences.blue.install(false);
    await fences.green.install(true);
    const write = async (bootstrap: string, topic: string, text: string): Promise<void> => {
      await using producer = plainProducer(bootstrap, topic);
      await producer.send([sample(text)]);
    };
    const end = new AbortController();
    await using forward = await openKafkaFlow(move, 'forward');
    await using reverse = await openKafkaFlow(move, 'reverse');
    const running = Promise.all([forward.run(end.signal), reverse.run(end.signal)]);
    running.catch(() => undefined);
    for (const topic of topics) await write(blue, topic, 'before');

    await cut(move, [bills], 'blue', 1);
    await write(blue, orders, 'goes on');
    await write(green, bills, 'native');
    expect(await untilKnown([forward, reverse], 1)).toEqual([
      { topics: 1, of: 2 },
      { topics: 1, of: 2 },
    ]);
    const of = (side: Side, topic: string) => kafkaFence(move, side, { only: [topic] });
    const seen = async (topic: string) =>
      Promise.all((['blue', 'green'] as const).map(async (side) => (await of(side, topic).probe()).fence));
    expect(await seen(orders)).toEqual(['installed', 'watched']);
    expect(await seen(bills)).toEqual(['watched', 'installed']);
    const compared = await compareClusters(move, { signal: never });
    expect(compared.topics.map(({ topic, live, records, outcome }) => [topic, live, records, outcome])).toEqual([
      [orders, 'blue', 2n, 'equal'],
      [bills, 'green', 2n, 'equal'],
    ]);

    // A cut of the others that is taken back opens nothing of what has gone.
    const rest = of('blue', orders);
    await rest.raise({ cut: 'e2a1', token: 'e2a1/blue', epoch: 2, lockTimeoutMs: reachMs });
    await rest.lower();
    await write(blue, orders, 'goes on again');
    expect([await seen(orders), await seen(bills)]).toEqual([
      ['installed', 'watched'],
      ['watched', 'installed'],
    ]);
    expect([await fences.blue.unrouted(), await fences.green.unrouted()]).toEqual([[], []]);

    // And back, and all of it.
    await cut(move, [bills], 'green', 2);
    await write(blue, bills, 'back');
    expect(await untilKnown([forward, reverse], 2)).toEqual([undefined, undefined]);
    await cut(move, topics, 'blue', 3);
    await write(green, bills, 'for good');
    expect(await untilKnown([forward, reverse], 3)).toEqual([undefined, undefined]);
    expect([forward.status().mode, reverse.status().mode]).toEqual(['shadow', 'live']);
    expect(await compareClusters(move, { signal: never })).toMatchObject({
      equal: true,
      topics: [
        { live: 'green', records: 3n },
        { live: 'green', records: 4n },
      ],
    });

    // A stray is found in its topic, on the side that does not own it.
    await write(blue, bills, 'stray');
    expect(await fences.blue.unrouted()).toMatchObject([{ topic: bills, records: 1 }]);
    end.abort();
    await running;
    await fences.blue.remove();
    await fences.green.remove();
  });
});
