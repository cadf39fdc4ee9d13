import { status } from '../../wire/postgres/backend.ts';
import { frontend } from '../../wire/postgres/frontend.ts';
import type { Units } from './units.ts';

/**
 * Whether a client's message may go to its backend now. `isOpen`: new units may begin. `isFree`: there is a backend, which answers the client and not the proxy, and nothing
 * waits at the fence. Pure; asked for every message, so it takes no object.
 *
 * While the gate is closed a unit that has begun goes on, and so does a transaction; a unit that would begin outside of one waits. What waits, waits at a boundary, or for an
 * answer that will tell.
 */
export function isAdmitted(
  units: Pick<Units, 'midUnit' | 'outstanding' | 'status'>,
  isOpen: boolean,
  isFree: boolean,
  type: number,
): boolean {
  if (units.midUnit || isOpen) return true;
  if (!isFree) return false;
  if (type === frontend.copyData || type === frontend.copyDone || type === frontend.copyFail) return true;
  // Not before the unit under way is answered: only then it is known whether a transaction is open, which goes on to its end.
  return units.outstanding === 0 && units.status !== status.idle;
}
