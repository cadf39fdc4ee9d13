import { monotonicMs } from '../kernel/clock.ts';
import { TealError, isTealError } from '../kernel/errors.ts';
import { failpoint } from '../kernel/failpoints.ts';
import { asPosition, type Position } from '../model/position.ts';
import type { HeldSnapshot, SideAccess } from '../ports/digester.ts';

export interface HoldOptions {
  readonly live: SideAccess;
  readonly other: SideAccess;
  /** The carrier of the flow that leaves the live side. Its contract: `Carrier.stopAt` of ports/carrier.ts. */
  readonly stopAt: (position: Position, leaseMs: number, signal: AbortSignal) => Promise<Position>;
  readonly resume: () => Promise<void>;
  readonly leaseMs: number;
  readonly lockTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** Two snapshots that show the same, if the sides are equal: the live side at a position of its log, the other with exactly what was before it applied. */
export interface SnapshotPair extends AsyncDisposable {
  readonly live: HeldSnapshot;
  readonly other: HeldSnapshot;
  readonly heldMs: number;
}

/** Both snapshots while the carrier still stands at their position; what is committed on the other side is then what its snapshot shows. */
export interface HeldPair {
  readonly live: HeldSnapshot;
  readonly other: HeldSnapshot;
  /** Throws TEAL-VERIFY-002 when that may no longer be so. To be called right before acting on it. */
  checkHeld(): void;
}

/**
 * Takes both snapshots; the carrier stands still only until the second one is there. `whileHeld` makes it stand longer, for work that must not meet newer
 * changes. It is always told to go on, whatever fails; should even that fail, its lease makes it go on (Vitess keeps a workflow stopped after a crash here).
 *
 * TEAL-VERIFY-002 when the carrier cannot have stood still for all of that time.
 */
export async function openSnapshotPair(
  options: HoldOptions,
  whileHeld?: (held: HeldPair) => Promise<void>,
): Promise<SnapshotPair> {
  for (let attempt = 1; attempt <= quickAttempts; attempt += 1) {
    try {
      return await openOnce(options, whileHeld, 'moving');
    } catch (error) {
      if (!hasGonePast(error)) throw error;
    }
  }
  return openOnce(options, whileHeld, 'standing');
}

/**
 * A carrier that is close behind may be past the position before it hears of it. So the position is asked for while the carrier goes on, a few times; then it
 * stands still from before the position is known, which also lasts while the live side waits for the transactions that write.
 */
const quickAttempts = 3;
const whereverItIs = asPosition('');

function hasGonePast(error: unknown): boolean {
  return isTealError(error, 'TEAL-VERIFY-002') && error.facts['reached'] !== undefined;
}

async function openOnce(
  options: HoldOptions,
  whileHeld: ((held: HeldPair) => Promise<void>) | undefined,
  carrier: 'moving' | 'standing',
): Promise<SnapshotPair> {
  const { signal, lockTimeoutMs } = options;
  await using opened = new AsyncDisposableStack();
  await using standing = new AsyncDisposableStack();
  if (carrier === 'standing') {
    standing.defer(options.resume);
    await options.stopAt(whereverItIs, options.leaseMs + lockTimeoutMs, signal);
  }
  const live = opened.use(await options.live.openAtPosition({ signal, lockTimeoutMs }));
  const { other, heldMs } = await holding(options, live.position, async (heldSince) => {
    const snapshot = opened.use(await options.other.openNow({ signal, lockTimeoutMs }));
    checkLease(options, heldSince);
    await whileHeld?.({ live, other: snapshot, checkHeld: () => checkLease(options, heldSince) });
    return snapshot;
  });
  const kept = opened.move();
  return { live, other, heldMs, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

async function holding(
  options: HoldOptions,
  position: Position,
  work: (heldSince: number) => Promise<HeldSnapshot>,
): Promise<{ readonly other: HeldSnapshot; readonly heldMs: number }> {
  // `await using` and not `finally`: when both the work and the going on fail, neither error hides the other.
  await using stack = new AsyncDisposableStack();
  stack.defer(options.resume);
  const reached = await options.stopAt(position, options.leaseMs, options.signal);
  const heldSince = monotonicMs();
  failpoint('verify.hold.stopped');
  if (reached > position) {
    throw new TealError('TEAL-VERIFY-002', 'the carrier went past the position', { asked: position, reached });
  }
  const other = await work(heldSince);
  return { other, heldMs: Math.round(monotonicMs() - heldSince) };
}

/** The lease runs on the carrier's clock and began a little before the answer came: a quarter of it is kept as a margin. */
function checkLease(options: HoldOptions, heldSince: number): void {
  const heldMs = monotonicMs() - heldSince;
  if (heldMs <= options.leaseMs * 0.75) return;
  throw new TealError('TEAL-VERIFY-002', 'the lease of the carrier may have run out', {
    heldMs: Math.round(heldMs),
    leaseMs: options.leaseMs,
  });
}
