import { sleep } from '../kernel/clock.ts';
import { isTealError } from '../kernel/errors.ts';
import type { HeldEpoch, SnapshotKeeper } from '../ports/snapshot-source.ts';
import { copyTables, type CopyOptions, type CopyReport } from './copy.ts';

export interface EpochOptions extends Omit<CopyOptions, 'source' | 'epoch'> {
  readonly keeper: SnapshotKeeper;
  /** How often one call may lose a snapshot, or a server for longer than the copy itself waits; default 5. */
  readonly losses?: number;
  /** Told under which snapshot it copies, each time before it begins, when that is held. What it throws ends the copy. */
  readonly onEpoch?: (epoch: number) => Promise<void>;
}

export interface EpochReport extends CopyReport {
  /** The one under which the last tables were copied. */
  readonly epoch: number;
  /** How often this call began again. */
  readonly lost: number;
}

const defaultLosses = 5;
/** A server that restarts is waited for: about half a minute in all. */
const attemptsToReach = 12;
const longestPauseMs = 5_000;

/**
 * Copies through the loss of snapshots (correctness.md §1.4, mode H′): what is complete stays as it is, of its own snapshot; all else is copied anew under the
 * snapshot of a new epoch. The tables then stand at different places of the source's log, and the flow has to respect that (see starts.ts).
 *
 * A snapshot is also let go where somebody wants a table for himself (TRUNCATE, ALTER TABLE) before all of the copy's sessions have it, or the successor of a
 * holder that was lost: he waits for the holders, and they would wait behind him.
 *
 * Errors: TEAL-SYNC-203 and -209 when that happened more often than is allowed; those of the keeper; those of `copyTables`.
 */
export async function copyInEpochs(options: EpochOptions): Promise<EpochReport> {
  const allowed = options.losses ?? defaultLosses;
  for (let lost = 0; ; lost += 1) {
    const held = await patiently(options.signal, async () => currentEpoch(options));
    await options.onEpoch?.(held.epoch);
    try {
      const report = await copyTables({ ...options, source: held.source, epoch: held.epoch });
      return Object.freeze({ ...report, epoch: held.epoch, lost });
    } catch (error) {
      options.signal.throwIfAborted();
      const isInTheWay = isTealError(error, 'TEAL-SYNC-209');
      const isLoss = isTealError(error) && (error.code === 'TEAL-SYNC-203' || error.entry.retry === 'auto');
      if (!(isLoss || isInTheWay) || lost >= allowed) throw error;
      // Who waits for a table, and everybody behind him, has his turn; then a new snapshot.
      if (isInTheWay) await options.keeper.letGo(options.signal);
    }
  }
}

/** The snapshot that is held; a new one when none is, or when a newer epoch has begun on the target than anybody holds. */
async function currentEpoch({ keeper, target, signal }: EpochOptions): Promise<HeldEpoch> {
  const begun = await target.epoch();
  const held = await heldOrLetGo(keeper, signal);
  if (held !== undefined && held.epoch >= begun) return held;
  return keeper.take(Math.max(begun, 1) + 1, signal);
}

/**
 * Of two holders one that was lost is replaced from the other. Where the new one waits behind somebody who waits for the other, waiting longer helps nobody: the snapshot is
 * let go, and who waited has his turn.
 */
async function heldOrLetGo(keeper: SnapshotKeeper, signal: AbortSignal): Promise<HeldEpoch | undefined> {
  try {
    return await keeper.held(signal);
  } catch (error) {
    if (!isTealError(error, 'TEAL-SYSTEMS-008')) throw error;
    await keeper.letGo(signal);
    return undefined;
  }
}

/** Again while the error says that it may pass by itself, a bounded number of times. */
async function patiently<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!isTealError(error) || error.entry.retry !== 'auto' || attempt >= attemptsToReach) throw error;
    }
    await sleep(Math.min(longestPauseMs, 100 * 2 ** attempt), signal);
  }
}
