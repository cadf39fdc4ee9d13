/**
 * xoshiro128** 1.1 (Blackman and Vigna 2018), seeded through SplitMix32: small, well known, the same everywhere. Not for secrets.
 */
export class Random {
  readonly #seed: number;
  readonly #state: Uint32Array;

  constructor(seed: number, state = stateOf(seed)) {
    this.#seed = seed >>> 0;
    this.#state = Uint32Array.from(state);
  }

  /**
   * A stream of its own for each name: what one part of a schedule draws does not move what another part gets, so a seed keeps most of its meaning when a choice
   * is added.
   */
  fork(name: string): Random {
    // FNV-1a.
    let hash = 0x811c9dc5 ^ this.#seed;
    for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
    return new Random(hash >>> 0);
  }

  /** 32 bits. */
  next(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#state;
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    this.#state.set([a ^ d ^ b, b ^ c ^ a, c ^ a ^ (b << 9), rotate(d ^ b, 11)]);
    return result;
  }

  /** From 0 to n - 1. The bias of the multiplication is below n / 2^32. */
  below(n: number): number {
    return Math.floor((this.next() / 2 ** 32) * n);
  }

  /** Both ends may come out. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(share: number): boolean {
    return this.next() / 2 ** 32 < share;
  }

  pick<T>(from: readonly [T, ...T[]] | readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new RangeError('nothing to pick from');
    return picked;
  }

  shuffled<T>(all: readonly T[]): T[] {
    const result = [...all];
    for (let at = result.length - 1; at > 0; at -= 1) {
      const other = this.below(at + 1);
      const kept = result[at] as T;
      result[at] = result[other] as T;
      result[other] = kept;
    }
    return result;
  }
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

function stateOf(seed: number): readonly number[] {
  let at = seed >>> 0;
  return Array.from({ length: 4 }, () => {
    at = (at + 0x9e3779b9) >>> 0;
    let mixed = at ^ (at >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  });
}
