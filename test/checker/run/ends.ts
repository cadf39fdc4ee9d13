import { withClient } from '../../../tools/servers/with-client.ts';
import type { Side } from '../../../src/model/catalog.ts';
import type { Leftover, RunRecord } from '../../../src/testing/checker/invariants.ts';
import { leftoversOf } from './leftovers.ts';
import type { Place } from './place.ts';

/** What both sides are like when all is over. */
export async function sidesOf(place: Place, end: RunRecord['end']): Promise<Pick<RunRecord, 'accepts' | 'leftovers'>> {
  const leftovers: Leftover[] = [];
  if (end !== 'running') {
    for (const side of ['blue', 'green'] as const) {
      const isClosed = end === 'finalised' && side === 'blue';
      leftovers.push(...(await withClient(place.url(side), async (client) => leftoversOf(client, side, isClosed))));
    }
  }
  return { accepts: { blue: await accepts(place, 'blue'), green: await accepts(place, 'green') }, leftovers };
}

/** Tried, and taken back. */
async function accepts(place: Place, side: Side): Promise<boolean> {
  return withClient(place.url(side), async (client) => {
    try {
      await client.query('begin');
      await client.query('insert into side (v) values (0)');
      return true;
    } catch (error) {
      const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
      // The fence's own, and a table that an abort has taken away.
      if (code === '25006' || code === '42P01') return false;
      throw error;
    } finally {
      await client.query('rollback');
    }
  });
}
