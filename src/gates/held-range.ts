import { monotonicMs } from '../kernel/clock.ts';
import type { GateAnswer } from '../ports/gate.ts';

/** Within which a number must be, for a time. At least one end is there; neither belongs to it. */
export interface NumberRange {
  readonly below?: number;
  readonly above?: number;
  readonly forMs: number;
}

/** Between two looks a value may have been anything: after a longer pause than this the time begins anew. */
const longestPauseMs = 30_000;

/** Judges a number that is looked at again and again: yes once it has been seen within the range, and only there, for the whole time. */
export class HeldRange {
  readonly #range: NumberRange;
  readonly #now: () => number;
  #within: { readonly sinceMs: number; readonly lastMs: number } | undefined;

  /** `now`: monotonic, in milliseconds. */
  constructor(range: NumberRange, now: () => number = monotonicMs) {
    this.#range = range;
    this.#now = now;
  }

  judge(value: number): GateAnswer {
    const { below = Infinity, above = -Infinity, forMs } = this.#range;
    if (!(value < below && value > above)) {
      this.lose();
      return { answer: 'not yet', evidence: `the value is ${value}, expected ${rangeText(this.#range)}` };
    }
    const nowMs = this.#now();
    const isSeenOn = this.#within !== undefined && nowMs - this.#within.lastMs <= longestPauseMs;
    const sinceMs = isSeenOn ? (this.#within?.sinceMs ?? nowMs) : nowMs;
    this.#within = { sinceMs, lastMs: nowMs };
    const heldMs = Math.round(nowMs - sinceMs);
    const held = forMs === 0 ? '' : `, seen so for ${heldMs} of ${forMs} ms`;
    return {
      answer: heldMs >= forMs ? 'yes' : 'not yet',
      evidence: `the value is ${value}, ${rangeText(this.#range)}${held}`,
    };
  }

  /** The value is not known, or is not within: the time begins anew. */
  lose(): void {
    this.#within = undefined;
  }
}

export function rangeText({ below, above }: NumberRange): string {
  const ends = [...(above === undefined ? [] : [`above ${above}`]), ...(below === undefined ? [] : [`below ${below}`])];
  return ends.join(' and ');
}
