import { monotonicMs } from '../../../kernel/clock.ts';
import { positionAtLeast, type Position } from '../../../model/position.ts';

export interface HorizonDesk {
  /** The end of blue's log. */
  written(): Promise<Position>;
  /** How far green has applied blue's log; undefined when nothing flows there. */
  applied(): Promise<Position | undefined>;
}

/** Looks at blue that green has not reached: beyond so many no new one is made, and green stays behind until it has reached the oldest. */
const marksAtMost = 1_000;

/**
 * How far green is, in the proxy's own time: all that blue had committed by then, green has applied. A session whose last write was answered before that sees it on green.
 */
export class Horizon {
  readonly #desk: HorizonDesk;
  readonly #marks: { readonly atMs: number; readonly position: Position }[] = [];
  #reachedMs = Number.NEGATIVE_INFINITY;

  constructor(desk: HorizonDesk) {
    this.#desk = desk;
  }

  /** Monotonic time. */
  get reachedMs(): number {
    return this.#reachedMs;
  }

  /** Asks both sides once. Errors: those of asking; nothing is known of green then. */
  async look(): Promise<void> {
    try {
      if (this.#marks.length < marksAtMost) {
        // Before it is asked: what was committed by now lies before the end of the log that is then told.
        const atMs = monotonicMs();
        this.#marks.push({ atMs, position: await this.#desk.written() });
      }
      const applied = await this.#desk.applied();
      if (applied === undefined) this.forget();
      else this.#reach(applied);
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  forget(): void {
    this.#marks.length = 0;
    this.#reachedMs = Number.NEGATIVE_INFINITY;
  }

  #reach(applied: Position): void {
    let [first] = this.#marks;
    while (first !== undefined && positionAtLeast(applied, first.position)) {
      this.#reachedMs = first.atMs;
      this.#marks.shift();
      [first] = this.#marks;
    }
  }
}
