import { expect, test } from 'vitest';
import { addServed, nothingServed, ServedCounter, servedSince, type Served } from '../../model/served.ts';
import type { GateAnswer } from '../../ports/gate.ts';
import { figuresGate, type FigureRule } from './figures-gate.ts';

function served(answers: number, ms: number, failures: Readonly<Record<string, number>> = {}): Served {
  const counter = new ServedCounter();
  for (let each = 0; each < answers; each += 1) counter.answered(ms);
  for (const [what, count] of Object.entries(failures))
    for (let each = 0; each < count; each += 1) counter.failed(what);
  return counter.counts;
}

/** What is answered when green has served these, one after the other, since the first look. */
async function answers(
  rule: FigureRule,
  baseline: Served | undefined,
  windows: readonly Served[],
): Promise<readonly GateAnswer[]> {
  const looks = windows.reduce<readonly Served[]>(
    (all, each) => [...all, addServed([all.at(-1) ?? nothingServed, each])],
    [nothingServed],
  );
  let at = 0;
  const gate = figuresGate({ id: 'x', rule, atLeast: 100, baseline, look: async () => looks[at++] });
  const told: GateAnswer[] = [];
  for (const _ of looks) told.push(await gate.ask(new AbortController().signal));
  return told.slice(1);
}

const errors: FigureRule = { kind: 'errors', above: 0.01 };
const p99: FigureRule = { kind: 'latency', percentile: 0.99, times: 2 };

test.each([
  [errors, served(100, 1), served(100, 1, { '57': 1 }), 'yes'],
  [errors, served(100, 1), served(100, 1, { '57': 2 }), 'no'],
  // It failed on blue as often.
  [errors, served(100, 1, { '23': 5 }), served(100, 1, { '23': 6 }), 'yes'],
  [errors, served(100, 1), served(0, 1, { unreachable: 100 }), 'no'],
  [errors, undefined, served(100, 1, { '57': 2 }), 'no'],
  [p99, served(100, 10), served(100, 15), 'yes'],
  [p99, served(100, 10), served(100, 25), 'no'],
  // Twice as long, and nobody feels it.
  [p99, served(100, 0.1), served(100, 0.4), 'yes'],
  [p99, served(99, 10), served(100, 25), 'cannot tell'],
  [p99, undefined, served(100, 25), 'cannot tell'],
  [p99, served(100, 10), served(99, 25), 'cannot tell'],
] as const)('%j: beside %j, %j is judged %#', async (rule, baseline, window, answer) => {
  expect((await answers(rule, baseline, [window])).map((told) => told.answer)).toEqual([answer]);
});

test('too few answers are taken along until there are enough, and the evidence says what failed', async () => {
  const told = await answers(errors, served(100, 1), [served(60, 1, { '40': 3 }), served(60, 1)]);
  expect(told).toMatchObject([
    { answer: 'cannot tell', evidence: '60 of 100 answers so far' },
    { answer: 'no', evidence: '2.5% of 120 failed (class 40: 3), 0% before' },
  ]);
});

test('a counting that has begun anew is not judged by what was before', () => {
  expect(servedSince(served(5, 1), served(10, 1))).toBeUndefined();
  expect(servedSince(served(20, 5), served(10, 1))).toBeUndefined();
  expect(servedSince(served(20, 1), served(10, 1))).toMatchObject({ answers: 10 });
});
