import { TealError } from '../../kernel/errors.ts';
import { runSteps, undoSteps, type StepRun } from '../../engine/run-steps.ts';
import type { Side } from '../../model/catalog.ts';
import { firstPlace, groupPlaces, groupStepId, type GroupMove, type GroupPlace } from './group-places.ts';
import { groupSteps, type GroupPorts } from './group-steps.ts';

/**
 * Moves groups to a side, one after the other, in the order of their names: all that the file selects, or those that are named. A group that cannot be moved stops it there
 * (TEAL-STAGES-130, -131): those before it are there, those after it were not touched. Returns the groups that were moved; one that is there already is passed over.
 * TEAL-STAGES-132 where a named one is not known.
 */
export async function moveGroups(
  to: Side,
  ports: GroupPorts,
  run: StepRun,
  only?: readonly string[],
): Promise<readonly string[]> {
  const moved: string[] = [];
  for (const group of await groupsToMove(to, ports, run, only)) {
    await settleOpenMove(group, to, ports, run);
    const place = placeOf(group, run);
    if (place.side === to) continue;
    await runSteps(groupSteps(place.open ?? { group, number: place.next, to }, ports), run);
    moved.push(group);
  }
  return moved;
}

function placeOf(group: string, { journal }: StepRun): GroupPlace {
  return groupPlaces(journal.state).get(group) ?? firstPlace;
}

async function groupsToMove(
  to: Side,
  { groups, isSelected }: GroupPorts,
  run: StepRun,
  only: readonly string[] | undefined,
): Promise<readonly string[]> {
  const places = groupPlaces(run.journal.state);
  const found = (await groups.list(to === 'green' ? 'blue' : 'green', run.signal)).map(({ id }) => id);
  // One whose move is open may be on neither side by now.
  const open = [...places].filter(([, place]) => place.open !== undefined).map(([group]) => group);
  const known = new Set([...found.filter(isSelected), ...open]);
  const there = [...places].filter(([, { side }]) => side === to).map(([group]) => group);
  const unknown = only?.filter((group) => !known.has(group) && !there.includes(group)) ?? [];
  if (unknown.length > 0) {
    throw new TealError('TEAL-STAGES-132', `no group ${unknown.join(', ')} that is to be moved`, {
      unknown,
      known: [...known].toSorted(),
    });
  }
  return [...known].filter((group) => only?.includes(group) ?? true).toSorted();
}

/** A move the other way that did not come to its end: taken back where the place was not given yet, else brought to its end first. */
async function settleOpenMove(group: string, to: Side, ports: GroupPorts, run: StepRun): Promise<void> {
  const { open } = placeOf(group, run);
  if (open === undefined || open.to === to) return;
  const steps = groupSteps(open, ports);
  if (isDone(open, run)) await runSteps(steps, run);
  else await undoSteps(steps, run);
}

function isDone(move: GroupMove, { journal }: StepRun): boolean {
  return journal.state.steps[groupStepId(move, 'carry')]?.state === 'done';
}
