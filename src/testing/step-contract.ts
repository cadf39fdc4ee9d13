import assert from 'node:assert/strict';
import type { Step, StepContext, StepFacts } from '../ports/step.ts';
import { casesOf, type ContractCase } from './contract.ts';

/** A step in front of a world in which it has not been done. */
export interface StepWorld extends AsyncDisposable {
  readonly step: Step;
  /** Facts of earlier steps that it asks for, by their id. */
  readonly facts?: Readonly<Record<string, StepFacts>>;
  /** All that the step may change outside, as a plain value: compared before and after. */
  readonly look: () => Promise<unknown>;
}

export interface StepPromises {
  /** What `act` does when it is ended in the middle, and how to reach that: undefined where it is one atomic act. */
  readonly interrupted?: (world: StepWorld) => Promise<void>;
  /** `undo` leaves something behind on purpose, such as a gap in a sequence: what was there before is not asked for. */
  readonly leavesTraces?: boolean;
}

/** What every step promises (`Step` of teal/adapter): a controller may be killed anywhere in it. */
export function stepContract(open: () => Promise<StepWorld>, promises: StepPromises = {}): readonly ContractCase[] {
  const { interrupted } = promises;
  return casesOf(open, {
    'tells a person what it does, locks, costs, and how it is undone': async ({ step }) => {
      for (const text of [step.id, step.does, step.locks, step.costs, step.undone]) assert.match(text, /\S/);
    },
    'is not done at first, and looking changes nothing': async (world) => {
      const before = await world.look();
      assert.equal((await world.step.probe(contextOf(world))).state, 'not done');
      await world.step.probe(contextOf(world));
      assert.deepEqual(await world.look(), before);
    },
    'once done it is seen to be done, and doing it again changes nothing': async (world) => {
      const context = await begun(world);
      await world.step.act(context);
      await assertDone(world, context);
      const after = await world.look();
      await world.step.act(context);
      await assertDone(world, context);
      assert.deepEqual(await world.look(), after);
    },
    'undone it puts back what was there; undone twice too': async (world) => {
      const initial = await world.look();
      const context = await begun(world);
      await world.step.act(context);
      for (let time = 0; time < 2; time += 1) {
        await world.step.undo(context);
        assert.notEqual((await world.step.probe(context)).state, 'done');
        if (promises.leavesTraces !== true) assert.deepEqual(await world.look(), initial);
      }
    },
    'begun and never acted it can be undone': async (world) => {
      const initial = await world.look();
      await world.step.undo(await begun(world));
      if (promises.leavesTraces !== true) assert.deepEqual(await world.look(), initial);
    },
    'undone it can be done again': async (world) => {
      const context = await begun(world);
      await world.step.act(context);
      const after = await world.look();
      await world.step.undo(context);
      await world.step.act(context);
      await assertDone(world, context);
      assert.deepEqual(await world.look(), after);
    },
    ...(interrupted === undefined
      ? {}
      : {
          'ended in the middle it goes on to the same end': async (world: StepWorld) => {
            const context = await begun(world);
            await interrupted(world);
            assert.notEqual((await world.step.probe(context)).state, 'done');
            await world.step.act(context);
            await assertDone(world, context);
          },
        }),
  });
}

async function assertDone(world: StepWorld, context: StepContext): Promise<void> {
  const probed = await world.step.probe(context);
  assert.equal(probed.state, 'done');
  if (probed.state === 'done') assert.match(probed.evidence, /\S/);
}

/** As the runner calls it: what is remembered is read once, before the first act. */
async function begun(world: StepWorld): Promise<StepContext> {
  const before = await world.step.remember?.(contextOf(world));
  return contextOf(world, before);
}

function contextOf(world: StepWorld, before?: StepFacts): StepContext {
  return {
    signal: new AbortController().signal,
    progress: () => undefined,
    facts: (id) => world.facts?.[id],
    before,
  };
}
