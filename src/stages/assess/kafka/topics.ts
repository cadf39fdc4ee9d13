import type { KafkaTopic } from '../../../model/kafka-facts.ts';
import { countOf, finding, look, type Finding } from '../finding.ts';
import type { FindingCode } from '../finding-codes.ts';
import { durationText } from '../text.ts';
import {
  cleansUpBy,
  configsOf,
  kafkaCommand,
  noLimit,
  numberOf,
  onBoth,
  onlyOnBlue,
  recordsOf,
  settingOf,
  type KafkaSideView,
  type KafkaSituation,
} from './situation.ts';

/** What becomes of the records of each topic, while they are mirrored and after. */
export function checkTopics(situation: KafkaSituation): readonly Finding[] {
  const { blue, green, managed } = situation;
  return [
    ...checkAny(situation),
    ...checkThere(situation),
    ...checkReplicas(situation),
    ...look(blue.facts.topicConfigs, 'blue', 'configuration of topics', () => [
      ...checkKept(blue, managed),
      ...look(green.facts.topicConfigs, 'green', 'configuration of topics', () => checkLimits(situation)),
    ]),
  ];
}

/** One finding about all topics of a kind; none without any. */
function about(
  code: FindingCode,
  side: 'blue' | 'green',
  topics: readonly KafkaTopic[],
  /** After `1 topic`; `is`, `has` and `keeps` become `are`, `have` and `keep` after more. */
  what: string,
  why: string,
  mend?: (topic: KafkaTopic) => string,
): readonly Finding[] {
  if (topics.length === 0) return [];
  const names = topics.map(({ name }) => name);
  return [
    finding(code, {
      side,
      object: names.join(', '),
      what: `${countOf('topic', names)} ${names.length === 1 ? what : ofMany(what)}.`,
      why,
      ...(mend === undefined ? {} : { mend: topics.map(mend).join('\n') }),
    }),
  ];
}

const manyOf: Readonly<Record<string, string>> = { is: 'are', has: 'have' };

/** Its first verb is the first word that ends with s. */
function ofMany(what: string): string {
  return what.replace(/\b[a-z]+s\b/, (verb) => manyOf[verb] ?? verb.slice(0, -1));
}

/** The tool takes what follows a comma for another setting, but in brackets. */
function alter(side: KafkaSideView, topic: string, name: string, value: string): string {
  const whole = value.includes(',') ? `[${value}]` : value;
  return kafkaCommand(side, 'kafka-configs', '--alter', '--topic', topic, '--add-config', `${name}=${whole}`);
}

function checkAny({ managed }: KafkaSituation): readonly Finding[] {
  if (managed.length > 0) return [];
  return [
    finding('ASSESS-KAFKA-NO-TOPIC', {
      side: 'blue',
      what: 'No topic that the user of the address may describe is selected.',
      why: 'There is nothing to move.',
      mend: '# correct `topics` in the file, or let the user DESCRIBE the topics',
    }),
  ];
}

function checkThere(situation: KafkaSituation): readonly Finding[] {
  const { green } = situation;
  const both = onBoth(situation);
  const differing = both.filter(([one, other]) => one.partitions.length !== other.partitions.length);
  return [
    ...about(
      'ASSESS-KAFKA-TOPIC-MISSING',
      'green',
      onlyOnBlue(situation),
      'of blue is not on green',
      'They must be there, with as many partitions as on blue, before a record is mirrored. Made as told they keep the times of records and delete none, until they are set back after the cut.',
      (topic) => createCommand(situation, topic),
    ),
    ...differing.map(([{ name, partitions }, other]) =>
      finding('ASSESS-KAFKA-PARTITIONS', {
        side: 'green',
        object: name,
        what: `${name} has ${partitions.length} partition${partitions.length === 1 ? '' : 's'} on blue and ${other.partitions.length} on green.`,
        why: 'Records are mirrored partition by partition: with another number the order of keys and the place of groups would be lost.',
        mend:
          other.partitions.length < partitions.length
            ? kafkaCommand(green, 'kafka-topics', '--alter', '--topic', name, '--partitions', String(partitions.length))
            : `# partitions cannot be taken away; everything in the topic is lost by this:\n${kafkaCommand(green, 'kafka-topics', '--delete', '--topic', name)}`,
      }),
    ),
    ...look(green.facts.extents, 'green', 'offsets of topics', (extents) =>
      about(
        'ASSESS-KAFKA-GREEN-NOT-EMPTY',
        'green',
        both.map(([topic]) => topic).filter(({ name }) => recordsOf(extents, name) > 0n),
        'holds records on green already',
        'Records that are there would stand before mirrored ones, and be read as if they came from blue.',
        ({ name }) =>
          `# everything in it is lost by this:\n${kafkaCommand(green, 'kafka-topics', '--delete', '--topic', name)}`,
      ),
    ),
  ];
}

/** With all that the topic says for itself, but for how it is throttled just now, and for what would take records away or change them while they are mirrored. */
function createCommand({ blue, green }: KafkaSituation, { name, partitions }: KafkaTopic): string {
  const replicas = Math.min(replicasOf(partitions), green.identity.brokers.length);
  const meanwhile = {
    ...(cleansUpBy(blue, name, 'delete') ? { 'retention.ms': '-1', 'retention.bytes': '-1' } : {}),
    ...(settingOf(blue, name, 'message.timestamp.type') === 'LogAppendTime'
      ? { 'message.timestamp.type': 'CreateTime' }
      : {}),
  };
  const own = [...configsOf(blue, name)].flatMap(([key, { value, source }]) =>
    source === 'topic' && value !== undefined && !key.includes('throttled') && !Object.hasOwn(meanwhile, key)
      ? [[key, value] as const]
      : [],
  );
  const configs = [...own, ...Object.entries(meanwhile)].flatMap(([key, value]) => ['--config', `${key}=${value}`]);
  const size = ['--partitions', String(partitions.length), '--replication-factor', String(replicas)];
  return kafkaCommand(green, 'kafka-topics', '--create', '--topic', name, ...size, ...configs);
}

function replicasOf(partitions: KafkaTopic['partitions']): number {
  return Math.max(1, ...partitions.map(({ replicas }) => replicas.length));
}

function checkReplicas(situation: KafkaSituation): readonly Finding[] {
  const brokers = situation.green.identity.brokers.length;
  const needing = onlyOnBlue(situation).filter(({ name, partitions }) => {
    const inSync = numberOf(situation.blue, name, 'min.insync.replicas') ?? 1n;
    return replicasOf(partitions) > brokers || inSync > BigInt(brokers);
  });
  return about(
    'ASSESS-KAFKA-REPLICAS',
    'green',
    needing,
    `of blue needs more brokers than green has (${brokers})`,
    'They cannot be kept as often as on blue; with min.insync.replicas above the number of replicas, producers that wait for all of them are refused.',
    () => '# add brokers to green; or make the topics yourself with fewer replicas and a lower min.insync.replicas',
  );
}

const dayMs = 86_400_000n;

/** What blue does with its records while they are read. */
function checkKept(blue: KafkaSideView, managed: readonly KafkaTopic[]): readonly Finding[] {
  const deleting = managed.filter(({ name }) => cleansUpBy(blue, name, 'delete'));
  const compacted = managed.filter(({ name }) => cleansUpBy(blue, name, 'compact'));
  const isShort = (name: string, setting: string): boolean => {
    const ms = numberOf(blue, name, setting);
    return ms !== undefined && ms >= 0n && ms < dayMs;
  };
  const shortest = (topics: readonly KafkaTopic[], setting: string): string => {
    const all = topics.flatMap(({ name }) => numberOf(blue, name, setting) ?? []);
    const least = all.filter((ms) => ms >= 0n).reduce((a, b) => (b < a ? b : a), noLimit);
    return durationText(Number(least) / 1_000);
  };
  const fleeting = deleting.filter(({ name }) => isShort(name, 'retention.ms'));
  const bySize = deleting.filter(
    ({ name }) => !isShort(name, 'retention.ms') && (numberOf(blue, name, 'retention.bytes') ?? -1n) >= 0n,
  );
  const why =
    'What is deleted before it was mirrored never comes to green; a mirror that stands still for that long has lost its place.';
  const forgetful = compacted.filter(({ name }) => isShort(name, 'delete.retention.ms'));
  return [
    ...about(
      'ASSESS-KAFKA-RETENTION',
      'blue',
      fleeting,
      `keeps records for less than a day (the shortest: ${shortest(fleeting, 'retention.ms')})`,
      why,
      ({ name }) => alter(blue, name, 'retention.ms', String(dayMs)),
    ),
    ...about(
      'ASSESS-KAFKA-RETENTION',
      'blue',
      bySize,
      'keeps records up to a size (retention.bytes), however young they are',
      why,
      ({ name }) =>
        `# so much as a day brings, for as long as the migration lasts; now ${settingOf(blue, name, 'retention.bytes')}:\n# ${alter(blue, name, 'retention.bytes', '…')}`,
    ),
    ...about(
      'ASSESS-KAFKA-TOMBSTONES',
      'blue',
      forgetful,
      `remembers that a key was deleted for less than a day (the shortest: ${shortest(forgetful, 'delete.retention.ms')})`,
      'A mirror that is further behind than this never sees the deletion, and the key lives on green for ever.',
      ({ name }) => alter(blue, name, 'delete.retention.ms', String(dayMs)),
    ),
    ...about(
      'ASSESS-KAFKA-COMPACTED',
      'blue',
      compacted,
      'is compacted',
      'Each side removes older values of a key when it likes: the sides are equal by the last value of each key, not by the number of records.',
    ),
    ...about(
      'ASSESS-KAFKA-TIERED',
      'blue',
      managed.filter(({ name }) => settingOf(blue, name, 'remote.storage.enable') === 'true'),
      'keeps old records in remote storage',
      'To mirror them all of them are read from there, with what that costs; green keeps them on its brokers until it is told otherwise.',
    ),
    ...about(
      'ASSESS-KAFKA-LOG-APPEND-TIME',
      'blue',
      managed.filter(({ name }) => settingOf(blue, name, 'message.timestamp.type') === 'LogAppendTime'),
      'takes the time of a record from the broker (message.timestamp.type=LogAppendTime)',
      'To keep these times on green its topics must be CreateTime while records are mirrored, and be set back at the cut; what clients write meanwhile has the times of clients.',
    ),
  ];
}

/** What green would refuse, change or remove. */
function checkLimits(situation: KafkaSituation): readonly Finding[] {
  const { blue, green, managed } = situation;
  const below = (setting: string): readonly KafkaTopic[] =>
    managed.filter(({ name }) => {
      const [ofBlue, ofGreen] = [numberOf(blue, name, setting) ?? noLimit, numberOf(green, name, setting) ?? noLimit];
      return !isCarried(situation, name, setting) && ofGreen < ofBlue;
    });
  const set =
    (setting: string, value?: string) =>
    ({ name }: KafkaTopic): string =>
      whenThere(situation, name, setting, value ?? settingOf(blue, name, setting) ?? String(noLimit));
  const there = onBoth(situation).map(([topic]) => topic);
  const stamping = managed.filter(
    ({ name }) =>
      settingOf(green, name, 'message.timestamp.type') === 'LogAppendTime' &&
      !isCarried(situation, name, 'message.timestamp.type'),
  );
  const deletes = there.filter(({ name }) => {
    if (!cleansUpBy(green, name, 'delete')) return false;
    const limits = ['retention.ms', 'retention.bytes'].map((setting) => numberOf(green, name, setting) ?? -1n);
    return limits.some((limit) => limit >= 0n);
  });
  return [
    ...about(
      'ASSESS-KAFKA-MESSAGE-SIZE',
      'green',
      below('max.message.bytes'),
      'takes smaller records on green than on blue (max.message.bytes)',
      'A record that is larger is refused by green, and the mirror stops at it.',
      set('max.message.bytes'),
    ),
    ...about(
      'ASSESS-KAFKA-GREEN-TIMESTAMPS',
      'green',
      stamping,
      'gets the times of green (message.timestamp.type=LogAppendTime)',
      'Every record would have the time at which it was mirrored: searching by time and retention would go by that.',
      set('message.timestamp.type', 'CreateTime'),
    ),
    ...about(
      'ASSESS-KAFKA-TIMESTAMP-OLD',
      'green',
      below('message.timestamp.before.max.ms'),
      'refuses on green records that are older than blue takes (message.timestamp.before.max.ms)',
      'The mirror brings everything that blue has, however old: green would answer INVALID_TIMESTAMP, and the mirror stops there.',
      set('message.timestamp.before.max.ms'),
    ),
    ...about(
      'ASSESS-KAFKA-TIMESTAMP-FUTURE',
      'green',
      below('message.timestamp.after.max.ms'),
      'refuses on green records from further in the future than on blue (message.timestamp.after.max.ms, an hour from Kafka 4.0 on)',
      'A producer with a wrong clock, or one that writes dates to come, is refused on green with INVALID_TIMESTAMP, and the mirror stops at such a record.',
      set('message.timestamp.after.max.ms'),
    ),
    ...about(
      'ASSESS-KAFKA-GREEN-COMPACTS',
      'green',
      there.filter(({ name }) => cleansUpBy(green, name, 'compact') && !cleansUpBy(blue, name, 'compact')),
      'is compacted on green and not on blue',
      'Green would keep the last record of each key only, and refuse records without a key.',
      set('cleanup.policy'),
    ),
    ...about(
      'ASSESS-KAFKA-GREEN-RETENTION',
      'green',
      deletes,
      'deletes by age or size on green already',
      'Records keep the time that they have on blue: those that are older than the limit of green are deleted as soon as they arrive, at another moment than on blue.',
      ({ name }) =>
        `# until the cut, then as it is now (${['retention.ms', 'retention.bytes'].map((setting) => `${setting}=${settingOf(green, name, setting) ?? '-1'}`).join(', ')}):\n${alter(green, name, 'retention.ms', '-1')}\n${alter(green, name, 'retention.bytes', '-1')}`,
    ),
    ...checkConfigs(situation),
  ];
}

/** A topic that is yet to be made brings along what it says for itself. */
function isCarried({ blue, green }: KafkaSituation, topic: string, setting: string): boolean {
  const isThere = green.facts.topics.some(({ name }) => name === topic);
  return !isThere && configsOf(blue, topic).get(setting)?.source === 'topic' && setting !== 'message.timestamp.type';
}

function whenThere({ green }: KafkaSituation, topic: string, setting: string, value: string): string {
  const isThere = green.facts.topics.some(({ name }) => name === topic);
  return isThere
    ? alter(green, topic, setting, value)
    : `# when ${topic} is made on green: --config ${setting}=${value}`;
}

/** What clients notice, beside what has a finding of its own. */
const settingsClientsNotice = [
  'cleanup.policy',
  'min.insync.replicas',
  'unclean.leader.election.enable',
  'compression.type',
] as const;

function checkConfigs(situation: KafkaSituation): readonly Finding[] {
  const { blue, green } = situation;
  const differing = onBoth(situation).flatMap(([{ name }]) =>
    settingsClientsNotice.flatMap((setting) => {
      const [one, other] = [settingOf(blue, name, setting), settingOf(green, name, setting)];
      return one === undefined || other === undefined || one === other ? [] : [{ name, setting, one, other }];
    }),
  );
  if (differing.length === 0) return [];
  return [
    finding('ASSESS-KAFKA-CONFIGS', {
      side: 'green',
      object: [...new Set(differing.map(({ name }) => name))].join(', '),
      what: `Topics are configured differently: ${differing.map(({ name, setting, one, other }) => `${name} ${setting} ${one} → ${other}`).join(', ')}.`,
      why: 'Clients get other promises after the cut than before.',
      mend: differing.map(({ name, setting, one }) => alter(green, name, setting, one)).join('\n'),
    }),
  ];
}
