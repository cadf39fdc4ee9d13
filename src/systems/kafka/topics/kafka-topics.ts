import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { askerOf } from '../inspect/asker.ts';
import { readTopicConfigs } from '../inspect/topics.ts';
import { openSides, signalOr, type OpenSides } from '../both-sides.ts';
import type { Cluster, LedPartition } from '../mirror/cluster.ts';
import type { KafkaMove, KafkaTopics, TopicsLook } from '../roles.ts';
import { settled } from '../settled.ts';
import { heldFor, isHeld, ownSettings, settingsAs, sizeFor, type Configs } from './held-back.ts';
import { alterConfigs, createTopic, deleteTopics } from './make-topic.ts';

const writer = 'topics';

/**
 * The topics of a move on green. What Teal has made, and what it found before it held anything back, is written into green's control topic before it is done: what a crash leaves is told from
 * what was there.
 */
export function kafkaTopics(move: KafkaMove): KafkaTopics {
  const within = async <T>(signal: AbortSignal | undefined, work: (job: Job) => Promise<T>): Promise<T> => {
    await using sides = await openSides(move, writer, signal);
    return await work({ move, sides, signal: signalOr(signal) });
  };
  return Object.freeze({
    look: async (signal?: AbortSignal) => within(signal, look),
    create: async (signal?: AbortSignal) => within(signal, create),
    holdBack: async (signal?: AbortSignal) => within(signal, holdBack),
    restore: async (signal?: AbortSignal) => within(signal, restore),
    drop: async (signal?: AbortSignal) => within(signal, drop),
  });
}

interface Job {
  readonly move: KafkaMove;
  readonly sides: OpenSides;
  readonly signal: AbortSignal;
}

async function look({ move: { topics }, sides, signal }: Job): Promise<TopicsLook> {
  const { blue, green } = sides;
  const here = await blue.cluster.partitionsOf(topics);
  const there = await green.cluster.partitionsOf(topics);
  const configs = await configsOf(green.cluster, [...there.keys()]);
  const state = await green.control.state(signal);
  return {
    missing: topics.filter((topic) => !there.has(topic)),
    made: topics.filter((topic) => state.made.has(topic) && there.has(topic)),
    unlike: topics.flatMap((topic) => unlike(topic, here.get(topic), there.get(topic))),
    notHeld: topics.filter((topic) => there.has(topic) && !isHeld(configs.get(topic) ?? new Map())),
    held: topics.filter((topic) => state.held.has(topic)),
  };
}

function unlike(
  topic: string,
  here: readonly LedPartition[] | undefined,
  there: readonly LedPartition[] | undefined,
): readonly string[] {
  if (here === undefined) return [`${topic} is not on blue`];
  if (there === undefined || here.length === there.length) return [];
  return [`${topic} has ${here.length} partitions on blue and ${there.length} on green`];
}

async function create(job: Job): Promise<{ readonly made: readonly string[] }> {
  const { move, sides, signal } = job;
  const { blue, green } = sides;
  await green.control.create(signal);
  const here = await blue.cluster.partitionsOf(move.topics);
  const there = await green.cluster.partitionsOf(move.topics);
  const missing = move.topics.filter((topic) => !there.has(topic) && here.has(topic));
  const configs = await configsOf(blue.cluster, missing);
  const plain = must((await configsOf(green.cluster, [green.control.name])).get(green.control.name), 'its settings');
  if (missing.length > 0) {
    const made = missing.map((topic) => ({ kind: 'made', topic }) as const);
    await green.control.append(writer, made, signal);
  }
  for (const topic of missing) {
    const led = must(here.get(topic), 'a topic of blue');
    const replicas = Math.min(led[0]?.replicas ?? 1, green.cluster.connection.brokers.length);
    const wanted = settingsAs(must(configs.get(topic), 'its settings'), defaultsIn(plain), replicas);
    await createTopic(green.cluster, { topic, partitions: led.length, replicas, configs: wanted });
  }
  await settled('the topics of green', signal, async () => {
    const found = await green.cluster.partitionsOf(missing);
    if (found.size === missing.length) return;
    throw new TealError('TEAL-SYSTEMS-401', 'a topic is not there yet', { answer: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });
  await holdBack(job);
  return { made: missing };
}

/** The control topic says three things itself; of all others it shows what green has by itself. */
function defaultsIn(control: Configs): Configs {
  return new Map(
    [...control].map(([name, config]) => (config.source === 'topic' ? [name, { source: 'default' }] : [name, config])),
  );
}

async function holdBack({ move: { topics }, sides, signal }: Job): Promise<void> {
  const { blue, green } = sides;
  const state = await green.control.state(signal);
  const there = [...(await green.cluster.partitionsOf(topics)).keys()];
  const [here, now] = [await configsOf(blue.cluster, there), await configsOf(green.cluster, there)];
  for (const topic of there) {
    const [source, target] = [here.get(topic) ?? new Map(), now.get(topic) ?? new Map()];
    const wanted = { ...heldFor(target), ...sizeFor(source, target) };
    const names = Object.keys(wanted).filter((name) => target.get(name)?.value !== wanted[name]);
    if (!state.held.has(topic)) {
      const before = ownSettings(target, names);
      await green.control.append(writer, [{ kind: 'held', topic, before }], signal);
    }
    await alterConfigs(green.cluster, topic, Object.fromEntries(names.map((name) => [name, wanted[name] ?? null])));
  }
}

async function restore({ move, sides: { green }, signal }: Job): Promise<void> {
  const state = await green.control.state(signal);
  // What the fence has kept there is its own to put back.
  const held = new Map([...state.held].filter(([topic]) => move.topics.includes(topic)));
  const there = await green.cluster.partitionsOf([...held.keys()]);
  for (const [topic, before] of held) {
    if (there.has(topic)) await alterConfigs(green.cluster, topic, before);
    await green.control.append(writer, [{ kind: 'restored', topic }], signal);
  }
}

async function drop({ sides: { green }, signal }: Job): Promise<{ readonly dropped: readonly string[] }> {
  const { made } = await green.control.state(signal);
  const dropped = [...(await green.cluster.partitionsOf([...made])).keys()];
  await deleteTopics(green.cluster, dropped);
  return { dropped };
}

/** Of these topics those whose log is compacted. */
export async function compactedOf(cluster: Cluster, topics: readonly string[]): Promise<ReadonlySet<string>> {
  const configs = await configsOf(cluster, topics);
  return new Set(topics.filter((topic) => configs.get(topic)?.get('cleanup.policy')?.value?.includes('compact')));
}

async function configsOf(cluster: Cluster, topics: readonly string[]): Promise<ReadonlyMap<string, Configs>> {
  const named = topics.map((name) => ({ name, internal: false, partitions: [] }));
  return readTopicConfigs(askerOf(cluster.connection), named);
}
