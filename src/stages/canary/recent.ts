import type { Latencies } from '../../model/latencies.ts';
import type { CanaryStatement, CanaryTally } from '../../ports/canary.ts';

const everyMs = 15_000;
const keptMs = 60_000;

/** What was counted within about the last minute, of tallies that are looked at one after the other: what a green that has become worse does is not lost among what it did before. */
export class Recent {
  #kept: readonly CanaryTally[] = [];

  /** Undefined as long as it would be all. */
  of(now: CanaryTally): CanaryTally | undefined {
    const last = this.#kept.at(-1);
    // It has begun anew.
    if (last !== undefined && (last.share !== now.share || now.heldMs < last.heldMs)) this.#kept = [];
    const from = this.#kept.findLast(({ heldMs }) => now.heldMs - heldMs >= keptMs) ?? this.#kept[0];
    this.#kept = this.#kept.filter((it) => it === from || it.heldMs > (from?.heldMs ?? 0));
    if (now.heldMs - (this.#kept.at(-1)?.heldMs ?? 0) >= everyMs) this.#kept = [...this.#kept, now];
    return from === undefined || now.heldMs - from.heldMs < everyMs ? undefined : since(from, now);
  }
}

/** Of two tallies of one share: what came in between. */
export function since(before: CanaryTally, now: CanaryTally): CanaryTally {
  const known = new Map(before.statements.map((it) => [it.statement, it]));
  return {
    ...now,
    reads: now.reads - before.reads,
    errors: now.errors - before.errors,
    unanswered: now.unanswered - before.unanswered,
    statements: now.statements.map((it) => sinceOf(known.get(it.statement), it)),
  };
}

function sinceOf(before: CanaryStatement | undefined, now: CanaryStatement): CanaryStatement {
  if (before === undefined) return now;
  return {
    ...now,
    // Blue's of all the time: there may be few of the other sessions.
    green: less(now.green, before.green),
    errors: now.errors - before.errors,
    unanswered: now.unanswered - before.unanswered,
  };
}

function less(now: Latencies, before: Latencies): Latencies {
  const left = Object.entries(now).map(([at, count]) => [at, count - (before[at] ?? 0)] as const);
  return Object.fromEntries(left.filter(([, count]) => count > 0));
}
