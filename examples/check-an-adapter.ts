import { test } from 'node:test';
import type { Sequences, Side } from 'teal/adapter';
import { sequencesContract, type SequencesWorld } from 'teal/testing';

/** The smallest adapter that there is, and how a kit holds it to its port: `node examples/check-an-adapter.ts`. All that its system has is counters. */
class System {
  readonly counters = new Map([
    ['orders', 0n],
    ['invoices', 0n],
  ]);

  next(name: string): bigint {
    const number = (this.counters.get(name) ?? 0n) + 1n;
    this.counters.set(name, number);
    return number;
  }
}

type Sides = Readonly<Record<Side, System>>;

function countersOf(sides: Sides, headroom: number): Sequences {
  const behind = (from: Side, to: Side): readonly string[] =>
    [...sides[from].counters]
      .filter(([name, given]) => given > (sides[to].counters.get(name) ?? 0n))
      .map(([name]) => name);
  return {
    async handOver(from, to, signal) {
      signal?.throwIfAborted();
      const late = behind(from, to);
      for (const name of late) sides[to].counters.set(name, (sides[from].counters.get(name) ?? 0n) + BigInt(headroom));
      return { sequences: sides[to].counters.size, moved: late.length };
    },
    async behind(from, to, signal) {
      signal?.throwIfAborted();
      return behind(from, to).length;
    },
  };
}

/** Two systems of its own for each promise, and what clients of them can do. */
async function openWorld(): Promise<SequencesWorld> {
  const sides = { blue: new System(), green: new System() };
  const next = async (side: Side, name: string): Promise<bigint> => sides[side].next(name);
  return {
    sequences: countersOf(sides, 100),
    headroom: 100,
    generators: [...sides.blue.counters.keys()],
    next,
    // Nobody is given numbers in advance here, and none comes back.
    nextForNewcomer: next,
    nextInVain: next,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

for (const { name, run } of sequencesContract(openWorld)) void test(name, run);
