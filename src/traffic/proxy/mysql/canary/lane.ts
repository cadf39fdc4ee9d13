import { TealError } from '../../../../kernel/errors.ts';
import { command, encodeStatementClose } from '../../../../wire/mysql/commands.ts';
import { serverStatus, type Capabilities } from '../../../../wire/mysql/flags.ts';
import { encodePacket } from '../../../../wire/mysql/packets.ts';
import type { OkReply } from '../../../../wire/mysql/replies.ts';
import { BlueWatch } from '../../canary/blue-watch.ts';
import type { CanaryLane } from '../../canary/course.ts';
import type { DetourEnd } from '../../canary/held-answer.ts';
import { Lots, type Drawn } from '../../canary/lot.ts';
import type { MysqlLink } from '../link.ts';
import type { PassingPacket } from '../packet-tap.ts';
import { refusedWrites } from '../shadow/answer.ts';
import type { MysqlSessionFacts } from '../shadow/sample.ts';
import { MysqlTap } from '../shadow/tap.ts';
import type { MysqlCanaryRun } from './canary.ts';
import { MysqlDetour } from './detour.ts';
import type { MysqlGreenLink } from './green-link.ts';
import { asksBack, encodeExecute, readUnit, type ReadUnit, type UnitSources } from './unit.ts';

/** What a lane asks of its session. */
export interface MysqlLaneHost extends Drawn, Pick<UnitSources, 'prepared'> {
  /** Agreed on with the client. */
  readonly capabilities: Capabilities;
  /** On blue: no transaction, no lock, and a statement now would be a transaction of its own whose text can be read. */
  readonly isAlone: () => boolean;
  pass(bytes: Buffer, isLast: boolean): boolean;
  /** The session goes on. */
  done(): void;
  /** Green has not answered this command, and the client has had nothing: it is the session's own backend's. */
  redo(packet: Buffer): void;
  /** Green was lost in the middle of an answer. */
  broken(): void;
}

interface UnderWay {
  readonly unit: ReadUnit;
  readonly detour: MysqlDetour;
  readonly run: MysqlCanaryRun;
  readonly facts: MysqlSessionFacts;
}

/** The client's transaction, as long as it runs on green. */
interface OnGreen {
  /** The command that began it. */
  readonly begin: Buffer;
  readonly link: MysqlLink;
}

/** MariaDB before 11.1 knows the second name alone, MySQL the first. */
const isolationSql = `show variables where variable_name in ('transaction_isolation', 'tx_isolation')`;
/** They write nothing, and change nothing that a read depends on. */
const quiet: ReadonlySet<number> = new Set([
  command.stmtPrepare,
  command.stmtClose,
  command.stmtSendLongData,
  command.ping,
  command.statistics,
]);
/** Blue's, also while a transaction runs on green. */
const besides: ReadonlySet<number> = new Set([command.stmtPrepare, command.stmtClose, command.quit]);

/**
 * The way to green of one session's reads; see `Lane` of PostgreSQL. A read is a command of its own outside of a transaction, and goes to green only where green has the session's whole state and has applied all that blue
 * had committed when it last answered something of the session that may have written. A transaction that is begun as READ ONLY goes to green as a whole where each of its statements sees what is committed by then.
 */
export class MysqlLane implements CanaryLane {
  readonly #lots: Lots;
  readonly #run: () => MysqlCanaryRun | undefined;
  readonly #host: MysqlLaneHost;
  readonly #blue = new BlueWatch((code) => refusedWrites.has(code));
  #tracker: MysqlTap | undefined;
  #facts: MysqlSessionFacts | undefined;
  #green: MysqlGreenLink | undefined;
  #underWay: UnderWay | undefined;
  /** Is blue's, for green has not answered it: what it said. */
  #again: { readonly statement: string; readonly run: MysqlCanaryRun; readonly refused: string } | undefined;
  #onGreen: OnGreen | undefined;
  /** Green has answered it, and nothing was asked since: what it left behind is there. */
  #last: ReadUnit | undefined;
  /** The command that waits asks for that. */
  #looksBack = false;
  /** A transaction that only reads was begun on blue. */
  #readsOnBlue = false;
  /** Of which state it is known how its transactions see what others commit. */
  #isolationOf: MysqlSessionFacts | undefined;
  #isReadCommitted = false;

  constructor(run: () => MysqlCanaryRun | undefined, host: MysqlLaneHost) {
    this.#run = run;
    this.#host = host;
    this.#lots = new Lots(host);
  }

  lot(by: string | undefined): number {
    return this.#lots.by(by);
  }

  // ---- what the session tells

  /** Tells the state of the session where it becomes another one; undefined where nobody watches. */
  get tracker(): MysqlTap | undefined {
    if (this.#tracker?.isOver === true) this.#tracker = undefined;
    return this.#tracker;
  }

  get isBusy(): boolean {
    return this.#underWay !== undefined;
  }

  /** The client has a part of an answer. */
  get isMidAnswer(): boolean {
    return this.#underWay?.detour.answer.hasPassed === true;
  }

  /** The client's transaction runs on green. */
  get isInTransaction(): boolean {
    return this.#onGreen !== undefined;
  }

  /** All of the session's state is known: what it says from here on is watched. */
  track(facts: MysqlSessionFacts): void {
    const run = this.#run();
    if (run === undefined || this.tracker !== undefined) return;
    this.#facts = facts;
    this.#tracker = new MysqlTap(run, facts);
  }

  /** Blue has to be asked something of its own before it may be asked this command: see `goBack`. */
  goesBackFor(packet: PassingPacket): boolean {
    const onGreen = this.#onGreen;
    this.#looksBack = this.#last !== undefined && this.#asksBack(packet);
    if (onGreen === undefined || besides.has(packet.head[0] ?? 0)) return this.#looksBack;
    return this.#looksBack || !this.#staysOnGreen(onGreen, packet);
  }

  /**
   * Has blue do what green did: begin the transaction that ran there, and read again what was read there last where its warnings or the number of its rows are asked for. The OK that began the transaction, if one was begun.
   * Errors: TEAL-TRAFFIC-003 blue does not begin it, -008.
   */
  async goBack(link: MysqlLink): Promise<OkReply | undefined> {
    const [onGreen, last] = [this.#onGreen, this.#looksBack ? this.#last : undefined];
    let told: OkReply | undefined;
    if (onGreen !== undefined) {
      const { oks, error } = await link.ask(onGreen.begin);
      if (error !== undefined)
        throw new TealError('TEAL-TRAFFIC-003', `blue begins no transaction (${error.code})`, { side: 'blue' });
      told = oks.at(-1);
      this.#readsOnBlue = true;
    }
    if (last !== undefined) await readAgain(link, last);
    if (onGreen !== undefined) this.#endGreen();
    this.#onGreen = this.#last = undefined;
    return told;
  }

  /** A command begins, where nothing is under way. True: green is asked it. */
  takes(packet: PassingPacket): boolean {
    const run = this.#run();
    const again = this.#again;
    this.#again = undefined;
    this.#blue.asksOther();
    if (quiet.has(packet.head[0] ?? 0)) {
      this.#blue.asksNothing();
      return false;
    }
    this.#last = undefined;
    if (run === undefined) return false;
    if (again !== undefined) {
      this.#blue.asks(run, again.statement, again.refused);
      return false;
    }
    const unit = this.#wants(run) ? this.#read(run, packet) : undefined;
    if (unit === undefined) return false;
    if (this.#mayGo(run, unit)) return this.#ask(unit, run);
    if (!this.#host.isAlone() && !this.#readsOnBlue) return false;
    this.#asksBlue(run, unit);
    if (unit.control === 'begin') this.#readsOnBlue = true;
    return false;
  }

  /** Whether anything depends on what the command is. */
  #wants(run: MysqlCanaryRun): boolean {
    return this.isInTransaction || this.#readsOnBlue || (run.isOpen && this.#host.isAlone());
  }

  #mayGo(run: MysqlCanaryRun, unit: ReadUnit): boolean {
    // It was looked at before: what green cannot do of it goes back.
    if (this.isInTransaction) return true;
    if (unit.control === 'end' || !this.#host.isAlone() || !run.isOpen || !run.includes(this)) return false;
    const why = this.#whyNot(run, unit);
    if (why !== undefined) run.passed(why);
    return why === undefined;
  }

  #whyNot(run: MysqlCanaryRun, { statement, control }: ReadUnit): 'notReady' | 'behind' | 'leftOut' | undefined {
    if (run.isLeftOut(statement)) return 'leftOut';
    if (!this.isReady()) return 'notReady';
    if (control === 'begin' && !(this.#isReadCommitted && !this.wantsIsolation)) return 'leftOut';
    return run.covers(this.#blue.wroteMs) ? undefined : 'behind';
  }

  /** What is known to write on blue is no read there either. */
  #asksBlue(run: MysqlCanaryRun, { statement, control }: ReadUnit): void {
    if (control !== undefined) this.#blue.asksNothing();
    else if (!run.isLeftOut(statement)) this.#blue.asks(run, statement);
  }

  #staysOnGreen({ link }: OnGreen, packet: PassingPacket): boolean {
    const run = this.#run();
    const isThere = this.#facts !== undefined && this.#green?.ready(this.#facts) === link;
    if (run === undefined || run.isOver || this.#again !== undefined || !isThere) return false;
    const unit = this.#read(run, packet);
    return unit !== undefined && unit.control !== 'begin' && !run.isLeftOut(unit.statement);
  }

  #ask(unit: ReadUnit, run: MysqlCanaryRun): boolean {
    const [facts, green] = [this.#facts, this.#green];
    const link = facts === undefined ? undefined : green?.ready(facts);
    if (facts === undefined || green === undefined || link === undefined) return false;
    const detour = new MysqlDetour({
      link,
      green,
      unit,
      capabilities: this.#host.capabilities,
      isInTransaction: this.isInTransaction,
      pass: (part, isLast) => this.#host.pass(part, isLast),
      end: (end) => this.#ended(end),
    });
    this.#underWay = { unit, detour, run, facts };
    detour.start();
    return true;
  }

  /** Blue has answered, whatever it was asked. `isQuiet`: no transaction is open there. */
  blueReady(failed: boolean, isQuiet: boolean): void {
    if (isQuiet) this.#readsOnBlue = false;
    if (failed) this.#blue.failed();
    const run = this.#run();
    if (run !== undefined) this.#blue.ready(run);
  }

  /** Statements of the client are closed. Absent: all. */
  closed(ids?: readonly number[]): void {
    this.#green?.close(ids);
  }

  /** Somebody ends what the client runs; of no effect where that is not here. */
  cancel(): void {
    const underWay = this.#underWay;
    if (underWay === undefined) return;
    underWay.detour.answer.cancel();
    underWay.run.cancel(underWay.detour.answer.link, underWay.facts.login);
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

  /** Of the session as it is now, at a boundary. Errors: TEAL-TRAFFIC-008. */
  async askIsolation(link: MysqlLink): Promise<void> {
    const facts = this.#facts;
    const { rows } = await link.query(isolationSql);
    this.#isolationOf = facts;
    this.#isReadCommitted = rows[0]?.[1]?.toString('latin1') === 'READ-COMMITTED';
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
    const { unit, detour, run, facts } = underWay;
    if (nowMs - detour.answer.startedMs < run.limitMs(unit.statement)) return;
    run.cancel(detour.answer.link, facts.login);
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
  #read(run: MysqlCanaryRun, packet: PassingPacket): ReadUnit | undefined {
    try {
      return readUnit(packet, { judge: (text) => run.judge(text), prepared: (of) => this.#host.prepared(of) });
    } catch {
      return undefined;
    }
  }

  #asksBack(packet: PassingPacket): boolean {
    try {
      return asksBack(packet, this.#host);
    } catch {
      return false;
    }
  }

  #ended(end: DetourEnd): void {
    const underWay = this.#underWay;
    if (underWay === undefined) return;
    this.#underWay = undefined;
    const { unit, run, detour } = underWay;
    const { statement, control } = unit;
    if (end.how === 'answered') {
      this.#noteTransaction(end.status, underWay);
      this.#last = control === undefined ? unit : undefined;
    }
    const read = { statement, isRead: control === undefined, startedMs: detour.answer.startedMs };
    const refused = run.settle(end, read, end.how === 'refused' && refusedWrites.has(end.code));
    if (refused !== undefined) this.#again = { statement, run, refused };
    if (end.how === 'broken') {
      this.#host.broken();
      return;
    }
    if (run.isOver) this.leave();
    if (end.how === 'answered') this.#host.done();
    else this.#host.redo(unit.packet);
  }

  #noteTransaction(status: number, { unit, detour }: UnderWay): void {
    if ((status & serverStatus.inTransaction) === 0) this.#onGreen = undefined;
    else if (unit.control === 'begin' && unit.asks.kind === 'text')
      this.#onGreen = { begin: unit.asks.payload, link: detour.answer.link };
  }
}

/** The answer is nobody's, be it an error. */
async function readAgain(link: MysqlLink, { asks }: ReadUnit): Promise<void> {
  if (asks.kind === 'text') {
    await link.ask(asks.payload, 'dropped');
    return;
  }
  const { prepared } = await link.ask(Buffer.concat([Buffer.of(command.stmtPrepare), asks.sql]));
  if (prepared === undefined) return;
  await link.ask(encodeExecute(prepared.statement, asks.bound), 'dropped');
  link.write(encodePacket(0, encodeStatementClose(prepared.statement)));
}
