import { must } from '../../../kernel/assert.ts';
import { status } from '../../../wire/postgres/backend.ts';
import type { BackendKey } from '../../../wire/postgres/backend.ts';
import type { BackendLink } from '../backend-link.ts';
import type { SessionFacts } from '../shadow/sample.ts';
import { SessionTap } from '../shadow/tap.ts';
import type { Statements } from '../statements.ts';
import { BlueWatch } from './blue-watch.ts';
import type { CanaryRun } from './canary.ts';
import type { CanaryLane } from './course.ts';
import { Detour } from './detour.ts';
import type { GreenLink } from './green-link.ts';
import type { DetourEnd } from './held-answer.ts';
import { Lots } from './lot.ts';
import { questionOf, readUnitAt, type ReadUnit } from './unit.ts';

/** What only seems to read. */
const readOnlySqlState = '25006';

/** What a lane asks of its session. */
export interface LaneHost {
  readonly key: BackendKey;
  readonly parameters: ReadonlyMap<string, string>;
  readonly statements: Statements;
  pass(bytes: Buffer, isLast: boolean): boolean;
  /** The session goes on. */
  done(): void;
  /** Green has not answered this unit, and the client has had nothing: it is the session's own backend's. */
  redo(unit: Buffer): void;
  /** Green was lost in the middle of an answer. */
  broken(): void;
}

interface UnderWay {
  readonly unit: ReadUnit;
  readonly bytes: Buffer;
  readonly detour: Detour;
  readonly run: CanaryRun;
}

/** The client's transaction, as long as it runs on green. */
interface OnGreen {
  /** The unit that began it. */
  readonly begin: Buffer;
  readonly link: BackendLink;
}

/** Where a unit goes. `begin first`: to blue, where the transaction that it is part of must be begun before. */
export type Way = 'green' | 'blue' | 'begin first';

/**
 * The way to green of one session's reads. A read is a unit of its own, sent where nothing is in flight and no transaction is open, and goes to green only where green has the session's whole
 * state and has applied all that blue had committed when it last answered something of the session that may have written. Green's answer is kept back until it is whole or 64 KiB long; if green fails before, blue answers.
 * A transaction that is begun as READ ONLY goes to green as a whole where each of its statements sees what is committed by then; what green cannot do of it blue does, in such a transaction of its own.
 */
export class Lane implements CanaryLane {
  readonly #lots: Lots;
  readonly #run: () => CanaryRun | undefined;
  readonly #host: LaneHost;
  #tracker: SessionTap | undefined;
  #facts: SessionFacts | undefined;
  #green: GreenLink | undefined;
  #next: { readonly unit: ReadUnit; readonly bytes: Buffer; readonly run: CanaryRun } | undefined;
  #underWay: UnderWay | undefined;
  /** Is blue's, for green has not answered it: what it said. */
  #again: { readonly statement: string; readonly run: CanaryRun; readonly refused: string } | undefined;
  readonly #blue = new BlueWatch((sqlState) => sqlState === readOnlySqlState);
  #onGreen: OnGreen | undefined;
  /** A transaction that only reads was begun on blue. */
  #readsOnBlue = false;
  /** Of which state it is known how its transactions see what others commit. */
  #isolationOf: SessionFacts | undefined;
  #isReadCommitted = false;

  constructor(run: () => CanaryRun | undefined, host: LaneHost) {
    this.#run = run;
    this.#host = host;
    this.#lots = new Lots(host);
  }

  /** Which share it is part of, where sessions are drawn by that setting: see `lotOf`. */
  lot(by: string | undefined): number {
    return this.#lots.by(by);
  }

  // ---- what the session tells

  /** Tells the state of the session where it becomes another one; undefined where nobody watches. */
  get tracker(): SessionTap | undefined {
    if (this.#tracker?.isOver === true) this.#tracker = undefined;
    return this.#tracker;
  }

  get isBusy(): boolean {
    return this.#underWay !== undefined || this.#next !== undefined;
  }

  /** The client has a part of an answer. */
  get isMidAnswer(): boolean {
    return this.#underWay?.detour.answer.hasPassed === true;
  }

  get link(): BackendLink | undefined {
    return this.#underWay?.detour.answer.link;
  }

  /** All of the session's state is known: what it says from here on is watched. */
  track(facts: SessionFacts): void {
    const run = this.#run();
    if (run === undefined || this.tracker !== undefined || !run.mayTrack(facts)) return;
    this.#facts = facts;
    this.#tracker = new SessionTap(run, facts);
  }

  /** The client's transaction runs on green. */
  get isInTransaction(): boolean {
    return this.#onGreen !== undefined;
  }

  /** A unit begins, where nothing is in flight and no transaction open on blue. Where it is green's, `begin` is to follow. */
  takes(chunk: Buffer, at: number): Way {
    const run = this.#run();
    const again = this.#again;
    this.#blue.asksOther();
    if (this.#onGreen !== undefined) return this.#takesOfTransaction(this.#onGreen, run, chunk, at);
    this.#again = undefined;
    if (run === undefined) return 'blue';
    if (again !== undefined) {
      this.#blue.asks(run, again.statement, again.refused);
      return 'blue';
    }
    if (!run.isOpen) return 'blue';
    const unit = this.#read(run, chunk, at);
    if (unit === undefined || unit.control === 'end') return 'blue';
    if (run.includes(this)) {
      const why = this.#whyNot(run, unit);
      if (why === undefined) return this.#toGreen(unit, run, chunk, at);
      run.passed(why);
    }
    this.#asksBlue(run, unit);
    if (unit.control === 'begin') this.#readsOnBlue = true;
    return 'blue';
  }

  /** What is known to write on blue is no read there either. */
  #asksBlue(run: CanaryRun, { statement, control }: ReadUnit): void {
    if (control !== undefined) this.#blue.asksNothing();
    else if (!run.isLeftOut(statement)) this.#blue.asks(run, statement);
  }

  /** Another unit begins while one is in flight on blue. */
  pipelines(): void {
    this.#blue.asksMore();
  }

  /** A unit begins in a transaction of blue, where nothing is in flight. */
  watches(chunk: Buffer, at: number): void {
    const again = this.#again;
    this.#again = undefined;
    this.#blue.asksOther();
    const run = this.#run();
    if (run === undefined) return;
    if (again !== undefined) this.#blue.asks(run, again.statement, again.refused);
    if (again !== undefined || !this.#readsOnBlue) return;
    const unit = this.#read(run, chunk, at);
    if (unit !== undefined && unit.control !== 'begin') this.#asksBlue(run, unit);
  }

  #takesOfTransaction({ link }: OnGreen, run: CanaryRun | undefined, chunk: Buffer, at: number): Way {
    const isThere = this.#facts !== undefined && this.#green?.ready(this.#facts) === link;
    if (run === undefined || run.isOver || this.#again !== undefined || !isThere) return 'begin first';
    const unit = this.#read(run, chunk, at);
    if (unit === undefined || unit.control === 'begin' || run.isLeftOut(unit.statement)) return 'begin first';
    return this.#toGreen(unit, run, chunk, at);
  }

  /** The client's transaction is blue's from here on: the unit that begins it there. */
  leaveTransaction(): Buffer {
    const { begin } = must(this.#onGreen, 'a transaction on green');
    this.#onGreen = undefined;
    this.#endGreen();
    return begin;
  }

  #toGreen(unit: ReadUnit, run: CanaryRun, chunk: Buffer, at: number): 'green' {
    this.#next = { unit, run, bytes: Buffer.from(chunk.subarray(at, at + unit.length)) };
    return 'green';
  }

  /** Asks green what was taken; returns how many bytes of the client that was. */
  begin(): number {
    const next = this.#next;
    const link = this.#facts === undefined ? undefined : this.#green?.ready(this.#facts);
    const green = this.#green;
    this.#next = undefined;
    if (next === undefined || link === undefined || green === undefined) return 0;
    const { unit, run, bytes } = next;
    const detour = new Detour({
      link,
      question: questionOf(unit, (name) => green.statement(name)),
      types: run.types,
      pass: (part, isLast) => this.#host.pass(part, isLast),
      end: (end) => this.#ended(end),
    });
    this.#underWay = { unit, bytes, detour, run };
    // Not before these bytes are off the session's hands: it may end at once, and give them back.
    queueMicrotask(() => detour.start());
    return bytes.length;
  }

  /** Blue has answered with an error. */
  blueFailed(): void {
    this.#blue.failed();
  }

  /** Blue has answered, whatever it was asked. */
  blueReady(transactionStatus: number): void {
    if (transactionStatus === status.idle) this.#readsOnBlue = false;
    const run = this.#run();
    if (run !== undefined) this.#blue.ready(run);
  }

  /** The client asks for an end of what runs; true where that is here. */
  cancel(): boolean {
    this.#underWay?.detour.answer.cancel();
    return this.#underWay !== undefined;
  }

  /** The client takes more. */
  drain(): void {
    this.#underWay?.detour.answer.link.socket.resume();
  }

  // ---- what the canary asks

  isReady(): boolean {
    return this.tracker !== undefined && this.#facts !== undefined && this.#green?.ready(this.#facts) !== undefined;
  }

  /** How its transactions see what others commit is not known. */
  get wantsIsolation(): boolean {
    return this.tracker !== undefined && this.#isolationOf !== this.#facts;
  }

  /** `default_transaction_isolation` of the session as it is. */
  isolated(level: string): void {
    this.#isolationOf = this.#facts;
    this.#isReadCommitted = level === 'read committed';
  }

  /** Makes the connection to green ready. Returns why it could not be. */
  async prepare(): Promise<string | undefined> {
    const run = this.#run();
    const facts = this.#facts;
    if (run === undefined || facts === undefined || this.tracker === undefined) return undefined;
    if (this.isBusy || this.isInTransaction || this.isReady()) return undefined;
    this.#green ??= run.greenLink();
    return this.#green.make(facts);
  }

  /** What green has not answered in its time is blue's. */
  look(nowMs: number): void {
    const underWay = this.#underWay;
    if (underWay === undefined || underWay.detour.answer.hasPassed) return;
    const { unit, detour, run } = underWay;
    const limitMs = run.limitMs(unit.statement);
    if (nowMs - detour.answer.startedMs < limitMs) return;
    run.cancel(detour.answer.link);
    detour.answer.giveUp();
  }

  /** No read goes to green any more. */
  leave(): void {
    this.#underWay?.detour.answer.giveUp();
    this.#tracker = undefined;
    this.#facts = undefined;
    // An answer that its client has a part of goes on to its end; the connection ends with it.
    if (this.#underWay === undefined) this.#endGreen();
  }

  /** The session ends. */
  end(): void {
    this.#underWay?.detour.answer.abandon();
    this.#underWay = undefined;
    this.#onGreen = undefined;
    this.#endGreen();
  }

  #endGreen(): void {
    this.#green?.end();
    this.#green = undefined;
  }

  /** What is not understood is not a read: the session's own backend says what it is. */
  #read(run: CanaryRun, chunk: Buffer, at: number): ReadUnit | undefined {
    try {
      return readUnitAt(chunk, at, {
        judge: (text) => run.judge(text),
        parseOf: (name) => this.#host.statements.parseOf(name),
      });
    } catch {
      return undefined;
    }
  }

  #whyNot(run: CanaryRun, { statement, control }: ReadUnit): 'notReady' | 'behind' | 'leftOut' | undefined {
    if (run.isLeftOut(statement)) return 'leftOut';
    if (!this.isReady()) return 'notReady';
    if (control === 'begin' && !(this.#isReadCommitted && !this.wantsIsolation)) return 'leftOut';
    return run.covers(this.#blue.wroteMs) ? undefined : 'behind';
  }

  #ended(end: DetourEnd): void {
    const underWay = this.#underWay;
    if (underWay === undefined) return;
    this.#underWay = undefined;
    const { unit, bytes, run, detour } = underWay;
    this.#noteStatement(unit, end.how === 'answered');
    if (end.how === 'answered') this.#noteTransaction(end.status, underWay);
    const { statement, control } = unit;
    const read = { statement, isRead: control === undefined, startedMs: detour.answer.startedMs };
    const refused = run.settle(end, read, end.how === 'refused' && end.code === readOnlySqlState);
    if (refused !== undefined) this.#again = { statement, run, refused };
    if (end.how === 'broken') {
      this.#host.broken();
      return;
    }
    if (run.isOver) this.leave();
    if (end.how === 'answered') this.#host.done();
    else this.#host.redo(bytes);
  }

  #noteTransaction(transactionStatus: number, { unit, bytes, detour }: UnderWay): void {
    if (transactionStatus === status.idle) this.#onGreen = undefined;
    else if (unit.control === 'begin') this.#onGreen = { begin: bytes, link: detour.answer.link };
  }

  /** Which statements of the session are where. */
  #noteStatement({ asks }: ReadUnit, isAnswered: boolean): void {
    const { statements } = this.#host;
    if (asks.kind === 'simple') {
      this.#green?.note('', undefined);
      if (isAnswered) statements.closed('');
      return;
    }
    this.#green?.note(asks.name, isAnswered ? asks.parse : undefined);
    if (isAnswered && asks.isOwn) statements.parsedElsewhere('', asks.parse);
  }
}
