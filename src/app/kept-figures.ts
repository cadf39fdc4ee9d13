import { z } from 'zod';
import type { Journal } from '../journal/journal.ts';
import type { MigrationState } from '../journal/state.ts';
import type { Served } from '../model/served.ts';

/** Of blue, in the journal: what its clients met before the last cut to green, as JSON. */
const factName = 'figures';
const counts = z.record(z.string(), z.int().min(0));
const served = z.strictObject({ answers: z.int().min(0), failures: counts, latencies: counts });

/** Keeps what clients have met on blue: green is judged beside it once blue is left. */
export function keepFigures(journal: Pick<Journal, 'append'>, figures: Served): void {
  journal.append({ type: 'sideFacts', side: 'blue', facts: { [factName]: JSON.stringify(figures) } });
}

/** Undefined where nothing was kept. */
export function keptFigures({ sides }: Pick<MigrationState, 'sides'>): Served | undefined {
  const kept = sides.blue[factName];
  return typeof kept === 'string' ? served.parse(JSON.parse(kept)) : undefined;
}
