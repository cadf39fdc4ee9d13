import type { StreamEvent } from '../model/change.ts';
import type { Position } from '../model/position.ts';
import type { ControlRow } from '../ports/sink.ts';
import type { Placed } from './fold.ts';
import { nextMode, type ModeSign, type ModeState } from './mode.ts';
import { rowBytes } from './row-values.ts';
import type { SchemaNews } from './ddl.ts';
import type { Side } from '../model/catalog.ts';

type BeginEvent = Extract<StreamEvent, { readonly kind: 'begin' }>;

/** One target transaction takes at most this much, unless a single transaction of the source is larger: that one is applied in slices of this size. */
export interface BatchLimits {
  readonly rows: number;
  readonly bytes: number;
  /** How long complete transactions may wait for further ones that have been received already. */
  readonly ms: number;
}

export const defaultBatchLimits: BatchLimits = Object.freeze({ rows: 20_000, bytes: 16 << 20, ms: 50 });

/** A transaction of the source, as far as it has come. Changes by origin and mode are sorted out when they come (see `Applier`). */
export interface OpenTransaction {
  readonly committedAtUs: bigint;
  readonly commitsAt: Position;
  /** Applied by Teal itself, in the other direction. */
  ours: boolean;
  placed: Placed[];
  rows: number;
  bytes: number;
  /** Changes of managed tables, counted over all slices. */
  changes: number;
  /** Undefined for most, as the next one. */
  signs: ModeSign[] | undefined;
  /** Managed tables that it touched while nothing may be applied. */
  rogueTables: Set<string> | undefined;
  heartbeat: boolean;
  /** What it changed in the schema of the source. */
  schema: SchemaNews | undefined;
  /** A part of it is in the open target transaction already. */
  sliced: boolean;
}

export function openTransaction({ committedAtUs, commitsAt }: BeginEvent): OpenTransaction {
  return {
    committedAtUs,
    commitsAt,
    ours: false,
    placed: [],
    rows: 0,
    bytes: 0,
    changes: 0,
    signs: undefined,
    rogueTables: undefined,
    heartbeat: false,
    schema: undefined,
    sliced: false,
  };
}

export function place(open: OpenTransaction, placed: Placed): void {
  open.placed.push(placed);
  open.rows += 1;
  open.changes += 1;
  if (placed.kind !== 'row') return;
  const { change } = placed;
  if ('old' in change && change.old !== undefined) open.bytes += rowBytes(change.old.values);
  if (change.kind !== 'delete') open.bytes += rowBytes(change.row);
}

export function placeControl(open: OpenTransaction, row: ControlRow): void {
  open.placed.push({ kind: 'control', row });
  if (row.table === 'heartbeat') open.heartbeat = true;
}

/** Whole transactions that will be one transaction of the target. */
export interface Group {
  readonly placed: readonly Placed[];
  readonly rows: number;
  readonly bytes: number;
  readonly transactions: number;
  readonly changes: number;
  /** Of the last transaction in it. */
  readonly end: Position;
  readonly committedAtUs: bigint;
  /** Commit time of the newest heartbeat in it. */
  readonly heartbeatUs: bigint | undefined;
  readonly state: FlowFacts;
  readonly sinceMs: number;
  /** Nothing but the position would be written: it may wait for company (see `Applier`). */
  readonly quiet: boolean;
}

/** What the stream has told of the flow so far. */
export interface FlowFacts extends ModeState {
  readonly rogueTransactions: number;
  readonly rogueFirst: string | undefined;
}

/** The flow after a transaction: its signs, and itself as a rogue if it touched what nobody may touch. */
export function factsAfter(before: FlowFacts, open: OpenTransaction, end: Position, source: Side): FlowFacts {
  if (open.signs === undefined && open.rogueTables === undefined) return before;
  let mode: ModeState = { mode: before.mode, epoch: before.epoch };
  for (const sign of open.signs ?? []) mode = nextMode(mode, sign, source);
  if (open.rogueTables === undefined) return { ...before, ...mode };
  const described = `${[...open.rogueTables].slice(0, 10).join(', ')} at ${end}`;
  return {
    ...mode,
    rogueTransactions: before.rogueTransactions + 1,
    rogueFirst: before.rogueFirst ?? described,
  };
}

/** The group with one more transaction at its end. */
export function joinGroup(
  group: Group | undefined,
  open: OpenTransaction,
  end: Position,
  facts: { readonly before: FlowFacts; readonly after: FlowFacts },
  nowMs: number,
): Group {
  const { before, after } = facts;
  const isQuiet =
    open.placed.length === 0 &&
    !open.sliced &&
    before.mode === after.mode &&
    before.epoch === after.epoch &&
    before.rogueTransactions === after.rogueTransactions;
  // Appended in place: a group is built by one owner, and copying it for each transaction would be quadratic.
  const placed = (group?.placed ?? []) as Placed[];
  for (const each of open.placed) placed.push(each);
  return {
    placed,
    rows: (group?.rows ?? 0) + open.rows,
    bytes: (group?.bytes ?? 0) + open.bytes,
    transactions: (group?.transactions ?? 0) + 1,
    changes: (group?.changes ?? 0) + open.changes,
    end,
    committedAtUs: open.committedAtUs,
    heartbeatUs: open.heartbeat ? open.committedAtUs : group?.heartbeatUs,
    state: after,
    sinceMs: group?.sinceMs ?? nowMs,
    quiet: isQuiet && (group?.quiet ?? true),
  };
}

/** Whether a group must go to the target now, though more has been received. */
export function isFull(group: Group, limits: BatchLimits, nowMs: number): boolean {
  if (group.quiet) return false;
  return group.rows >= limits.rows || group.bytes >= limits.bytes || nowMs - group.sinceMs >= limits.ms;
}

/** Whether a transaction has grown beyond what may be kept of it. */
export function isOverlong(open: OpenTransaction, limits: BatchLimits): boolean {
  return open.rows >= limits.rows || open.bytes >= limits.bytes;
}

/** Whether a transaction is in the target already (correctness.md §2.1): ends are the only positions that are ever compared. */
export function isApplied(end: Position, applied: Position): boolean {
  return end <= applied;
}
