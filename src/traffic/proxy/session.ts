import type { Socket } from 'node:net';
import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { describeError, isTealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import { fenceSigns } from '../../ports/fence.ts';
import {
  backend,
  encodeParameterStatus,
  encodeReadyForQuery,
  readCommandTag,
  readError,
  readParameterStatus,
  status,
  type BackendKey,
} from '../../wire/postgres/backend.ts';
import { encodeQuery, frontend } from '../../wire/postgres/frontend.ts';
import { isAdmitted } from './admission.ts';
import type { BackendLink, LinkOwner } from './backend-link.ts';
import { Backlog } from './backlog.ts';
import type { CanarySession } from './canary/course.ts';
import { Lane } from './canary/lane.ts';
import type { RecordableSession } from './capture/capture.ts';
import { recordedNeed, type SessionRecorder } from './capture/recorder.ts';
import { ClientMessages } from './client-messages.ts';
import type { BackendLogin } from './connector.ts';
import { FrameTap } from './frame-tap.ts';
import { backendLost, cancelled, movingAway, notUnderstood, shuttingDown } from './last-words.ts';
import type { DirectedSession } from './director.ts';
import { Mover } from './mover.ts';
import { rehearsedAtMost } from './rehearsal.ts';
import { stableParameters } from './session-state.ts';
import { Statements, statementLimitBytes } from './statements.ts';
import type { WatchableSession } from './shadow/options.ts';
import { tappedNeed, type SessionTap } from './shadow/tap.ts';
import type { Traffic } from './traffic.ts';
import { UnitCopy } from './unit-copy.ts';
import { UnitDiscard } from './unit-discard.ts';
import { telling, Units } from './units.ts';

/** Messages with which a unit is whole, so that its answer can end. */
const ending: ReadonlySet<number> = new Set([frontend.query, frontend.sync, frontend.functionCall]);
const nobody: readonly SessionTap[] = Object.freeze([]);

/**
 * One client and its backend of the moment. While the gate is open, bytes pass in both directions as they come; only enough is looked at to know
 * where the session stands (`Units`) and which statements it has prepared (`Statements`). While the gate is closed a unit that has not begun
 * waits, a transaction that runs goes on to its end, and the session may be given another backend.
 */
export class Session implements LinkOwner, DirectedSession, WatchableSession, CanarySession, RecordableSession {
  readonly key: BackendKey;
  readonly name: string;
  /** Its reads that green answers. */
  readonly lane: Lane;
  readonly #traffic: Traffic<Session>;
  readonly #client: Socket;
  readonly #login: BackendLogin;
  readonly #mover: Mover;
  readonly #units = new Units();
  readonly #statements = new Statements();
  readonly #shown: Map<string, string>;
  readonly #ended = new AbortController();
  readonly #messages: ClientMessages;
  readonly #clientTap: FrameTap;
  #backendTap: FrameTap;
  #link: BackendLink | undefined;
  #lastSide: Side;
  /** New units may pass. Kept in a field because it is asked for every message. */
  #open = false;
  /** Held though the gate is open to others. */
  #heldAhead = false;
  /** Something waited when the hold ended, and has not been answered. */
  #owed = false;
  /** The backend answers the proxy, not the client. */
  #asking = false;
  #moving = false;
  #preparing: Promise<void> | undefined;
  readonly #backlog = new Backlog();
  #backendFull = false;
  #discard: UnitDiscard | undefined;
  #settled = false;
  /** The client has been told, or does not need to be told, that the session ends. */
  #leaving = false;
  #busySinceMs: number | undefined;
  /** The chunk that the client's tap is at. */
  #chunk: Buffer = Buffer.alloc(0);
  readonly #unit = new UnitCopy();
  #fence: Buffer | undefined;
  #fencedSinceMs: number | undefined;
  /** While its reads are compared with those of the other side. */
  #tap: SessionTap | undefined;
  /** While what its client asks is recorded. */
  #recorder: SessionRecorder | undefined;
  /** When the backend could begin with the unit that is answered next. */
  #sentMs = 0;
  /** The class of the first error of that unit. */
  #failure: string | undefined;

  constructor(
    traffic: Traffic<Session>,
    client: Socket,
    login: BackendLogin,
    link: BackendLink,
    key: BackendKey,
    name: string,
  ) {
    this.#traffic = traffic;
    this.#client = client;
    this.key = key;
    this.name = name;
    this.#shown = new Map(link.parameters);
    this.#link = link;
    this.#lastSide = link.side;
    this.#login = login;
    this.#mover = new Mover(login, async (side, who) => traffic.connect(side, who, this.#ended.signal));
    this.#messages = new ClientMessages({
      units: this.#units,
      statements: this.#statements,
      settings: traffic.settings,
      insert: (bytes) => this.#clientTap.insert(bytes),
    });
    this.#clientTap = new FrameTap(
      {
        gate: (type, at) => this.#gate(type, at),
        need: (type, length) => {
          const need = this.#messages.need(type, length);
          if (this.#taps.length === 0 && this.#recorder === undefined) return need;
          return Math.max(need, this.#watchedNeed(type, length));
        },
        see: (bytes, start, end, length) => {
          this.#mover.touch();
          if (bytes[start] === frontend.terminate) this.#leaving = true;
          for (const tap of this.#taps) this.#tell(tap, bytes.subarray(start, end), length);
          if (this.#units.outstanding === 0 && ending.has(bytes[start] ?? 0)) this.#sentMs = monotonicMs();
          if (this.#recorder !== undefined) this.#tellRecorder(this.#recorder, bytes.subarray(start, end), length);
          return this.#messages.see(bytes, start, end, length);
        },
      },
      (bytes) => this.#toBackend(bytes),
    );
    this.#backendTap = this.#newBackendTap();
    this.lane = new Lane(() => traffic.canary?.run, {
      key,
      parameters: this.parameters,
      statements: this.#statements,
      pass: (bytes, isLast) => this.#passFromGreen(bytes, isLast),
      done: () => {
        traffic.counters.queries += 1;
        this.#afterGreen();
      },
      redo: (unit) => {
        this.#backlog.putBack([unit]);
        this.#afterGreen();
      },
      broken: () => {
        traffic.log('a session is lost in the middle of an answer of green', { client: name });
        client.destroy();
        this.end();
      },
    });
  }

  /** Begins to pass bytes. The client's start-up is over. */
  start(): void {
    const client = this.#client;
    // It may have gone while its backend was made: then no event tells it any more.
    if (client.destroyed || client.readableEnded) {
      this.end();
      return;
    }
    client.on('data', (chunk: Buffer) => this.#onClient(chunk));
    client.on('drain', () => {
      if (this.lane.isBusy) this.lane.drain();
      else this.#link?.socket.resume();
    });
    client.on('close', () => this.end());
    client.on('end', () => this.end());
    this.#link?.attach(this);
    this.refresh();
    this.#beginWatch();
    this.#beginRecord();
    client.resume();
  }

  // ---- what the hub sees

  get id(): number {
    return this.key.pid;
  }

  get atBoundary(): boolean {
    if (this.#asking || this.#leaving || this.#fence !== undefined) return false;
    if (this.lane.isBusy || this.lane.isInTransaction) return false;
    return this.#units.atBoundary && this.#backendTap.atFrameEnd && this.#clientTap.atFrameEnd;
  }

  /** In flight as the Router port counts: something has begun and not ended. A statement that met the fence has not begun. */
  get inFlight(): boolean {
    return !this.#units.atBoundary || this.lane.isBusy || this.lane.isInTransaction;
  }

  get busyForMs(): number {
    return this.#busySinceMs === undefined ? 0 : monotonicMs() - this.#busySinceMs;
  }

  get longestWaitMs(): number {
    return this.#backlog.longestWaitMs;
  }

  get isPreparing(): boolean {
    return this.#preparing !== undefined;
  }

  get mover(): Mover {
    return this.#mover;
  }

  get listens(): boolean {
    return this.#mover.state.listens;
  }

  /** What its client gave when it connected. */
  get parameters(): ReadonlyMap<string, string> {
    return this.#login.parameters;
  }

  /** The side that it is to be on. */
  get #wanted(): Side {
    return this.#traffic.sideOf(this.#login.parameters);
  }

  get settledOn(): boolean {
    // A session that lost its backend while idle is given another one when it needs it.
    return !this.#moving && (this.#link === undefined || this.#link.side === this.#wanted);
  }

  /** Lets this session wait at its next boundary as if the gate were closed, and it soon is. */
  holdAhead(): void {
    this.beginHold();
    this.#heldAhead = true;
    this.refresh();
  }

  get isHeldAhead(): boolean {
    return this.#heldAhead;
  }

  stayHeld(): void {
    this.#heldAhead = true;
  }

  get isOwed(): boolean {
    return this.#owed || !this.#backlog.isEmpty;
  }

  endHold(): void {
    this.#heldAhead = false;
    this.#owed = !this.#backlog.isEmpty;
    this.refresh();
  }

  beginHold(): void {
    // Its waits have begun already.
    if (this.#heldAhead) return;
    this.#backlog.resetWaits();
    this.#mover.forgetHindrance();
    // What waits at the fence is a held statement like any other now.
    if (this.waitsAtFence) this.#fence = undefined;
    if (!this.atBoundary) this.#busySinceMs = monotonicMs();
    this.refresh();
  }

  /** What the hub says has changed: takes the consequences. */
  refresh(): void {
    const side = this.#wanted;
    const holding = this.#traffic.holding || this.#heldAhead;
    const link = this.#link;
    const misplaced = link === undefined || link.side !== side;
    this.#open =
      !holding &&
      !misplaced &&
      !this.#asking &&
      this.#fence === undefined &&
      this.#discard === undefined &&
      !this.lane.isBusy &&
      !this.#moving;
    if (misplaced && this.atBoundary && (link !== undefined || !this.#backlog.isEmpty)) void this.#move();
    if (!this.#backlog.isEmpty) this.#resume();
  }

  /**
   * Makes the backend on `side` ready for this session; asks the present one for its state when that may have changed. Safe to call at any time;
   * what hinders is in `mover`.
   */
  async prepare(side: Side): Promise<void> {
    return this.#alone(async () => this.#prepare(side));
  }

  /** Asks the present backend for the session's state when that may have changed; what cannot cross is in `mover` then. Safe to call at any time. */
  async look(): Promise<void> {
    return this.#alone(async () => this.#readState());
  }

  // ---- shadow reads

  get isWatched(): boolean {
    return this.#tap?.isOver === false;
  }

  async watch(): Promise<void> {
    await this.look();
    this.#beginWatch();
  }

  /** Only where all of its state is known. */
  #beginWatch(): void {
    const { dirty, pins, state } = this.#mover;
    if (this.gone || dirty || pins.length > 0) return;
    const facts = { login: this.#login, state, shown: new Map(this.#shown) };
    this.lane.track(facts);
    if (!this.isWatched) this.#tap = this.#traffic.shadow?.tap(facts);
  }

  // ---- reads that green answers

  async enterCanary(): Promise<string | undefined> {
    if (this.lane.tracker === undefined) await this.watch();
    if (this.lane.wantsIsolation) await this.#alone(async () => this.#askIsolation());
    return this.lane.prepare();
  }

  async #askIsolation(): Promise<void> {
    const link = this.#link;
    if (link === undefined || !this.atBoundary) return;
    await this.#askWith(async () => {
      const { rows } = await link.ask(encodeQuery('show default_transaction_isolation'));
      this.lane.isolated(rows[0]?.[0]?.toString('latin1') ?? '');
    });
    this.#statements.unnamedLost();
  }

  /** The transaction of the client that ran on green goes on here. */
  async #beginOnBlue(): Promise<void> {
    const link = this.#link;
    if (link === undefined) return this.#lose(new Error('a transaction on green cannot go on'));
    const begin = this.lane.leaveTransaction();
    this.#mover.touch();
    let isBegun = false;
    await this.#askWith(async () => {
      isBegun = (await link.ask(begin)).error === undefined;
    });
    if (this.gone) return;
    if (!isBegun) return this.#lose(new Error('a transaction on green cannot go on'));
    this.#statements.unnamedLost();
    this.#units.ready(status.inTransaction);
    this.refresh();
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
    if (this.#open) {
      if (this.#owed) this.#paid();
      return;
    }
    this.#owed = false;
    if (!this.atBoundary) return;
    this.#busySinceMs = undefined;
    this.#traffic.changed(this);
  }

  /** Whether a unit that begins here may go to its own backend now: it may be green's, or there may be something to do before. */
  #isForBlue(at: number): boolean {
    const isAlone = this.#units.outstanding === 0 && this.#backendTap.atFrameEnd;
    if (!isAlone && !this.lane.isInTransaction) {
      this.lane.pipelines();
      return true;
    }
    if (!this.#units.atBoundary) {
      this.lane.watches(this.#chunk, at);
      return true;
    }
    const way = this.lane.takes(this.#chunk, at);
    if (way === 'blue') return true;
    this.#open = false;
    if (way === 'begin first') void this.#beginOnBlue();
    return false;
  }

  /** Who watches what its client says. */
  get #taps(): readonly SessionTap[] {
    const tap = this.#tap;
    const { tracker } = this.lane;
    if (tap?.isOver === true) this.#tap = undefined;
    if (tap === undefined) return tracker === undefined ? nobody : [tracker];
    return tracker === undefined ? [tap] : [tap, tracker];
  }

  #tell(tap: SessionTap, head: Buffer, length: number): void {
    const units = this.#units;
    const alone = units.outstanding === 0 && !units.midUnit && this.#backendTap.atFrameEnd;
    tap.client(head, length, { alone, status: units.status, parseOf: (name) => this.#statements.parseOf(name) });
  }

  // ---- recording

  get isRecorded(): boolean {
    return this.#recorder?.isOver === false;
  }

  async record(): Promise<void> {
    await this.look();
    this.#beginRecord();
  }

  /** Only where all of its state is known: then it is at a boundary too. */
  #beginRecord(): void {
    const { dirty, pins, state } = this.#mover;
    if (this.gone || this.isRecorded || dirty || pins.length > 0) return;
    this.#recorder = this.#traffic.capture.recorder({ login: this.#login, state, shown: new Map(this.#shown) });
  }

  #tellRecorder(recorder: SessionRecorder, head: Buffer, length: number): void {
    recorder.client(head, length, { parseOf: (name) => this.#statements.parseOf(name) });
    if (recorder.isOver) this.#recorder = undefined;
  }

  #watchedNeed(type: number, length: number): number {
    const tap = this.#taps.length === 0 ? 0 : tappedNeed(type, length);
    return this.#recorder === undefined ? tap : Math.max(tap, recordedNeed(type, length));
  }

  async #alone(work: () => Promise<void>): Promise<void> {
    this.#preparing ??= work().finally(() => {
      this.#preparing = undefined;
      if (this.#ended.signal.aborted) return;
      this.refresh();
      this.#traffic.changed(this);
    });
    return this.#preparing;
  }

  /** Waits until the present backend has delivered what was notified before now. At a boundary only. */
  async flushNotifications(): Promise<void> {
    const link = this.#link;
    if (link === undefined || !this.atBoundary) return;
    await this.#askWith(async () => {
      await link.ask(encodeQuery(''));
    });
  }

  /** CancelRequest for this session: true when it was for a held statement and is answered; false when the backend must be asked. */
  cancel(): boolean {
    if (this.lane.cancel()) return false;
    if (this.#open || this.#units.outstanding > 0 || this.#units.midUnit) return false;
    if (this.#units.status !== status.idle || this.#backlog.isEmpty || this.#discard !== undefined) return true;
    this.#fence = undefined;
    this.#discard = new UnitDiscard();
    this.#client.write(cancelled);
    this.#discardHeld();
    return true;
  }

  get backend(): BackendLink | undefined {
    return this.lane.link ?? this.#link;
  }

  /** Passes the fence's error on after all: nobody became the owner in time. */
  giveUpOnFence(): void {
    const error = this.#fence;
    if (error === undefined) return;
    this.#fence = undefined;
    for (const part of this.#unit.parts) this.#backlog.take(part.length);
    this.#client.write(Buffer.concat([error, encodeReadyForQuery(status.idle)]));
    this.refresh();
  }

  /** The owner is known (again): the statement that met the fence is tried once more. */
  retryAfterFence(): void {
    this.#fence = undefined;
    this.refresh();
  }

  get waitsAtFence(): boolean {
    return this.#fence !== undefined && this.#units.atBoundary;
  }

  get fencedForMs(): number {
    return this.#fencedSinceMs === undefined ? 0 : monotonicMs() - this.#fencedSinceMs;
  }

  close(message: Buffer = movingAway): void {
    if (this.#backendTap.atFrameEnd && !this.lane.isMidAnswer) this.#client.end(message);
    else this.#client.destroy();
    this.end();
  }

  shutDown(): void {
    this.close(shuttingDown);
  }

  end(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(new Error('the client is gone'));
    this.#backlog.clear();
    this.#recorder?.close();
    this.lane.end();
    this.#link?.end();
    this.#mover.drop();
    this.#client.destroySoon();
    this.#traffic.changed(this);
  }

  get gone(): boolean {
    return this.#ended.signal.aborted;
  }

  // ---- client → backend

  #onClient(chunk: Buffer): void {
    this.#traffic.counters.bytesIn += chunk.length;
    if (!this.#backlog.isEmpty || this.#link === undefined || this.#discard !== undefined) {
      this.#enqueue(chunk);
      if (this.#discard !== undefined) this.#discardHeld();
      else if (this.#link === undefined) this.refresh();
      return;
    }
    const taken = this.#feed(chunk);
    if (taken < chunk.length) this.#enqueue(taken === 0 ? chunk : chunk.subarray(taken));
  }

  #enqueue(chunk: Buffer): void {
    if (this.#backlog.isEmpty && chunk[0] === frontend.terminate && this.#clientTap.atFrameEnd) {
      this.end();
      return;
    }
    this.#backlog.add(chunk);
    if (this.#backlog.isFull) this.#client.pause();
  }

  /** Passes on what the gate lets through, and returns how much that was. What cannot be understood ends this session, not the process. */
  #feed(chunk: Buffer): number {
    this.#chunk = chunk;
    try {
      const taken = this.#clientTap.push(chunk);
      this.#unit.passed(chunk, taken);
      return taken + this.lane.begin();
    } catch (error) {
      this.#traffic.log('a client is not understood', { client: this.name, because: describeError(error) });
      this.close(notUnderstood);
      return chunk.length;
    }
  }

  #resume(): void {
    for (let chunk = this.#backlog.first; chunk !== undefined; chunk = this.#backlog.first) {
      if (this.#backendFull || this.#asking || this.#link === undefined || this.#discard !== undefined) return;
      const taken = this.#feed(chunk);
      if (taken > 0) this.#backlog.noteWait();
      this.#backlog.take(taken);
      if (taken < chunk.length) return;
    }
    if (!this.#backendFull) this.#client.resume();
  }

  #gate(type: number, at: number): boolean {
    const units = this.#units;
    const isFree = !this.#asking && this.#link !== undefined && this.#fence === undefined;
    // A transaction on green goes on to its end like one on its own backend.
    if (this.lane.isInTransaction && !units.midUnit && type !== frontend.terminate)
      return isFree && !this.lane.isBusy && this.#isForBlue(at);
    if (!isAdmitted(units, this.#open, isFree, type)) return false;
    if (!this.#open || units.midUnit) return true;
    if (!this.#isForBlue(at)) return false;
    this.#unit.begin(this.#chunk, at, units.atBoundary);
    return true;
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

  data(chunk: Buffer): void {
    this.#traffic.counters.bytesOut += chunk.length;
    this.#tap?.answer(chunk);
    this.#backendTap.push(chunk);
    if (!this.#settled) return;
    this.#settled = false;
    if (this.#open) {
      if (!this.#backlog.isEmpty) this.#resume();
      if (this.#owed) this.#paid();
      return;
    }
    this.#owed = false;
    if (this.atBoundary) {
      this.#busySinceMs = undefined;
      this.refresh();
      this.#traffic.changed(this);
    } else if (!this.#backlog.isEmpty) {
      this.#resume();
    }
  }

  #paid(): void {
    this.#owed = false;
    this.#traffic.changed(this);
  }

  #newBackendTap(): FrameTap {
    return new FrameTap(
      {
        gate: () => true,
        need: (type, length) => (telling.has(type) && length <= statementLimitBytes ? length : 0),
        see: (bytes, start, end) => this.#seeBackend(bytes, start, end),
      },
      (bytes) => this.#toClient(bytes),
    );
  }

  #seeBackend(bytes: Buffer, start: number, end: number): boolean {
    const units = this.#units;
    switch (bytes[start]) {
      case backend.readyForQuery:
        return this.#seeReady(bytes[start + 5] ?? status.idle);
      case backend.commandComplete:
        units.commandCompleted();
        if (bytes[start + 5] === 0x44) this.#seeDiscard(readCommandTag(bytes.subarray(start, end)));
        return true;
      case backend.parseComplete: {
        const parse = units.parsed();
        if (parse !== undefined) this.#statements.parsed(parse, this.#messages.backend);
        return parse?.injected !== true;
      }
      case backend.closeComplete: {
        const close = units.closed();
        if (close?.injected === true) return false;
        if (close?.name !== undefined) this.#statements.closed(close.name);
        return true;
      }
      case backend.copyIn:
        units.copyStarted();
        return true;
      case backend.error:
        return this.#seeError(bytes.subarray(start, end));
      case backend.parameterStatus:
        this.#shown.set(...readParameterStatus(bytes.subarray(start, end)));
        this.#recorder?.shows(this.#shown);
        return true;
      default:
        // A notification among the answers: they can no longer be taken back whole.
        this.#unit.answered();
        return true;
    }
  }

  #seeReady(transactionStatus: number): boolean {
    for (const parse of this.#units.ready(transactionStatus)) this.#statements.failed(parse);
    this.#settled = true;
    const error = this.#fence;
    const isKept = error !== undefined && transactionStatus === status.idle;
    this.#tap?.ready(transactionStatus, isKept);
    this.#recorder?.ready(isKept);
    this.lane.tracker?.ready(transactionStatus, isKept);
    this.lane.blueReady(transactionStatus);
    if (error === undefined) {
      this.#fencedSinceMs = undefined;
      this.#traffic.counters.queries += 1;
      this.#count();
      return true;
    }
    if (transactionStatus !== status.idle) {
      this.#fence = undefined;
      this.#client.write(error);
      this.#stray();
      return true;
    }
    this.#backlog.putBack(this.#unit.parts);
    this.#traffic.fenced();
    return false;
  }

  /** What the client meets with the answer that ends here. One that comes unasked, or after what was asked while others were in flight, is counted from the answer before. */
  #count(): void {
    const nowMs = monotonicMs();
    const served = this.#traffic.served[this.#lastSide];
    served.answered(nowMs - this.#sentMs);
    this.#sentMs = nowMs;
    if (this.#failure !== undefined) served.failed(this.#failure);
    this.#failure = undefined;
  }

  #seeError(bytes: Buffer): boolean {
    const error = readError(bytes);
    this.#units.failed();
    this.#recorder?.failed(error.code);
    this.lane.blueFailed();
    if (error.severity === 'FATAL' || error.severity === 'PANIC') {
      if (this.#canReconnect) return false;
      this.#leaving = true;
      return true;
    }
    this.#failure ??= error.code.slice(0, 2);
    const fenced = error.code === fenceSigns.sqlState && error.message.startsWith(fenceSigns.message);
    const untouched = this.#unit.isUntouched && !this.#units.completed && this.#units.outstanding === 1;
    if (fenced && !untouched) this.#stray();
    if (!fenced || !untouched || this.fencedForMs > this.#traffic.stragglerMs) return true;
    this.#fence = Buffer.from(bytes);
    this.#failure = undefined;
    this.#fencedSinceMs ??= monotonicMs();
    this.#open = false;
    this.#backendTap.discard();
    return false;
  }

  /** The fence of the side where everybody is: who owns the data has changed. Where only some are, it says no more than that their rows are taken elsewhere. */
  #stray(): void {
    if (this.#lastSide === this.#traffic.side) this.#traffic.strayed();
  }

  #seeDiscard(tag: string): void {
    if (tag === 'DISCARD ALL' || tag === 'DEALLOCATE ALL') this.#statements.clear();
  }

  #toClient(bytes: Buffer): void {
    this.#unit.answered();
    if (!this.#client.write(bytes)) this.#link?.socket.pause();
  }

  aside(frame: Buffer): void {
    if (frame[0] === backend.parameterStatus) this.#shown.set(...readParameterStatus(frame));
    this.#client.write(frame);
  }

  /** Nothing of the session is lost with its backend. One that listens would miss what is notified until it has another, and its client would never know. */
  get #canReconnect(): boolean {
    const { dirty, pins, state } = this.#mover;
    const isAlone = this.#units.atBoundary && !this.lane.isInTransaction;
    return isAlone && !dirty && pins.length === 0 && !state.listens && !this.#asking;
  }

  closed(because?: unknown): void {
    if (this.gone) return;
    if (!this.#canReconnect) {
      if (this.#leaving) this.end();
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
    this.close(backendLost);
  }

  // ---- another backend

  async #prepare(side: Side): Promise<void> {
    const mover = this.#mover;
    await mover.connect(side);
    if (this.gone) {
      mover.drop();
      return;
    }
    await this.#readState();
    if (mover.dirty || mover.pins.length > 0) return;
    if (!(await this.#checkStatements(this.#lastSide, side))) return;
    await mover.write(this.#shown);
    // Its client does not wait for it.
    if (!this.#traffic.holding && !this.#heldAhead) await this.#rehearse(side);
  }

  async #rehearse(side: Side): Promise<void> {
    const { kept } = await this.#traffic.types(this.#lastSide, side);
    if (!this.gone) await this.#mover.rehearse(this.#statements.latest(rehearsedAtMost, kept));
  }

  async #readState(): Promise<void> {
    const mover = this.#mover;
    const link = this.#link;
    if (link === undefined || !mover.dirty || !this.atBoundary) return;
    await this.#askWith(async () => mover.read(link, this.#traffic.settings.names));
    this.#statements.unnamedLost();
  }

  async #checkStatements(from: Side, to: Side): Promise<boolean> {
    if (this.#traffic.settings.overflowed)
      this.#mover.hinder('it may have more settings of its own than can be followed');
    else if (this.#statements.cannotMove) this.#mover.hinder('a prepared statement is too long to be kept');
    else if (from === to || this.#statements.typesKnown((await this.#traffic.types(from, to)).kept)) return true;
    else this.#mover.hinder(`a prepared statement has a parameter of a type that ${to} does not have`);
    return false;
  }

  async #askWith(ask: () => Promise<void>): Promise<void> {
    this.#asking = true;
    this.#open = false;
    try {
      await ask();
    } catch (error) {
      // A lost backend is told to its owner as well, which decides about the session.
      if (!isTealError(error, 'TEAL-TRAFFIC-008')) throw error;
    } finally {
      this.#asking = false;
    }
  }

  /** Goes to where the hub points, and tries until it is there or the client has gone: after the decision there is no way back. */
  async #move(): Promise<void> {
    if (this.#moving) return;
    this.#moving = true;
    try {
      for (let waitMs = 20; !this.gone && !this.#arrived(); waitMs = Math.min(waitMs * 2, 1_000)) {
        const side = this.#wanted;
        this.#mover.forgetHindrance();
        await this.prepare(side);
        if (this.gone || side !== this.#wanted) continue;
        if (this.#mover.isBound) return this.#leaveBehind(side);
        const next = this.#mover.take(side);
        if (next !== undefined) await this.#swap(next);
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
    return this.#link !== undefined && this.#link.side === this.#wanted;
  }

  async #swap(next: BackendLink): Promise<void> {
    const old = this.#link;
    const from = this.#lastSide;
    const types = from === next.side ? undefined : await this.#traffic.types(from, next.side);
    if (this.gone) {
      next.end();
      return;
    }
    this.#link = next;
    this.#lastSide = next.side;
    this.#messages.nextBackend(types);
    this.#statements.newBackend();
    this.#units.restart();
    this.#backendTap = this.#newBackendTap();
    this.#unit.drop();
    this.#tap?.restart();
    this.#recorder?.restart();
    this.lane.leave();
    this.#leaving = false;
    this.#tellParameters(next.parameters);
    next.attach(this);
    if (old !== undefined) this.#traffic.retire(old);
  }

  /** A client that has seen a parameter is told of its new value, unless it says what the server is: that stays what it was at first. */
  #tellParameters(parameters: ReadonlyMap<string, string>): void {
    for (const [name, value] of parameters) {
      const shown = this.#shown.get(name);
      if (shown === undefined || shown === value || stableParameters.has(name)) continue;
      this.#shown.set(name, value);
      this.#client.write(encodeParameterStatus(name, value));
    }
  }

  // ---- a held unit that is cancelled

  #discardHeld(): void {
    const discard = this.#discard;
    if (discard === undefined) return;
    while (!discard.done) {
      const chunk = this.#backlog.first;
      if (chunk === undefined) {
        this.#client.resume();
        return;
      }
      this.#backlog.take(discard.push(chunk));
    }
    this.#discard = undefined;
    this.#backlog.noteWait();
    this.#client.write(encodeReadyForQuery(status.idle));
    this.refresh();
  }
}
