import type { MigrationState } from '../../journal/state.ts';
import { otherSide, type Side } from '../../model/catalog.ts';

/** One move of a group from one side to the other. The number tells it from others of the same group; all that is known of it is in the journal, under the ids of its steps. */
export interface GroupMove {
  readonly group: string;
  readonly number: number;
  readonly to: Side;
}

export const movingParts = Object.freeze(['stop', 'carry', 'start'] as const);
export type MovingPart = (typeof movingParts)[number];

export function groupStepId({ group, number, to }: GroupMove, part: MovingPart): string {
  return `group:${number}:to-${to}:${part}:${group}`;
}

const stepIdPattern = /^group:(?<number>\d+):to-(?<to>blue|green):(?<part>stop|carry|start):(?<group>.+)$/s;

/** The inverse of `groupStepId`; undefined for every other step. */
export function readGroupStep(id: string): { readonly move: GroupMove; readonly part: MovingPart } | undefined {
  const found = stepIdPattern.exec(id)?.groups;
  if (found === undefined) return undefined;
  const { number = '', to = '', part = '', group = '' } = found;
  const move: GroupMove = { group, number: Number(number), to: to === 'green' ? 'green' : 'blue' };
  return { move, part: part as MovingPart };
}

export interface GroupPlace {
  /** Where it reads, or where it read when a move began that has not come to its end. */
  readonly side: Side;
  /** Begun, neither at its end nor undone. */
  readonly open?: GroupMove;
  /** Of the next move. */
  readonly next: number;
}

/** Where every group is that was ever moved, by the journal. One that is not named reads from blue, and never moved. Pure. */
export function groupPlaces({ steps }: Pick<MigrationState, 'steps'>): ReadonlyMap<string, GroupPlace> {
  const places = new Map<string, GroupPlace>();
  for (const move of movesOf(Object.keys(steps))) {
    const before = places.get(move.group) ?? firstPlace;
    const states = movingParts.map((part) => steps[groupStepId(move, part)]?.state);
    const next = move.number + 1;
    if (states.at(-1) === 'done') places.set(move.group, { side: move.to, next });
    else if (states.every((state) => state === undefined || state === 'undone'))
      places.set(move.group, { side: before.side, next });
    else places.set(move.group, { side: otherSide(move.to), open: move, next });
  }
  return places;
}

/** Groups that were moved, and are not on this side, or on their way from it or to it. */
export function groupsAwayFrom(side: Side, state: Pick<MigrationState, 'steps'>): readonly string[] {
  const places = [...groupPlaces(state)];
  return places.filter(([, place]) => place.side !== side || place.open !== undefined).map(([group]) => group);
}

export const firstPlace: GroupPlace = Object.freeze({ side: 'blue', next: 1 });

/** In the order of their numbers. */
function movesOf(ids: readonly string[]): readonly GroupMove[] {
  const moves = new Map<string, GroupMove>();
  for (const id of ids) {
    const move = readGroupStep(id)?.move;
    if (move !== undefined) moves.set(groupStepId(move, 'stop'), move);
  }
  return [...moves.values()].toSorted((a, b) => a.number - b.number);
}
