import { Admin, Producer, type CompressionAlgorithmValue } from '@platformatic/kafka';
import { waitFor } from '../../../kernel/clock.ts';
import { decideBatches } from '../../../wire/kafka/committed.ts';
import { readBatches } from '../../../wire/kafka/record-batch.ts';
import { readContent, readRecords, type CarriedRecord } from '../../../wire/kafka/record.ts';
import { openCluster as open, type Cluster } from '../mirror/cluster.ts';
import { codecsOf } from '../mirror/codecs.ts';
import { passesByItself } from '../mirror/refusals.ts';

/** A record as a test writes it. */
export interface Sample {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer, Buffer | null])[];
  readonly timestamp: bigint;
}

export function sample(value: string, more: Partial<Sample> = {}): Sample {
  return {
    key: Buffer.from(`k ${value}`),
    value: Buffer.from(value),
    headers: [],
    timestamp: 1_700_000_000_000n,
    ...more,
  };
}

export function urlOf(bootstrap: string): string {
  return `kafka://${bootstrap}`;
}

/** Until a broker that was just started, or a topic that was just made, is known everywhere. */
export async function patiently<T>(what: string, work: () => Promise<T>): Promise<T> {
  const { value } = await waitFor({ what, timeoutMs: 120_000 }, async () => {
    try {
      return { value: await work() };
    } catch (error) {
      if (passesByItself(error)) return undefined;
      throw error;
    }
  });
  return value;
}

export async function openCluster(bootstrap: string): Promise<Cluster & AsyncDisposable> {
  return patiently('a cluster', async () => open({ url: urlOf(bootstrap), clientId: 'teal-test' }));
}

export async function makeTopic(
  bootstrap: string,
  topic: string,
  {
    partitions = 1,
    configs = {},
  }: { readonly partitions?: number; readonly configs?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const admin = new Admin({ clientId: 'teal-test', bootstrapBrokers: [bootstrap] });
  try {
    await admin.createTopics({
      topics: [topic],
      partitions,
      replicas: 1,
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    });
  } finally {
    await admin.close();
  }
}

export async function makeMapTopic(bootstrap: string, topic: string): Promise<void> {
  await makeTopic(bootstrap, topic, { configs: { 'cleanup.policy': 'compact' } });
}

/** A producer as applications have one: what each call of the answer sends is one batch. */
export function plainProducer(
  bootstrap: string,
  topic: string,
  partition = 0,
): AsyncDisposable & {
  readonly send: (samples: readonly Sample[], compression?: CompressionAlgorithmValue) => Promise<void>;
} {
  const producer = new Producer({ clientId: 'teal-test', bootstrapBrokers: [bootstrap] });
  return {
    send: async (samples, compression = 'none') => {
      const messages = samples.map(({ key, value, headers, timestamp }) => ({
        topic,
        partition,
        key: key as Buffer,
        value: value as Buffer,
        // A Map tells buffers apart by who they are: a name may come twice.
        headers: new Map(headers as [Buffer, Buffer][]),
        timestamp,
      }));
      await producer.send({ messages, compression });
    },
    [Symbol.asyncDispose]: async () => producer.close(),
  };
}

/** Committed records of one partition, to the end that it has now. */
export async function readLog(cluster: Cluster, topic: string, partition = 0): Promise<CarriedRecord[]> {
  const led = await cluster.partition(topic, partition);
  const codecs = codecsOf(cluster.connection.library);
  const end = await cluster.offsetOf(led, 'latest');
  const found: CarriedRecord[] = [];
  for (let at = await cluster.offsetOf(led, 'earliest'); at < end;) {
    const offset = at;
    const answer = await waitFor({ what: 'an answer', timeoutMs: 60_000 }, async () => {
      const asked = { offset, minBytes: 1, maxBytes: 2 ** 20, maxWaitMs: 100, isolation: 'readCommitted' } as const;
      const got = await cluster.fetch(led, asked);
      return got.records.length > 0 ? got : undefined;
    });
    for (const { batch, isCommitted } of decideBatches(readBatches(answer.records), answer.aborted)) {
      at = batch.lastOffset + 1n;
      if (!isCommitted) continue;
      for (const record of readRecords(batch, codecs.decompress(batch.compression, batch.body))) {
        if (record.offset >= offset) found.push({ ...record, content: Buffer.from(record.content) });
      }
    }
  }
  return found;
}

export function sampleOf({ timestamp, content }: CarriedRecord): Sample {
  return { timestamp, ...readContent(content) };
}
