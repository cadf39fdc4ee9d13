import { Client } from 'pg';
import { must } from '../../../../../src/kernel/assert.ts';
import { monotonicMs } from '../../../../../src/kernel/clock.ts';
import { faultKinds } from '../../../faults.ts';
import type { Injection } from '../../world.ts';
import { injectors } from '../index.ts';
import type { FaultPlace } from './place.ts';

/** The fault of this name, at the first place where it can be. */
export async function inject(at: FaultPlace, fault: string): Promise<Injection> {
  const kind = must(
    faultKinds.find(({ name }) => name === fault),
    fault,
  );
  return must(injectors[fault], fault)(at.world, { fault, place: must(kind.places[0], 'a place') });
}

/** How long a statement may take on a machine that does other things too. */
export const patienceMs = 5_000;

/** Milliseconds of a statement of a new client; what it threw, as text; `silent` when nothing came in time. */
export async function asked(url: string, sql: string): Promise<number | string> {
  const client = new Client({
    connectionString: url,
    application_name: 'shop',
    connectionTimeoutMillis: patienceMs,
    query_timeout: patienceMs,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const began = monotonicMs();
    await client.query(sql);
    return monotonicMs() - began;
  } catch (error) {
    const text = String(error);
    return text.includes('timeout') ? 'silent' : text;
  } finally {
    await client.end().catch(() => undefined);
  }
}
