import type { Side } from '../model/catalog.ts';

/** A group of readers that keep their place in the system they read: a consumer group of Kafka. */
export interface ReadingGroup {
  readonly id: string;
  /** In the system's own word: `Stable`, `Empty`, … */
  readonly state: string;
  readonly members: number;
  /** How much it has not read yet, over all topics of the move. */
  readonly lag: bigint;
}

/** Where a group goes on in one partition. */
export interface GroupOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** What the application wrote beside it. */
  readonly metadata: string | null;
}

/** A place on the other side. */
export interface TranslatedOffset extends GroupOffset {
  /** The lowest offset there at which it meets the same: no record lies between the two. */
  readonly least: bigint;
}

export interface TranslatedGroup {
  readonly offsets: readonly TranslatedOffset[];
  /** What the mirror has not reached yet, and cannot be told therefore. */
  readonly behind: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[];
}

/** Groups of readers on both sides. */
export interface Groups {
  /** Those that have a place in what moves. */
  list(side: Side, signal?: AbortSignal): Promise<readonly ReadingGroup[]>;
  /** Where it goes on there, as it is kept now; empty where it has no place. */
  committed(side: Side, group: string, signal?: AbortSignal): Promise<readonly GroupOffset[]>;
  /** Where it would go on at the other side, to meet there exactly what it would have met here. */
  translate(from: Side, group: string, signal?: AbortSignal): Promise<TranslatedGroup>;
  /** Refused where the group has members there. */
  commit(to: Side, group: string, offsets: readonly GroupOffset[], signal?: AbortSignal): Promise<void>;
  lag(side: Side, group: string, signal?: AbortSignal): Promise<{ readonly lag: bigint; readonly members: number }>;
}

/** What ends and starts the readers of a group, where somebody else than a person does. Each may be asked again, and must then lead to the same end. */
export interface GroupDesk {
  /** Resolves when the readers were told; whether they have left is looked at elsewhere. */
  stop(group: string, side: Side): Promise<void>;
  start(group: string, side: Side): Promise<void>;
}
