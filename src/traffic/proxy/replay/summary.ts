import { LoadCounter, type StatementLoad } from '../../../model/load.ts';
import {
  familyOfCapture,
  type AskRecord,
  type CaptureFamily,
  type CaptureHeader,
  type CaptureRecord,
} from '../capture/format.ts';
import { readCapture, readCaptureHeader } from './capture-reader.ts';
import { labelsOf, UnitTexts, type Labels } from './unit-texts.ts';

/** What is in a capture, from one look at all of it. */
export interface CaptureSummary {
  readonly header: CaptureHeader;
  /** From the first record to the last, in milliseconds. */
  readonly lastedMs: number;
  readonly firstMs: number;
  readonly sessions: number;
  /** At the same time. */
  readonly sessionsAtMost: number;
  readonly asks: number;
  /** Asked of the proxy and not recorded: dropped, or left out by why. */
  readonly dropped: number;
  readonly leftOut: Readonly<Record<string, number>>;
  /** Every process that began has ended in the file: nothing was cut off. */
  readonly isWhole: boolean;
  /** How far a record may be from its place in time, in milliseconds. */
  readonly disorderMs: number;
  /** Of the side that was live, as clients waited for it. */
  readonly statements: readonly StatementLoad[];
}

/** Reads a capture whole. Errors: TEAL-TRAFFIC-036. */
export async function summarise(path: string): Promise<CaptureSummary> {
  const header = await readCaptureHeader(path);
  const summary = new Summary(familyOfCapture(header));
  for await (const { record } of readCapture(path)) summary.take(record);
  return { header, ...summary.told };
}

/** By their times: several processes write one file, each a part of its own at a time. One that ends in the moment in which another begins counts beside it. Pure. */
export function mostAtOnce(opened: readonly number[], closed: readonly number[]): number {
  const ends = closed.toSorted((a, b) => a - b);
  let [most, ended] = [0, 0];
  for (const [at, begins] of opened.toSorted((a, b) => a - b).entries()) {
    while (ended < ends.length && (ends[ended] ?? 0) < begins) ended += 1;
    most = Math.max(most, at + 1 - ended);
  }
  return most;
}

class Summary {
  readonly #load = new LoadCounter();
  readonly #labels: Labels;
  readonly #open = new Map<string, { texts: UnitTexts; asked: Map<number, string | undefined> }>();
  readonly #leftOut = new Map<string, number>();
  #first = Infinity;
  #last = 0;
  #disorder = 0;
  /** When sessions began and ended, in the order of the file. */
  readonly #opened: number[] = [];
  readonly #closed: number[] = [];
  #counts = { sessions: 0, asks: 0, dropped: 0, begun: 0, ended: 0 };

  constructor(family: CaptureFamily) {
    this.#labels = labelsOf(family);
  }

  get told(): Omit<CaptureSummary, 'header'> {
    const { begun, ended, ...counts } = this.#counts;
    const firstMs = Math.min(this.#first, this.#last);
    return {
      ...counts,
      sessionsAtMost: mostAtOnce(this.#opened, this.#closed),
      firstMs,
      lastedMs: this.#last - firstMs,
      leftOut: Object.fromEntries(this.#leftOut),
      isWhole: begun > 0 && begun === ended,
      disorderMs: this.#disorder,
      statements: this.#load.statements,
    };
  }

  take(record: CaptureRecord): void {
    this.#first = Math.min(this.#first, record.t);
    this.#disorder = Math.max(this.#disorder, this.#last - record.t);
    this.#last = Math.max(this.#last, record.t);
    const counts = this.#counts;
    switch (record.k) {
      case 'begin':
        counts.begun += 1;
        return;
      case 'open':
        counts.sessions += 1;
        this.#open.set(record.s, { texts: new UnitTexts(), asked: new Map() });
        this.#opened.push(record.t);
        return;
      case 'ask':
        this.#asked(record);
        return;
      case 'done': {
        const asked = this.#open.get(record.s)?.asked;
        const label = asked?.get(record.u);
        asked?.delete(record.u);
        if (label !== undefined) this.#load.add(label, record.ms, record.e);
        return;
      }
      case 'close':
        this.#open.delete(record.s);
        this.#closed.push(record.t);
        return;
      case 'end':
        counts.ended += 1;
        counts.dropped += record.dropped;
        for (const [why, times] of Object.entries(record.leftOut)) {
          this.#leftOut.set(why, (this.#leftOut.get(why) ?? 0) + times);
        }
    }
  }

  #asked({ s, u, m }: AskRecord): void {
    this.#counts.asks += 1;
    const session = this.#open.get(s);
    session?.asked.set(u, this.#labels.of(session.texts.run(m)));
  }
}
