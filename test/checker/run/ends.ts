import type { Leftover, RunRecord } from '../../../src/testing/checker/invariants.ts';
import type { Place } from './place.ts';

/** What both sides are like when all is over. */
export async function sidesOf(place: Place, end: RunRecord['end']): Promise<Pick<RunRecord, 'accepts' | 'leftovers'>> {
  const leftovers: Leftover[] = [];
  if (end !== 'running') {
    for (const side of ['blue', 'green'] as const) {
      const isClosed = end === 'finalised' && side === 'blue';
      leftovers.push(...(await place.store(side).leftovers(isClosed)));
    }
  }
  return {
    accepts: { blue: await place.store('blue').accepts(), green: await place.store('green').accepts() },
    leftovers,
  };
}
