import { monotonicMs, nowMs, sleep } from '../../../kernel/clock.ts';
import { describeError, TealError } from '../../../kernel/errors.ts';
import { nothingCaptured, type CaptureOrder, type CaptureTally, type Capturing } from '../../../ports/capture.ts';
import { endsWithin } from '../bell.ts';
import { CaptureFile } from './capture-file.ts';
import { lineOf, type CapturedMessage, type Ending, type OpenRecord } from './format.ts';
import type { RecorderDesk } from './recorder-desk.ts';

/** A client that may be recorded. */
export interface RecordableSession {
  readonly isRecorded: boolean;
  /** Asks its backend for its state, and records from there on when nothing hinders. */
  record(): Promise<void>;
}

/** What is of one protocol. */
export interface CaptureDialect<Facts, Recorder, Redacts> {
  redactor(key: string): Redacts;
  /** What a session is when it is first recorded. Undefined where its values could not be told. */
  opened(
    facts: Facts,
    redactor: Redacts | undefined,
  ): Pick<OpenRecord, 'user' | 'parameters' | 'shown' | 'state'> | undefined;
  recorder(desk: RecorderDesk<Redacts>, session: string): Recorder;
}

export interface CaptureOptions<Facts, Recorder, Redacts> {
  readonly dialect: CaptureDialect<Facts, Recorder, Redacts>;
  /** Of this process among those of the proxy. */
  readonly place: number;
  readonly sessions: () => Iterable<RecordableSession>;
  /** What has to be known before sessions are asked for their state. Never throws. */
  readonly learn: () => Promise<void>;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** New clients are recorded from their first message; those that were there before are asked for their state, some at a time. */
const lookEveryMs = 500;
const lookedAtOnce = 16;
/** For the lines that end a capture. */
const keptFreeBytes = 1 << 10;

/** Records what clients ask into a file. Clients are never waited for and never wait; what finds no room on its way to the file is dropped and counted. */
export class Capture<Facts, Recorder, Redacts> implements Capturing {
  readonly #options: CaptureOptions<Facts, Recorder, Redacts>;
  #run: CaptureRun<Facts, Recorder, Redacts> | undefined;
  #isOpening = false;

  constructor(options: CaptureOptions<Facts, Recorder, Redacts>) {
    this.#options = options;
  }

  async begin(order: CaptureOrder): Promise<void> {
    if (this.#run?.isOver === false || this.#isOpening) {
      throw new TealError('TEAL-TRAFFIC-038', 'what clients ask is recorded already');
    }
    this.#isOpening = true;
    try {
      await this.#options.learn();
      const run = new CaptureRun(this.#options, order);
      await run.open();
      this.#run = run;
    } finally {
      this.#isOpening = false;
    }
    this.#options.log('capture begins', { forMs: order.forMs, redacted: order.redactKey !== undefined });
  }

  async end(): Promise<void> {
    await this.#run?.end('asked');
  }

  async tally(): Promise<CaptureTally> {
    return this.#run?.tally() ?? nothingCaptured;
  }

  /** Undefined while nothing is recorded. */
  recorder(session: Facts): Recorder | undefined {
    return this.#run?.recorder(session);
  }
}

/** From one beginning to its end. */
class CaptureRun<Facts, Recorder, Redacts> implements RecorderDesk<Redacts> {
  readonly redactor: Redacts | undefined;
  readonly #options: CaptureOptions<Facts, Recorder, Redacts>;
  readonly #order: CaptureOrder;
  readonly #over = new AbortController();
  /** Between the file's clock and the monotonic one. */
  readonly #offsetMs: number;
  readonly #leftOut = new Map<string, number>();
  #file: CaptureFile | undefined;
  #ended: Promise<void> | undefined;
  #why: Ending | undefined;
  #sessions = 0;
  #asks = 0;
  #dropped = 0;

  constructor(options: CaptureOptions<Facts, Recorder, Redacts>, order: CaptureOrder) {
    this.#options = options;
    this.#order = order;
    this.#offsetMs = nowMs() - order.atMs - monotonicMs();
    this.redactor = order.redactKey === undefined ? undefined : options.dialect.redactor(order.redactKey);
  }

  async open(): Promise<void> {
    this.#file = await CaptureFile.open(this.#order.path, () => void this.end('file'));
    this.#file.add(lineOf({ k: 'begin', p: this.#options.place, t: this.#at() }));
    void this.#endInTime();
    void this.#recordAll();
  }

  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** Later calls wait for the first. */
  async end(why: Ending): Promise<void> {
    this.#ended ??= this.#end(why);
    await this.#ended;
  }

  tally(): CaptureTally {
    const unrecorded = [...this.#options.sessions()].filter((session) => !session.isRecorded).length;
    return {
      running: !this.isOver,
      ended: this.#why === undefined ? [] : [this.#why === 'file' ? (this.#file?.failure ?? 'file') : this.#why],
      sessions: this.#sessions,
      asks: this.#asks,
      dropped: this.#dropped,
      leftOut: Object.fromEntries(this.#leftOut),
      sessionsLeftOut: this.isOver ? 0 : unrecorded,
      bytes: this.#file?.taken ?? 0,
    };
  }

  recorder(facts: Facts): Recorder | undefined {
    if (this.isOver) return undefined;
    const { place, dialect } = this.#options;
    const opened = dialect.opened(facts, this.redactor);
    if (opened === undefined) return undefined;
    const name = `${place}-${this.#sessions + 1}`;
    if (!this.#write(lineOf({ k: 'open', s: name, t: this.#at(), ...opened }))) return undefined;
    this.#sessions += 1;
    return dialect.recorder(this, name);
  }

  // ---- what recorders ask

  ask(session: string, unit: number, messages: readonly CapturedMessage[], sinceMs: number): boolean {
    const t = round(sinceMs + this.#offsetMs);
    if (!this.#write(lineOf({ k: 'ask', s: session, u: unit, t, m: [...messages] }))) return false;
    this.#asks += 1;
    return true;
  }

  done(session: string, unit: number, ms: number, error: string | undefined): void {
    const e = error === undefined ? {} : { e: error };
    this.#write(lineOf({ k: 'done', s: session, u: unit, t: this.#at(), ms: round(ms), ...e }));
  }

  close(session: string): void {
    this.#write(lineOf({ k: 'close', s: session, t: this.#at() }));
  }

  leaveOut(why: string): void {
    this.#leftOut.set(why, (this.#leftOut.get(why) ?? 0) + 1);
  }

  drop(): void {
    if (!this.isOver) this.#dropped += 1;
  }

  #write(line: string): boolean {
    const file = this.#file;
    if (file === undefined || this.isOver) return false;
    if (file.taken + line.length + keptFreeBytes <= this.#order.limitBytes) return file.add(line);
    void this.end('size');
    return false;
  }

  async #end(why: Ending): Promise<void> {
    this.#why = why;
    this.#over.abort(new TealError('TEAL-KERNEL-003', 'the capture ends'));
    const [sessions, asks, dropped] = [this.#sessions, this.#asks, this.#dropped];
    const leftOut = Object.fromEntries(this.#leftOut);
    const last = { k: 'end', p: this.#options.place, t: this.#at(), why, sessions, asks, dropped, leftOut } as const;
    this.#file?.add(lineOf(last), true);
    this.#options.log('capture ends', { why, sessions, asks, dropped });
    await this.#file?.end();
  }

  async #endInTime(): Promise<void> {
    const leftMs = Math.max(0, this.#order.forMs - this.#at());
    await sleep(leftMs, this.#over.signal).then(
      async () => this.end('time'),
      () => undefined,
    );
  }

  /** Each round takes others, for some can never be recorded. */
  async #recordAll(): Promise<void> {
    for (let from = 0; !this.isOver; from += lookedAtOnce) {
      const unrecorded = [...this.#options.sessions()].filter((session) => !session.isRecorded);
      if (from >= unrecorded.length) from = 0;
      const asked = unrecorded.slice(from, from + lookedAtOnce).map(async (session) => this.#recordOne(session));
      await endsWithin(Promise.all(asked), lookEveryMs);
      await sleep(lookEveryMs, this.#over.signal).catch(() => undefined);
    }
  }

  async #recordOne(session: RecordableSession): Promise<void> {
    try {
      await session.record();
    } catch (error) {
      this.#options.log('a client is not recorded', { because: describeError(error) });
    }
  }

  #at(): number {
    return round(monotonicMs() + this.#offsetMs);
  }
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
