import { must } from '../../../kernel/assert.ts';
import { asPosition } from '../../../model/position.ts';
import type { SnapshotKeeper } from '../../../ports/snapshot-source.ts';
import type { Probed } from '../../../ports/step.ts';
import { connect, type PgConnection } from '../connection.ts';
import { ensureHolders, liveHolders, releaseHolders, type HeldSnapshot, type HolderOptions } from '../holder.ts';
import { heldSnapshot, holdNewSnapshot, keeperOf, type MakeSnapshot } from '../snapshot.ts';
import { forgetTicks } from './cleaner.ts';
import { snapshotAtTick } from './ticks.ts';

/** Makes a snapshot whose place in the record is known (`holdAtTick`). */
export type HoldAtPlace = typeof holdAtTick;

export interface RecordedSnapshotOptions extends RecordedHolderOptions {
  /** Of the copy that this snapshot is for. */
  readonly epoch: number;
}

export interface RecordedHolderOptions extends HolderOptions {
  /** Default: `holdAtTick`. */
  readonly hold?: HoldAtPlace;
}

/**
 * The snapshot that a copy begins with, at a tick of the record and in the hands of two holders: what `openSnapshot` is with a slot. The record begins at this tick from here on, so that a stream
 * which was never read does. Idempotent, until the stream is read. Errors: those of `holdNewSnapshot`, TEAL-SYSTEMS-040 when there is no record.
 */
export async function openRecordedSnapshot(
  options: RecordedSnapshotOptions,
  signal: AbortSignal,
): Promise<HeldSnapshot> {
  const held = await heldSnapshot(options);
  if (held !== undefined) {
    await ensureHolders(options, held, signal);
    return held;
  }
  await releaseHolders(options.stateDir, signal);
  const made = await holdNewSnapshot(options, atTick(options), signal);
  await using control = await connect({ url: options.url, applicationName: 'teal', signal });
  await forgetTicks(control, asPosition(made.snapshot));
  return made;
}

/** `done` with the facts `snapshot` and `epoch`: at least one holder of this epoch lives. */
export async function probeRecordedSnapshot(options: RecordedSnapshotOptions): Promise<Probed> {
  const held = await heldSnapshot(options);
  if (held === undefined) return { state: 'not done' };
  const live = await liveHolders(options, held);
  const evidence = `a snapshot at ${held.snapshot} of the record, held by ${live.length} processes`;
  return { state: 'done', evidence, facts: { snapshot: held.snapshot, epoch: held.epoch } };
}

/** Snapshots of a copy under way: each is a later tick of the same record, and the stream goes on from the first. */
export function recordedSnapshotKeeper(options: RecordedHolderOptions): SnapshotKeeper {
  return keeperOf(options, {
    take: async (epoch, signal) => holdNewSnapshot({ ...options, epoch }, atTick(options), signal),
  });
}

function atTick({ url, hold = holdAtTick }: RecordedHolderOptions): MakeSnapshot {
  return async (signal) => {
    await using control = await connect({ url, applicationName: 'teal tick', signal });
    const { holder, position, exported } = await hold(control, url, { applicationName: 'teal snapshot', signal });
    return {
      snapshot: position,
      exported,
      discard: async () => undefined,
      [Symbol.asyncDispose]: async () => holder.close(),
    };
  };
}

/** A session in a transaction whose snapshot is a tick. Its closing lets the snapshot go. Errors: TEAL-SYSTEMS-040. */
export async function holdAtTick(
  control: PgConnection,
  url: string,
  session: { readonly applicationName: string; readonly signal: AbortSignal },
): Promise<Awaited<ReturnType<typeof snapshotAtTick>> & { readonly holder: PgConnection }> {
  const holder = await connect({ url, ...session });
  try {
    const made = await snapshotAtTick(control, async () => {
      await holder.query('begin isolation level repeatable read read only');
      const { rows } = await holder.query('select pg_export_snapshot() as name');
      return must(rows[0]?.['name'], 'the name of the exported snapshot');
    });
    return { ...made, holder };
  } catch (error) {
    await holder.close();
    throw error;
  }
}
