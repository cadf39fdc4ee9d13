import { describe, expect, test } from 'vitest';
import { TealError } from '../kernel/errors.ts';
import { memoryJournal, type Journal } from '../journal/journal.ts';
import type { Step } from '../ports/step.ts';
import { runSteps, undoSteps, type StepRun } from './run-steps.ts';

interface World {
  readonly there: Set<string>;
  readonly calls: string[];
}

function newWorld(): World {
  return { there: new Set(), calls: [] };
}

function stepOf(world: World, id: string, change: Partial<Step> = {}): Step {
  const called =
    <A extends readonly unknown[], R>(what: string, work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      world.calls.push(`${what} ${id}`);
      return work(...args);
    };
  const step: Step = {
    id,
    does: `makes ${id}`,
    locks: 'nothing',
    costs: 'nothing',
    undone: 'taken away',
    probe: async () => (world.there.has(id) ? { state: 'done', evidence: 'there' } : { state: 'not done' }),
    act: async () => void world.there.add(id),
    undo: async () => void world.there.delete(id),
    ...change,
  };
  return { ...step, probe: called('probe', step.probe), act: called('act', step.act), undo: called('undo', step.undo) };
}

function runOf(change: Partial<StepRun> = {}): StepRun & { readonly journal: Journal; readonly told: string[] } {
  const told: string[] = [];
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
  return {
    journal,
    signal: new AbortController().signal,
    onEvent: (event) => told.push(`${event.kind} ${event.step}`),
    told,
    ...change,
  };
}

const recordTypes = (journal: Journal): readonly string[] => journal.records(1).map(({ event }) => event.type);

describe('running', () => {
  test('records the intent before the act and the result after a probe', async () => {
    const world = newWorld();
    const run = runOf();
    const seenAtAct: string[] = [];
    await runSteps(
      [
        stepOf(world, 'a', {
          act: async () => {
            seenAtAct.push(...recordTypes(run.journal));
            world.there.add('a');
          },
        }),
      ],
      run,
    );
    expect(seenAtAct).toEqual(['stepIntended']);
    expect(recordTypes(run.journal)).toEqual(['stepIntended', 'stepDone']);
    expect(world.calls).toEqual(['probe a', 'act a', 'probe a']);
    expect(run.told).toEqual(['step started a', 'step done a']);
  });

  test('does nothing that is there already, and says so', async () => {
    const world = newWorld();
    world.there.add('a');
    const run = runOf();
    await runSteps([stepOf(world, 'a')], run);
    expect(world.calls).toEqual(['probe a']);
    expect(run.journal.state.steps['a']).toMatchObject({ state: 'done', found: true, before: undefined });
  });

  test('asks nothing of what the journal has as done, unless it is told to', async () => {
    const world = newWorld();
    const run = runOf();
    const steps = [stepOf(world, 'a'), stepOf(world, 'b')];
    await runSteps(steps, run);
    world.calls.length = 0;
    await runSteps(steps, run);
    expect(world.calls).toEqual([]);
    world.there.delete('b');
    await runSteps(steps, { ...run, reprobe: true });
    expect(world.calls).toEqual(['probe a', 'probe b', 'act b', 'probe b']);
    expect(world.there.has('b')).toBe(true);
  });

  test('hands facts on: those of the act, and over them those of the probe', async () => {
    const world = newWorld();
    const run = runOf();
    let seen: unknown;
    await runSteps(
      [
        stepOf(world, 'a', {
          probe: async () =>
            world.there.has('a') ? { state: 'done', evidence: '', facts: { slot: 'real' } } : { state: 'not done' },
          act: async () => {
            world.there.add('a');
            return { slot: 'wished', rows: 3 };
          },
        }),
        stepOf(world, 'b', {
          act: async (context) => {
            seen = [context.facts('a'), context.facts('b'), context.facts('nobody')];
            world.there.add('b');
          },
        }),
      ],
      run,
    );
    expect(seen).toEqual([{ slot: 'real', rows: 3 }, undefined, undefined]);
  });

  test('refuses two steps of one id before it does anything', async () => {
    const world = newWorld();
    await expect(runSteps([stepOf(world, 'a'), stepOf(world, 'a')], runOf())).rejects.toThrow(/TEAL-KERNEL-001/);
    expect(world.calls).toEqual([]);
  });
});

describe('side by side', () => {
  test('a step begins when those are done that it comes after, and others wait for all', async () => {
    const world = newWorld();
    const released = Promise.withResolvers<void>();
    const slow = stepOf(world, 'slow', { act: async () => released.promise.then(() => void world.there.add('slow')) });
    const quick = stepOf(world, 'quick', {
      after: ['first'],
      // Without this step `slow` would never end.
      act: async () => {
        world.there.add('quick');
        released.resolve();
      },
    });
    await runSteps([stepOf(world, 'first'), slow, quick, stepOf(world, 'last')], runOf());
    const acts = world.calls.filter((call) => call.startsWith('act'));
    expect(acts).toEqual(['act first', 'act slow', 'act quick', 'act last']);
  });

  test('one that fails stops the others, and is the one that is told', async () => {
    const world = newWorld();
    const run = runOf();
    const patient = stepOf(world, 'patient', {
      act: async ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
    });
    const broken = stepOf(world, 'broken', { after: [], act: async () => Promise.reject(new Error('no room')) });
    const steps = [patient, broken, stepOf(world, 'last')];
    await expect(runSteps(steps, run)).rejects.toMatchObject({ code: 'TEAL-ENGINE-001' });
    expect(run.journal.state.steps['patient']).toMatchObject({ state: 'intended' });
    expect(run.journal.state.steps['broken']).toMatchObject({ state: 'failed' });
    expect(run.journal.state.steps['last']).toBeUndefined();
  });

  test('no step comes after a later one', async () => {
    const world = newWorld();
    const steps = [stepOf(world, 'a', { after: ['b'] }), stepOf(world, 'b')];
    await expect(runSteps(steps, runOf())).rejects.toMatchObject({ code: 'TEAL-KERNEL-001' });
    expect(world.calls).toEqual([]);
  });
});

describe('failing', () => {
  test.each<[string, Partial<Step>, string, string]>([
    ['an act that throws', { act: async () => Promise.reject(new Error('no room')) }, 'TEAL-ENGINE-001', 'act'],
    ['an act without effect', { act: async () => undefined }, 'TEAL-ENGINE-002', 'act'],
    ['a probe that throws', { probe: async () => Promise.reject(new Error('gone')) }, 'TEAL-ENGINE-003', 'probe'],
    [
      'an error of Teal',
      { act: async () => Promise.reject(new TealError('TEAL-KERNEL-002', 'too long')) },
      'TEAL-KERNEL-002',
      'act',
    ],
  ])('%s stops the run there and is journalled', async (_, change, code, doing) => {
    const world = newWorld();
    const run = runOf();
    await expect(runSteps([stepOf(world, 'a', change), stepOf(world, 'b')], run)).rejects.toMatchObject({ code });
    expect(run.journal.state.steps['a']).toMatchObject({ state: 'failed', doing, failure: { code } });
    expect(run.journal.state.steps['b']).toBeUndefined();
  });

  test('a step that failed after its effect is found done by the next run', async () => {
    const world = newWorld();
    const run = runOf();
    const late = stepOf(world, 'a', {
      act: async () => {
        world.there.add('a');
        throw new Error('the answer was lost');
      },
    });
    await expect(runSteps([late], run)).rejects.toMatchObject({ code: 'TEAL-ENGINE-001' });
    await runSteps([late], run);
    expect(run.journal.state.steps['a']).toMatchObject({ state: 'done', found: false });
  });

  test('no secret of an error reaches the journal', async () => {
    const world = newWorld();
    const run = runOf();
    const leaky = stepOf(world, 'a', {
      act: async () => Promise.reject(new Error('postgres://u:hunter2@h/d refused')),
    });
    await expect(runSteps([leaky], run)).rejects.toThrow();
    expect(JSON.stringify(run.journal.records())).not.toContain('hunter2');
  });

  test('being asked to stop is no failure of the step', async () => {
    const world = newWorld();
    const stop = new AbortController();
    const run = runOf({ signal: stop.signal });
    const waiting = stepOf(world, 'a', {
      act: async (context) => {
        stop.abort();
        context.signal.throwIfAborted();
      },
    });
    await expect(runSteps([waiting], run)).rejects.toThrow();
    expect(run.journal.state.steps['a']).toMatchObject({ state: 'intended' });
  });
});

describe('undoing', () => {
  test('goes backwards over what was begun and leaves the rest alone', async () => {
    const world = newWorld();
    const run = runOf();
    const broken = stepOf(world, 'c', { act: async () => Promise.reject(new Error('half')) });
    const steps = [stepOf(world, 'a'), stepOf(world, 'b'), broken, stepOf(world, 'd')];
    await expect(runSteps(steps, run)).rejects.toThrow();
    world.calls.length = 0;
    await undoSteps(steps, run);
    expect(world.calls).toEqual(['undo c', 'undo b', 'undo a']);
    expect([...world.there]).toEqual([]);
    world.calls.length = 0;
    await undoSteps(steps, run);
    expect(world.calls).toEqual([]);
  });

  test('gets what was remembered before the first act, not what a later one saw', async () => {
    const world = newWorld();
    const run = runOf();
    let setting = 'default';
    let attempts = 0;
    const overwrite = stepOf(world, 'a', {
      probe: async () => (attempts > 1 ? { state: 'done', evidence: '' } : { state: 'not done' }),
      remember: async () => ({ was: setting }),
      act: async () => {
        setting = 'full';
        attempts += 1;
        if (attempts === 1) throw new Error('interrupted');
      },
      undo: async (context) => {
        setting = String(context.before?.['was']);
      },
    });
    await expect(runSteps([overwrite], run)).rejects.toThrow();
    await runSteps([overwrite], run);
    await undoSteps([overwrite], run);
    expect(setting).toBe('default');
  });

  test('stops at what cannot be undone and goes on from there', async () => {
    const world = newWorld();
    const run = runOf();
    let stuck = true;
    const sticky = stepOf(world, 'b', {
      undo: async () => {
        if (stuck) throw new Error('in use');
        world.there.delete('b');
      },
    });
    const steps = [stepOf(world, 'a'), sticky, stepOf(world, 'c')];
    await runSteps(steps, run);
    await expect(undoSteps(steps, run)).rejects.toMatchObject({ code: 'TEAL-ENGINE-004' });
    expect([...world.there]).toEqual(['a', 'b']);
    stuck = false;
    world.calls.length = 0;
    await undoSteps(steps, run);
    expect(world.calls).toEqual(['undo b', 'undo a']);
    expect([...world.there]).toEqual([]);
  });
});
