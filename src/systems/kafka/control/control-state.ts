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
  /** The side takes records again, and the cut that had closed it is off. */
  | { readonly kind: 'reopened' }
  /** A token of the other side: all that was there below its `ends` is here, and lies below `reached`. */
  | {
      readonly kind: 'arrived';
      readonly cut: string;
      readonly token: string;
      readonly ends: KafkaOffsets;
      readonly reached: KafkaOffsets;
    }
  | { readonly kind: 'owner'; readonly epoch: number; readonly owner: Side; readonly cut: string }
  /** Teal makes this topic on this side. */
  | { readonly kind: 'made'; readonly topic: string }
  /** What these settings of a topic were before Teal holds back what removes records; null: not set for the topic. */
  | { readonly kind: 'held'; readonly topic: string; readonly before: Readonly<Record<string, string | null>> }
  | { readonly kind: 'restored'; readonly topic: string };

/** What a control topic says, all of it. */
export interface ControlState {
  /** As it was written first. */
  readonly begun: KafkaOffsets | undefined;
  /** The highest epoch. */
  readonly owner: OwnerRow | undefined;
  /** The end of each time that the side took records of clients, by cut, the newest of each: as it was raised, whatever was made of it later. */
  readonly closedBy: ReadonlyMap<string, KafkaOffsets>;
  /** As it was raised last; undefined when it was opened since, or the side became the owner. */
  readonly raised: Extract<ControlRecord, { kind: 'raised' }> | undefined;
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
    owner: undefined as OwnerRow | undefined,
    raised: undefined as ControlState['raised'],
    tokens: [] as string[],
    arrived: new Map<string, Extract<ControlRecord, { kind: 'arrived' }>>(),
    made: new Set<string>(),
    held: new Map<string, Readonly<Record<string, string | null>>>(),
  };
  for (const record of records) {
    switch (record.kind) {
      case 'begun':
        state.begun ??= record.ends;
        break;
      case 'raised':
        state.raised = record;
        state.closedBy.set(record.cut, record.ends);
        state.tokens.push(record.token);
        break;
      case 'reopened':
        state.raised = undefined;
        break;
      case 'arrived':
        state.arrived.set(record.cut, record);
        state.tokens.push(record.token);
        break;
      case 'owner':
        if (record.epoch > (state.owner?.epoch ?? 0)) {
          state.owner = { epoch: record.epoch, owner: record.owner, cut: record.cut };
        }
        state.raised = undefined;
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

/** Which side owns the records by what both control topics say: blue until the first cut. */
export function ownerOf(sides: Readonly<Record<Side, ControlState>>): OwnerRow {
  const first: OwnerRow = { epoch: 0, owner: 'blue', cut: '' };
  return [sides.blue.owner, sides.green.owner].reduce<OwnerRow>(
    (highest, row) => (row !== undefined && row.epoch > highest.epoch ? row : highest),
    first,
  );
}

/** What a flow has to do now. */
export type FlowTask =
  | { readonly mode: 'shadow'; readonly epoch: number }
  | {
      readonly mode: 'live';
      readonly epoch: number;
      /** Where the source's records that are not Teal's begin; undefined: with the first that it has. */
      readonly origin: KafkaOffsets | undefined;
      /** The token that waits for these offsets, and whether it was written on the target. */
      readonly stop: { readonly cut: string; readonly token: string; readonly ends: KafkaOffsets } | undefined;
      readonly isThere: boolean;
    };

/** Pure: what the control topics say to the flow that reads this side. */
export function taskOf(source: Side, sides: Readonly<Record<Side, ControlState>>): FlowTask {
  const { owner, epoch, cut } = ownerOf(sides);
  if (owner !== source) return { mode: 'shadow', epoch };
  const target = source === 'blue' ? sides.green : sides.blue;
  const { raised } = sides[source];
  const arrived = raised === undefined ? undefined : target.arrived.get(raised.cut);
  return {
    mode: 'live',
    epoch,
    origin: epoch === 0 ? undefined : sides[source].arrived.get(cut)?.reached,
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
