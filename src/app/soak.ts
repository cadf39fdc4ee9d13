import type { MigrationState } from '../journal/state.ts';
import type { Spec } from '../spec/spec.ts';

/** How long green has been live, against what the file asks before the way back may be given up. */
export interface Soak {
  /** The cut that made green live. */
  readonly cut: string;
  readonly sinceIso: string;
  readonly untilIso: string;
  readonly over: boolean;
}

/** The cut whose soak is to be watched now: green is live, the soak is not over, and the file says what to ask. */
export function soakingCut(
  state: Pick<MigrationState, 'life' | 'cuts'>,
  spec: Pick<Spec, 'soak' | 'finalise'>,
  nowMs: number,
): string | undefined {
  const soak = soakOf(state, spec, nowMs);
  const { health, rollBackOn } = spec.soak;
  return soak === undefined || soak.over || health.length + rollBackOn.length === 0 ? undefined : soak.cut;
}

/** Undefined unless green is live and can still be left. Counts from the end of the last cut: a rollback begins it anew. */
export function soakOf(
  state: Pick<MigrationState, 'life' | 'cuts'>,
  spec: Pick<Spec, 'finalise'> & { readonly soak: Pick<Spec['soak'], 'forMs'> },
  nowMs: number,
): Soak | undefined {
  if (state.life.phase !== 'green') return undefined;
  const cut = state.cuts.findLast((past) => past.end.how === 'finished' && past.to === 'green');
  if (cut === undefined) return undefined;
  const untilMs = Date.parse(cut.endIso) + Math.max(spec.soak.forMs, spec.finalise.afterMs);
  return Object.freeze({
    cut: cut.cut,
    sinceIso: cut.endIso,
    untilIso: new Date(untilMs).toISOString(),
    over: nowMs >= untilMs,
  });
}
