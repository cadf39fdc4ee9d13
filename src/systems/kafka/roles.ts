import type { Side } from '../../model/catalog.ts';
import type { LogOffsets } from '../../model/log-offsets.ts';
import type { Fence } from '../../ports/fence.ts';
import type { Groups, ReadingGroup } from '../../ports/groups.ts';

/** What every part of a move between two clusters is told. Addresses as `connection.ts` reads them. */
export interface KafkaMove {
  readonly urls: Readonly<Record<Side, string>>;
  /** Name of the migration: Teal's own topics, transactional ids and `client.id`s begin with it (`names.ts`). */
  readonly migration: string;
  /** By name; none of Teal's own. Both sides have them, with the same partitions, once they were made. */
  readonly topics: readonly string[];
  /** Until the first cut somebody else carries blue to green (`ForeignCarrier`), who may write a record twice. Default: Teal's own mirror does. */
  readonly foreign?: boolean;
}

/** Who carries blue to green in the mirror's place until the first cut. Each may be called again after a crash. */
export interface ForeignCarrier {
  /** Has it carry, from the first record of blue where it never did. Resolves when that was taken down. */
  begin(signal: AbortSignal): Promise<void>;
  /** Resolves when it writes no more until `begin`. */
  halt(signal: AbortSignal): Promise<void>;
  /** Looks after it until the signal is aborted, and resolves then; rejects when it cannot go on by itself. */
  watch(signal: AbortSignal): Promise<void>;
  /** Takes it away. Goes on until that is done or the signal is aborted, and never rejects. */
  retire(signal: AbortSignal): Promise<void>;
}

/** Texts of digits, so that it can be written as JSON. */
export type KafkaOffsets = LogOffsets;

/** `fence/kafka-fence.ts`: `kafkaFence(move, side, options): KafkaFence`. Of the topics that the options name, or of all. */
export interface KafkaFence extends Fence {
  /**
   * `acl`: a rule denies WRITE on the topics to everybody but super users, of whom Teal must be one; producers are refused (TOPIC_AUTHORIZATION_FAILED). `limit`, where the cluster has
   * no authorizer: `max.message.bytes` is so low that no batch passes but one of a single record of ten bytes; producers are refused (MESSAGE_TOO_LARGE). The mirror would be too:
   * `letThrough` takes the limit away once clients are led elsewhere, and from then on who writes there is found by `unrouted` only.
   */
  readonly kind: () => Promise<'acl' | 'limit'>;
  letThrough(signal?: AbortSignal): Promise<void>;
  /** As `remove`, but producers stay refused where that is by rules: of a side that is not to be written again. A limit is taken away. */
  readonly forget: () => Promise<void>;
  /**
   * Partitions in which somebody else than Teal has written since this side was closed for good, or (a side that never was live) at all. Exact: records that no map of offsets knows.
   * Looks from where it looked last.
   */
  readonly unrouted: (signal?: AbortSignal) => Promise<readonly UnroutedRecords[]>;
}

export interface UnroutedRecords {
  readonly topic: string;
  readonly partition: number;
  /** Of the first. */
  readonly offset: bigint;
  readonly records: number;
}

/** `topics/kafka-topics.ts`: `kafkaTopics(move): KafkaTopics`. Each may be called again after a crash. */
export interface KafkaTopics {
  /** Reads both sides. */
  look(signal?: AbortSignal): Promise<TopicsLook>;
  /** Makes on green what is missing, with blue's partitions and configuration, that which removes records held back. `replicas`: default as blue has, at most the brokers there are. */
  create(signal?: AbortSignal): Promise<{ readonly made: readonly string[] }>;
  /** Holds back on green, for all topics, what removes records or changes times; what was there is kept in the control topic. */
  holdBack(signal?: AbortSignal): Promise<void>;
  /** Sets what was held back: as blue has it where Teal made the topic, as it was before where not. */
  restore(signal?: AbortSignal): Promise<void>;
  /** Deletes the topics that Teal has made on green, with all that is in them; no other. */
  drop(signal?: AbortSignal): Promise<{ readonly dropped: readonly string[] }>;
}

export interface TopicsLook {
  readonly missing: readonly string[];
  /** Made by Teal on green. */
  readonly made: readonly string[];
  /** On green with another number of partitions than on blue: sentences. */
  readonly unlike: readonly string[];
  /** Of these not everything that removes records is held back. */
  readonly notHeld: readonly string[];
  /** Of these something is held back. */
  readonly held: readonly string[];
}

/** `topics/kafka-rules.ts`: `kafkaRules(move, groupsNow): KafkaRules`. Access rules and quotas. */
export interface KafkaRules {
  /** As commands of Kafka's tools would say it: what blue has for these topics and groups, and green lacks. Empty where green has no authorizer. */
  missing(signal?: AbortSignal): Promise<readonly string[]>;
  create(signal?: AbortSignal): Promise<{ readonly made: number }>;
}

/** `groups/kafka-groups.ts`: `kafkaGroups(move): KafkaGroups`. What it says here of Kafka is beside what the port says of any system. */
export interface KafkaGroups extends Groups {
  /** Consumer groups of that side that have offsets or members of the topics; none of Connect, Streams' internals included. */
  list(side: Side, signal?: AbortSignal): Promise<readonly MovedGroup[]>;
  /** `behind`: partitions whose offset the mirror has not reached; with one of them nothing is committed. Errors: TEAL-SYSTEMS-651. */
  translate: Groups['translate'];
  /** TEAL-SYSTEMS-660 where the group has members on that side. Reads back what it committed. */
  commit: Groups['commit'];
  /** Records, control marks included, that the group has not read on that side, by what it has committed; `members` tells whether somebody reads. */
  lag: Groups['lag'];
}

export interface MovedGroup extends ReadingGroup {
  readonly type: string;
}

/** `flow/kafka-flow.ts`: `openKafkaFlow(move, flow, options): KafkaFlow`. One direction. */
export interface KafkaFlow extends AsyncDisposable {
  /**
   * Until the signal is aborted; then it resolves. It follows the control topics of both sides: carries while its source is the owner, and nothing otherwise (`shadow`). Stops exactly at
   * the cut offsets of a token on its source, and writes the token on the target when every partition is there. A token that was taken back lets it go on. Where a token and an owner record
   * name topics, they are about these alone: each topic is carried from the side that owns it, so that both flows may be live. Errors: those of `mirror/mirror-partition.ts`.
   */
  run(signal: AbortSignal): Promise<void>;
  status(): KafkaFlowStatus;
  /** Resolves when every partition has what its source had at the call. Rejects with the signal's reason, or the error of `run`. */
  caughtUp(signal: AbortSignal): Promise<void>;
}

export interface KafkaFlowStatus {
  readonly mode: 'starting' | 'shadow' | 'live' | 'at cut';
  /** Of the newest decision that it knows. */
  readonly epoch: number;
  /** While topics are cut one by one and the source owns some of them: so many it carries. */
  readonly part?: { readonly topics: number; readonly of: number };
  /** Those that it carries. */
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    /** The source's next offset to carry, and how far the target's log holds what was carried. */
    readonly reached: { readonly source: bigint; readonly target: bigint };
    /** End of the committed records of the source when it was last asked. */
    readonly end: bigint | undefined;
    /** Offsets that hold no record (marks of transactions) are counted. */
    readonly lag: bigint | undefined;
  }[];
  /** Since `run` was called. Bytes as they were fetched: compressed as producers compressed them. */
  readonly records: bigint;
  readonly bytes: bigint;
  /** Copies that came a second time, where somebody else carries. */
  readonly repeated: bigint;
  /** Sum over the partitions; undefined until each was asked once. */
  readonly lag: bigint | undefined;
  /** For how long the flow has not had everything; 0 when it has. */
  readonly lagMs: number;
}

/** `verify/compare-clusters.ts`: `compareClusters(move, options): Promise<KafkaComparison>`. */
export interface CompareOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (done: { readonly records: bigint; readonly partitions: number; readonly of: number }) => void;
}

export interface KafkaComparison {
  readonly equal: boolean;
  readonly topics: readonly ComparedTopic[];
  /** Up to where each side was compared, exclusive. */
  readonly positions: Readonly<Record<Side, KafkaOffsets>>;
  /** Configuration that differs, rules and quotas that green lacks: sentences. They make nothing unequal. */
  readonly remarks: readonly string[];
}

export interface ComparedTopic {
  readonly topic: string;
  /** The side that owns it, whose records are the measure. */
  readonly live: Side;
  readonly partitions: number;
  /** Compared on that side. */
  readonly records: bigint;
  /** Of green, that came a second time: by somebody else than Teal, who may do so. They make nothing unequal. */
  readonly repeated: bigint;
  /** `records`: each through the map, byte for byte, in order. `keys`: the latest of each key, where a side is compacted. */
  readonly by: 'records' | 'keys';
  readonly outcome: 'equal' | 'different';
  /** Of a difference: where, what; never a value. At most 20. */
  readonly why: readonly string[];
  /** Of all that was compared, the same on both sides where they are equal: SHA-256, hex. */
  readonly digest: string;
}
