import type { Minute } from './series.ts';

export const minuteMs = 60_000;
export const dayMs = 86_400_000;

/** Fifteen days of minutes: enough for two of each day of a week. */
const minutesAtMost = 15 * 1_440;

/** What was seen, minute by minute, by series. In columns: two weeks of forty series take some megabytes. */
export class History {
  readonly #atMs: number[] = [];
  readonly #columns = new Map<string, number[]>();

  /** Minutes come in their order; one that is not later than the last is passed over (a clock that was set back). */
  add({ atMs, values }: Minute): void {
    const last = this.#atMs.at(-1);
    if (last !== undefined && atMs <= last) return;
    for (const name of Object.keys(values)) {
      if (!this.#columns.has(name))
        this.#columns.set(
          name,
          this.#atMs.map(() => Number.NaN),
        );
    }
    this.#atMs.push(atMs);
    for (const [name, column] of this.#columns) column.push(values[name] ?? Number.NaN);
    if (this.#atMs.length > minutesAtMost + 1_440) this.#forget(1_440);
  }

  get minutes(): number {
    return this.#atMs.length;
  }

  /** Of one series, from `fromMs` to before `toMs`, in order. */
  between(series: string, fromMs: number, toMs: number): readonly { readonly atMs: number; readonly value: number }[] {
    const column = this.#columns.get(series);
    if (column === undefined) return [];
    const found: { atMs: number; value: number }[] = [];
    for (let at = this.#firstAt(fromMs); at < this.#atMs.length; at++) {
      const [atMs, value] = [this.#atMs[at] ?? Number.NaN, column[at] ?? Number.NaN];
      if (atMs >= toMs) break;
      if (!Number.isNaN(value)) found.push({ atMs, value });
    }
    return found;
  }

  /** The first minute that is not before; by halves. */
  #firstAt(fromMs: number): number {
    let [low, high] = [0, this.#atMs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#atMs[middle] ?? Number.POSITIVE_INFINITY) < fromMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #forget(minutes: number): void {
    this.#atMs.splice(0, minutes);
    for (const column of this.#columns.values()) column.splice(0, minutes);
  }
}
