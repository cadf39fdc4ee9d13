/** An aggregate of the application: what its events are about, and within what they keep their order. */
export interface Aggregate {
  readonly aggregateType: string;
  readonly aggregateId: string;
}

/** A row of an outbox, in the common shape (id, aggregatetype, aggregateid, type, payload). */
export interface OutboxEvent extends Aggregate {
  /** A UUID, lower case: whoever receives an event twice knows it by this. */
  readonly id: string;
  readonly type: string;
  /** As the table holds it: text in UTF-8 (JSON as a rule), or the bytes of a binary column. Null: nothing any more, in Kafka a tombstone. */
  readonly payload: Buffer | null;
  /** Wall clock, milliseconds since 1970. */
  readonly createdMs: number;
  /** Where it lies: in the outbox, or among the dead letters, from where somebody has asked for it again. */
  readonly from: 'outbox' | 'letters';
  /** Why it can be delivered to nobody: it becomes a dead letter without being tried. */
  readonly unreadable?: string;
}

/** How the delivery of one event has ended. `behind`: not tried, for one before it of its aggregate is a dead letter. */
export type Settled =
  | { readonly outcome: 'delivered'; readonly event: OutboxEvent }
  | {
      readonly outcome: 'dead';
      readonly event: OutboxEvent;
      readonly attempts: number;
      /** Code and what the receiver answered, without values. */
      readonly reason: string;
    }
  | { readonly outcome: 'behind'; readonly event: OutboxEvent };

/** How many are taken at once: so many, and no more once their payloads have so many bytes; always one. */
export interface TakeLimit {
  readonly events: number;
  readonly bytes: number;
}

/** What a relay is, for whoever asks the database. */
export interface RelayHolder {
  /** Another text for each relay. */
  readonly name: string;
  /** Where it runs, for people, and so that a relay that is started again on the same machine need not wait for its own lease to end. */
  readonly host: string;
  readonly pid: number;
}

export type Lease =
  | { readonly state: 'mine' }
  | { readonly state: 'taken'; readonly by: RelayHolder; readonly forMs: number };

/**
 * What a relay asks of the database that has the outbox. One relay at a time has the lease, a row with an end by the server's clock: it holds through poolers and proxies, where a session's lock
 * would not. Each call may fail with a lost connection and be repeated.
 */
export interface OutboxStore extends AsyncDisposable {
  /** Takes or prolongs the lease. `takeFrom`: also from this holder, who is known to be gone. */
  lease(holder: RelayHolder, forMs: number, takeFrom?: string): Promise<Lease>;
  /** Undelivered rows in the order of `seq`. None is ever missed: what has not been delivered is there. */
  rows(limit: TakeLimit): Promise<readonly OutboxEvent[]>;
  /** Letters that somebody has asked for again, each aggregate's in its order. */
  dueLetters(limit: TakeLimit): Promise<readonly OutboxEvent[]>;
  /** Of these aggregates, those that have a letter: what comes later for them has to wait behind it. */
  held(aggregates: readonly Aggregate[]): Promise<readonly Aggregate[]>;
  /**
   * One transaction: what was delivered goes, what was not becomes a letter, and `place`, if one is given, is kept. Nothing happens, and TEAL-OUTBOX-004 is thrown, when the lease is another's. May be
   * repeated.
   */
  settle(holder: RelayHolder, settled: readonly Settled[], place?: string): Promise<void>;
}

/** Events that the log of the outbox's database has brought, in the order of commits. */
export interface LogBatch {
  readonly events: readonly OutboxEvent[];
  /** The place to be kept once the first `count` of them are settled; `count` is 1 at least. */
  placeAfter(count: number): string;
}

/**
 * An outbox as its database's log tells of it: what was inserted there, also where it was deleted again in the same transaction. Whoever has the lease reads it, nobody else. What was taken and not
 * settled comes again.
 */
export interface OutboxLog extends AsyncDisposable {
  /**
   * The next events; none when nothing came for so long. What was taken before is settled, or is taken anew. May be called again after a failure. Errors: TEAL-OUTBOX-060 the log does not go back to
   * where the relay has come, -061 the log leaves the outbox out; those of a session.
   */
  take(limit: TakeLimit, waitMs: number, stop: AbortSignal): Promise<LogBatch>;
  /** This place is written down beside what was settled: the server may forget its log up to there. */
  settledUpTo(place: string): void;
}

/** What a database says of the log by which its outbox is followed. */
export interface OutboxLogLook {
  /** What keeps the log on the server. */
  readonly slot: string;
  /** `gone`, `invalidated`: what is not delivered can only be had from the table. `unpublished`: the log leaves the outbox out. */
  readonly state: 'usable' | 'gone' | 'invalidated' | 'unpublished';
  readonly isRead: boolean;
  /** Log, of whatever tables, that was written since the place up to which all is delivered. */
  readonly behindBytes: number;
  /** Log that the server keeps for the relay. */
  readonly retainedBytes: number;
}

export interface OutboxLook {
  /** Absent where the outbox is followed by polling. */
  readonly log?: OutboxLogLook;
  /** Undelivered rows, counted to `countLimit` at most. */
  readonly pending: number;
  readonly countLimit: number;
  /** How long ago the oldest of them was written. */
  readonly oldestMs?: number;
  /** Letters that failed themselves, and those that wait behind them. */
  readonly dead: number;
  readonly behind: number;
  /** Letters that were asked for again and are not delivered yet. */
  readonly due: number;
  readonly relay?: {
    readonly host: string;
    readonly pid: number;
    /** Whether its lease still runs. */
    readonly runs: boolean;
    readonly delivered: bigint;
    readonly deliveredAgoMs?: number;
  };
}

export interface DeadLetter extends Aggregate {
  readonly id: string;
  readonly type: string;
  readonly state: 'dead' | 'behind' | 'due';
  readonly attempts: number;
  readonly reason: string;
  readonly at: string;
}

/** The lowest and highest `seq` of the rows that are there; nothing where there is none. */
export interface OutboxSpan {
  readonly first?: bigint;
  readonly last?: bigint;
}

/** What people ask of an outbox, and who waits for an event. */
export interface OutboxDesk extends AsyncDisposable {
  /** Makes what is missing. An outbox that is there already stays, and lacks columns or has others (TEAL-OUTBOX-001). Idempotent. */
  install(): Promise<void>;
  look(): Promise<OutboxLook>;
  /** The oldest letters first. */
  letters(limit: number): Promise<readonly DeadLetter[]>;
  /** Asks for letters again: the whole aggregates of these ids, so that their order stays; or all. Answers how many letters. */
  retry(ids: readonly string[] | 'all'): Promise<number>;
  /** `gone`: delivered, or never written. */
  stateOf(id: string): Promise<'waits' | 'letter' | 'gone'>;
  /** What is committed by now. Where `first` has come past the `last` of before, everything that was there then was delivered or is a letter. */
  span(): Promise<OutboxSpan>;
  /** Throws these letters away, dead ones only. What waits behind the last of an aggregate becomes due. Answers how many. */
  discard(ids: readonly string[]): Promise<number>;
}

/**
 * Where events go. `deliver` resolves when all of them are durable there, in this order. It may be given what was delivered before. It ends by itself within a time of its own.
 *
 * Errors: TEAL-OUTBOX-010 this event will never be taken; -011 it was not taken, or that is not known, and trying again may help; -012 nothing is taken now, whatever the event.
 */
export interface OutboxTarget extends AsyncDisposable {
  /** For people, without secrets: `topics outbox.event.* of kafka://…`. */
  readonly place: string;
  /** Deliveries that may run side by side. Events of one aggregate never do. */
  readonly lanes: number;
  /** Events that `deliver` takes at once. */
  readonly mostAtOnce: number;
  deliver(events: readonly OutboxEvent[]): Promise<void>;
}
