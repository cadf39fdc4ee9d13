import { nowMs } from '../kernel/clock.ts';
import { isTealError, TealError } from '../kernel/errors.ts';
import { seriesRules, type SeriesRule } from '../observe/vitals/series.ts';
import type { LoadedSpec } from './load-spec.ts';
import type { Capacity } from './watch/capacities.ts';
import { isWatched, readSeen } from './watch/watch-process.ts';
import type { AnomaliesSeen } from './watch/watch-systems.ts';

export type { AnomaliesSeen, Capacity };

/** Eight looks at the rarest: what is older says nothing of now. */
const tooOldMs = 240_000;

/** What is out of the usual, and when what will be full. TEAL-APP-050 where nobody looks. */
export function readAnomalies({ spec, stateDir }: LoadedSpec): AnomaliesSeen {
  const seen = readSeen(stateDir);
  if (spec.anomalies === undefined) throw new TealError('TEAL-APP-050', 'the file has no `anomalies`');
  if (seen === undefined) throw new TealError('TEAL-APP-050', 'nothing was seen yet');
  if (!isWatched(stateDir)) throw new TealError('TEAL-APP-050', 'its process does not run');
  if (nowMs() - Date.parse(seen.atIso) > tooOldMs)
    throw new TealError('TEAL-APP-050', `nothing was seen since ${seen.atIso}`, { atIso: seen.atIso });
  return seen;
}

/** The same where somebody looks. */
export function anomaliesIfWatched(loaded: LoadedSpec): AnomaliesSeen | undefined {
  try {
    return readAnomalies(loaded);
  } catch (error) {
    if (isTealError(error, 'TEAL-APP-050')) return undefined;
    throw error;
  }
}

/** What a series is, and in what. */
export function seriesRule(series: string): SeriesRule | undefined {
  return seriesRules.get(series);
}
