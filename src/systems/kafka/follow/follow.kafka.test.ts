import { beforeAll, describe, expect, test } from 'vitest';
import { kafkaIsTested, namePrefix, testCluster } from '../../../../test/support/kafka.ts';
import { waitFor } from '../../../kernel/clock.ts';
import { kafkaFence } from '../fence/kafka-fence.ts';
import { openKafkaFlow } from '../flow/kafka-flow.ts';
import { kafkaGroups } from '../groups/kafka-groups.ts';
import type { ForeignCarrier, KafkaFlow, KafkaMove } from '../roles.ts';
import { makeTopic, plainProducer, sample, urlOf, type Sample } from '../test-support/logs.ts';
import { kafkaTopics } from '../topics/kafka-topics.ts';
import { compareClusters } from '../verify/compare-clusters.ts';

const reachMs = 120_000;
const never = new AbortController().signal;
const keyed = (key: string, value: string | null): Sample =>
  sample(value ?? '', { key: Buffer.from(key), value: value === null ? null : Buffer.from(value) });

describe.skipIf(!kafkaIsTested)('who follows another carrier', () => {
  let bootstrap: Readonly<Record<'blue' | 'green', string>>;

  beforeAll(async () => {
    bootstrap = { blue: (await testCluster('blue')).bootstrap, green: (await testCluster('green')).bootstrap };
  });

  interface Stage extends AsyncDisposable {
    readonly move: KafkaMove;
    readonly topic: string;
    readonly blue: ReturnType<typeof plainProducer>;
    /** The carrier that is followed is whoever writes here. */
    readonly green: ReturnType<typeof plainProducer>;
    readonly did: string[];
    readonly carrier: ForeignCarrier;
    readonly forward: KafkaFlow;
    readonly running: Promise<void>;
  }

  async function stageOf(
    configs: Readonly<Record<string, string>>,
    onHalt: (stage: () => Stage) => Promise<void> = async () => undefined,
  ): Promise<Stage> {
    const prefix = namePrefix();
    const topic = `${prefix}orders`;
    const move: KafkaMove = {
      urls: { blue: urlOf(bootstrap.blue), green: urlOf(bootstrap.green) },
      migration: prefix.slice(0, -1),
      topics: [topic],
      foreign: true,
    };
    // Records of tests are of long ago.
    await makeTopic(bootstrap.blue, topic, { configs: { 'retention.ms': '-1', ...configs } });
    await kafkaTopics(move).create();
    await kafkaFence(move, 'blue').install(false);
    await kafkaFence(move, 'green').install(true);
    await using stack = new AsyncDisposableStack();
    const did: string[] = [];
    const carrier: ForeignCarrier = {
      begin: async () => void did.push('begin'),
      halt: async () => {
        did.push('halt');
        await onHalt(() => stage);
      },
      watch: async (signal) => {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      },
      retire: async () => void did.push('retire'),
    };
    const end = new AbortController();
    const forward = stack.use(await openKafkaFlow(move, 'forward', { foreign: carrier }));
    const running = forward.run(end.signal);
    running.catch(() => undefined);
    stack.defer(() => end.abort());
    const blue = stack.use(plainProducer(bootstrap.blue, topic));
    const green = stack.use(plainProducer(bootstrap.green, topic));
    const kept = stack.move();
    const stage: Stage = {
      move,
      topic,
      blue,
      green,
      did,
      carrier,
      forward,
      running,
      [Symbol.asyncDispose]: async () => kept.disposeAsync(),
    };
    return stage;
  }

  async function untilBegun({ did }: Stage): Promise<void> {
    await waitFor({ what: 'the carrier to begin', timeoutMs: reachMs }, () =>
      did.includes('begin') ? true : undefined,
    );
  }

  const caughtUp = async ({ forward }: Stage): Promise<void> => forward.caughtUp(AbortSignal.timeout(reachMs));

  test('maps each record to its copy, and passes over what comes again', async () => {
    await using stage = await stageOf({});
    const { blue, green, move, topic } = stage;
    const records = Array.from({ length: 30 }, (_, at) => sample(`r ${at}`));
    // Alike to the byte: whichever of them a copy is taken for, nobody misses one.
    const alike = [sample('same'), sample('other'), sample('same')];
    await blue.send([...records, ...alike]);
    await untilBegun(stage);
    await green.send(records.slice(0, 20));
    // Gone back twice, the second time before it had come to the end again.
    await green.send(records.slice(10, 15));
    await green.send(records.slice(12));
    await green.send(alike);
    await caughtUp(stage);
    expect(stage.forward.status()).toMatchObject({ mode: 'live', epoch: 0, records: 33n, repeated: 13n, lag: 0n });

    const groups = kafkaGroups(move);
    const group = `${topic}.billing`;
    await groups.commit('blue', group, [{ topic, partition: 0, offset: 25n, metadata: null }]);
    // The first copies lie at 0 to 19, thirteen came again before 20.
    expect((await groups.translate('blue', group)).offsets).toMatchObject([{ offset: 38n }]);

    const compared = await compareClusters(move, { signal: never });
    expect(compared.topics).toMatchObject([{ outcome: 'equal', records: 33n, repeated: 13n, why: [] }]);
    expect(compared.remarks).toContain(`${topic}: 13 records of green came a second time, by Kafka Connect`);
  });

  test('ends at a record that is no copy', async () => {
    await using stage = await stageOf({});
    await stage.blue.send([sample('one'), sample('two')]);
    await untilBegun(stage);
    await stage.green.send([sample('one'), sample('stray')]);
    await expect(stage.running).rejects.toMatchObject({
      code: 'TEAL-SYSTEMS-672',
      facts: { partition: 0, offset: 1n, next: 1n },
    });
  });

  test('ends where a record was left out', async () => {
    await using stage = await stageOf({});
    await stage.blue.send([sample('one'), sample('two'), sample('three')]);
    await untilBegun(stage);
    await stage.green.send([sample('one'), sample('three')]);
    await expect(stage.running).rejects.toMatchObject({ code: 'TEAL-SYSTEMS-672' });
  });

  test('of a compacted log passes over what compaction took, on either side of the copy', async () => {
    await using stage = await stageOf({ 'cleanup.policy': 'compact' });
    const { blue, green, move, topic } = stage;
    await blue.send([keyed('a', '1'), keyed('b', '1'), keyed('c', '1'), keyed('a', '2'), keyed('d', null)]);
    await untilBegun(stage);
    // a=0 was there when it was copied; b=1 was gone by then.
    await green.send([keyed('a', '0'), keyed('a', '1'), keyed('c', '1'), keyed('a', '2'), keyed('d', null)]);
    await caughtUp(stage);
    const compared = await compareClusters(move, { signal: never });
    // The map holds what it can; what is the newest of its key is another question, and b lacks.
    expect(compared.topics).toMatchObject([{ by: 'keys', outcome: 'different' }]);
    await blue.send([keyed('b', '2')]);
    await green.send([keyed('b', '2')]);
    await caughtUp(stage);
    expect((await compareClusters(move, { signal: never })).topics).toMatchObject([
      { topic, by: 'keys', outcome: 'equal', records: 3n },
    ]);
  });

  test('gives the token only when the carrier was halted, and had sent all again that it began to send again', async () => {
    let halts = 0;
    await using stage = await stageOf({}, async (at) => {
      halts += 1;
      // Halted in the middle, the first time.
      if (halts === 1) await at().green.send([sample('one')]);
    });
    const { blue, green, move, did } = stage;
    await blue.send([sample('one'), sample('two')]);
    await untilBegun(stage);
    await green.send([sample('one'), sample('two')]);
    await caughtUp(stage);
    const fences = { blue: kafkaFence(move, 'blue'), green: kafkaFence(move, 'green') };
    await fences.blue.raise({ cut: 'e1a1', token: 'e1a1/blue', epoch: 1, lockTimeoutMs: reachMs });
    await expect(stage.running).rejects.toMatchObject({ code: 'TEAL-SYSTEMS-673' });
    expect((await fences.green.probe()).tokens).toEqual([]);

    const end = new AbortController();
    await using again = await openKafkaFlow(move, 'forward', { foreign: stage.carrier });
    const running = again.run(end.signal);
    running.catch(() => undefined);
    await waitFor({ what: 'it to begin again', timeoutMs: reachMs }, () =>
      did.filter((each) => each === 'begin').length > 1 ? true : undefined,
    );
    await green.send([sample('two')]);
    await waitFor({ what: 'the token', timeoutMs: reachMs }, async () =>
      (await fences.green.probe()).tokens.includes('e1a1/blue') ? true : undefined,
    );
    expect(did).toEqual(['begin', 'halt', 'begin', 'halt']);
    await fences.green.lower({ epoch: 1, owner: 'green', cut: 'e1a1' });
    await fences.blue.letThrough();
    await waitFor({ what: 'the carrier to be taken away', timeoutMs: reachMs }, () =>
      did.includes('retire') ? true : undefined,
    );

    // From green's side: what came again is no difference, what clients write there comes back.
    await using reverse = await openKafkaFlow(move, 'reverse');
    const back = reverse.run(end.signal);
    back.catch(() => undefined);
    await green.send([sample('native')]);
    await waitFor({ what: 'the flow back', timeoutMs: reachMs }, () =>
      reverse.status().mode === 'live' ? true : undefined,
    );
    await reverse.caughtUp(AbortSignal.timeout(reachMs));
    const compared = await compareClusters(move, { signal: never });
    expect(compared.topics).toMatchObject([{ outcome: 'equal', records: 3n, repeated: 2n, why: [] }]);
    expect(await fences.blue.unrouted()).toEqual([]);
    end.abort();
    await Promise.all([running, back]);
  });
});
