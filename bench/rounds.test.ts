import { describe, expect, test } from 'vitest';
import type { Arena, Reading } from './benchmark.ts';
import {
  exponent,
  figuresOf,
  judge,
  median,
  percentile,
  runRounds,
  spreadsOf,
  turned,
  type Measured,
} from './rounds.ts';

const took = (seconds: number, cpu: Record<string, number> = {}): Reading => ({ seconds, cpu });

function arena(rounds: Record<string, (round: number) => Promise<Reading>>): Arena {
  return {
    contenders: Object.entries(rounds).map(([name, round]) => ({ name, role: 'peer', round })),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

describe('rounds', () => {
  test('each begins with another contender', () => {
    expect([1, 2, 3, 4].map((round) => turned(['a', 'b', 'c'], round).join(''))).toEqual(['abc', 'bca', 'cab', 'abc']);
  });

  test('interleave, and leave out whoever has failed', async () => {
    const seen: string[] = [];
    const measured = await runRounds(
      arena({
        a: async (round) => took(round),
        b: async (round) => (round === 2 ? Promise.reject(new Error('fell over')) : took(10)),
      }),
      {
        rounds: 3,
        describeError: String,
        tell: (name, round, outcome) => seen.push(`${name}${round}${typeof outcome === 'string' ? '!' : ''}`),
      },
    );
    expect(seen).toEqual(['a1', 'b1', 'b2!', 'a2', 'a3']);
    expect(measured).toEqual([
      { contender: 'a', role: 'peer', readings: [took(1), took(2), took(3)] },
      { contender: 'b', role: 'peer', readings: [took(10)], failed: 'Error: fell over' },
    ]);
  });
});

describe('figures', () => {
  test('CPU is summed and kept by whose it is', () => {
    expect(figuresOf({ seconds: 2, cpu: { blue: 1, green: 3 }, figures: { 'rows/s': 5 } })).toEqual({
      seconds: 2,
      cpu: 4,
      'cpu blue': 1,
      'cpu green': 3,
      'rows/s': 5,
    });
    expect(figuresOf(took(2))).toEqual({ seconds: 2 });
  });

  test('median, percentile and exponent', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN]);
    expect([percentile([4, 1, 3, 2], 0.5), percentile([4, 1, 3, 2], 0.99), percentile([], 0.5)]).toEqual([
      2,
      4,
      Number.NaN,
    ]);
    expect(exponent({ size: 1, cost: 2 }, { size: 4, cost: 32 })).toBeCloseTo(2);
  });

  test('what one reading lacks has no spread', () => {
    const readings = [took(3, { blue: 1 }), took(1), took(2)];
    expect(spreadsOf(readings)).toEqual({ seconds: { median: 2, min: 1, max: 3 } });
  });
});

describe('verdicts', () => {
  const all: readonly Measured[] = [
    { contender: 'Teal', role: 'teal', readings: [took(10), took(12), took(60)] },
    { contender: 'peer', role: 'peer', readings: [took(10), took(10), took(50)] },
    { contender: 'absent', role: 'peer', readings: [], failed: 'not to be had' },
  ];

  test('a ratio of medians, and of each round', () => {
    const target = { figure: 'seconds', against: 'peer', first: '<= 1.25', goal: '<= 1' } as const;
    expect(judge(target, all)).toEqual({ target, value: 1.2, byRound: 1.2, first: true, goal: false });
  });

  test('a figure itself', () => {
    const target = { of: 'peer', figure: 'seconds', first: '>= 1', goal: '>= 11' } as const;
    expect(judge(target, all)).toEqual({ target, value: 10, byRound: 10, first: true, goal: false });
  });

  test('nothing is promised of what was not measured', () => {
    const target = { figure: 'seconds', against: 'absent', first: '<= 1000', goal: '<= 1000' } as const;
    expect(judge(target, all)).toMatchObject({ value: undefined, first: false, goal: false });
    expect(judge({ ...target, against: 'peer', figure: 'unheard of' }, all)).toMatchObject({ value: undefined });
  });
});
