import type { Side } from '../../model/catalog.ts';
import type { Vitals, VitalLimits } from '../../ports/vitals.ts';
import { forecast, type Forecast } from '../../observe/vitals/forecast.ts';
import { dayMs, type History } from '../../observe/vitals/history.ts';

/** What of a side may be used up. */
export interface Capacity {
  readonly side: Side;
  readonly what: 'connections' | 'databaseBytes' | 'retainedLogBytes' | 'transactionAge';
  readonly now: number;
  readonly limit: number;
  /** Absent where it does not surely grow, or not within ten times what was seen. */
  readonly full?: Forecast;
}

const whats = ['connections', 'databaseBytes', 'retainedLogBytes', 'transactionAge'] as const;
/** A line through more than a week tells of weeks that are over. */
const spanMs = 7 * dayMs;

/** Those that were made from a history as it is, by what they are of: to be cleared when it grows. */
export type Forecasts = Map<string, Forecast | undefined>;

/** Of everything that has a limit: of the disk the file must name it, as no server tells how large it is. */
export function capacitiesOf(
  history: History,
  forecasts: Forecasts,
  sides: Readonly<Partial<Record<Side, Vitals>>>,
  disk: Readonly<Partial<Record<Side, number>>>,
  nowMs: number,
): readonly Capacity[] {
  return (['blue', 'green'] as const).flatMap((side) => {
    const vitals = sides[side];
    if (vitals === undefined) return [];
    const limits: VitalLimits = {
      ...vitals.limits,
      ...(disk[side] === undefined ? {} : { databaseBytes: disk[side] }),
    };
    return whats.flatMap((what): readonly Capacity[] => {
      const [now, limit] = [vitals.gauges[what], limits[what]];
      if (now === undefined || limit === undefined) return [];
      const key = `${side}.${what} ${limit}`;
      if (!forecasts.has(key)) {
        forecasts.set(key, forecast(history.between(`${side}.${what}`, nowMs - spanMs, nowMs), limit));
      }
      const full = forecasts.get(key);
      return [{ side, what, now, limit, ...(full === undefined ? {} : { full }) }];
    });
  });
}
