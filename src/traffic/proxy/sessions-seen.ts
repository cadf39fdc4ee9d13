import type { Side } from '../../model/catalog.ts';
import type { PinnedSession } from '../../ports/router.ts';
import type { Hindrance } from './mover.ts';

/** One session and its way to its next backend, as those who direct the traffic look at them. */
export interface SeenSession {
  readonly name: string;
  readonly atBoundary: boolean;
  readonly inFlight: boolean;
  readonly isPreparing: boolean;
  readonly busyForMs: number;
  readonly longestWaitMs: number;
  readonly mover: SeenMover;
}

export interface SeenMover {
  readonly dirty: boolean;
  readonly pins: readonly string[];
  readonly pinnedForMs: number;
  readonly hindrance: Hindrance | undefined;
  isReady(side: Side): boolean;
  forgetHindrance(): void;
  hinder(reason: string): void;
  drop(): void;
}

/** It stands at a boundary and is not ready to go to `side`, and nobody is at it. */
export function wantsPreparing(session: SeenSession, side: Side): boolean {
  return session.atBoundary && !session.isPreparing && !session.mover.isReady(side) && !isStuck(session);
}

/** Its state is known and cannot be had elsewhere, or its next backend cannot be had. */
export function isStuck(session: SeenSession): boolean {
  const { mover } = session;
  return mover.hindrance !== undefined || (mover.pins.length > 0 && !mover.dirty);
}

/** Those that cannot cross, each with every reason. */
export function pinnedOf(sessions: Iterable<SeenSession>): readonly PinnedSession[] {
  return [...sessions].filter(isStuck).flatMap((session) => {
    const { pins, hindrance, pinnedForMs } = session.mover;
    const reasons = hindrance === undefined ? pins : [hindrance.reason];
    return reasons.map((reason) => ({ client: session.name, reason, forMs: Math.round(pinnedForMs) }));
  });
}

/** Those that may yet be able to go to `side`, and are not now. */
export function busyOf(sessions: Iterable<SeenSession>, side: Side): readonly PinnedSession[] {
  return [...sessions]
    .filter((session) => !isStuck(session) && !(session.atBoundary && session.mover.isReady(side)))
    .map((session) => ({
      client: session.name,
      reason: session.inFlight ? 'in a transaction or statement' : 'its backends have not answered the proxy yet',
      forMs: Math.round(session.busyForMs),
    }));
}

/** Of the last hold, or of the one that lasts; at most 100, longest first. */
export function longestWaits(
  sessions: Iterable<SeenSession>,
): readonly { readonly client: string; readonly waitMs: number }[] {
  return [...sessions]
    .map((session) => ({ client: session.name, waitMs: Math.round(session.longestWaitMs * 10) / 10 }))
    .filter((wait) => wait.waitMs > 0)
    .sort((a, b) => b.waitMs - a.waitMs)
    .slice(0, 100);
}
