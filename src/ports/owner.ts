import { within } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import type { Side } from '../model/catalog.ts';
import type { OwnerRow } from './fence.ts';

/** The newest owner row on one side. Errors: those of reaching the side, and the signal's reason. */
export type ReadOwner = (side: Side, signal: AbortSignal) => Promise<OwnerRow | undefined>;

/** How long a router that is not Teal's own process waits for the answer of a side. */
const ownerMs = 10_000;

/** For routers that keep no epoch themselves: that of the owner row on the side to which they point, 0 where there is none. TEAL-TRAFFIC-002. */
export async function epochAt(readOwner: ReadOwner, side: Side | 'unknown'): Promise<number> {
  if (side === 'unknown') return 0;
  const row = await ask(readOwner, side);
  return row?.owner === side ? row.epoch : 0;
}

/**
 * Before a router points anywhere: TEAL-TRAFFIC-001 unless the owner row on that side names it and the epoch, TEAL-TRAFFIC-002 when the side is silent. The side that loses
 * is not asked.
 */
export async function requireOwner(readOwner: ReadOwner, side: Side, epoch: number): Promise<void> {
  const row = await ask(readOwner, side);
  if (row?.owner === side && row.epoch === epoch) return;
  const seen = row === undefined ? 'there is no owner row' : `the owner row names ${row.owner} and epoch ${row.epoch}`;
  throw new TealError('TEAL-TRAFFIC-001', `told to point to ${side} in epoch ${epoch}, and ${seen} on ${side}`, {
    side,
    epoch,
  });
}

async function ask(readOwner: ReadOwner, side: Side): Promise<OwnerRow | undefined> {
  const late = (): TealError =>
    new TealError('TEAL-TRAFFIC-002', `${side} did not say within ${ownerMs} ms who owns the data`, { side });
  return within(ownerMs, late, async (signal) => readOwner(side, signal));
}
