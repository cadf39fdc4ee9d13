import { isEnding, liveSide, type Asked, type MigrationState } from '../journal/state.ts';

/** What a controller that takes over goes on with. */
export type GoesOn = Exclude<Asked['command'], 'cutover'>;

/** As a cut is taken back whose controller was lost. */
const takenBack = 'TEAL-STAGES-105';

/**
 * What was asked for last and has not ended, by the journal as it was found; `up` where it has: a move that somebody has ended or undone is not begun again by who only waited. `waited`: another controller
 * led until just now. Pure.
 */
export function goesOn(state: MigrationState, waited: boolean): GoesOn {
  if (isEnding(state)) return 'finalise';
  switch (state.asked?.command) {
    case 'abort':
      return liveSide(state) === 'blue' ? 'abort' : 'up';
    case 'rollback':
      return isGoingBack(state, state.asked, waited) ? 'rollback' : 'up';
    default:
      return 'up';
  }
}

/** Also when it has gone: nobody has asked for green again since. */
function isGoingBack({ life, ahead, cuts }: MigrationState, { sinceIso }: Asked, waited: boolean): boolean {
  if (life.phase === 'back') return true;
  if (life.phase === 'cutting' || life.phase === 'crossing') return life.cut.to === 'blue';
  if (life.phase !== 'green' && ahead.length === 0) return false;
  const last = cuts.findLast(({ endIso }) => endIso >= sinceIso);
  // One that has said why it gave up is a person's to ask for again.
  return last === undefined ? waited : last.end.how === 'aborted' && last.end.code === takenBack;
}
