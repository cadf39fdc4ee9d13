import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, test } from 'vitest';
import { kafkaIsTested, namePrefix, testCluster } from '../../../../test/support/kafka.ts';
import { waitFor } from '../../../kernel/clock.ts';
import { isTealError } from '../../../kernel/errors.ts';
import type { OffsetMap } from '../../../model/offset-map.ts';
import type { CarriedRecord } from '../../../wire/kafka/record.ts';
import {
  makeMapTopic,
  makeTopic,
  openCluster,
  patiently,
  plainProducer,
  readLog,
  sample,
  sampleOf,
  urlOf,
} from '../test-support/logs.ts';
import type { Cluster } from './cluster.ts';
import { mapOf } from './map-block.ts';
import { mirrorPartition, type MirrorOptions } from './mirror-partition.ts';
import type { MirrorState } from './mirror-session.ts';
import { readMapBlocks } from './read-map.ts';

/** Compaction runs when there is something to compact, not every 15 s. */
const blueSettings = { 'log.cleaner.backoff.ms': '100' };
const reachTimeoutMs = 120_000;

let blue: string;
let green: string;

describe.skipIf(!kafkaIsTested)('the mirror of a partition', () => {
  beforeAll(async () => {
    blue = (await testCluster('blue', { settings: blueSettings })).bootstrap;
    green = (await testCluster('green')).bootstrap;
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'])('takes what a broker has compressed with %s', async (codec) => {
    await using pair = await openPair({ configs: { 'compression.type': codec } });
    await using producer = plainProducer(blue, pair.topic);
    // One that is carried whole, and one so small that it is put together with the next.
    await producer.send(Array.from({ length: 3_000 }, (_, at) => sample(`record ${at} ${Math.sqrt(at)}`)));
    await producer.send([sample('small')]);
    await producer.send([sample('and another')]);
    await pair.mirrorToEnd();
    expect((await pair.expectSameRecords()).target).toHaveLength(3_002);
  });

  test('carries a log in which compaction has left gaps', async () => {
    await using pair = await openPair({
      configs: { 'cleanup.policy': 'compact', 'segment.ms': '500', 'min.cleanable.dirty.ratio': '0.001' },
    });
    await using producer = plainProducer(blue, pair.topic);
    const keyed = (value: number) =>
      sample(`${value}`, { key: Buffer.from(`key ${value % 17}`), value: Buffer.alloc(300, value) });
    for (let round = 0; round < 4; round += 1) {
      await producer.send(
        Array.from({ length: 60 }, (_, at) => keyed(round * 60 + at)),
        round % 2 === 0 ? 'none' : 'lz4',
      );
    }
    await producer.send([sample('gone', { key: Buffer.from('key 3'), value: null })]);
    // Compaction takes only segments that are no longer written, and a new one is begun by a record that is later by the records' own time.
    let later = 1_700_000_000_000n;
    await waitFor({ what: 'compaction', timeoutMs: reachTimeoutMs, everyMs: 600 }, async () => {
      later += 60_000n;
      await producer.send([sample('to begin a segment', { key: Buffer.from('last'), timestamp: later })]);
      const left = await patiently('the log', async () => readLog(pair.source, pair.topic));
      return left.length < 60 ? true : undefined;
    });
    await pair.mirrorToEnd();
    const { source, map } = await pair.expectSameRecords();
    expect(source.length).toBeLessThan(60);
    expect(map.runCount).toBeGreaterThan(1);
  });

  test('is killed at any place, again and again: no record is lost or comes twice, and the map is exact', async () => {
    await using pair = await openPair();
    await using producer = plainProducer(blue, pair.topic);
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = mulberry(seed);
    let count = 0;
    const sendSome = async () => {
      const batch = Array.from({ length: 1 + Math.floor(random() * 200) }, () => sample(`${count++}`));
      await producer.send(batch, random() < 0.5 ? 'none' : 'lz4');
    };
    const places = ['fenced', 'begun', 'carried', 'mapped', 'committed'].map((place) => `kafka.mirror.${place}`);
    const kills = [...places, undefined, undefined, undefined];
    for (const place of kills) {
      await sendSome();
      const child = startChild(pair.options, place === undefined ? undefined : { ledger: pair.ledgerOf(place), place });
      const ended = once(child, 'exit');
      if (place === undefined) {
        const lines = createInterface(child.stdout as NonNullable<typeof child.stdout>);
        await once(lines, 'line');
        await sendSome();
        if (random() < 0.7) await once(lines, 'line');
        child.kill('SIGKILL');
      }
      expect((await ended)[1], `seed ${seed}, ${place ?? 'at random'}`).toBe('SIGKILL');
    }
    await sendSome();

    await pair.mirrorToEnd();

    const { target } = await pair.expectSameRecords(`seed ${seed}`);
    expect(
      target.map((record) => sampleOf(record).value?.toString()),
      `seed ${seed}`,
    ).toEqual(Array.from({ length: count }, (_, at) => `${at}`));
  });

  test('ends when another one takes over, and what it was writing is not there', async () => {
    await using pair = await openPair();
    await using producer = plainProducer(blue, pair.topic);
    await producer.send([sample('first')]);
    await using older = await pair.startMirror();
    await older.reached(1n);
    await using newer = await pair.startMirror();
    await newer.reached(1n);
    await producer.send([sample('second')]);
    await newer.reached(2n);
    await expect(older.ended).rejects.toThrow('TEAL-SYSTEMS-650');
    await producer.send([sample('third')]);
    await newer.reached(3n);
    await newer.stop();
    expect((await pair.expectSameRecords()).target).toHaveLength(3);
  });

  test('refuses a target of another number of partitions, or that puts its own time into records', async () => {
    await using uneven = await openPair({ targetPartitions: 2 });
    await expect(uneven.mirrorToEnd()).rejects.toThrow('TEAL-SYSTEMS-653');

    await using pair = await openPair({ targetConfigs: { 'message.timestamp.type': 'LogAppendTime' } });
    await using producer = plainProducer(blue, pair.topic);
    await producer.send([sample('a record')]);
    await expect(pair.mirrorToEnd()).rejects.toThrow('TEAL-SYSTEMS-654');
    expect(await patiently('the log', async () => readLog(pair.target, pair.topic))).toEqual([]);
  });
});

interface PairOptions {
  /** Of the topic on both sides. */
  readonly configs?: Readonly<Record<string, string>>;
  readonly targetConfigs?: Readonly<Record<string, string>>;
  readonly targetPartitions?: number;
}

interface RunningMirror extends AsyncDisposable {
  readonly ended: Promise<void>;
  /** As it was told last. */
  state(): MirrorState;
  /** Rejects where the mirror ends before. */
  reached(source: bigint): Promise<void>;
  stop(): Promise<void>;
}

interface Mirrored {
  readonly source: readonly CarriedRecord[];
  readonly target: readonly CarriedRecord[];
  readonly map: OffsetMap;
}

/** A topic on both sides, of this test alone, and what mirrors it. */
async function openPair({ configs = {}, targetConfigs, targetPartitions = 1 }: PairOptions = {}) {
  const topic = `${namePrefix()}orders`;
  const map = { topic: `${topic}.map`, partition: 0 };
  // The records of a test are of the past.
  const keeps = { 'retention.ms': '-1' };
  await makeTopic(blue, topic, { configs: { ...keeps, ...configs } });
  await makeTopic(green, topic, { partitions: targetPartitions, configs: { ...keeps, ...targetConfigs } });
  await makeMapTopic(green, map.topic);
  await using stack = new AsyncDisposableStack();
  const source = stack.use(await openCluster(blue));
  const target = stack.use(await openCluster(green));
  const options: MirrorOptions = {
    sourceUrl: urlOf(blue),
    targetUrl: urlOf(green),
    source: { topic, partition: 0 },
    map,
    transactionalId: `${topic}.0`,
    clientId: 'teal-mirror',
    patienceMs: reachTimeoutMs,
    // A machine that does other things too may stand still for a minute.
    transactionTimeoutMs: 600_000,
  };
  const sourceEnd = async (): Promise<bigint> =>
    patiently('the end of the source', async () => source.offsetOf(await source.partition(topic, 0), 'latest'));
  const startMirror = async (): Promise<RunningMirror> => runMirror(options);
  const mirrored = async (): Promise<Mirrored> =>
    patiently('both logs and the map', async () => {
      const limits = { openTransactionsMs: 60_000, signal: new AbortController().signal };
      const blocks = await readMapBlocks(target, await target.partition(map.topic, 0), options.source, limits);
      const read = mapOf(blocks);
      if (read === undefined) throw new Error('no map was written');
      return { source: await readLog(source, topic), target: await readLog(target, topic), map: read };
    });
  const ledgers = await mkdtemp(join(tmpdir(), 'teal-mirror-'));
  stack.defer(async () => rm(ledgers, { recursive: true, force: true }));
  const kept = stack.move();
  return {
    topic,
    source: source as Cluster,
    target: target as Cluster,
    options,
    sourceEnd,
    startMirror,
    mirrored,
    ledgerOf: (place: string) => join(ledgers, place),
    mirrorToEnd: async () => {
      await using mirror = await startMirror();
      await mirror.reached(await sourceEnd());
      await mirror.stop();
    },
    /** Record by record through the map, in both directions: the same bytes at the offsets that it says, and no other record. */
    expectSameRecords: async (hint = ''): Promise<Mirrored> => {
      const all = await mirrored();
      const found = new Map(all.target.map((record) => [record.offset, record]));
      for (const record of all.source) {
        const there = all.map.toTarget(record.offset);
        const copy = there.kind === 'record' ? found.get(there.offset) : undefined;
        const what = `${hint} source offset ${record.offset}`;
        expect(copy, what).toBeDefined();
        expect(copy?.content.equals(record.content), what).toBe(true);
        expect(copy?.timestamp, what).toBe(record.timestamp);
        expect(all.map.toSource(copy?.offset ?? -1n), what).toEqual({ kind: 'record', offset: record.offset });
      }
      expect(all.target.length, hint).toBe(all.source.length);
      return all;
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

function runMirror(options: MirrorOptions): RunningMirror {
  const end = new AbortController();
  let state: MirrorState = {
    reached: { source: 0n, target: 0n },
    stable: undefined,
    carried: { records: 0, bytes: 0 },
  };
  let failure: unknown;
  const ended = mirrorPartition({ ...options, tell: (now) => void (state = now) }, end.signal);
  ended.catch((error: unknown) => {
    failure = error;
  });
  const stop = async (): Promise<void> => {
    end.abort();
    await ended;
  };
  return {
    ended,
    state: () => state,
    stop,
    reached: async (source) =>
      waitFor({ what: `the mirror to reach ${source}`, timeoutMs: reachTimeoutMs, everyMs: 20 }, () => {
        if (failure !== undefined) throw failure;
        return state.stable !== undefined && state.reached.source >= source ? true : undefined;
      }).then(() => undefined),
    [Symbol.asyncDispose]: async () => {
      end.abort();
      await ended.catch((error: unknown) => {
        if (!isTealError(error)) throw error;
      });
    },
  };
}

function startChild(
  options: MirrorOptions,
  kill: { readonly ledger: string; readonly place: string } | undefined,
): ChildProcess {
  const program = join(import.meta.dirname, '../test-support/mirror-main.ts');
  const failpoints = kill === undefined ? {} : { TEAL_FAILPOINTS: kill.ledger, TEAL_FAILPOINT_NAMES: kill.place };
  return spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...failpoints },
  });
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
