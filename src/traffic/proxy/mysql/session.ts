import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { describeError, isTealError } from '../../../kernel/errors.ts';
import type { Side } from '../../../model/catalog.ts';
import { command, encodeBare } from '../../../wire/mysql/commands.ts';
import { serverStatus, type Capabilities } from '../../../wire/mysql/flags.ts';
import { encodePacket } from '../../../wire/mysql/packets.ts';
import { encodeOk, readError, type ErrorReply, type OkReply } from '../../../wire/mysql/replies.ts';
import type { DirectedSession } from '../director.ts';
import type { RecordableSession } from '../capture/capture.ts';
import type { WatchableSession } from '../shadow/options.ts';
import type { CanarySession } from '../canary/course.ts';
import { Answer, type Told } from './answer.ts';
import { MysqlLane, type MysqlLaneHost } from './canary/lane.ts';
import { preparedRead } from './canary/unit.ts';
import type { MysqlRecorder, PassingCommand } from './capture/recorder.ts';
import { trackingSql, type MysqlLogin } from './connector.ts';
import { backendLost, movingAway, notUnderstood, shuttingDown, unknownCommand, unknownThread } from './last-words.ts';
import type { MysqlLink, MysqlLinkOwner } from './link.ts';
import { MysqlMover, type NextBackend } from './mover.ts';
import { PacketTap, type PassingPacket, type Verdict } from './packet-tap.ts';
import { countAnswer } from './served.ts';
import { SessionPins } from './session-pins.ts';
import { asLoggedIn } from './session-state.ts';
import { factsOf, type MysqlSessionFacts } from './shadow/sample.ts';
import type { MysqlTap } from './shadow/tap.ts';
import { readWords, type StatementWords } from './statement-words.ts';
import { Statements } from './statements.ts';
import { TappedChannel } from './tapped-channel.ts';
import { Refusal, type MysqlTraffic, type UserDesk } from './traffic.ts';

export interface SessionOptions {
  readonly traffic: MysqlTraffic<MysqlSession>;
  readonly users: UserDesk;
  readonly client: Socket;
  readonly login: MysqlLogin;
  /** Agreed on with the client. */
  readonly capabilities: Capabilities;
  readonly link: MysqlLink;
  /** The number by which the client knows itself; KILL takes it. */
  readonly id: number;
  readonly name: string;
  readonly address: string;
  readonly isPrivate: boolean;
}

/** A command on its way: what is done when it is answered. */
interface Pending {
  readonly code: number;
  readonly words: StatementWords | undefined;
  readonly sql: Buffer | undefined;
  /** The client's number of the statement that is run or fetched from. */
  readonly statement: number | undefined;
  /** As the client sent it, where it can be sent again: short, whole, and in no transaction. */
  readonly attempt: Buffer | undefined;
  /** When it was passed on, by the monotonic clock. */
  readonly sentMs: number;
  changed: boolean;
}

const keptLimitBytes = 256 << 10;
/** ER_OPTION_PREVENTS_STATEMENT and ER_READ_ONLY_MODE: what `read_only` answers. */
const readOnlyErrors: ReadonlySet<number> = new Set([1290, 1836]);
/** While green answers, the backend on blue is asked at least so often whether it is there. */
const idleOnBlueMs = 2_000;
const inTransaction = serverStatus.inTransaction | serverStatus.inReadOnlyTransaction;
const emptyBytes = Buffer.alloc(0);

const passing: ReadonlySet<number> = new Set([
  command.initDb,
  command.query,
  command.fieldList,
  command.createDb,
  command.dropDb,
  command.refresh,
  command.statistics,
  command.processInfo,
  command.processKill,
  command.debug,
  command.ping,
  command.stmtPrepare,
  command.stmtExecute,
  command.stmtReset,
  command.stmtFetch,
  command.setOption,
  command.resetConnection,
]);
/** They leave the session as it was. */
const harmless: ReadonlySet<number> = new Set([
  command.statistics,
  command.processInfo,
  command.debug,
  command.ping,
  command.stmtPrepare,
  command.stmtReset,
  command.stmtFetch,
]);

/**
 * One client and its backend of the moment. One command at a time goes to the backend, as it would do one at a time; its answer passes as it comes. Only enough is looked at to know where
 * the session stands. While the gate is closed a command that would begin outside of a transaction waits, a transaction that runs goes on to its end, and the session may
 * be given another backend.
 */
export class MysqlSession
  implements MysqlLinkOwner, DirectedSession, WatchableSession, RecordableSession, CanarySession
{
  readonly id: number;
  readonly lane: MysqlLane;
  readonly name: string;
  readonly listens = false;
  readonly #options: SessionOptions;
  readonly #traffic: MysqlTraffic<MysqlSession>;
  readonly #client: Socket;
  readonly #ended = new AbortController();
  readonly #pins = new SessionPins();
  readonly #statements = new Statements();
  readonly #clientTap: PacketTap;
  #mover: MysqlMover;
  #login: MysqlLogin;
  #backendTap: PacketTap;
  #link: MysqlLink | undefined;
  #lastSide: Side;
  #answer: Answer | undefined;
  #pending: Pending | undefined;
  /** Flags as last told. */
  #status: number;
  /** Eight letters, as `session_track_transaction_info` tells. */
  #transaction = '________';
  /** What was said of the next transaction alone. */
  #nextTransaction = '';
  /** An error came in a transaction: it may have ended it, and errors tell no flags. */
  #unsure = false;
  #database: string | undefined;
  /** New commands may pass. */
  #open = false;
  #heldAhead = false;
  /** Something waited when the hold ended, and has not been answered. */
  #owed = false;
  /** The backend answers the proxy, not the client. */
  #asking = false;
  #moving = false;
  #preparing: Promise<void> | undefined;
  #backendFull = false;
  #leaving = false;
  #killed = false;
  /** The client proves to be another user. */
  #dialog: TappedChannel | undefined;
  #busySinceMs: number | undefined;
  /** When its backend was asked last. */
  #askedMs = monotonicMs();
  #waitingSinceMs: number | undefined;
  #longestWaitMs = 0;
  #tap: MysqlTap | undefined;
  #recorder: MysqlRecorder | undefined;
  #watchesNext = false;
  #fence: Buffer | undefined;
  #fencedSinceMs: number | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#traffic = options.traffic;
    this.#client = options.client;
    this.id = options.id;
    this.name = options.name;
    this.#login = options.login;
    this.#link = options.link;
    this.#lastSide = options.link.side;
    this.#status = options.link.status;
    this.#database = options.login.database;
    this.#mover = this.#newMover();
    this.lane = new MysqlLane(() => options.traffic.canary.run, this.#laneHost());
    this.#clientTap = new PacketTap(
      { gate: (next) => this.#gate(next), see: (packet) => this.#seeCommand(packet) },
      (bytes) => this.#toBackend(bytes),
    );
    this.#backendTap = this.#newBackendTap();
  }

  /** Begins to pass bytes. The client's login is over. */
  start(): void {
    const client = this.#client;
    // It may have gone while its backend was made: then no event tells it any more.
    if (client.destroyed || client.readableEnded) {
      this.end();
      return;
    }
    client.on('data', (chunk: Buffer) => this.#onClient(chunk));
    client.on('drain', () => (this.lane.isBusy ? this.lane.drain() : this.#link?.socket.resume()));
    client.on('close', () => this.end());
    client.on('end', () => this.end());
    this.#link?.attach(this);
    this.#tapAsLoggedIn();
    this.#recordAsLoggedIn();
    this.refresh();
    client.resume();
  }

  // ---- what those who direct see

  /** No command is under way, and none of what a transaction, a lock of tables or a half-sent parameter would lose. */
  get #isIdle(): boolean {
    return this.#isIdleOnBackend && !this.lane.isBusy && !this.lane.isInTransaction;
  }

  /** The same, but for what green does for it. */
  get #isIdleOnBackend(): boolean {
    return (
      this.#answer === undefined &&
      this.#dialog === undefined &&
      (this.#status & inTransaction) === 0 &&
      this.#transaction[7] !== 'L' &&
      this.#nextTransaction === '' &&
      !this.#statements.hasLongData
    );
  }

  get atBoundary(): boolean {
    if (this.#asking || this.#leaving || this.#fence !== undefined || this.#unsure) return false;
    return this.#isIdle && this.#backendTap.atPacketEnd && !this.#clientTap.midPacket;
  }

  /** A statement that met the fence has not begun. */
  get inFlight(): boolean {
    return !this.#isIdle || this.#clientTap.midPacket;
  }

  get busyForMs(): number {
    return this.#busySinceMs === undefined ? 0 : monotonicMs() - this.#busySinceMs;
  }

  get longestWaitMs(): number {
    const since = this.#waitingSinceMs;
    return since === undefined ? this.#longestWaitMs : Math.max(this.#longestWaitMs, monotonicMs() - since);
  }

  get isPreparing(): boolean {
    return this.#preparing !== undefined;
  }

  get mover(): MysqlMover {
    return this.#mover;
  }

  get backend(): MysqlLink | undefined {
    return this.#link;
  }

  get settledOn(): boolean {
    // A session that lost its backend while idle is given another one when it needs it.
    return !this.#moving && (this.#link === undefined || this.#link.side === this.#traffic.side);
  }

  get isHeldAhead(): boolean {
    return this.#heldAhead;
  }

  holdAhead(): void {
    this.beginHold();
    this.#heldAhead = true;
    this.refresh();
  }

  stayHeld(): void {
    this.#heldAhead = true;
  }

  get isOwed(): boolean {
    return this.#owed || this.#clientTap.keptBytes > 0;
  }

  endHold(): void {
    this.#heldAhead = false;
    this.#owed = this.#clientTap.keptBytes > 0;
    this.refresh();
  }

  beginHold(): void {
    // Its waits have begun already.
    if (this.#heldAhead) return;
    this.#longestWaitMs = 0;
    this.#mover.forgetHindrance();
    // What waits at the fence is a held statement like any other now.
    if (this.waitsAtFence) this.#fence = undefined;
    if (!this.atBoundary) this.#busySinceMs = monotonicMs();
    this.refresh();
  }

  /** What those who direct say has changed: takes the consequences. */
  refresh(): void {
    if (this.gone) return;
    const { side } = this.#traffic;
    const holding = this.#traffic.holding || this.#heldAhead;
    const link = this.#link;
    const misplaced = link === undefined || link.side !== side;
    this.#open = !holding && !misplaced && !this.#asking && this.#fence === undefined && !this.#moving;
    if (this.#unsure && this.#answer === undefined && (holding || misplaced)) void this.#learnTransaction();
    if (misplaced && this.atBoundary && (link !== undefined || !this.#clientTap.atPacketEnd)) void this.#move();
    this.#resume();
  }

  async prepare(side: Side): Promise<void> {
    return this.#alone(async () => this.#prepare(side));
  }

  async look(): Promise<void> {
    return this.#alone(async () => this.#readState());
  }

  get isWatched(): boolean {
    return this.#tap?.isOver === false;
  }

  async watch(): Promise<void> {
    return this.#alone(async () => {
      await this.#readState();
      this.#beginWatch();
      if (this.lane.wantsIsolation) await this.#askIsolation();
    });
  }

  /** A session that is busy is asked for its state when it has its next answer. */
  #beginWatch(): void {
    if (this.gone) return;
    const { state } = this.#mover;
    this.#watchesNext = !this.atBoundary;
    const facts = state === undefined || !this.atBoundary ? undefined : factsOf(this.#login, state, true);
    this.#watchWith(facts);
  }

  #watchWith(facts: MysqlSessionFacts | undefined): void {
    if (facts === undefined) return;
    if (!this.isWatched) this.#tap = this.#traffic.tap(facts);
    this.lane.track(facts);
  }

  /** Of a session that nobody has changed yet there is nothing to ask. */
  #tapAsLoggedIn(): void {
    this.#watchWith(factsOf(this.#login, asLoggedIn(this.#login), false));
  }

  // ---- reads that green answers

  async enterCanary(): Promise<string | undefined> {
    if (this.lane.tracker === undefined || this.lane.wantsIsolation) await this.watch();
    return this.lane.prepare();
  }

  async #askIsolation(): Promise<void> {
    const link = this.#link;
    if (link === undefined || !this.atBoundary) return;
    await this.#askWith(async () => this.lane.askIsolation(link));
  }

  #laneHost(): MysqlLaneHost {
    return {
      key: { pid: this.id, secret: randomBytes(8) },
      parameters: this.#login.attributes,
      capabilities: this.#options.capabilities,
      isAlone: () => this.#isAlone,
      prepared: (packet) => preparedRead(packet, this.#statements, this.#database),
      pass: (bytes, isLast) => this.#passFromGreen(bytes, isLast),
      done: () => {
        this.#traffic.counters.queries += 1;
        this.#afterGreen();
      },
      redo: (packet) => {
        this.#clientTap.putBack(packet);
        this.#afterGreen();
      },
      broken: () => {
        this.#traffic.log('a session is lost in the middle of an answer of green', { client: this.name });
        this.#client.destroy();
        this.end();
      },
    };
  }

  /** A statement now would be a transaction of its own, and its text can be read. */
  get #isAlone(): boolean {
    const flags = serverStatus.autocommit | serverStatus.noBackslashEscapes;
    return this.#isIdleOnBackend && !this.#unsure && (this.#status & flags) === serverStatus.autocommit;
  }

  #passFromGreen(bytes: Buffer, isLast: boolean): boolean {
    this.#traffic.counters.bytesOut += bytes.length;
    // Nothing that its own backend says unasked may come between two parts of an answer.
    if (!isLast) this.#link?.socket.pause();
    return this.#client.write(bytes);
  }

  #afterGreen(): void {
    if (this.gone) return;
    this.#link?.socket.resume();
    this.refresh();
    // To its server the session is idle: it would end one that has been for as long as `wait_timeout`.
    if (monotonicMs() - this.#askedMs > idleOnBlueMs && this.atBoundary && this.#open) void this.#learnTransaction();
    this.#afterAnswer();
  }

  /** Its transaction on green goes on here, or what green has answered is looked back at. */
  async #goBack(link: MysqlLink): Promise<void> {
    this.#mover.touch(false);
    try {
      const told = await this.#askWith(async () => this.lane.goBack(link));
      if (told !== undefined) this.#heed([told]);
    } catch (error) {
      this.#lose(error);
    }
    if (this.gone) return;
    this.refresh();
    this.#afterAnswer();
  }

  get isRecorded(): boolean {
    return this.#recorder?.isOver === false;
  }

  async record(): Promise<void> {
    await this.look();
    const { state } = this.#mover;
    if (this.gone || this.isRecorded || state === undefined || !this.atBoundary) return;
    this.#recorder = this.#traffic.recorder({ login: this.#login, state, isAsked: true });
  }

  #recordAsLoggedIn(): void {
    const state = asLoggedIn(this.#login);
    this.#recorder = this.#traffic.recorder({ login: this.#login, state, isAsked: false });
  }

  async flushNotifications(): Promise<void> {
    // There are none.
  }

  async #alone(work: () => Promise<void>): Promise<void> {
    this.#preparing ??= work().finally(() => {
      this.#preparing = undefined;
      if (this.gone) return;
      this.refresh();
      this.#traffic.changed(this);
    });
    return this.#preparing;
  }

  get waitsAtFence(): boolean {
    return this.#fence !== undefined && this.#isIdle;
  }

  get fencedForMs(): number {
    return this.#fencedSinceMs === undefined ? 0 : monotonicMs() - this.#fencedSinceMs;
  }

  /** Passes the fence's error on after all: nobody became the owner in time. */
  giveUpOnFence(): void {
    const error = this.#fence;
    if (error === undefined) return;
    this.#fence = undefined;
    this.#clientTap.dropPacket();
    this.#client.write(error);
    this.refresh();
  }

  /** The owner is known (again): the statement that met the fence is tried once more. */
  retryAfterFence(): void {
    this.#fence = undefined;
    this.refresh();
  }

  close(): void {
    this.#leave(movingAway);
  }

  shutDown(): void {
    this.#leave(shuttingDown);
  }

  #leave(payload: Buffer): void {
    // Between two answers a client reads an error as the answer to what it asks next.
    const asked = this.#answer !== undefined || !this.#clientTap.atPacketEnd;
    if (this.#answer === undefined || this.#answer.packets === 0)
      this.#client.end(encodePacket(asked ? 1 : 0, payload));
    else this.#client.destroy();
    this.end();
  }

  end(): void {
    if (this.gone) return;
    this.#ended.abort(new Error('the client is gone'));
    this.#dialog?.close();
    this.#recorder?.close();
    this.#clientTap.forget();
    this.lane.end();
    this.#link?.end();
    this.#mover.drop();
    this.#client.destroySoon();
    this.#traffic.changed(this);
  }

  get gone(): boolean {
    return this.#ended.signal.aborted;
  }

  /** Its backend is told to end it: it is not given another one. */
  beKilled(): void {
    this.#killed = true;
  }

  // ---- client → backend

  #onClient(chunk: Buffer): void {
    this.#traffic.counters.bytesIn += chunk.length;
    try {
      this.#clientTap.push(chunk);
    } catch (error) {
      this.#misunderstood(error);
      return;
    }
    if (this.#answer === undefined && this.#clientTap.next === command.quit) {
      this.end();
      return;
    }
    if (this.#link === undefined) this.refresh();
    if (this.#clientTap.keptBytes > keptLimitBytes) this.#client.pause();
  }

  #misunderstood(error: unknown): void {
    this.#traffic.log('a client is not understood', { client: this.name, because: describeError(error) });
    this.#leave(notUnderstood);
  }

  #resume(): void {
    if (this.#clientTap.keptBytes === 0 && !this.#client.isPaused()) return;
    try {
      this.#clientTap.run();
    } catch (error) {
      this.#misunderstood(error);
      return;
    }
    if (!this.gone && !this.#backendFull && this.#clientTap.keptBytes <= keptLimitBytes) this.#client.resume();
  }

  #gate(next: PassingPacket): boolean {
    if (this.gone || this.lane.isBusy) return false;
    if (this.#dialog !== undefined) return this.#dialog.wants;
    if (this.#answer !== undefined || this.#asking || this.#link === undefined || this.#backendFull) return false;
    if (this.#open || (this.#fence === undefined && !this.#isIdle && !this.#moving)) {
      this.#noteWait();
      if (!this.lane.goesBackFor(next)) return true;
      void this.#goBack(this.#link);
      return false;
    }
    this.#waitingSinceMs ??= monotonicMs();
    return false;
  }

  #noteWait(): void {
    if (this.#waitingSinceMs === undefined) return;
    this.#longestWaitMs = Math.max(this.#longestWaitMs, monotonicMs() - this.#waitingSinceMs);
    this.#waitingSinceMs = undefined;
  }

  #seeCommand(packet: PassingPacket): Verdict | undefined {
    const { head } = packet;
    if (this.#dialog !== undefined) {
      this.#dialog.take(Buffer.from(head), packet.sequence);
      return { instead: emptyBytes };
    }
    if (this.lane.takes(packet)) return { instead: emptyBytes };
    const code = head[0] ?? -1;
    switch (code) {
      case command.quit:
        this.end();
        return { instead: emptyBytes };
      case command.stmtClose:
        return this.#seeClose(head);
      case command.stmtSendLongData:
        return this.#seeLongData(head);
      case command.stmtExecute:
        return this.#seeExecute(packet);
      case command.stmtReset:
      case command.stmtFetch: {
        const id = head.readUInt32LE(1);
        this.#begin(packet, { statement: id });
        head.writeUInt32LE(this.#statements.backendId(id), 1);
        return undefined;
      }
      case command.query:
        return this.#seeQuery(packet);
      case command.stmtPrepare: {
        const sql = Buffer.from(head.subarray(1));
        this.#begin(packet, { words: readWords(sql.toString('utf8')), sql: packet.whole ? sql : undefined });
        return undefined;
      }
      case command.processKill:
        return this.#seeKill(packet, head.readUInt32LE(1), true, (there) => {
          const changed = Buffer.of(command.processKill, 0, 0, 0, 0);
          changed.writeUInt32LE(there, 1);
          return changed;
        });
      case command.changeUser:
        void this.#changeUser(Buffer.from(head), packet.sequence);
        return { instead: emptyBytes };
      default:
        if (!passing.has(code)) return this.#answerSelf(packet, unknownCommand);
        this.#begin(packet, {});
        return undefined;
    }
  }

  #begin(packet: PassingPacket, of: Partial<Pick<Pending, 'words' | 'sql' | 'statement'>>): void {
    const code = packet.head[0] ?? 0;
    const link = this.#link;
    if (link === undefined) return;
    const retries =
      packet.whole && this.#isIdle && (this.#status & serverStatus.autocommit) !== 0 && !harmless.has(code);
    const attempt = retries ? encodePacket(packet.sequence, packet.head) : undefined;
    this.#pending = {
      code,
      words: of.words,
      sql: of.sql,
      statement: of.statement,
      attempt,
      sentMs: monotonicMs(),
      changed: false,
    };
    if (code !== command.stmtExecute) this.#recorder?.command(this.#passing(packet));
    this.#askedMs = monotonicMs();
    this.#answer = new Answer(code, this.#options.capabilities, link.capabilities, () => this.#status);
    this.#backendTap.shift = 0;
  }

  #passing({ head, whole }: PassingPacket): PassingCommand {
    const payload = whole ? head : undefined;
    return {
      payload,
      code: head[0] ?? 0,
      nextStatement: this.#statements.next,
      isLiteralBackslash: this.#isLiteralBackslash,
    };
  }

  /** A backslash in a text escapes nothing (NO_BACKSLASH_ESCAPES). */
  get #isLiteralBackslash(): boolean {
    return (this.#status & serverStatus.noBackslashEscapes) !== 0;
  }

  #seeQuery(packet: PassingPacket): Verdict | undefined {
    const sql = packet.head.subarray(1);
    const text = sql.toString('utf8');
    const words = readWords(text);
    const { kill } = words;
    if (kill !== undefined && packet.whole) {
      const isConnection = !/\bquery\b/i.test(text);
      return this.#seeKill(packet, kill.connectionId, isConnection, (there) =>
        Buffer.concat([
          Buffer.of(command.query),
          Buffer.from(text.slice(0, kill.from) + String(there) + text.slice(kill.to), 'utf8'),
        ]),
      );
    }
    this.#begin(packet, { words, sql: packet.whole ? sql : undefined });
    this.#tellTap(packet.whole ? sql : undefined);
    return undefined;
  }

  /** `bound`: of a statement that was prepared. */
  #tellTap(sql: Buffer | undefined, isPrepared = false, bound?: Buffer): void {
    const link = this.#link;
    const taps = [this.#tap, this.lane.tracker].filter((tap) => tap !== undefined);
    if (link === undefined || taps.length === 0) return;
    // Letters of the state that tell writes: w of tables without transactions, W of those with; L of locks.
    const mayHaveWritten = this.#unsure || this.#nextTransaction !== '' || /[wWL]/.test(this.#transaction);
    const isLiteralBackslash = this.#isLiteralBackslash;
    const { capabilities } = link;
    const inTransaction = this.#unsure || !this.#isQuiet;
    for (const tap of taps) {
      tap.client({ sql, isPrepared, isLiteralBackslash, bound, mayHaveWritten, inTransaction, capabilities });
    }
  }

  /** A number that the proxy gave to a client stands for that client's backend; any other passes as it is. `rewrite`: the same command with another number. */
  #seeKill(
    packet: PassingPacket,
    connectionId: number,
    isConnection: boolean,
    rewrite: (there: number) => Buffer,
  ): Verdict | undefined {
    if (this.#traffic.isElsewhere(connectionId)) {
      const kept = { ...packet, head: Buffer.from(packet.head) };
      void this.#killElsewhere(kept, connectionId, isConnection, rewrite);
      return { instead: emptyBytes };
    }
    if (!this.#traffic.has(connectionId)) {
      this.#begin(packet, {});
      return undefined;
    }
    const side = this.#link?.side;
    const there = side === undefined ? undefined : this.#traffic.backendHere(side, connectionId, isConnection);
    if (there === undefined) return this.#answerSelf(packet, unknownThread(connectionId));
    this.#begin(packet, {});
    return { instead: encodePacket(packet.sequence, rewrite(there)) };
  }

  async #killElsewhere(
    packet: PassingPacket,
    connectionId: number,
    isConnection: boolean,
    rewrite: (there: number) => Buffer,
  ): Promise<void> {
    const there = await this.#askWith(async () => this.#backendElsewhere(connectionId, isConnection));
    if (this.gone) return;
    if (there === undefined) {
      this.#answerSelf(packet, unknownThread(connectionId));
    } else {
      this.#begin(packet, {});
      this.#toBackend(encodePacket(packet.sequence, rewrite(there)));
    }
    this.#afterAnswer();
  }

  async #backendElsewhere(connectionId: number, isConnection: boolean): Promise<number | undefined> {
    const side = this.#link?.side;
    if (side === undefined) return undefined;
    try {
      return await this.#traffic.backendElsewhere(side, connectionId, isConnection);
    } catch (error) {
      this.#traffic.log('a process of the proxy does not tell of its client', { because: describeError(error) });
      return undefined;
    }
  }

  #seeClose(head: Buffer): undefined {
    const id = head.readUInt32LE(1);
    head.writeUInt32LE(this.#statements.backendId(id), 1);
    const entry = this.#statements.find(id);
    if (entry !== undefined) this.lane.closed([entry.statement.id]);
    this.#statements.close(id);
    this.#recorder?.statementClosed(id);
  }

  #seeLongData(head: Buffer): undefined {
    const id = head.readUInt32LE(1);
    const entry = this.#statements.find(id);
    if (entry !== undefined) entry.hasLongData = true;
    head.writeUInt32LE(this.#statements.backendId(id), 1);
  }

  #seeExecute(packet: PassingPacket): Verdict | undefined {
    const { head } = packet;
    const id = head.readUInt32LE(1);
    const entry = this.#statements.find(id);
    const withLongData = entry?.hasLongData === true;
    this.#begin(packet, { statement: id, words: entry?.statement.words });
    // What it takes from parts sent before cannot be sent again.
    if (withLongData && this.#pending !== undefined) this.#pending = { ...this.#pending, attempt: undefined };
    head.writeUInt32LE(entry?.backendId ?? this.#statements.backendId(id), 1);
    const withTypes = entry === undefined ? undefined : this.#statements.executing(entry, head);
    const isWhole = entry !== undefined && packet.whole && !withLongData;
    const bound = isWhole ? this.#statements.boundOf(entry, head) : undefined;
    const isLiteralBackslash = this.#isLiteralBackslash;
    this.#recorder?.execution({
      statement: entry?.statement,
      bound,
      isWhole: packet.whole,
      withLongData,
      database: this.#database,
      isLiteralBackslash,
    });
    if (entry === undefined) return undefined;
    const { sql, database } = entry.statement;
    this.#tellTap(sql, true, database === this.#database ? bound : undefined);
    if (withTypes === undefined) return undefined;
    if (!packet.whole) throw new Error('a long statement relies on types that it bound before the cut');
    return { instead: encodePacket(packet.sequence, withTypes) };
  }

  #answerSelf(packet: PassingPacket, payload: Buffer): Verdict {
    if (!packet.whole) throw new Error('a long packet that the proxy does not take');
    this.#client.write(encodePacket((packet.sequence + 1) & 0xff, payload));
    return { instead: emptyBytes };
  }

  #toBackend(bytes: Buffer): void {
    if (this.#link === undefined || this.#link.write(bytes)) return;
    this.#backendFull = true;
    this.#client.pause();
  }

  drain(): void {
    if (!this.#backendFull) return;
    this.#backendFull = false;
    this.#resume();
  }

  // ---- backend → client

  #newBackendTap(): PacketTap {
    return new PacketTap({ gate: () => true, see: (packet) => this.#seeAnswer(packet) }, (bytes) => {
      if (!this.#client.write(bytes)) this.#link?.socket.pause();
    });
  }

  data(chunk: Buffer): void {
    this.#traffic.counters.bytesOut += chunk.length;
    this.#tap?.answer(chunk);
    this.#backendTap.push(chunk);
    if (this.#answer !== undefined || this.#backendTap.midPacket) return;
    this.#afterAnswer();
  }

  #afterAnswer(): void {
    if (this.gone || this.#asking) return;
    if (this.#watchesNext && this.#open && this.atBoundary) void this.watch();
    if (this.#open) {
      if (!this.#clientTap.atPacketEnd) this.#resume();
      if (this.#owed) this.#paid();
      return;
    }
    this.#owed = false;
    if (this.#isIdle) this.#busySinceMs = undefined;
    this.refresh();
    this.#traffic.changed(this);
  }

  #paid(): void {
    this.#owed = false;
    this.#traffic.changed(this);
  }

  #seeAnswer(packet: PassingPacket): Verdict | undefined {
    const answer = this.#answer;
    const pending = this.#pending;
    if (answer === undefined || pending === undefined) return this.#seeLastWords();
    const { told, verdict } = answer.see(packet);
    this.#backendTap.shift = answer.shift;
    if (told.prepared !== undefined) {
      const text = { sql: pending.sql, words: pending.words ?? readWords(''), database: this.#database };
      packet.head.writeUInt32LE(this.#statements.add(told.prepared, text), 1);
    }
    this.#take(pending, told);
    const error = told.part.kind === 'error' ? readError(packet.head) : undefined;
    if (error !== undefined && this.#meetsFence(pending, answer, packet, error)) return { instead: emptyBytes };
    if (told.part.ends) {
      this.#recorder?.answered(error);
      countAnswer(this.#traffic.served[this.#lastSide], pending.sentMs, error);
      this.#finish(pending, error !== undefined);
    }
    return verdict;
  }

  /** A server says goodbye to a session that it ends: a session that goes on elsewhere does not need to know. */
  #seeLastWords(): Verdict | undefined {
    if (this.#canReconnect) return { instead: emptyBytes };
    this.#leaving = true;
    return undefined;
  }

  #take(pending: Pending, { part, ok }: Told): void {
    if (part.status !== undefined) this.#takeStatus(part.status, pending);
    if (ok !== undefined) this.#takeOk(ok, pending);
  }

  #takeStatus(status: number, pending: Pending): void {
    this.#status = status;
    this.#unsure = false;
    const entry = pending.statement === undefined ? undefined : this.#statements.find(pending.statement);
    if (entry !== undefined) {
      if ((status & serverStatus.cursorExists) !== 0) entry.hasCursor = true;
      if ((status & serverStatus.lastRowSent) !== 0) entry.hasCursor = false;
    }
  }

  #takeOk(ok: OkReply, pending: Pending): void {
    for (const change of ok.changes) {
      switch (change.kind) {
        case 'transactionState':
          this.#transaction = change.state;
          break;
        case 'transactionCharacteristics':
          this.#nextTransaction = (this.#status & inTransaction) === 0 ? change.statements : '';
          break;
        case 'schema':
          this.#database = change.name === '' ? undefined : change.name;
          pending.changed = true;
          break;
        case 'gtids':
          break;
        default:
          pending.changed = true;
      }
    }
  }

  #meetsFence(pending: Pending, answer: Answer, packet: PassingPacket, { code, message }: ErrorReply): boolean {
    if (!readOnlyErrors.has(code) || !/read[- ]only/i.test(message)) return false;
    const { attempt } = pending;
    const isUntouched = attempt !== undefined && answer.packets === 1;
    if (!isUntouched) this.#traffic.strayed();
    if (!isUntouched || this.fencedForMs > this.#traffic.stragglerMs) return false;
    this.#answer = undefined;
    this.#pending = undefined;
    this.#tap?.restart();
    this.#fence = encodePacket(packet.sequence, packet.head);
    this.#fencedSinceMs ??= monotonicMs();
    this.#open = false;
    this.#clientTap.putBack(attempt);
    this.#traffic.fenced();
    return true;
  }

  #finish(pending: Pending, failed: boolean): void {
    this.#answer = undefined;
    this.#pending = undefined;
    this.#fencedSinceMs = undefined;
    this.#traffic.counters.queries += 1;
    // Without autocommit it may also have begun one.
    if (failed && (!this.#isQuiet || (this.#status & serverStatus.autocommit) === 0)) this.#unsure = true;
    const { code, words } = pending;
    if (words !== undefined && code !== command.stmtPrepare) this.#pins.note(words, pending.sql, failed);
    // What servers report are changes of system variables; the rest of a session may change with any statement, by a trigger that sets a user variable.
    const runs = code === command.stmtExecute || code === command.query;
    const isReported = runs && !failed && !pending.changed && words?.changes !== true;
    if (!harmless.has(code)) this.#mover.touch(!isReported);
    const isAnother = pending.changed || code === command.resetConnection || code === command.initDb;
    const after = { failed, inTransaction: this.#unsure || !this.#isQuiet };
    this.#tap?.answered(isAnother, after);
    this.lane.tracker?.answered(isAnother, after);
    this.lane.blueReady(failed, this.#isQuiet);
    if (this.#tap?.isOver === true) this.#tap = undefined;
    if (code === command.stmtReset && pending.statement !== undefined) this.#resetStatement(pending.statement);
    if (code === command.resetConnection && !failed) void this.#afterReset();
    else if (words?.tracks === true && code !== command.stmtPrepare) void this.#trackAgain();
  }

  /** No transaction, no lock of tables. */
  get #isQuiet(): boolean {
    return (this.#status & inTransaction) === 0 && this.#transaction[7] !== 'L' && this.#nextTransaction === '';
  }

  #resetStatement(id: number): void {
    const entry = this.#statements.find(id);
    if (entry === undefined) return;
    entry.hasCursor = false;
    entry.hasLongData = false;
  }

  /** COM_RESET_CONNECTION: nothing is left of the session, nor of what has the server track it. */
  async #afterReset(): Promise<void> {
    this.lane.closed();
    this.#statements.clear();
    this.#pins.reset();
    this.#transaction = '________';
    this.#nextTransaction = '';
    await this.#trackAgain();
  }

  /** Without what the server tells, nobody would know where the session stands. */
  async #trackAgain(): Promise<void> {
    const link = this.#link;
    if (link === undefined) return;
    await this.#askWith(async () => {
      await link.query(trackingSql);
    });
    this.#afterAnswer();
  }

  // ---- another user

  async #changeUser(payload: Buffer, sequence: number): Promise<void> {
    const dialog = new TappedChannel(
      (bytes) => this.#client.write(bytes),
      (sequence + 1) & 0xff,
      () => this.#resume(),
    );
    this.#dialog = dialog;
    const { address, isPrivate, users, capabilities } = this.#options;
    try {
      const changed = await users.changeUser(
        payload,
        dialog,
        { login: this.#login, address, isPrivate },
        this.#ended.signal,
      );
      this.#dialog = undefined;
      if (this.gone) {
        changed.link.end();
        return;
      }
      this.#login = changed.login;
      this.#tap = undefined;
      this.#recorder?.close();
      this.lane.leave();
      this.lane.closed();
      this.#mover.drop();
      this.#mover = this.#newMover();
      this.#statements.clear();
      this.#pins.reset();
      this.#database = changed.login.database;
      this.#goOnWith({ link: changed.link, statements: new Map() });
      this.#recordAsLoggedIn();
      dialog.write(
        encodeOk({ affectedRows: 0n, lastInsertId: 0n, status: this.#status, warnings: 0, info: '' }, capabilities),
      );
      this.#afterAnswer();
      this.refresh();
    } catch (error) {
      if (this.gone) return;
      if (!(error instanceof Refusal))
        this.#traffic.log('a change of user failed', { client: this.name, because: describeError(error) });
      if (error instanceof Refusal) dialog.write(error.payload);
      // As the server: who could not prove who it is has no session any more.
      this.#client.end();
      this.end();
    }
  }

  // ---- the backend goes

  /** Nothing of the session is lost with its backend. */
  get #canReconnect(): boolean {
    const isIdle = this.#isIdleOnBackend && !this.lane.isInTransaction;
    return isIdle && !this.#killed && !this.#mover.dirty && this.#mover.pins.length === 0 && !this.#asking;
  }

  closed(because?: unknown): void {
    if (this.gone) return;
    if (!this.#canReconnect) {
      if (this.#leaving || this.#killed) this.end();
      else this.#lose(because);
      return;
    }
    this.#link = undefined;
    this.#backendTap = this.#newBackendTap();
    this.refresh();
    this.#traffic.changed(this);
  }

  #lose(because: unknown): void {
    this.#traffic.served[this.#lastSide].failed('lost');
    const why = because === undefined ? 'the server closed the connection' : describeError(because);
    this.#traffic.log('a session is lost with its backend', { client: this.name, side: this.#lastSide, because: why });
    this.#leave(backendLost);
  }

  // ---- another backend

  #newMover(): MysqlMover {
    return new MysqlMover(
      this.#login,
      {
        known: () => this.#pins,
        seen: async (link) => this.#traffic.seen(link),
        pins: () => [...this.#pins.reasons, ...this.#statements.pins],
        statements: () => this.#statements.kept,
      },
      async (side, login) => this.#traffic.connect(side, login, this.#ended.signal),
    );
  }

  async #prepare(side: Side): Promise<void> {
    const mover = this.#mover;
    await mover.connect(side);
    if (this.gone) {
      mover.drop();
      return;
    }
    await this.#readState();
    if (mover.dirty || mover.pins.length > 0) return;
    await mover.write();
  }

  async #readState(): Promise<void> {
    const mover = this.#mover;
    const link = this.#link;
    if (link === undefined || !mover.dirty || !this.atBoundary) return;
    await this.#askWith(async () => mover.read(link));
  }

  async #learnTransaction(): Promise<void> {
    const link = this.#link;
    if (link === undefined || this.#asking) return;
    this.#askedMs = monotonicMs();
    await this.#askWith(async () => {
      const { oks } = await link.ask(encodeBare(command.ping));
      this.#heed(oks.slice(0, 1));
    });
    this.#afterAnswer();
  }

  /** What its backend has said to a question of the proxy. */
  #heed(oks: readonly OkReply[]): void {
    for (const { status, changes } of oks) {
      this.#status = status;
      this.#unsure = false;
      if (changes.length > 0) this.#mover.touch(true);
      for (const change of changes) if (change.kind === 'transactionState') this.#transaction = change.state;
    }
  }

  /** Undefined when its backend was lost meanwhile. */
  async #askWith<T>(ask: () => Promise<T>): Promise<T | undefined> {
    this.#asking = true;
    this.#open = false;
    try {
      return await ask();
    } catch (error) {
      // A lost backend is told to its owner as well, which decides about the session.
      if (!isTealError(error, 'TEAL-TRAFFIC-008')) throw error;
      return undefined;
    } finally {
      this.#asking = false;
    }
  }

  /** Goes to where those who direct point, and tries until it is there or the client has gone: after the decision there is no way back. */
  async #move(): Promise<void> {
    if (this.#moving) return;
    this.#moving = true;
    try {
      for (let waitMs = 20; !this.gone && !this.#arrived(); waitMs = Math.min(waitMs * 2, 1_000)) {
        const side = this.#traffic.side;
        this.#mover.forgetHindrance();
        await this.prepare(side);
        if (this.gone || side !== this.#traffic.side) continue;
        if (this.#mover.isBound) return this.#leaveBehind(side);
        const next = this.#mover.take(side);
        if (next !== undefined) this.#goOnWith(next);
        else await sleep(waitMs, this.#ended.signal).catch(() => undefined);
      }
    } catch (error) {
      this.#traffic.log('a session could not be moved', { client: this.name, because: describeError(error) });
      this.close();
    } finally {
      this.#moving = false;
      if (!this.gone) {
        this.refresh();
        this.#traffic.changed(this);
      }
    }
  }

  /** The side that it was on owns nothing any more, and its state cannot be had on the other. */
  #leaveBehind(side: Side): void {
    const { pins, hindrance } = this.#mover;
    const because = [...pins, ...(hindrance === undefined ? [] : [hindrance.reason])].join('; ');
    this.#traffic.log('a session cannot follow', { client: this.name, to: side, because });
    this.close();
  }

  #arrived(): boolean {
    return this.#link !== undefined && this.#link.side === this.#traffic.side;
  }

  #goOnWith({ link, statements }: NextBackend): void {
    const old = this.#link;
    this.#link = link;
    this.#lastSide = link.side;
    this.#statements.moved(statements);
    this.#backendTap = this.#newBackendTap();
    this.#tap?.restart();
    this.#transaction = '________';
    this.#status = (this.#status & serverStatus.autocommit) | (link.status & ~serverStatus.autocommit);
    this.#leaving = false;
    link.attach(this);
    if (old !== undefined) this.#traffic.retire(old);
  }
}
