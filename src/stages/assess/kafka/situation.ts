import type { Side } from '../../../model/catalog.ts';
import { valueOr, type Fact } from '../../../model/facts.ts';
import type { KafkaConfig, KafkaExtent, KafkaFacts, KafkaIdentity, KafkaTopic } from '../../../model/kafka-facts.ts';
import type { RegistryContent } from '../../../model/schema-registry.ts';
import type { TopicSelection } from '../../../model/topic-selection.ts';

/** Everything that an introspector says of one cluster. */
export interface KafkaSideView {
  readonly identity: KafkaIdentity;
  readonly facts: KafkaFacts;
  /** Where the file names one. */
  readonly registry?: Fact<RegistryContent>;
}

export interface KafkaAssessOptions extends TopicSelection {
  readonly mirrorBytesPerSecond?: number;
}

/** What the checks look at. */
export interface KafkaSituation {
  readonly blue: KafkaSideView;
  readonly green: KafkaSideView;
  /** Topics of blue that the migration is about. */
  readonly managed: readonly KafkaTopic[];
  readonly leftOut: readonly KafkaTopic[];
}

export function sidesOf({ blue, green }: KafkaSituation): readonly (readonly [Side, KafkaSideView])[] {
  return [
    ['blue', blue],
    ['green', green],
  ];
}

/** Topics that are moved and are on green already, with what they are there. */
export function onBoth({ managed, green }: KafkaSituation): readonly (readonly [KafkaTopic, KafkaTopic])[] {
  const there = new Map(green.facts.topics.map((topic) => [topic.name, topic]));
  return managed.flatMap((topic) => {
    const found = there.get(topic.name);
    return found === undefined ? [] : [[topic, found] as const];
  });
}

/** Topics that are moved and are not on green yet. */
export function onlyOnBlue({ managed, green }: KafkaSituation): readonly KafkaTopic[] {
  const there = new Set(green.facts.topics.map(({ name }) => name));
  return managed.filter(({ name }) => !there.has(name));
}

type Configs = ReadonlyMap<string, KafkaConfig>;

export function configsOf({ facts }: KafkaSideView, topic: string): Configs {
  return valueOr(facts.topicConfigs, new Map<string, Configs>()).get(topic) ?? new Map();
}

/** What a setting of a topic is called where it is set for a whole broker (manual: "Topic Configs", Server Default Property). */
const brokerNames: Readonly<Record<string, string>> = {
  'max.message.bytes': 'message.max.bytes',
  'message.timestamp.type': 'log.message.timestamp.type',
  'message.timestamp.before.max.ms': 'log.message.timestamp.before.max.ms',
  'message.timestamp.after.max.ms': 'log.message.timestamp.after.max.ms',
  'cleanup.policy': 'log.cleanup.policy',
};

/** What a topic of that name is, or would be if it were made on this side without a word of its own; undefined where it is not known. */
export function settingOf(side: KafkaSideView, topic: string, name: string): string | undefined {
  const own = configsOf(side, topic).get(name)?.value;
  if (own !== undefined) return own;
  const isThere = side.facts.topics.some((one) => one.name === topic);
  return isThere ? undefined : valueOr(side.facts.brokerConfigs, new Map()).get(brokerNames[name] ?? name)?.value;
}

/** As `settingOf`, of a setting that is a number; Kafka writes the largest for none. */
export function numberOf(side: KafkaSideView, topic: string, name: string): bigint | undefined {
  const text = settingOf(side, topic, name);
  return text !== undefined && /^-?\d+$/.test(text) ? BigInt(text) : undefined;
}

/** Kafka's way to write no limit. */
export const noLimit = 9_223_372_036_854_775_807n;

export function cleansUpBy(side: KafkaSideView, topic: string, policy: 'compact' | 'delete'): boolean {
  const policies = (settingOf(side, topic, 'cleanup.policy') ?? 'delete').split(',').map((one) => one.trim());
  return policies.includes(policy);
}

export type Extents = ReadonlyMap<string, readonly (KafkaExtent | undefined)[]>;

/** Offsets between the ends of all partitions: of records, and of what compaction and transactions left there in their place. */
export function recordsOf(extents: Extents, topic: string): bigint {
  const partitions = extents.get(topic) ?? [];
  return partitions.reduce((sum, extent) => sum + (extent === undefined ? 0n : extent.end - extent.start), 0n);
}

/** As a shell takes it, whatever it holds. */
export function shellText(text: string): string {
  return /^[\w.,:/=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A command of Kafka's own tools for this cluster; where clients log in, `--command-config` belongs to it. */
export function kafkaCommand({ identity }: KafkaSideView, tool: string, ...words: readonly string[]): string {
  return [`${tool}.sh --bootstrap-server ${shellText(identity.address)}`, ...words.map(shellText)].join(' ');
}
