import { hash } from 'node:crypto';
import { must } from '../../../kernel/assert.ts';
import { openSide, signalOr, type OpenSide } from '../both-sides.ts';
import type { KafkaMove } from '../roles.ts';
import { settled } from '../settled.ts';
import { createTopic, deleteTopics } from '../topics/make-topic.ts';

const writer = 'mirror-maker';

export interface MirrorMakerTopics {
  run(signal?: AbortSignal): Promise<string>;
  known(signal?: AbortSignal): Promise<string | undefined>;
  prepare(run: string, signal?: AbortSignal): Promise<void>;
  clear(run: string, signal?: AbortSignal): Promise<void>;
}

export interface MirrorMakerTopicNames {
  /** Of an attempt, beside `offsets`. */
  readonly own: (run: string) => readonly string[];
  /** Where Kafka Connect keeps how far an attempt has come; Teal makes it, and by it the attempt is known. */
  readonly offsets: (run: string) => string;
  /** One that others may have too: it is deleted only where it was not there before. */
  readonly shared: string;
  readonly replicationFactor: number;
}

const configs = { 'cleanup.policy': 'compact' };

/** What a migration keeps on green for the connectors of MirrorMaker. */
export function mirrorMakerTopics(move: KafkaMove, names: MirrorMakerTopicNames): MirrorMakerTopics {
  const within = async <T>(signal: AbortSignal | undefined, work: (side: OpenSide) => Promise<T>): Promise<T> => {
    await using side = await openSide(move, 'green', writer, signal);
    return await work(side);
  };
  return {
    /** By the identity of green's control topic: whoever begins anew has made it anew. */
    run: async (signal) =>
      within(signal, async ({ cluster, control }) => {
        const led = (await cluster.partitionsOf([control.name])).get(control.name)?.[0];
        return hash('sha256', must(led, 'the control topic of green').topicId, 'hex').slice(0, 8);
      }),
    known: async (signal) =>
      within(signal, async ({ cluster }) => {
        const [before = '', after = ''] = names.offsets('*').split('*');
        const found = await cluster.topicsBeginning(before);
        return found.find((topic) => topic.endsWith(after))?.slice(before.length, -after.length);
      }),
    prepare: async (run, signal) =>
      within(signal, async ({ cluster, control }) => {
        const { made } = await control.state(signalOr(signal));
        const isThere = (await cluster.partitionsOf([names.shared])).size > 0;
        if (!isThere && !made.has(names.shared))
          await control.append(writer, [{ kind: 'made', topic: names.shared }], signalOr(signal));
        const topic = names.offsets(run);
        await createTopic(cluster, { topic, partitions: 1, replicas: names.replicationFactor, configs });
        await settled(`the topic ${topic}`, signalOr(signal), async () => cluster.partition(topic, 0));
      }),
    clear: async (run, signal) =>
      within(signal, async ({ cluster, control }) => {
        const { made } = await control.state(signalOr(signal));
        const shared = made.has(names.shared) ? [names.shared] : [];
        await deleteTopics(cluster, [...names.own(run), ...shared, names.offsets(run)]);
      }),
  };
}
