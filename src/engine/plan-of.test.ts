import { expect, test } from 'vitest';
import { renderPlan } from '../plan/render.ts';
import { stepIds } from '../plan/plan.ts';
import type { Step } from '../ports/step.ts';
import { planOf } from './plan-of.ts';

test('the plan is the texts of the steps that would run, and nothing of them is called', () => {
  const called = async (): Promise<never> => Promise.reject(new Error('a plan touches nothing'));
  const step = (id: string): Step => ({
    id,
    does: `does ${id}`,
    locks: 'nothing',
    costs: 'little',
    undone: 'easily',
    probe: called,
    act: called,
    undo: called,
  });
  const gate = { id: 'lag', asks: 'Is the lag small?', person: false, ask: called };
  const plan = planOf({ migration: 'shop', blue: 'b', green: 'g', hazards: [] }, [
    { id: 'prepare', title: 'Prepare', steps: [step('a'), step('b')] },
    { id: 'cutover', title: 'Cut over', steps: [step('c')], gates: [gate] },
  ]);
  expect(stepIds(plan)).toEqual(['a', 'b', 'c']);
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  expect(renderPlan(plan, { width: 80, color: false })).toContain('Is the lag small?');
});
