import type { StreamEvent } from '../model/change.ts';
import type { Position } from '../model/position.ts';

/**
 * A piece of a source's log, in the source's own encoding, with as much said about it as a spool must know to keep whole transactions.
 * Between a `begin` and its `commit` there are `schema` and `change` records only.
 */
export type ChangeRecord =
  | { readonly kind: 'begin'; readonly payload: Buffer }
  /** Describes a table for the changes after it. A later one of the same `key` replaces it. Each stream describes a table before its first change. */
  | { readonly kind: 'schema'; readonly key: string; readonly payload: Buffer }
  | { readonly kind: 'change'; readonly payload: Buffer }
  /** `end` is the place to read on from. `decides`: the transaction wrote an owner row: from here on its source may be the side that owns the data. */
  | { readonly kind: 'commit'; readonly end: Position; readonly payload: Buffer; readonly decides?: true }
  /** Between transactions: nothing of the stream ends before `end` that has not been given already. */
  | { readonly kind: 'mark'; readonly end: Position };

export interface StreamStart {
  /** Where to read on: the end of the last transaction that is safe here, or a later mark. It counts as acknowledged, unless `acknowledged` says less: the source may forget what ended at or before it. */
  readonly after: Position;
  /** Up to here the source may forget, where that is less than `after`; default: up to `after`. */
  readonly acknowledged?: Position;
  /** `ChangeStream.identity` of the stream before; undefined for the first. Another source is refused, not read. */
  readonly identity?: string;
  /**
   * The flow only watches: transactions that somebody replayed into the source may be left out, whole. What a session of the source's own wrote comes in any case, and with it every owner row that
   * could make the flow live; the caller ends such a stream at the commit that `decides`, and starts one without this at its end. Default: nothing is left out.
   */
  readonly leaveOutReplayed?: boolean;
}

/**
 * Whole transactions in commit order. Signs of life are exchanged with the source by the stream's own timer, also while nobody calls `next`;
 * nothing is acknowledged but by `acknowledge`.
 */
export interface ChangeStream extends AsyncDisposable {
  /** Names the source's history: the same text for as long as positions mean the same. */
  readonly identity: string;
  /** Whether `leaveOutReplayed` makes a difference to this source; default: it makes none. */
  readonly canLeaveOutReplayed?: boolean;
  /**
   * What has arrived, at least one record; waits when nothing has. One call at a time. Not calling it holds the source back. A batch may end inside a transaction.
   * Rejects when the stream has ended, with the reason (after an abort the signal's own); so does every later call.
   */
  next(): Promise<readonly ChangeRecord[]>;
  /** The source may forget what ended at or before `position`: it is durable here. Never goes backwards, may be called from anywhere, does not wait. */
  acknowledge(position: Position): void;
}

/** Reads the log of one source for one flow. */
export interface ChangeSource {
  /**
   * Opens the stream. At most one is open at a time. Aborting the signal ends it. Errors say whether trying again may help (`entry.retry`): a lost
   * connection or a reader that has not gone yet `auto`; a missing, invalidated or advanced slot `never`.
   */
  start(from: StreamStart, signal: AbortSignal): Promise<ChangeStream>;
}

/** Turns payloads back into events, in the order in which they were given. It remembers tables: one decoder for one reading of a spool. */
export interface ChangeDecoder {
  /** Undefined for what is of no interest. Throws TEAL-WIRE-001 for what is no payload of this source. */
  decode(payload: Buffer): StreamEvent | undefined;
  /** The same of a payload that lies in a larger buffer; without it a view is made of each, which costs as much as the decoding of a small row. */
  decodeIn?(bytes: Buffer, from: number, to: number): StreamEvent | undefined;
}

export interface SourceLook {
  /** Head of the log. */
  readonly head: Position;
  /** `absent` and `invalidated`: what is not received yet cannot be had any more. `unpublished`, `unrecorded`: the source leaves changes out, of the stream or of what its triggers record. */
  readonly slot: 'usable' | 'absent' | 'invalidated' | 'unpublished' | 'unrecorded';
  /** Log that the source keeps and that this flow has not received. */
  readonly retainedBytes?: number;
  /** It keeps its log whoever reads it: to end the flow would free nothing, and no budget counts. */
  readonly keepsAnyway?: true;
  /** Log that may still be written before the source invalidates the slot; undefined when it has no limit. */
  readonly headroomBytes?: number;
  /** Whether others than Teal may replay transactions into this source (a subscription of its own, say); undefined where that is not known. */
  readonly othersReplay?: boolean;
}

/** The right to be the one worker of a stream, for as long as `lost` is not aborted. Disposal gives it back. */
export interface StreamLease extends AsyncDisposable {
  readonly lost: AbortSignal;
}

/** What a flow asks its source beside the stream, over a session of its own. Each call may fail with a lost connection; the next one connects again. */
export interface SourceProbe extends AsyncDisposable {
  /** Writes the side's heartbeat row, which comes back through the stream as a change of `teal.heartbeat`, each time. Passes the fence. */
  heartbeat(): Promise<void>;
  /**
   * Writes a transaction that changes nothing of a client's into the log, durable on the source's own disk. Everything that the source had committed when this was called ends at or before
   * the position, and the transaction itself after it: a stream that has come beyond the position has had all of that.
   */
  mark(): Promise<Position>;
  look(): Promise<SourceLook>;
  /** Lets the source forget: drops the slot, also from under a reader. What was not received can never be had again. Idempotent. */
  release(): Promise<void>;
  /** Where a stream begins that has never been read: all that ended at or before is in the copy. The same until something is acknowledged. Errors: the slot is missing or invalidated. */
  firstPosition(): Promise<Position>;
  /** Log between two positions; 0 when `to` is not after `from`. No question to the source. */
  bytesBetween(from: Position, to: Position): number;
}
