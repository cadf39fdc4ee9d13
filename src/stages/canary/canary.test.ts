import { expect, test } from 'vitest';
import { LatencyCounter, type Latencies } from '../../model/latencies.ts';
import { noCanary, type CanaryReads, type CanaryTally } from '../../ports/canary.ts';
import type { Gate } from '../../ports/gate.ts';
import type { StepContext } from '../../ports/step.ts';
import { TealError } from '../../kernel/errors.ts';
import { canaryStages, type CanaryOrder } from './canary-steps.ts';
import { judgeCanary, slowerOf } from './judge.ts';
import { Recent } from './recent.ts';

const spec = { shares: [0.1, 1], holdMs: 60_000, revertOn: [], everyMs: 500, failures: 1, maxErrors: 0.01, atLeast: 5 };
const held: Partial<CanaryTally> = { share: 0.1, heldMs: 60_000, reads: 100 };
const tallied = (given: Partial<CanaryTally>): CanaryTally => ({ ...noCanary, ...given });

function latencies(reads: number, ms: number, spread = 0.2): Latencies {
  const counter = new LatencyCounter();
  for (let read = 0; read < reads; read += 1) counter.add(ms * (1 + spread * ((read % 7) - 3)));
  return counter.counts;
}

function timed(blue: Latencies, green: Latencies, statement = 'select ?'): Partial<CanaryTally> {
  return { statements: [{ statement, blue, green, errors: 0, unanswered: 0 }] };
}

test.each([
  ['held', {}],
  ['holding', { heldMs: 59_999 }],
  ['holding', { reads: 4 }],
  ['not set', { share: 0 }],
  ['holding', { reads: 4, errors: 2 }],
  ['bad', { reads: 4, errors: 3 }],
  ['bad', { errors: 1, unanswered: 2 }],
  ['held', { reads: 1_000, errors: 3, unanswered: 7 }],
  ['bad', timed(latencies(200, 5), latencies(200, 12))],
  ['bad', timed(latencies(500, 1), latencies(20, 40))],
  ['held', timed(latencies(200, 5), latencies(19, 50))],
  ['held', timed(latencies(19, 5), latencies(200, 50))],
  // Beyond doubt, and too little to matter.
  ['held', timed(latencies(5_000, 5, 0.05), latencies(5_000, 6, 0.05))],
  ['held', timed(latencies(200, 0.1), latencies(200, 0.6))],
  ['held', timed(latencies(200, 12), latencies(200, 5))],
  ['held', timed(latencies(200, 5), latencies(200, 50), '(other statements)')],
] as const)('it is %s: %j', (verdict, given) => {
  expect(judgeCanary(tallied({ ...held, ...given }), 0.1, spec).verdict).toBe(verdict);
});

test('a green that becomes slow late is found by the last minute, not hidden by what came before', () => {
  const [fast, slow] = [latencies(20_000, 2), latencies(100, 60)];
  const recent = new Recent();
  const at = (heldMs: number, green: Latencies): CanaryTally =>
    tallied({ ...held, heldMs, ...timed(latencies(20_000, 2), green) });
  expect(recent.of(at(1_000, fast))).toBeUndefined();
  for (const heldMs of [16_000, 31_000, 46_000, 61_000]) recent.of(at(heldMs, fast));
  const late = at(77_000, { ...fast, ...slow });
  expect(judgeCanary(late, 0.1, spec).verdict).toBe('held');
  expect(judgeCanary(late, 0.1, spec, recent.of(late)).verdict).toBe('bad');
  // Begun anew.
  expect(recent.of(at(2_000, fast))).toBeUndefined();
});

test('one read in ten that is slow on green is found though the median is as on blue', () => {
  const slow = { ...latencies(1_800, 2), ...latencies(200, 80) };
  const [found] = slowerOf(tallied(timed(latencies(2_000, 2), slow)));
  expect(found?.evidence).toMatch(
    /p50 2\.\d+ ms and p95 3\.\d+ ms on blue .*p95 \d{2,}\.?\d* ms on green.* p = \d\.\de-\d+: select \?/,
  );
});

/** A proxy that tells one tally after the other for what it is asked to do. */
class Told implements CanaryReads {
  readonly shares: number[] = [];
  readonly #tallies: (Partial<CanaryTally> | Error)[];

  constructor(...tallies: readonly (Partial<CanaryTally> | Error)[]) {
    this.#tallies = [...tallies];
  }

  async set(share: number): Promise<CanaryTally> {
    if (this.shares.at(-1) !== share) this.shares.push(share);
    return this.tally();
  }

  async end(): Promise<void> {
    this.shares.push(0);
  }

  async tally(): Promise<CanaryTally> {
    const [next = {}] = this.#tallies;
    if (this.#tallies.length > 1) this.#tallies.shift();
    if (next instanceof Error) throw next;
    return tallied({ ...held, ...next });
  }
}

const context = {
  signal: new AbortController().signal,
  progress: () => undefined,
  facts: () => undefined,
  before: undefined,
} satisfies StepContext;

function stage(told: Told, questions: readonly Gate[] = [], orders: (CanaryOrder | undefined)[] = []) {
  const order = (): CanaryOrder | undefined => orders[0];
  const [made] = canaryStages(spec, { reads: told, questions, order, obeyed: () => orders.shift() });
  const [first, second, end] = made?.steps ?? [];
  if (first === undefined || second === undefined || end === undefined) throw new Error('no steps');
  return { first, second, end };
}

test('a file without it has no such stage; each share is a step, and the last has every read go to blue again', async () => {
  expect(canaryStages(undefined, undefined)).toEqual([]);
  const told = new Told({ heldMs: 1 }, {});
  const { first, second, end } = stage(told);
  expect([first.id, second.id, end.id]).toEqual(['canary:10%', 'canary:100%', 'canary:end']);
  expect(await first.probe(context)).toEqual({ state: 'not done' });
  await first.act(context);
  expect(await first.probe(context)).toMatchObject({
    state: 'done',
    evidence: expect.stringContaining('100 reads answered by green'),
  });
  await end.act(context);
  expect(told.shares).toEqual([0.1, 0]);
});

test('a slow green ends the step at once, with the share back to nothing and the evidence in the error', async () => {
  const told = new Told({ ...timed(latencies(50, 1), latencies(50, 40)), heldMs: 2_000 });
  await expect(stage(told).first.act(context)).rejects.toMatchObject({
    code: 'TEAL-STAGES-160',
    message: expect.stringMatching(/at 10% of sessions green is slower: .* p = .*: select \?/),
  });
  expect(told.shares).toEqual([0.1, 0]);
});

test('so does a question that is answered with no, and a person', async () => {
  const told = new Told({ heldMs: 1 });
  const gate: Gate = { id: 'q', asks: 'is it well', person: false, ask: async () => ({ answer: 'no', evidence: '7' }) };
  await expect(stage(told, [gate]).first.act(context)).rejects.toMatchObject({ code: 'TEAL-STAGES-161' });
  await expect(stage(told, [], ['abort']).first.act(context)).rejects.toMatchObject({ code: 'TEAL-STAGES-162' });
  expect(told.shares).toEqual([0.1, 0, 0]);
});

test('while a person has paused it every read goes to blue; and a proxy that is started again is told again', async () => {
  const away = new TealError('TEAL-TRAFFIC-005', 'no answer');
  const told = new Told(away, {});
  const orders: (CanaryOrder | undefined)[] = ['pause', undefined];
  const { first } = stage(told, [], orders);
  await first.act({
    ...context,
    progress: ({ text }) => {
      if (text.startsWith('paused')) orders.shift();
    },
  });
  expect(told.shares).toEqual([0, 0.1]);
});
