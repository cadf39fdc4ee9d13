import { monotonicMs } from '../../kernel/clock.ts';
import type { Bell } from './bell.ts';

/** A session whose client waits. */
export interface OwedSession {
  readonly gone: boolean;
  readonly isOwed: boolean;
  readonly longestWaitMs: number;
  endHold(): void;
}

export interface LetGoLimits {
  /** Sessions that are let go and owed an answer at the same time, while others still wait to be let go. */
  readonly atOnce: number;
  /** One that is owed its answer for longer keeps nobody back. */
  readonly owedMs: number;
  /** Past it nobody is kept back at all. */
  readonly allMs: number;
}

export const usualLimits: LetGoLimits = { atOnce: 16, owedMs: 20, allMs: 250 };

/**
 * Ends the hold of each, those that have waited longest first. The first statement on a backend costs it much: all of them at once would have every one answered as late
 * as the last, so each goes with few others. The bell rings when one that was let go has its answer.
 */
export async function letGo(owed: readonly OwedSession[], bell: Bell, limits = usualLimits): Promise<void> {
  const untilMs = monotonicMs() + limits.allMs;
  const going = new Map<OwedSession, number>();
  for (const session of owed.toSorted((a, b) => b.longestWaitMs - a.longestWaitMs)) {
    await untilFewer(going, untilMs, bell, limits);
    if (session.gone) continue;
    session.endHold();
    going.set(session, monotonicMs());
  }
}

async function untilFewer(
  going: Map<OwedSession, number>,
  untilMs: number,
  bell: Bell,
  { atOnce, owedMs }: LetGoLimits,
): Promise<void> {
  for (let nowMs = monotonicMs(); going.size >= atOnce && nowMs < untilMs; nowMs = monotonicMs()) {
    for (const [session, sinceMs] of going) {
      if (!session.isOwed || nowMs - sinceMs >= owedMs) going.delete(session);
    }
    if (going.size < atOnce) return;
    const [oldestMs = nowMs] = going.values();
    await bell.heard(Math.min(oldestMs + owedMs, untilMs) - nowMs);
  }
}
