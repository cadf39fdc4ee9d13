import type { Fact } from './facts.ts';

export interface KafkaBroker {
  readonly id: number;
  /** As clients are told it: `advertised.listeners`. */
  readonly host: string;
  readonly port: number;
  readonly rack?: string;
}

/** Who a cluster says it is. */
export interface KafkaIdentity {
  readonly kind: 'kafka';
  /** Given when it was formatted; an address that leads to the same id leads to the same cluster. */
  readonly clusterId: string;
  /** The brokers of the file, without user and password. */
  readonly address: string;
  /** In the order of their ids. */
  readonly brokers: readonly KafkaBroker[];
}

/** Where a value comes from, the strongest first; `default` is Kafka's own. */
export type KafkaConfigSource = 'topic' | 'broker' | 'default';

export interface KafkaConfig {
  /** Absent where it is a secret. */
  readonly value?: string;
  readonly source: KafkaConfigSource;
}

export interface KafkaPartition {
  readonly index: number;
  /** Undefined: nobody leads it, so it can be neither read nor written. */
  readonly leader?: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

/** Of one partition, in offsets: what can be read lies from `start` up to, and without, `end`. */
export interface KafkaExtent {
  readonly start: bigint;
  /** The high watermark: the next offset. */
  readonly end: bigint;
  /** The last stable offset: readers of committed records come no further. Below `end` while a transaction is open. */
  readonly stable: bigint;
}

export interface KafkaTopic {
  readonly name: string;
  /** The cluster's own: offsets of groups, states of transactions. */
  readonly internal: boolean;
  /** In the order of their indexes, which begin with 0. */
  readonly partitions: readonly KafkaPartition[];
}

/** What is allowed or denied to whom, in Kafka's own words: `READ`, `TOPIC`, `PREFIXED`, `ALLOW`. */
export interface KafkaAcl {
  readonly principal: string;
  readonly host: string;
  readonly operation: string;
  readonly permission: string;
  readonly resourceType: string;
  readonly resourceName: string;
  readonly pattern: string;
}

export interface KafkaQuota {
  /** `user`, `client-id` or `ip`, each with a name, or none for everybody else. */
  readonly entity: readonly { readonly type: string; readonly name?: string }[];
  readonly key: string;
  readonly value: number;
}

export interface KafkaMember {
  readonly clientId: string;
  readonly host: string;
  /** `group.instance.id`. */
  readonly instanceId?: string;
  /**
   * Of `ConsumerProtocolSubscription`, which tells how old a client is that does not say its version: 0 is older than Java's 2.4 (KIP-429), 1 older than 3.2. Absent in groups of the
   * new protocol, and where members are no consumers.
   */
  readonly subscriptionVersion?: number;
}

export interface KafkaOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

export interface KafkaGroup {
  readonly id: string;
  /** `Stable`, `Empty`, … */
  readonly state: string;
  /** `classic`, `consumer` (KIP-848), `share`, `streams`; `unknown` where the broker is too old to say. */
  readonly type: string;
  /** `consumer`, `connect`, `sr`, …; empty where offsets were only ever stored. */
  readonly protocolType: string;
  /** How partitions are given out: `range`, `cooperative-sticky`, `stream` of Kafka Streams. */
  readonly assignor?: string;
  /** Of groups of consumers; of others unknown. */
  readonly members: Fact<readonly KafkaMember[]>;
  /** In the order of topic and partition. */
  readonly offsets: Fact<readonly KafkaOffset[]>;
}

export interface KafkaTransaction {
  readonly transactionalId: string;
  /** `Empty`, `Ongoing`, `CompleteCommit`, … */
  readonly state: string;
  readonly producerId: bigint;
  /** Of one that is open. */
  readonly openMs?: number;
  /** Partitions that the open one has written to, by topic. */
  readonly partitions: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

/** A transaction that a partition waits for. */
export interface KafkaOpenProducer {
  readonly topic: string;
  readonly partition: number;
  readonly producerId: bigint;
  /** Where the open transaction begins in the partition. */
  readonly since: bigint;
  /** Since it last wrote. */
  readonly idleMs: number;
}

export interface KafkaScramUser {
  readonly name: string;
  readonly mechanisms: readonly string[];
}

/** The versions of one kind of request that brokers take. */
export interface KafkaApi {
  readonly key: number;
  /** `Produce`; `api 92` of one that Teal does not know. */
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

/** All that assessment asks of one cluster. Each group is known or unknown by itself; what is listed without is what every account may see, or the cluster is not looked at. */
export interface KafkaFacts {
  /** By name. A topic that the account may not DESCRIBE is not among them: no broker tells that there are more. */
  readonly topics: readonly KafkaTopic[];
  /** Configuration by topic: every value, also those that are defaults. */
  readonly topicConfigs: Fact<ReadonlyMap<string, ReadonlyMap<string, KafkaConfig>>>;
  /** By topic, in the order of partitions; a partition without a leader is undefined. */
  readonly extents: Fact<ReadonlyMap<string, readonly (KafkaExtent | undefined)[]>>;
  /** Of one replica of each topic, as it lies on disk. */
  readonly topicBytes: Fact<ReadonlyMap<string, bigint>>;
  /** Of the broker with the lowest id. */
  readonly brokerConfigs: Fact<ReadonlyMap<string, KafkaConfig>>;
  readonly apis: Fact<readonly KafkaApi[]>;
  /** Name and level of what was switched on for the whole cluster: `metadata.version` and others. Empty before Kafka 3.3. */
  readonly features: Fact<ReadonlyMap<string, number>>;
  /** `enforced: false`: the cluster has no authorizer, and everybody may do everything. */
  readonly acls: Fact<{ readonly enforced: boolean; readonly entries: readonly KafkaAcl[] }>;
  readonly quotas: Fact<readonly KafkaQuota[]>;
  readonly groups: Fact<readonly KafkaGroup[]>;
  readonly transactions: Fact<readonly KafkaTransaction[]>;
  /** Of partitions whose `stable` is below their `end`. */
  readonly openProducers: Fact<readonly KafkaOpenProducer[]>;
  readonly scramUsers: Fact<readonly KafkaScramUser[]>;
}
