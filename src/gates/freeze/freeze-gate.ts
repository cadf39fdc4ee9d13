import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { text } from 'node:stream/consumers';
import { nowMs } from '../../kernel/clock.ts';
import { describeError, isTealError, TealError } from '../../kernel/errors.ts';
import type { Gate } from '../../ports/gate.ts';
import { freezeAt, parseCalendar, wallMoment } from './calendar.ts';

export interface FreezeGateOptions {
  readonly id: string;
  /** Absolute path of the calendar. Read at every asking: it may change while a migration runs. */
  readonly file: string;
  /** A freeze that ends within this time is waited for; a later end is a "no" at once. */
  readonly patienceMs: number;
}

const longestFile = 1 << 20;

/** Yes while no freeze of a calendar lasts. A calendar that cannot be read is "cannot tell", never yes. `now`: milliseconds since 1970. */
export function freezeGate({ id, file, patienceMs }: FreezeGateOptions, now: () => number = nowMs): Gate {
  return {
    id,
    asks: `does ${basename(file)} let a cut begin now?`,
    person: false,
    momentary: true,
    async ask(signal) {
      try {
        const calendar = parseCalendar(await readCalendar(file, signal));
        const atMs = now();
        const moment = wallMoment(calendar.zone, atMs);
        const here = `it is ${moment} in ${calendar.zone}`;
        const freeze = freezeAt(calendar, atMs);
        if (freeze === undefined)
          return { answer: 'yes', evidence: `${here}; none of ${calendar.freezes.length} freezes lasts now` };
        const leftMs = Date.parse(`${freeze.to}Z`) - Date.parse(`${moment}Z`);
        const evidence = `${here}; frozen until ${freeze.to}: ${freeze.why}`;
        return { answer: leftMs <= patienceMs ? 'not yet' : 'no', evidence };
      } catch (error) {
        signal.throwIfAborted();
        if (!isTealError(error, 'TEAL-GATES-003')) throw error;
        return { answer: 'cannot tell', evidence: describeError(error) };
      }
    },
  };
}

async function readCalendar(file: string, signal: AbortSignal): Promise<string> {
  try {
    const read = await text(createReadStream(file, { end: longestFile, signal }));
    if (Buffer.byteLength(read) > longestFile) throw new Error(`it is longer than ${longestFile} bytes`);
    return read;
  } catch (error) {
    signal.throwIfAborted();
    throw new TealError('TEAL-GATES-003', `${file}: ${describeError(error)}`, { file });
  }
}
