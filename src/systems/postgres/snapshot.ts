import { randomBytes } from 'node:crypto';
import { must } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';

import type { HeldEpoch, SnapshotKeeper, SnapshotSource } from '../../ports/snapshot-source.ts';
import type { Probed } from '../../ports/step.ts';
import { connect, withLockRetry } from './connection.ts';
import { postgresSnapshotSource } from './copy-source.ts';
import { giveWay } from './give-way.ts';
import {
  ensureHolders,
  exportedBy,
  liveHolders,
  releaseHolders,
  renewHolders,
  waitingHolders,
  type HeldSnapshot,
  type HolderOptions,
  type WaitingHolders,
} from './holder.ts';
import { lockAccessShare } from './lock-tables.ts';
import { createSlot, dropSlot, slotStatus } from './slot.ts';

export interface SnapshotOptions extends HolderOptions {
  readonly slot: string;
  /** Of the copy that this snapshot is for. */
  readonly epoch: number;
  /** How long the slot waits for transactions that write; default 60 000. */
  readonly slotTimeoutMs?: number;
  /** From 17 on: the slot is carried over to a standby. */
  readonly failover?: boolean;
}

export interface OpenedSnapshot extends HeldSnapshot {
  /** True when a slot was there whose snapshot nobody held: it was dropped and made anew, and what was received from it must be forgotten. */
  readonly replacedSlot: boolean;
}

const defaultSlotTimeoutMs = 60_000;
const lockTimeoutMs = 2_000;

/**
 * The slot, and its snapshot in the hands of two holders (correctness.md §1.2.4–6): a session locks all tables against rewriting, then the slot is made and exports
 * its snapshot, the holders import and lock, and only then the first session ends. At no moment after the slot's consistent point is a table unlocked.
 *
 * Idempotent: what is there is used; of a slot whose snapshot was lost before anything was copied nothing can be copied, so it is replaced, unless somebody reads
 * from it (TEAL-SYSTEMS-211). Once rows were copied it must not be: `snapshotKeeper` takes a later snapshot beside it then.
 * TEAL-SYSTEMS-027 when writers do not end in time, -008 when a table's lock is not had, -212 when a holder does not come up.
 */
export async function openSnapshot(options: SnapshotOptions, signal: AbortSignal): Promise<OpenedSnapshot> {
  const held = await heldSnapshot(options);
  await using control = await connect({ url: options.url, applicationName: 'teal', signal });
  const status = await slotStatus(control, options.slot);
  if (held !== undefined && status.state === 'usable') {
    await ensureHolders(options, held, signal);
    return { ...held, replacedSlot: false };
  }
  if (status.state !== 'absent' && status.activePid !== undefined) {
    throw new TealError('TEAL-SYSTEMS-211', 'the slot of a lost snapshot is in use', {
      slot: options.slot,
      pid: status.activePid,
    });
  }
  if (status.state === 'foreign') {
    throw new TealError('TEAL-SYSTEMS-211', `the slot is not Teal's: ${status.reason}`, { slot: options.slot });
  }
  await discardSnapshot(options, signal);
  return {
    ...(await holdNewSnapshot(options, ofSlot(options, options.slot, signal), signal)),
    replacedSlot: status.state !== 'absent',
  };
}

/** A snapshot of a known place that was made just now, in the hands of its maker until disposal. */
export interface MadeSnapshot extends AsyncDisposable {
  /** Its place: what it shows ends here or before, in the stream of its source. */
  readonly snapshot: string;
  readonly exported: string;
  /** What keeps the changes that come after it goes too. */
  discard(signal: AbortSignal): Promise<void>;
}

export type MakeSnapshot = (ends: AbortSignal) => Promise<MadeSnapshot>;

/**
 * Has a snapshot made under locks that keep every table from being rewritten, and gives it to two holders. Begins anew when others wait for the tables. Errors: TEAL-SYSTEMS-008 when a table's lock is
 * not had, -212 when a holder does not come up, those of `make`.
 */
export async function holdNewSnapshot(
  options: HolderOptions & Pick<SnapshotOptions, 'epoch'>,
  make: MakeSnapshot,
  signal: AbortSignal,
): Promise<HeldSnapshot> {
  await using waiting = waitingHolders(options);
  return await withLockRetry({ signal }, async () => {
    await waiting.complete(signal);
    await using locker = await connect({ url: options.url, applicationName: 'teal lock', lockTimeoutMs, signal });
    await using looker = await connect({ url: options.url, applicationName: 'teal', signal });
    return await locker.transaction(
      async () => {
        await lockAccessShare(locker, options.tables);
        await using way = giveWay(looker, locker.processId);
        const ends = AbortSignal.any([signal, way.signal]);
        try {
          return await makeUnderLocks({ ...options, waiting }, make, ends, signal);
        } catch (error) {
          // Who waited for something may have said no more than that it was aborted.
          if (way.signal.aborted && !signal.aborted) throw way.signal.reason;
          throw error;
        }
      },
      { readOnly: true },
    );
  });
}

async function makeUnderLocks(
  options: HolderOptions & Pick<SnapshotOptions, 'epoch'> & { readonly waiting: WaitingHolders },
  make: MakeSnapshot,
  ends: AbortSignal,
  signal: AbortSignal,
): Promise<HeldSnapshot> {
  await using made = await make(ends);
  const held: HeldSnapshot = { snapshot: made.snapshot, epoch: options.epoch };
  try {
    await ensureHolders(options, held, ends, { exported: made.exported, waiting: options.waiting });
  } catch (error) {
    // What the next attempt makes is another snapshot.
    await releaseHolders(options.stateDir, signal);
    await made.discard(signal);
    throw error;
  }
  return held;
}

/** With another slot than the stream's own: that one is temporary, and gone as soon as the holders have its snapshot. */
function ofSlot(options: SnapshotOptions, slotName: string, signal: AbortSignal): MakeSnapshot {
  const temporary = slotName !== options.slot;
  return async (ends) => {
    await using opened = new AsyncDisposableStack();
    const walsender = opened.use(
      await connect({ url: options.url, applicationName: 'teal slot', replication: 'database', signal }),
    );
    const slot = await createSlot(walsender, slotName, {
      lockTimeoutMs: options.slotTimeoutMs ?? defaultSlotTimeoutMs,
      snapshot: 'export',
      temporary,
      failover: !temporary && (options.failover ?? false),
      signal: ends,
    });
    const kept = opened.move();
    return {
      snapshot: slot.consistentPoint,
      exported: must(slot.snapshotName, 'the name of the exported snapshot'),
      discard: async () => (temporary ? undefined : dropOwn(options, slotName, signal)),
      [Symbol.asyncDispose]: async () => kept.disposeAsync(),
    };
  };
}

async function dropOwn(options: SnapshotOptions, slot: string, signal: AbortSignal): Promise<void> {
  await using control = await connect({ url: options.url, applicationName: 'teal', signal });
  await dropSlot(control, slot, { signal });
}

/** `done` with the facts `snapshot` and `epoch`: the slot is there and at least one holder of this epoch lives. `partly`: one of the two is lost. */
export async function probeSnapshot(options: SnapshotOptions): Promise<Probed> {
  const held = await heldSnapshot(options);
  await using control = await connect({ url: options.url, applicationName: 'teal' });
  const status = await slotStatus(control, options.slot);
  if (held === undefined && status.state === 'absent') return { state: 'not done' };
  if (held === undefined)
    return { state: 'partly', evidence: `slot ${options.slot} is there, its snapshot is not held` };
  if (status.state !== 'usable')
    return { state: 'partly', evidence: `the snapshot is held, the slot is ${status.state}` };
  const live = await liveHolders(options, held);
  const evidence = `slot ${options.slot} at ${held.snapshot}, held by ${live.length} processes`;
  return { state: 'done', evidence, facts: { snapshot: held.snapshot, epoch: held.epoch } };
}

/**
 * Snapshots of a copy under way, one epoch after another (correctness.md §1.4, mode H′). The stream's slot stays as it is: it keeps the log from the first
 * consistent point on, which the tables that are complete need. Each later snapshot comes from a temporary slot, whose consistent point names it.
 *
 * Errors of `take`: TEAL-SYSTEMS-020, -021 when the stream's slot is lost, and with it the copy; otherwise those of `openSnapshot`.
 */
export function snapshotKeeper(options: Omit<SnapshotOptions, 'epoch'>): SnapshotKeeper {
  return keeperOf(options, {
    async take(epoch: number, signal: AbortSignal) {
      await using control = await connect({ url: options.url, applicationName: 'teal', signal });
      const status = await slotStatus(control, options.slot);
      if (status.state === 'absent') throw new TealError('TEAL-SYSTEMS-020', 'it is gone', { slot: options.slot });
      if (status.state !== 'usable') throw new TealError('TEAL-SYSTEMS-021', status.reason, { slot: options.slot });
      const temporarySlot = `teal_copy_${randomBytes(6).toString('hex')}`;
      const ofEpoch = { ...options, epoch };
      return await holdNewSnapshot(ofEpoch, ofSlot(ofEpoch, temporarySlot, signal), signal);
    },
  });
}

/** A keeper of what holders hold; `take` has a snapshot of a later epoch made. */
export function keeperOf(
  options: HolderOptions,
  { take }: { readonly take: (epoch: number, signal: AbortSignal) => Promise<HeldSnapshot> },
): SnapshotKeeper {
  const epochOf = (held: HeldSnapshot): HeldEpoch => ({ epoch: held.epoch, source: heldSource(options, held) });
  return Object.freeze({
    async held(signal: AbortSignal) {
      const [newest] = [...(await liveHolders(options))].sort((a, b) => b.epoch - a.epoch);
      if (newest === undefined) return undefined;
      await ensureHolders(options, newest, signal);
      return epochOf(newest);
    },
    take: async (epoch: number, signal: AbortSignal) => epochOf(await take(epoch, signal)),
    letGo: async (signal: AbortSignal) => releaseHolders(options.stateDir, signal),
  });
}

/** Whether anybody holds a snapshot here, of any epoch. */
export async function isHeld(options: Pick<SnapshotOptions, 'url' | 'stateDir'>): Promise<boolean> {
  return (await liveHolders(options)).length > 0;
}

/** Ends the holders and drops the slot, in this order: a holder without a slot is of no use to anybody. Idempotent. For undo, and before a new epoch. */
export async function discardSnapshot(
  options: Pick<SnapshotOptions, 'url' | 'stateDir' | 'slot'>,
  signal: AbortSignal,
): Promise<void> {
  await releaseHolders(options.stateDir, signal);
  await using control = await connect({ url: options.url, applicationName: 'teal', signal });
  await dropSlot(control, options.slot, { signal });
}

/** The held snapshot as a source of the copy. */
export function heldSource(
  options: Pick<SnapshotOptions, 'url' | 'stateDir'> & Partial<Pick<SnapshotOptions, 'tables'>>,
  held: HeldSnapshot,
): SnapshotSource {
  return postgresSnapshotSource({
    ...(options.tables === undefined ? {} : { tables: options.tables }),
    url: options.url,
    snapshot: held.snapshot,
    exported: async () => exportedBy(options.stateDir, held),
    renew: async () => renewHolders(options.stateDir),
  });
}

/** Which snapshot of this epoch live holders hold. */
export async function heldSnapshot(options: {
  readonly url: string;
  readonly stateDir: string;
  readonly epoch: number;
}): Promise<HeldSnapshot | undefined> {
  const live = await liveHolders(options);
  const own = live.find((record) => record.epoch === options.epoch);
  return own === undefined ? undefined : { snapshot: own.snapshot, epoch: own.epoch };
}
