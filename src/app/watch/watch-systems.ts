import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { describeError } from '../../kernel/errors.ts';
import { History, minuteMs } from '../../observe/vitals/history.ts';
import { judge, openOf, type Anomaly, type Watching } from '../../observe/vitals/judge.ts';
import type { Minute, MinuteValues } from '../../observe/vitals/series.ts';
import type { Spec } from '../../spec/spec.ts';
import { capacitiesOf, type Capacity, type Forecasts } from './capacities.ts';
import { meanOf, valuesBetween, type Look } from './rates.ts';

export interface PastAnomaly extends Anomaly {
  readonly untilMs: number;
}

/** What the watch has seen, for `teal anomalies`. */
export interface AnomaliesSeen {
  readonly version: 1;
  readonly pid: number;
  readonly atIso: string;
  /** Minutes that are known: with less than an hour nothing is judged. */
  readonly minutes: number;
  readonly open: readonly Anomaly[];
  /** The newest last. */
  readonly past: readonly PastAnomaly[];
  readonly capacities: readonly Capacity[];
  /** Why the last look failed, in whole or for one side. */
  readonly trouble?: string;
}

export interface WatchPorts {
  readonly rule: NonNullable<Spec['anomalies']>;
  readonly isWanted: () => Promise<boolean>;
  /** `sizes`: also what is looked at once a minute. What does not answer is absent from it, and told as `trouble`. */
  readonly look: (sizes: boolean, signal: AbortSignal) => Promise<{ readonly look: Look; readonly trouble?: string }>;
  readonly keep: (minute: Minute) => Promise<void>;
  readonly tell: (seen: AnomaliesSeen) => Promise<void>;
  readonly log: (text: string) => void;
  /** In ms since 1970. */
  readonly now: () => number;
}

const pastAtMost = 100;
const lookWhetherWantedMs = 500;

/** Of the minute that is being seen. */
interface Current {
  readonly atMs: number;
  readonly values: readonly MinuteValues[];
}

/** Looks again and again, and judges each minute when it is over. Resolves when it is not wanted any more. `earlier`: what was seen before this process. */
export async function watchSystems(ports: WatchPorts, earlier: readonly Minute[], signal: AbortSignal): Promise<void> {
  const history = new History();
  for (const minute of earlier) history.add(minute);
  let watching: Watching = new Map();
  let past: readonly PastAnomaly[] = [];
  let before: Look | undefined;
  // They change with the history, not with each look.
  const forecasts: Forecasts = new Map();
  let current: Current = { atMs: minuteOf(ports.now()), values: [] };
  while (!signal.aborted && (await ports.isWanted())) {
    const atMs = minuteOf(ports.now());
    const isNew = atMs > current.atMs;
    const { look, trouble } = await ports.look(isNew || before === undefined, signal);
    if (isNew && current.values.length > 0) {
      const minute = { atMs: current.atMs, values: meanOf(current.values) };
      const judged = judge(minute, history, watching);
      ({ watching } = judged);
      past = [...past, ...judged.closed.map((one) => ({ ...one, untilMs: atMs }))].slice(-pastAtMost);
      for (const one of judged.opened) ports.log(`out of the usual: ${one.series}`);
      for (const one of judged.closed) ports.log(`as usual again: ${one.series}`);
      history.add(minute);
      forecasts.clear();
      await ports.keep(minute);
    }
    if (isNew) current = { atMs, values: [] };
    if (before !== undefined) current = { ...current, values: [...current.values, valuesBetween(before, look)] };
    before = withSizes(look, before);
    await ports.tell({
      version: 1,
      pid: process.pid,
      atIso: new Date(ports.now()).toISOString(),
      minutes: history.minutes,
      open: openOf(watching),
      past,
      capacities: capacitiesOf(history, forecasts, before.sides, ports.rule.diskBytes, ports.now()),
      ...(trouble === undefined ? {} : { trouble }),
    });
    await pause(ports, signal);
  }
}

function minuteOf(atMs: number): number {
  return Math.floor(atMs / minuteMs) * minuteMs;
}

/** What was not looked at this time is as it was. */
function withSizes(look: Look, before: Look | undefined): Look {
  const merged = (['blue', 'green'] as const).flatMap((side) => {
    const [now, then] = [look.sides[side], before?.sides[side]];
    if (now === undefined) return [];
    return [
      [
        side,
        { ...now, gauges: { ...then?.gauges, ...now.gauges }, limits: { ...then?.limits, ...now.limits } },
      ] as const,
    ];
  });
  return { ...look, sides: Object.fromEntries(merged) };
}

/** Until the next look, or until it is not wanted any more. */
async function pause({ rule, isWanted, log }: WatchPorts, signal: AbortSignal): Promise<void> {
  const untilMs = monotonicMs() + rule.everyMs;
  try {
    while (monotonicMs() < untilMs && (await isWanted())) {
      await sleep(Math.min(lookWhetherWantedMs, Math.max(0, untilMs - monotonicMs())), signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    log(`told to end: ${describeError(signal.reason)}`);
  }
}
