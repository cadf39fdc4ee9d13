import { scheduleOf, type ClientGroup, type Deed, type Schedule } from '../schedule.ts';
import type { MicroOp } from '../../../src/testing/checker/history.ts';
import type { Violation } from '../../../src/testing/checker/invariants.ts';

/** A run that gives one bug its chance. Without the bug it must come to its end with nothing to be said about it. */
export type Trial =
  | {
      /** A run of the checker, by a schedule of its own. */
      readonly by: 'schedule';
      readonly schedule: (seed: number) => Schedule;
      readonly seeds: number;
    }
  /** What the checker's clients do not do: see `planted.ts`. */
  | { readonly by: 'planted'; readonly plant: Plant; readonly seeds: number };

/**
 * `equal pair`: two equal rows of green become two other equal rows. `missing row`: a row of green is gone that blue then changes. `direct writers`: clients that write to
 * blue beside the proxy while a cut closes it.
 */
export type Plant = 'equal pair' | 'missing row' | 'direct writers';

export interface TrialTask {
  /** Whose trial it is. */
  readonly name: string;
  readonly seed: number;
  readonly majors: readonly [blue: number, green: number];
  /** Without it the product itself is tried. */
  readonly isMutated: boolean;
}

export interface TrialReport {
  readonly violations: readonly Violation[];
  /** Why it did not come to its end. */
  readonly failure?: string;
  readonly told: readonly string[];
}

interface Shape {
  readonly weights: readonly (readonly [MicroOp['f'], number])[];
  readonly longest: number;
  readonly clients: number;
  readonly deeds: readonly Deed[];
  readonly ballast?: number;
}

const now = 200;
const up: Deed = { afterMs: now, do: 'up' };
const change: Deed = { afterMs: 1_500, do: 'switch' };
const stop: Deed = { afterMs: 500, do: 'stop' };

/** Of servers and sizes of a seed of the checker, with clients, writes and deeds of its own. */
function shaped(
  seed: number,
  { weights, longest, clients, deeds, ballast = 2_000 }: Shape,
  majors: readonly number[],
): Schedule {
  const group: ClientGroup = { driver: 'node-postgres', session: 'plain', isolation: 'read committed', clients };
  const base = scheduleOf(seed, { drivers: ['node-postgres'], majors, length: 'short' });
  const sizes = { ...base.sizes, lists: 20, rows: 100, values: 30, toastBytes: 9_000, ballast };
  return { ...base, sizes, groups: [group, group], weights, longest, rolledBackShare: 0, deeds };
}

/** By the name of the mutant. `majors`: of the servers that a seed may choose. */
export function trialsOf(majors: readonly number[]): Readonly<Record<string, Trial>> {
  const by = (shape: Shape, seeds = 3): Trial => ({
    by: 'schedule',
    schedule: (seed) => shaped(seed, shape, majors),
    seeds,
  });
  const silent: Deed = {
    afterMs: 1_500,
    do: 'switch',
    fault: { fault: 'half-open forward-flow-green', place: 'hold' },
  };
  const power: Deed = { afterMs: 1_500, do: 'fault', fault: { fault: 'power cut worker', place: 'follow' } };
  return {
    // Transactions of many lengths beside each other, so that some end in another order than they began.
    'order by BEGIN LSN': by({
      weights: [
        ['append', 5],
        ['bag', 3],
        ['side', 3],
      ],
      longest: 12,
      clients: 4,
      deeds: [up, change, stop],
    }),
    'ack before flush': by({
      weights: [
        ['append', 1],
        ['side', 1],
      ],
      longest: 3,
      clients: 2,
      deeds: [up, power, change, stop],
    }),
    'watermark rule': by(
      {
        weights: [
          ['append', 1],
          ['side', 1],
        ],
        longest: 1,
        clients: 6,
        deeds: [up, change, stop],
      },
      5,
    ),
    'XOR hash': { by: 'planted', plant: 'equal pair', seeds: 1 },
    'position before fence': { by: 'planted', plant: 'direct writers', seeds: 3 },
    // A transaction of nothing but ids: an error of one is nobody's but the sequence's.
    'skip sequence step': by({ weights: [['id', 1]], longest: 1, clients: 2, deeds: [up, change, change, stop] }),
    'apply without origin': by({
      weights: [
        ['append', 1],
        ['r', 1],
      ],
      longest: 3,
      clients: 2,
      deeds: [up, change, change, stop],
    }),
    'drop TOAST as NULL': by({
      weights: [
        ['touch', 3],
        ['row', 1],
      ],
      longest: 2,
      clients: 2,
      deeds: [up, change, stop],
    }),
    'ignore rowcount': { by: 'planted', plant: 'missing row', seeds: 1 },
    // The flow is silent from the hold on for longer than the rest of the cut takes.
    'decide before token': by({
      weights: [
        ['append', 2],
        ['r', 1],
        ['transfer', 1],
      ],
      longest: 3,
      clients: 4,
      deeds: [up, silent, stop],
    }),
  };
}
