import type { KafkaApi, KafkaFacts, KafkaTopic } from '../../../model/kafka-facts.ts';
import { countOf, finding, look, type Finding } from '../finding.ts';
import { kafkaCommand, sidesOf, type KafkaSituation } from './situation.ts';

/** What two clusters must be to one another, and each for itself. */
export function checkClusters(situation: KafkaSituation): readonly Finding[] {
  const { blue, green } = situation;
  return [
    ...checkSame(situation),
    ...sidesOf(situation).flatMap(([side, { facts }]) => checkHealth(side, topicsOfInterest(situation, facts))),
    ...look(blue.facts.apis, 'blue', 'versions of requests', (ofBlue) =>
      look(green.facts.apis, 'green', 'versions of requests', (ofGreen) => [
        ...checkOldClients(ofBlue, ofGreen),
        ...checkOlder(ofBlue, ofGreen, blue.facts.features, green.facts.features),
      ]),
    ),
    ...checkAutoCreate(situation),
  ];
}

function checkSame({ blue, green }: KafkaSituation): readonly Finding[] {
  // Brokers that tell none are told apart by nothing.
  if (blue.identity.clusterId !== green.identity.clusterId || blue.identity.clusterId === '') return [];
  return [
    finding('ASSESS-KAFKA-SAME-CLUSTER', {
      object: blue.identity.clusterId,
      what: `Blue and green are one cluster (${blue.identity.clusterId}).`,
      why: 'A topic would be mirrored into itself without an end.',
      mend: '# give the brokers of another cluster; one that was made from a copy of the data folders has the same id and must be formatted anew',
    }),
  ];
}

function topicsOfInterest({ managed }: KafkaSituation, { topics }: KafkaFacts): readonly KafkaTopic[] {
  const names = new Set(managed.map(({ name }) => name));
  return topics.filter(({ name, internal }) => internal || names.has(name));
}

function checkHealth(side: 'blue' | 'green', topics: readonly KafkaTopic[]): readonly Finding[] {
  const partitions = topics.flatMap(({ name, partitions: all }) =>
    all.map((one) => ({ ...one, name: `${name}-${one.index}` })),
  );
  const leaderless = partitions.filter(({ leader }) => leader === undefined).map(({ name }) => name);
  const behind = partitions
    .filter(({ leader, inSync, replicas }) => leader !== undefined && inSync.length < replicas.length)
    .map(({ name }) => name);
  return [
    ...(leaderless.length === 0
      ? []
      : [
          finding('ASSESS-KAFKA-LEADERLESS', {
            side,
            object: leaderless.join(', '),
            what: `${countOf('partition', leaderless)} of ${side} ${leaderless.length === 1 ? 'has' : 'have'} no leader.`,
            why: 'They can be neither read nor written, and nobody can tell what is in them.',
            mend: '# start the brokers that hold their replicas',
          }),
        ]),
    ...(behind.length === 0
      ? []
      : [
          finding('ASSESS-KAFKA-UNDER-REPLICATED', {
            side,
            object: behind.join(', '),
            what: `${countOf('partition', behind)} of ${side} ${behind.length === 1 ? 'has' : 'have'} replicas that are not in sync.`,
            why: 'The mirror adds load to a cluster that is behind already, and one broker more that fails could stop it.',
            mend: '# let them catch up before the migration begins',
          }),
        ]),
  ];
}

/** Requests of clients; brokers speak others among themselves. */
const clientRequests: ReadonlySet<string> = new Set(
  'Produce Fetch ListOffsets Metadata OffsetCommit OffsetFetch FindCoordinator JoinGroup Heartbeat LeaveGroup SyncGroup InitProducerId AddPartitionsToTxn AddOffsetsToTxn EndTxn TxnOffsetCommit ConsumerGroupHeartbeat ShareGroupHeartbeat ShareFetch StreamsGroupHeartbeat'.split(
    ' ',
  ),
);

function checkOldClients(ofBlue: readonly KafkaApi[], ofGreen: readonly KafkaApi[]): readonly Finding[] {
  const there = new Map(ofGreen.map((api) => [api.key, api]));
  const raised = ofBlue.flatMap(({ key, name, min }) => {
    const found = there.get(key);
    return found === undefined || found.min <= min || !clientRequests.has(name)
      ? []
      : [`${name} ${min} → ${found.min}`];
  });
  if (raised.length === 0) return [];
  return [
    finding('ASSESS-KAFKA-OLD-CLIENTS', {
      side: 'green',
      object: raised.join(', '),
      what: `Green takes no version of requests below: ${raised.join(', ')}.`,
      why: 'Clients that speak only older ones fail on green with UNSUPPORTED_VERSION (Kafka 4 took away what clients before 2.1 speak, KIP-896). No broker tells by the protocol which clients those are.',
      mend: '# on each broker of blue the metric kafka.network:type=RequestMetrics,name=DeprecatedRequestsPerSec (from 3.7 on) names request, version and client software',
    }),
  ];
}

type Features = KafkaFacts['features'];

function checkOlder(
  ofBlue: readonly KafkaApi[],
  ofGreen: readonly KafkaApi[],
  blueFeatures: Features,
  greenFeatures: Features,
): readonly Finding[] {
  const there = new Map(ofGreen.map((api) => [api.key, api]));
  const lacking = ofBlue.flatMap(({ key, name, max }) => {
    const found = there.get(key);
    if (!clientRequests.has(name) || (found !== undefined && found.max >= max)) return [];
    return [found === undefined ? name : `${name} ${max} → ${found.max}`];
  });
  const lower =
    blueFeatures.known && greenFeatures.known
      ? [...blueFeatures.value].flatMap(([name, level]) => {
          const found = greenFeatures.value.get(name) ?? 0;
          return found < level ? [`${name} ${level} → ${found}`] : [];
        })
      : [];
  const all = [...lacking, ...lower];
  if (all.length === 0) return [];
  return [
    finding('ASSESS-KAFKA-GREEN-OLDER', {
      side: 'green',
      object: all.join(', '),
      what: `Green is behind blue in: ${all.join(', ')}.`,
      why: 'Clients fall back to older forms where they can; what has none, such as groups of a newer protocol, does not work on green.',
      mend: '# upgrade green, and finalise its features (kafka-features.sh upgrade --release-version …)',
    }),
  ];
}

function checkAutoCreate({ green }: KafkaSituation): readonly Finding[] {
  return look(green.facts.brokerConfigs, 'green', 'configuration of a broker', (configs) => {
    const setting = configs.get('auto.create.topics.enable');
    if (setting?.value !== 'true') return [];
    const partitions = configs.get('num.partitions')?.value ?? '1';
    return [
      finding('ASSESS-KAFKA-AUTO-CREATE', {
        side: 'green',
        object: 'auto.create.topics.enable',
        what: `Green makes a topic of ${partitions} partition${partitions === '1' ? '' : 's'} when a client asks for one that is not there.`,
        why: 'A client that is started on green too early makes a topic with another number of partitions than blue has, and its keys go to other partitions for ever.',
        mend: `# auto.create.topics.enable=false in the configuration of the brokers of green, until the cut; or make the topics first:\n# ${kafkaCommand(green, 'kafka-topics', '--create', '…')}`,
      }),
    ];
  });
}
