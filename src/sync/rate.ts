const windowMs = 10_000;

/** How many a second, over the last ten seconds. */
export class Rate {
  #samples: { readonly atMs: number; readonly count: number }[] = [];
  #beganMs: number | undefined;

  add(atMs: number, count: number): void {
    this.#beganMs ??= atMs;
    this.#samples.push({ atMs, count });
    this.#drop(atMs);
  }

  perSecond(atMs: number): number {
    this.#drop(atMs);
    if (this.#beganMs === undefined) return 0;
    const overMs = Math.min(windowMs, Math.max(1_000, atMs - this.#beganMs));
    const count = this.#samples.reduce((sum, sample) => sum + sample.count, 0);
    return Math.round((count * 1_000) / overMs);
  }

  #drop(atMs: number): void {
    const kept = this.#samples.findIndex((sample) => atMs - sample.atMs < windowMs);
    if (kept > 0) this.#samples.splice(0, kept);
    else if (kept === -1) this.#samples = [];
  }
}
