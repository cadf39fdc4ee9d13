import assert from 'node:assert/strict';
import type { Side } from '../model/catalog.ts';
import type { Sequences } from '../ports/sequences.ts';
import { casesOf, type ContractCase } from './contract.ts';

/** Two sides with the same generators of numbers, of which none has given one. */
export interface SequencesWorld extends AsyncDisposable {
  readonly sequences: Sequences;
  readonly headroom: number;
  /** One of each kind that the system has: those that count down, that hand numbers to sessions in advance, that belong to a column. */
  readonly generators: readonly string[];
  /** The next number, for a client whose session stays: what it was given in advance it keeps. */
  readonly next: (side: Side, generator: string) => Promise<bigint>;
  /** The same for a client that has only just come. */
  readonly nextForNewcomer: (side: Side, generator: string) => Promise<bigint>;
  /** The same in a transaction that is rolled back: the number is gone. */
  readonly nextInVain: (side: Side, generator: string) => Promise<bigint>;
}

/** What generators of numbers promise (`Sequences` of teal/adapter). */
export function sequencesContract(open: () => Promise<SequencesWorld>): readonly ContractCase[] {
  return casesOf(open, {
    'no number is given twice, however often they are handed over': async (world) => {
      const { generators, sequences, next, nextForNewcomer } = world;
      const given = new Map(generators.map((generator) => [generator, new Set<bigint>()]));
      const take = async (side: Side, ask: SequencesWorld['next']): Promise<void> => {
        for (const [generator, numbers] of given) {
          const number = await ask(side, generator);
          assert.ok(!numbers.has(number), `${generator} gave ${number} twice`);
          numbers.add(number);
        }
      };
      for (const [from, to] of [
        ['blue', 'green'],
        ['green', 'blue'],
        ['blue', 'green'],
      ] as const) {
        for (const ask of [next, next, nextForNewcomer, next]) await take(from, ask);
        await sequences.handOver(from, to);
      }
      for (const ask of [nextForNewcomer, next]) await take('green', ask);
    },
    'numbers that were given in vain are given': async ({ generators, sequences, nextInVain, next }) => {
      for (const generator of generators) {
        const numbers = new Set<bigint>();
        for (let time = 0; time < 3; time += 1) numbers.add(await nextInVain('blue', generator));
        await sequences.handOver('blue', 'green');
        assert.ok(!numbers.has(await next('green', generator)), generator);
      }
    },
    'a hand-over leaves the headroom between the last number and the next': async (world) => {
      for (const generator of world.generators) {
        const last = await world.next('blue', generator);
        await world.sequences.handOver('blue', 'green');
        const first = await world.next('green', generator);
        const between = first > last ? first - last : last - first;
        assert.ok(between > BigInt(world.headroom), `${generator}: ${last} and then ${first}`);
      }
    },
    'says how many could give a number that was given, and none after a hand-over': async (world) => {
      const { sequences, generators } = world;
      assert.equal(await sequences.behind('blue', 'green'), 0);
      for (const [place, generator] of generators.entries()) {
        await world.next('blue', generator);
        assert.equal(await sequences.behind('blue', 'green'), place + 1);
      }
      const { sequences: all, moved } = await sequences.handOver('blue', 'green');
      assert.ok(all >= generators.length);
      assert.equal(moved, generators.length);
      assert.equal(await sequences.behind('blue', 'green'), 0);
    },
    'a hand-over that is repeated moves nothing': async (world) => {
      for (const generator of world.generators) await world.next('blue', generator);
      await world.sequences.handOver('blue', 'green');
      assert.equal((await world.sequences.handOver('blue', 'green')).moved, 0);
    },
    'nothing is moved backwards': async ({ sequences, generators, headroom, next }) => {
      const last = new Map<string, bigint>();
      for (const generator of generators) {
        await next('blue', generator);
        await sequences.handOver('blue', 'green');
        // Green is ahead by its headroom and more.
        last.set(generator, await next('green', generator));
      }
      assert.ok(headroom > 0);
      await sequences.handOver('blue', 'green');
      for (const [generator, number] of last) {
        const following = await next('green', generator);
        assert.ok(number > 0n === following > number, `${generator}: ${number} and then ${following}`);
      }
    },
    'an abort ends it with its reason': async ({ sequences, generators, next }) => {
      for (const generator of generators) await next('blue', generator);
      const reason = new Error('enough');
      await assert.rejects(sequences.handOver('blue', 'green', AbortSignal.abort(reason)), reason);
      await assert.rejects(sequences.behind('blue', 'green', AbortSignal.abort(reason)), reason);
      assert.equal(await sequences.behind('blue', 'green'), generators.length);
    },
  });
}
