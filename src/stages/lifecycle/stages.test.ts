import { describe, expect, test } from 'vitest';
import { memoryJournal } from '../../journal/journal.ts';
import type { Step } from '../../ports/step.ts';
import { askGates } from '../gates/ask-gates.ts';
import type { Gate, GateAnswer } from '../../ports/gate.ts';
import { runStages, undoStages, type Stage, type StagesRun } from './stages.ts';

/** A world of named things; a step makes one. */
function world(): { readonly things: Set<string>; readonly step: (id: string, act?: () => void) => Step } {
  const things = new Set<string>();
  const step = (id: string, act = (): void => undefined): Step => ({
    id,
    does: `makes ${id}`,
    locks: 'nothing',
    costs: 'nothing',
    undone: 'taken away',
    probe: async () => (things.has(id) ? { state: 'done', evidence: 'there' } : { state: 'not done' }),
    act: async () => {
      act();
      things.add(id);
      return { made: id };
    },
    undo: async () => void things.delete(id),
  });
  return { things, step };
}

function runOf(): StagesRun & { readonly told: string[] } {
  const journal = memoryJournal();
  journal.append({
    type: 'runStarted',
    migration: 'm',
    run: 'r',
    command: 'up',
    teal: '0',
    pid: 1,
    host: 'h',
    specDigest: 'd',
  });
  const told: string[] = [];
  return {
    journal,
    signal: new AbortController().signal,
    onEvent: (event) => told.push(`${event.kind} ${event.step}`),
    onStage: (stage, state) => told.push(`${stage.id} ${state}`),
    told,
  };
}

test('a failed step stops there, the next run goes on, and undoing takes all of it away', async () => {
  const { things, step } = world();
  let broken = true;
  const stages: readonly Stage[] = [
    {
      id: 'prepare',
      title: 'Prepare',
      steps: [
        step('a'),
        step('b', () => {
          if (broken) throw new Error('no');
        }),
        step('c'),
      ],
    },
    { id: 'copy', title: 'Copy', steps: [step('d')] },
  ];
  const run = runOf();
  await expect(runStages(stages, run)).rejects.toMatchObject({ code: 'TEAL-ENGINE-001' });
  expect([...things]).toEqual(['a']);
  expect(run.journal.state.steps['b']).toMatchObject({ state: 'failed', begun: true });
  broken = false;
  await runStages(stages, run);
  expect([...things]).toEqual(['a', 'b', 'c', 'd']);
  expect(run.told.filter((it) => it === 'step started a')).toHaveLength(1);
  const before = run.told.length;
  await runStages(stages, run);
  expect(run.told).toHaveLength(before);
  await undoStages(stages, run);
  expect([...things]).toEqual([]);
  expect(run.told.slice(-6)).toEqual([
    'step undone d',
    'copy undone',
    'step undone c',
    'step undone b',
    'step undone a',
    'prepare undone',
  ]);
});

test('an act that has no effect is not believed, and what is there already is not done again', async () => {
  const { things, step } = world();
  const lie: Step = { ...step('lie'), act: async () => undefined };
  things.add('found');
  const run = runOf();
  const stage: Stage = {
    id: 'prepare',
    title: 'Prepare',
    steps: [
      step('found', () => {
        throw new Error('must not act');
      }),
      lie,
    ],
  };
  await expect(runStages([stage], run)).rejects.toMatchObject({ code: 'TEAL-ENGINE-002' });
  expect(run.journal.state.steps['found']).toMatchObject({ state: 'done', found: true });
});

test('gates are asked until they say yes; a person stops the run, a no closes it', async () => {
  const run = { ...runOf(), onAnswer: () => undefined, patienceMs: 5_000 };
  const gate = (id: string, person: boolean, ...answers: GateAnswer['answer'][]): Gate => ({
    id,
    asks: id,
    person,
    ask: async () => ({ answer: answers.length > 1 ? (answers.shift() ?? 'no') : (answers[0] ?? 'no'), evidence: 'e' }),
  });
  expect(await askGates([gate('lag', false, 'not yet', 'yes'), gate('dba', true, 'not yet')], run)).toMatchObject({
    result: 'waiting',
    gate: 'dba',
  });
  expect(await askGates([gate('sql', false, 'no')], run)).toMatchObject({ result: 'closed', gate: 'sql' });
  expect(await askGates([gate('dba', true, 'yes')], run)).toEqual({ result: 'open' });
  expect(await askGates([gate('slow', false, 'cannot tell')], { ...run, patienceMs: 0 })).toMatchObject({
    result: 'closed',
  });
  expect(run.journal.state.gates['lag']?.answer?.answer).toBe('yes');
});

describe('gates whose yes may be over', () => {
  /** Answers one after the other, the last one for ever. */
  const saying = (id: string, momentary: boolean, ...answers: GateAnswer['answer'][]) => {
    const asked: string[] = [];
    const gate: Gate = {
      id,
      asks: id,
      person: false,
      momentary,
      everyMs: 1,
      ask: async () => {
        const answer = answers[Math.min(asked.length, answers.length - 1)] ?? 'no';
        asked.push(answer);
        return { answer, evidence: id };
      },
    };
    return { gate, asked };
  };
  const run = () => ({ ...runOf(), onAnswer: () => undefined, patienceMs: 5_000 });

  test('are asked once more when all have said yes; others are not', async () => {
    const [window, verify] = [saying('window', true, 'yes'), saying('verify', false, 'yes')];
    expect(await askGates([window.gate, verify.gate], run())).toEqual({ result: 'open' });
    expect([window.asked, verify.asked]).toEqual([['yes', 'yes'], ['yes']]);
  });

  test('close the cut when they say no by then', async () => {
    const [window, verify] = [saying('window', true, 'yes', 'no'), saying('verify', false, 'not yet', 'yes')];
    expect(await askGates([window.gate, verify.gate], run())).toMatchObject({ result: 'closed', gate: 'window' });
  });

  test('say yes together, or not at all', async () => {
    const [metric, window] = [saying('metric', true, 'yes', 'not yet', 'yes'), saying('window', true, 'yes')];
    expect(await askGates([metric.gate, window.gate], run())).toEqual({ result: 'open' });
    // One was waited for, so that the other was asked again.
    expect(window.asked).toHaveLength(3);
    const alternating = Array.from({ length: 100 }, (_, n) =>
      n % 2 === 0 ? 'not yet' : 'yes',
    ) as GateAnswer['answer'][];
    const moody = saying('moody', true, 'yes', ...alternating);
    expect(await askGates([moody.gate], { ...run(), patienceMs: 20 })).toMatchObject({
      result: 'closed',
      answer: { answer: 'not yet' },
    });
  });
});
