import type { KafkaConfig } from '../../../model/kafka-facts.ts';

const never = '-1';
const anyTime = (2n ** 63n - 1n).toString();

/**
 * What a topic has on the target while it is mirrored: nothing is removed by age, size or compaction, for records of the past would be gone at once, and the time of every record is taken as it is.
 * The limits of times have these names since Kafka 3.6; before, one name (KIP-937).
 */
const held: Readonly<Record<string, string>> = Object.freeze({
  'cleanup.policy': 'delete',
  'retention.ms': never,
  'retention.bytes': never,
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': anyTime,
  'message.timestamp.after.max.ms': anyTime,
  'message.timestamp.difference.max.ms': anyTime,
});

/** Of a topic itself on blue, and not of the data: how its replicas are moved, and where they lie. */
const notCopied = /^(leader|follower)\.replication\.throttled|^remote\.|^local\.retention/;

/** What readers and writers of the topic notice, wherever blue has it from. */
const noticed = [
  'cleanup.policy',
  'compression.type',
  'delete.retention.ms',
  'max.compaction.lag.ms',
  'max.message.bytes',
  'message.timestamp.type',
  'min.compaction.lag.ms',
  'retention.bytes',
  'retention.ms',
];

export type Configs = ReadonlyMap<string, KafkaConfig>;
export type Settings = Readonly<Record<string, string | null>>;

/** Of these, those that the cluster knows. */
export function heldFor(target: Configs): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(held).filter(([name]) => target.has(name)));
}

export function isHeld(target: Configs): boolean {
  return Object.entries(heldFor(target)).every(([name, value]) => target.get(name)?.value === value);
}

/** What the topic itself says for these names, null where it says nothing: to be put back. */
export function ownSettings(configs: Configs, names: readonly string[]): Settings {
  return Object.fromEntries(names.map((name) => [name, ownSetting(configs, name)]));
}

function ownSetting(configs: Configs, name: string): string | null {
  const config = configs.get(name);
  return config?.source === 'topic' ? (config.value ?? null) : null;
}

/**
 * What a topic that is made on the target is to say so that it behaves as on the source: what the source's topic says, and what readers and writers notice where the clusters' own settings differ.
 * `target`: a topic of the target that says nothing itself. Names that the target does not know are left out; `min.insync.replicas` is at most the replicas.
 */
export function settingsAs(source: Configs, target: Configs, replicas: number): Readonly<Record<string, string>> {
  const settings: Record<string, string> = {};
  for (const [name, { value, source: from }] of source) {
    const there = target.get(name);
    if (value === undefined || there === undefined || notCopied.test(name)) continue;
    if (from === 'topic' || (noticed.includes(name) && there.value !== value)) settings[name] = value;
  }
  const least = Number(settings['min.insync.replicas'] ?? 1);
  return least > replicas ? { ...settings, 'min.insync.replicas': String(replicas) } : settings;
}

/** Smaller batches are refused where larger ones are mirrored: the target takes at least what the source takes. */
export function sizeFor(source: Configs, target: Configs): Readonly<Record<string, string>> {
  const name = 'max.message.bytes';
  const [wanted, there] = [Number(source.get(name)?.value ?? 0), Number(target.get(name)?.value ?? 0)];
  return wanted > there ? { [name]: String(wanted) } : {};
}
