import { Producer } from '@platformatic/kafka';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '../src/kernel/clock.ts';
import { kafkaFence } from '../src/systems/kafka/fence/kafka-fence.ts';
import { openCluster, type Cluster } from '../src/systems/kafka/mirror/cluster.ts';
import { passesByItself } from '../src/systems/kafka/mirror/refusals.ts';
import type { KafkaMove } from '../src/systems/kafka/roles.ts';
import { createTopic } from '../src/systems/kafka/topics/make-topic.ts';
import { kafkaTopics } from '../src/systems/kafka/topics/kafka-topics.ts';
import { startKafka, type KafkaServer } from '../tools/servers/kafka.ts';
import type { Arena, Benchmark, Contender, Reading, Settings, Target, Variant } from './benchmark.ts';
import { openFolder } from './folder.ts';
import { measure } from './measure.ts';
import { startMirrorMaker } from './peers/mirror-maker.ts';

const topic = 'bench';
const partitions = 4;
const peerName = 'MirrorMaker 2, one task';
const arrivalMs = 10 * 60_000;

interface Load {
  readonly recordBytes: number;
  readonly records: number;
}

interface Course extends Load {
  readonly blue: KafkaServer;
  readonly folder: string;
}

/** A green of its own, and what carries into it; measured from the first record that is there to the last. */
async function carried(
  course: Course,
  start: (green: KafkaServer, after: AsyncDisposableStack) => Promise<{ readonly pid: number | undefined }>,
): Promise<Reading> {
  await using after = new AsyncDisposableStack();
  const green = after.use(await startKafka());
  const cluster = after.use(await openCluster({ url: urlOf(green), clientId: 'bench' }));
  const tool = await start(green, after);
  const begun = await waitFor({ what: 'the first record', timeoutMs: arrivalMs, everyMs: 5 }, async () => {
    const there = await countOf(cluster);
    return there > 0 ? there : undefined;
  });
  const reading = await measure(
    { blue: course.blue, green },
    () => [tool.pid],
    async () => {
      await waitFor({ what: 'all records', timeoutMs: arrivalMs, everyMs: 10 }, async () =>
        (await countOf(cluster)) >= course.records ? true : undefined,
      );
    },
  );
  const left = course.records - begun;
  const { seconds } = reading;
  return {
    ...reading,
    figures: {
      'MB/s': (left * course.recordBytes) / seconds / 1e6,
      'records/s': left / seconds,
      'peak MB': peakMb(tool.pid),
    },
  };
}

/** The most that was ever resident of a process that lives (VmHWM of proc_pid_status(5)). */
function peakMb(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid ?? 'self'}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1000;
}

/** By offsets: the marks of Teal's transactions, some tens of them, are counted too. A topic that is being made has nothing yet. */
async function countOf(cluster: Cluster): Promise<number> {
  try {
    return await sumOf(cluster);
  } catch (error) {
    if (passesByItself(error)) return 0;
    throw error;
  }
}

async function sumOf(cluster: Cluster): Promise<number> {
  const places = (await cluster.partitionsOf([topic])).get(topic) ?? [];
  const ends = await cluster.offsetsOf(places, 'stable');
  return ends.reduce((sum, end) => sum + Number(end), 0);
}

function teal(course: Course): Contender {
  return {
    name: 'Teal',
    role: 'teal',
    round: async () =>
      carried(course, async (green, after) => {
        const urls = { blue: urlOf(course.blue), green: urlOf(green) };
        const move: KafkaMove = { urls, migration: `bench-${green.port}`, topics: [topic] };
        await kafkaTopics(move).create();
        await kafkaFence(move, 'blue').install(false);
        const program = join(import.meta.dirname, '../src/systems/kafka/test-support/flow-main.ts');
        const child = spawn(process.execPath, [program, JSON.stringify(move), 'forward'], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        createInterface(child.stdout).resume();
        const exit = once(child, 'exit');
        after.defer(async () => {
          child.kill('SIGKILL');
          await exit;
          await kafkaFence(move, 'blue').remove();
        });
        return { pid: child.pid };
      }),
  };
}

function mirrorMaker(course: Course): Contender {
  return {
    name: peerName,
    role: 'peer',
    round: async () =>
      carried(course, async (green, after) => {
        const places = { blue: course.blue.bootstrap, green: green.bootstrap, topic };
        return after.use(await startMirrorMaker(course.folder, places));
      }),
  };
}

/** As producers write with their defaults: batches of 16 KiB, not compressed. */
async function fill(blue: KafkaServer, { recordBytes, records }: Load): Promise<void> {
  await using cluster = await openCluster({ url: urlOf(blue), clientId: 'bench' });
  await createTopic(cluster, { topic, partitions, configs: { 'retention.ms': '-1' } });
  const producer = new Producer({ clientId: 'bench', bootstrapBrokers: [blue.bootstrap] });
  try {
    const aBatch = Math.max(1, Math.floor(16_384 / (recordBytes + 16)));
    for (let at = 0; at < records;) {
      const sends: Promise<unknown>[] = [];
      for (let each = 0; each < 16 && at < records; each += 1) {
        const count = Math.min(aBatch, records - at);
        const messages = Array.from({ length: count }, (_, index) => ({
          topic,
          partition: each % partitions,
          key: Buffer.from(String(at + index)),
          value: Buffer.alloc(recordBytes - 8, at + index),
        }));
        sends.push(producer.send({ messages, acks: 1 }));
        at += count;
      }
      await Promise.all(sends);
    }
  } finally {
    await producer.close();
  }
}

function urlOf(server: KafkaServer): string {
  return `kafka://${server.bootstrap}`;
}

const targets: readonly Target[] = [
  { figure: 'MB/s', against: peerName, first: '>= 1', goal: '>= 2' },
  { figure: 'cpu tool', against: peerName, goal: '<= 1' },
];

function variant(name: string, load: Load): Variant {
  return {
    name,
    about: `One topic of ${partitions} partitions, records of ${load.recordBytes} bytes in batches of 16 KiB, not compressed; all of them lie on blue before the clock starts.`,
    targets,
    open: async (settings: Settings): Promise<Arena> => {
      await using stack = new AsyncDisposableStack();
      const blue = stack.use(await startKafka());
      const sized = { ...load, records: Math.round(load.records * settings.scale) };
      await fill(blue, sized);
      const course: Course = { ...sized, blue, folder: await openFolder(stack) };
      const kept = stack.move();
      return {
        contenders: [teal(course), mirrorMaker(course)],
        versions: ['Kafka 4.3.1 on both sides'],
        [Symbol.asyncDispose]: async () => kept.disposeAsync(),
      };
    },
  };
}

export const kafkaMirror: Benchmark = {
  name: 'kafka-mirror',
  title: 'Kafka: mirroring a topic',
  about:
    'From the first record that is on green to the last, of a topic that was there before. Teal carries exactly once and keeps a map of every offset; MirrorMaker 2 carries at least once, which is its default, with one task.',
  chart: 'MB/s',
  between: () => 'two clusters of one broker each, Kafka 4.3.1',
  variants: [
    variant('records of 1 kB', { recordBytes: 1000, records: 200_000 }),
    variant('records of 100 bytes', { recordBytes: 100, records: 1_000_000 }),
  ],
};
