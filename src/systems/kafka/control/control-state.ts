import type { Side } from '../../../model/catalog.ts';
import type { OwnerRow } from '../../../ports/fence.ts';
import type { KafkaOffsets } from '../roles.ts';

/** What Teal writes into the control topic of a side, each in a transaction of its own. It only grows. */
export type ControlRecord =
  /** Where the partitions ended before Teal wrote anything; a topic that was not there is absent. */
  | { readonly kind: 'begun'; readonly ends: KafkaOffsets }
  /** The side took no more records of clients when this was written; `ends`: where its partitions ended. */
  | {
      readonly kind: 'raised';
      readonly cut: string;
      readonly token: string;
      readonly epoch: number;
      readonly ends: KafkaOffsets;
    }
  /** The side takes records again, and the cut that had closed it is off. `topics`: of these alone; absent: of all. */
  | { readonly kind: 'reopened'; readonly topics?: readonly string[] }
  /** A token of the other side: all that was there below its `ends` is here, and lies below `reached`. */
  | {
      readonly kind: 'arrived';
      readonly cut: string;
      readonly token: string;
      readonly ends: KafkaOffsets;
      readonly reached: KafkaOffsets;
    }
  /** The decision. `topics`: of these alone; absent: of all. */
  | {
      readonly kind: 'owner';
      readonly epoch: number;
      readonly owner: Side;
      readonly cut: string;
      readonly topics?: readonly string[];
    }
  /** Teal makes this topic on this side. */
  | { readonly kind: 'made'; readonly topic: string }
  /** What these settings of a topic were before Teal holds back what removes records; null: not set for the topic. */
  | { readonly kind: 'held'; readonly topic: string; readonly before: Readonly<Record<string, string | null>> }
  | { readonly kind: 'restored'; readonly topic: string };

type Raised = Extract<ControlRecord, { kind: 'raised' }>;
type States = Readonly<Record<Side, ControlState>>;

export interface Decision extends OwnerRow {
  /** Absent: all. */
  readonly topics?: ReadonlySet<string>;
}

/** What a control topic says, all of it. */
export interface ControlState {
  /** As it was written first. */
  readonly begun: KafkaOffsets | undefined;
  /** Every owner record, the newest last. */
  readonly decisions: readonly Decision[];
  /** The end of each time that the side took records of clients, by cut, the newest of each: as it was raised, whatever was made of it later. */
  readonly closedBy: ReadonlyMap<string, KafkaOffsets>;
  /** By topic, as it was raised last; none of one that was opened since, or that this side became the owner of. */
  readonly raised: ReadonlyMap<string, Raised>;
  /** Those that were written here by a fence, and those that came from the other side, the newest last. */
  readonly tokens: readonly string[];
  /** By cut, the newest of each. */
  readonly arrived: ReadonlyMap<string, Extract<ControlRecord, { kind: 'arrived' }>>;
  readonly made: ReadonlySet<string>;
  /** By topic: what to put back. */
  readonly held: ReadonlyMap<string, Readonly<Record<string, string | null>>>;
}

export function foldControl(records: readonly ControlRecord[]): ControlState {
  const state = {
    begun: undefined as KafkaOffsets | undefined,
    closedBy: new Map<string, KafkaOffsets>(),
    decisions: [] as Decision[],
    raised: new Map<string, Raised>(),
    tokens: [] as string[],
    arrived: new Map<string, Extract<ControlRecord, { kind: 'arrived' }>>(),
    made: new Set<string>(),
    held: new Map<string, Readonly<Record<string, string | null>>>(),
  };
  const opened = (topics: readonly string[] = [...state.raised.keys()]): void => {
    for (const topic of topics) state.raised.delete(topic);
  };
  for (const record of records) {
    switch (record.kind) {
      case 'begun':
        state.begun ??= record.ends;
        break;
      case 'raised':
        for (const topic of Object.keys(record.ends)) state.raised.set(topic, record);
        state.closedBy.set(record.cut, record.ends);
        state.tokens.push(record.token);
        break;
      case 'reopened':
        opened(record.topics);
        break;
      case 'arrived':
        state.arrived.set(record.cut, record);
        state.tokens.push(record.token);
        break;
      case 'owner':
        state.decisions.push(decisionOf(record));
        opened(record.topics);
        break;
      case 'made':
        state.made.add(record.topic);
        break;
      case 'held':
        // What was there before the first time: what is there at a second one may be Teal's own.
        if (!state.held.has(record.topic)) state.held.set(record.topic, record.before);
        break;
      case 'restored':
        state.held.delete(record.topic);
        break;
    }
  }
  return state;
}

function decisionOf({ epoch, owner, cut, topics }: Extract<ControlRecord, { kind: 'owner' }>): Decision {
  return { epoch, owner, cut, ...(topics === undefined ? {} : { topics: new Set(topics) }) };
}

/** The newest decision on this side about any of these topics; of all where none is named. */
export function decidedOn({ decisions }: ControlState, topics?: readonly string[]): OwnerRow | undefined {
  const newest = decisions
    .filter((decision) => topics === undefined || concerns(decision, topics))
    .reduce<Decision | undefined>((highest, it) => (it.epoch > (highest?.epoch ?? 0) ? it : highest), undefined);
  return newest === undefined ? undefined : { epoch: newest.epoch, owner: newest.owner, cut: newest.cut };
}

function concerns({ topics: decided }: Decision, topics: readonly string[]): boolean {
  return decided === undefined || topics.some((topic) => decided.has(topic));
}

/** Which side owns the records of a topic by what both control topics say: blue until the first cut of it. */
export function ownerOf(topic: string, sides: States): OwnerRow {
  return newestOf(decidedOn(sides.blue, [topic]), decidedOn(sides.green, [topic]));
}

/** The newest decision about anything; before any: blue, in epoch 0. */
export function newestOwner(sides: States): OwnerRow {
  return newestOf(decidedOn(sides.blue), decidedOn(sides.green));
}

function newestOf(...rows: readonly (OwnerRow | undefined)[]): OwnerRow {
  const first: OwnerRow = { epoch: 0, owner: 'blue', cut: '' };
  return rows.reduce<OwnerRow>((newest, row) => (row !== undefined && row.epoch > newest.epoch ? row : newest), first);
}

/** What of a topic its flow needs to know. */
export interface OwnedTopic {
  /** Of the decision by which the source owns it: it names the map. */
  readonly epoch: number;
  /** Where the source's records that are not Teal's begin, by partition; undefined: with the first that it has. */
  readonly origin: readonly string[] | undefined;
}

/** What a flow has to do now. */
export type FlowTask =
  | { readonly mode: 'shadow'; readonly epoch: number }
  | {
      readonly mode: 'live';
      readonly epoch: number;
      /** Those that the source owns: all, but while topics are cut one by one. */
      readonly topics: ReadonlyMap<string, OwnedTopic>;
      /** The token that waits for these offsets, and whether it was written on the target. It names the topics that are cut; the others go on. */
      readonly stop: { readonly cut: string; readonly token: string; readonly ends: KafkaOffsets } | undefined;
      readonly isThere: boolean;
    };

/** Pure: what the control topics say to the flow that reads this side. */
export function taskOf(source: Side, topics: readonly string[], sides: States): FlowTask {
  const { epoch } = newestOwner(sides);
  const owned = new Map<string, OwnedTopic>();
  for (const topic of topics) {
    const owner = ownerOf(topic, sides);
    if (owner.owner !== source) continue;
    const origin = owner.epoch === 0 ? undefined : sides[source].arrived.get(owner.cut)?.reached[topic];
    owned.set(topic, { epoch: owner.epoch, origin });
  }
  if (owned.size === 0) return { mode: 'shadow', epoch };
  const target = source === 'blue' ? sides.green : sides.blue;
  // One cut at a time: of what the source still owns no two stand closed by different ones.
  const raised = [...owned.keys()].map((topic) => sides[source].raised.get(topic)).find((it) => it !== undefined);
  const arrived = raised === undefined ? undefined : target.arrived.get(raised.cut);
  return {
    mode: 'live',
    epoch,
    topics: owned,
    stop: raised === undefined ? undefined : { cut: raised.cut, token: raised.token, ends: raised.ends },
    isThere: arrived !== undefined && sameOffsets(arrived.ends, raised?.ends ?? {}),
  };
}

export function sameOffsets(a: KafkaOffsets, b: KafkaOffsets): boolean {
  const topics = Object.keys(a);
  return (
    topics.length === Object.keys(b).length &&
    topics.every((topic) => (a[topic] ?? []).join() === (b[topic] ?? []).join())
  );
}
