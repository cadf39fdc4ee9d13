import type { MigrationState } from '../journal/state.ts';
import type { Spec } from '../spec/spec.ts';

/** How long green has been live, against what the file asks before the way back may be given up. */
export interface Soak {
  readonly sinceIso: string;
  readonly untilIso: string;
  readonly over: boolean;
}

/** Undefined unless green is live and can still be left. Counts from the end of the last cut: a rollback begins it anew. */
export function soakOf(
  state: Pick<MigrationState, 'life' | 'cuts'>,
  spec: Pick<Spec, 'soak' | 'finalise'>,
  nowMs: number,
): Soak | undefined {
  if (state.life.phase !== 'green') return undefined;
  const cut = state.cuts.findLast((past) => past.end.how === 'finished' && past.to === 'green');
  if (cut === undefined) return undefined;
  const untilMs = Date.parse(cut.endIso) + Math.max(spec.soak.forMs, spec.finalise.afterMs);
  return Object.freeze({ sinceIso: cut.endIso, untilIso: new Date(untilMs).toISOString(), over: nowMs >= untilMs });
}
