import { Random } from '../random.ts';
import { allLogFaults, isOfCut, isOfGroup, logFaultText, type LogFault } from './faults.ts';

/** What the runner does, one after another; `afterMs` is the time from the end of the one before. `switch`: groups and producers to the side that is not live. */
export type LogDeed = { readonly afterMs: number } & (
  | { readonly do: 'up' | 'verify' | 'switch'; readonly fault?: LogFault }
  | { readonly do: 'fault'; readonly fault: LogFault }
  /** One group alone to the other side, and no producer. */
  | { readonly do: 'group' }
  | { readonly do: 'finalise' | 'abort' | 'stop' }
);

/** What a run of two clusters does. */
export interface LogSchedule {
  readonly seed: number;
  /** Between two acts of a producer. */
  readonly pauseMs: number;
  readonly keysEach: number;
  readonly deeds: readonly LogDeed[];
}

export interface LogScheduleOptions {
  /** `short`: one fault and two switches, for every run of the tests. */
  readonly length?: 'short' | 'full';
  /** Of all faults these kinds alone, by name; default all. */
  readonly faults?: readonly string[] | undefined;
}

/** Faults of one full schedule: so many seeds one after another meet every fault at every place. */
export const logFaultsEach = 3;
const mixed: readonly LogFault[] = new Random(1).shuffled(allLogFaults);

/** From its seed alone: the same seed and options give the same schedule, on every machine. */
export function logScheduleOf(seed: number, { length = 'full', faults }: LogScheduleOptions = {}): LogSchedule {
  const random = new Random(seed);
  const isShort = length === 'short';
  const possible = faults === undefined ? mixed : mixed.filter(({ fault }) => faults.includes(fault));
  const count = Math.min(isShort ? 1 : logFaultsEach, possible.length);
  const chosen = Array.from({ length: count }, (_, at) => possible[(seed * count + at) % possible.length]).filter(
    (fault) => fault !== undefined,
  );
  return {
    seed,
    pauseMs: isShort ? 20 : random.fork('pace').pick([2, 10, 50]),
    keysEach: random.fork('keys').pick([1, 5, 20]),
    deeds: deedsOf(random.fork('deeds'), chosen, isShort),
  };
}

/** The last switch is undisturbed: after all that was done to it, a migration still works. */
function deedsOf(random: Random, faults: readonly LogFault[], isShort: boolean): readonly LogDeed[] {
  const afterMs = (): number => random.between(200, isShort ? 500 : 3_000);
  const at = (...places: readonly LogFault['place'][]): readonly LogFault[] =>
    places.flatMap((place) => faults.filter((fault) => fault.place === place));
  const disturbed = faults.filter((fault) => isOfCut(fault) || isOfGroup(fault));
  const middle = random.shuffled<LogDeed>([
    ...disturbed.map((fault): LogDeed => ({ afterMs: afterMs(), do: 'switch', fault })),
    ...(isShort && disturbed.length > 0 ? [] : [{ afterMs: afterMs(), do: 'switch' } as const]),
    ...at('verify').map((fault): LogDeed => ({ afterMs: afterMs(), do: 'verify', fault })),
    ...at('follow').map((fault): LogDeed => ({ afterMs: afterMs(), do: 'fault', fault })),
  ]);
  const ends: readonly ('finalise' | 'abort' | 'stop')[] = isShort ? ['stop'] : ['finalise', 'abort', 'stop'];
  return [
    ...at('set-up', 'copy').map((fault): LogDeed => ({ afterMs: 0, do: 'up', fault })),
    { afterMs: afterMs(), do: 'up' },
    ...middle,
    { afterMs: afterMs(), do: 'switch' },
    { afterMs: afterMs(), do: 'verify' },
    ...(!isShort && random.chance(0.5) ? [{ afterMs: afterMs(), do: 'group' } as const] : []),
    { afterMs: afterMs(), do: random.pick(ends) },
  ];
}

/** For a terminal and a bug report: the seed first, so that it can be run again. */
export function logScheduleText({ seed, pauseMs, keysEach, deeds }: LogSchedule): string {
  return [
    `seed ${seed}: Kafka to Kafka`,
    `  writers  every ${pauseMs} ms, ${keysEach} keys each`,
    ...deeds.map((deed, at) => {
      const fault = 'fault' in deed && deed.fault !== undefined ? `, with ${logFaultText(deed.fault)}` : '';
      return `  ${at === 0 ? 'then    ' : '        '} after ${(deed.afterMs / 1_000).toFixed(1)} s ${deed.do}${fault}`;
    }),
  ].join('\n');
}
