import { nowMs } from '../../kernel/clock.ts';
import type { Gate } from '../../ports/gate.ts';
import { clockOf, days, timeText, wallText } from '../wall-clock.ts';
import { openingAt, type TimeWindow } from './opening.ts';

export interface WindowGateOptions {
  readonly id: string;
  readonly window: TimeWindow;
  /** A window that opens within this time is waited for; a later one is a "no" at once. */
  readonly patienceMs: number;
}

/** Yes within a time of the day, of some days, by the clock of a zone. Pure but for the clock (`now`: milliseconds since 1970). */
export function windowGate({ id, window, patienceMs }: WindowGateOptions, now: () => number = nowMs): Gate {
  const read = clockOf(window.zone);
  return {
    id,
    asks: `is it ${windowText(window)}?`,
    person: false,
    momentary: true,
    async ask() {
      const atMs = now();
      const here = `it is ${read(atMs).day} ${wallText(read(atMs))} in ${window.zone}`;
      const opening = openingAt(window, atMs);
      if (opening.isOpen) return { answer: 'yes', evidence: `${here}; open until ${timeText(window.toMinute)}` };
      const { opensAtMs } = opening;
      if (opensAtMs === undefined) return { answer: 'no', evidence: `${here}; it does not open within two weeks` };
      const opens = read(opensAtMs);
      return {
        answer: opensAtMs - atMs <= patienceMs ? 'not yet' : 'no',
        evidence: `${here}; it opens ${opens.day} ${wallText(opens)}`,
      };
    },
  };
}

function windowText({ days: on, fromMinute, toMinute, zone }: TimeWindow): string {
  const which = on.length === days.length ? 'any day' : on.join(', ');
  const next = toMinute <= fromMinute ? ' of the next day' : '';
  return `${which}, ${timeText(fromMinute)} to ${timeText(toMinute)}${next} in ${zone}`;
}
