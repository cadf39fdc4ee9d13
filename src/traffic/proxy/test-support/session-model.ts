import * as fc from 'fast-check';
import { expect } from 'vitest';
import { frontend } from '../../../wire/postgres/frontend.ts';
import { status } from '../../../wire/postgres/backend.ts';
import { isAdmitted } from '../admission.ts';
import { Units } from '../units.ts';

/** What a message of the client makes the server do. */
type Effect = 'ok' | 'error' | 'begin' | 'commit' | 'copy' | 'copy that the server gives up';

interface Message {
  readonly type: number;
  readonly effect: Effect;
  /** The client means it to be a COPY, whatever the server makes of it. */
  readonly asksForCopy?: boolean;
  /** Its place among all that were sent. */
  readonly id?: number;
  /** The first of a unit, sent while the gate was closed. */
  readonly begins?: boolean;
}

/** What a client does next: it sends, or waits until it knows whether the server takes its COPY. */
type Move =
  | Message
  | 'wait for the copy'
  /** Not when the copy was refused, or has been given up. */
  | { readonly copy: Message }
  /** When there was a copy. */
  | { readonly after: Message };

type Answer = { readonly to?: number } & (
  | { readonly kind: 'ready'; readonly status: number }
  | { readonly kind: 'error' | 'copy' | 'complete' | 'parsed' }
);

/** A backend as PostgreSQL's manual and its main loop describe it ("Message Flow"; tcop/postgres.c). */
export class Server {
  status: number = status.idle;
  copy: 'no' | 'simple' | 'extended' = 'no';
  skips = false;
  /** Extended messages since the last Sync: their implicit transaction is open. */
  open = false;
  #givesUp = false;

  take({ type, effect }: Message): readonly Answer[] {
    if (this.copy !== 'no') return this.#takeInCopy(type);
    if (type === frontend.copyData || type === frontend.copyDone || type === frontend.copyFail) return [];
    if (type === frontend.sync) {
      this.skips = this.open = false;
      return [this.#ready()];
    }
    if (this.skips) return [];
    if (type === frontend.query) return this.#takeQuery(effect);
    this.open = true;
    if (effect === 'error') return this.#fails('extended');
    if (type === frontend.parse) return [{ kind: 'parsed' }];
    if (type !== frontend.execute) return [];
    if (effect === 'copy' || effect === 'copy that the server gives up') return this.#startCopy('extended', effect);
    this.#changeStatus(effect);
    return [{ kind: 'complete' }];
  }

  #takeQuery(effect: Effect): readonly Answer[] {
    this.open = false;
    if (effect === 'error') return this.#fails('simple');
    if (effect === 'copy' || effect === 'copy that the server gives up') return this.#startCopy('simple', effect);
    this.#changeStatus(effect);
    return [{ kind: 'complete' }, this.#ready()];
  }

  #takeInCopy(type: number): readonly Answer[] {
    if (type === frontend.sync || type === frontend.flush) return [];
    if (type === frontend.copyData && !this.#givesUp) return [];
    const { copy } = this;
    this.copy = 'no';
    // Anything that is not of the copy ends it with an error, too.
    if (type !== frontend.copyDone || this.#givesUp) return this.#fails(copy === 'simple' ? 'simple' : 'extended');
    return copy === 'simple' ? [{ kind: 'complete' }, this.#ready()] : [{ kind: 'complete' }];
  }

  #startCopy(how: 'simple' | 'extended', effect: Effect): readonly Answer[] {
    this.copy = how;
    this.#givesUp = effect !== 'copy';
    return [{ kind: 'copy' }];
  }

  #fails(how: 'simple' | 'extended'): readonly Answer[] {
    if (this.status === status.inTransaction) this.status = status.failed;
    if (how === 'simple') return [{ kind: 'error' }, this.#ready()];
    this.skips = true;
    return [{ kind: 'error' }];
  }

  #changeStatus(effect: Effect): void {
    if (effect === 'begin' && this.status === status.idle) this.status = status.inTransaction;
    if (effect === 'commit') this.status = status.idle;
  }

  #ready(): Answer {
    return { kind: 'ready', status: this.status };
  }
}

const say = (type: number, effect: Effect = 'ok'): Message => ({ type, effect });
const data: Move = { copy: say(frontend.copyData) };

/** Statements in each way in which drivers send them; `early`: a copy's data goes before the server has agreed to take it. */
const turns: fc.Arbitrary<readonly Move[]> = fc.oneof(
  fc.constantFrom<Effect>('ok', 'error', 'begin', 'commit').map((effect) => [say(frontend.query, effect)]),
  fc
    .record({
      parse: fc.constantFrom<Effect>('ok', 'ok', 'ok', 'error'),
      execute: fc.constantFrom<Effect>('ok', 'error', 'begin', 'commit'),
      times: fc.integer({ min: 1, max: 3 }),
      flushes: fc.boolean(),
    })
    .map(({ parse, execute, times, flushes }) => {
      const statement = [say(frontend.parse, parse), say(frontend.bind), say(frontend.execute, execute)];
      return [
        ...Array.from({ length: times }, () => statement).flat(),
        ...(flushes ? [say(frontend.flush)] : []),
        say(frontend.sync),
      ];
    }),
  fc
    .record({
      how: fc.constantFrom('simple', 'extended', 'extended, with a Sync before'),
      effect: fc.constantFrom<Effect>('copy', 'copy', 'error', 'copy that the server gives up'),
      early: fc.boolean(),
      rows: fc.nat({ max: 3 }),
      end: fc.constantFrom(frontend.copyDone, frontend.copyFail),
    })
    .map(({ how, effect, early, rows, end }): readonly Move[] => {
      const asks =
        how === 'simple'
          ? [{ ...say(frontend.query, effect), asksForCopy: true }]
          : [say(frontend.parse), say(frontend.bind), { ...say(frontend.execute, effect), asksForCopy: true }];
      const isSynced = how === 'extended, with a Sync before';
      // Data that is sent after a Sync, unasked for, would be another copy's: nobody does that.
      const waits: readonly Move[] = early && !isSynced ? [] : ['wait for the copy'];
      const rest = [...Array.from({ length: rows }, () => data), { copy: say(end) }];
      // A client that sent its Sync before sends another when the copy ends; when there was none, the first has been answered.
      const last: readonly Move[] =
        how === 'simple' ? [] : [isSynced ? { after: say(frontend.sync) } : say(frontend.sync)];
      return [...asks, ...(isSynced ? [say(frontend.sync)] : []), ...waits, ...rest, ...last];
    }),
);

export interface Story {
  readonly moves: readonly Move[];
  /** Who goes on: the client, the server, the way back. */
  readonly who: readonly number[];
}

export const stories: fc.Arbitrary<Story> = fc.record({
  moves: fc.array(turns, { minLength: 1, maxLength: 6 }).map((all) => all.flat()),
  who: fc.array(fc.nat({ max: 2 }), { maxLength: 120 }),
});

/** One session through the proxy, told of everything as it is forwarded. */
export class Session {
  readonly units = new Units();
  server = new Server();
  /** The gate: new units may begin. */
  isOpen = true;
  /** Units that began while it was closed, of which the server says that no transaction was open. */
  strays = 0;
  readonly #moves: Move[];
  readonly #there: Message[] = [];
  readonly #back: Answer[] = [];
  readonly #parses = new Set<string>();
  #sent = 0;
  /** The last copy that was asked for, and what the client knows of it. */
  #copy: { readonly id: number; known: 'nothing' | 'taken' | 'refused' | 'given up' } = { id: -1, known: 'refused' };

  constructor(moves: readonly Move[]) {
    this.#moves = [...moves];
  }

  get over(): boolean {
    return this.#moves.length + this.#there.length + this.#back.length === 0;
  }

  /** Parses of which the proxy has heard neither that they were done nor that they were not. */
  get openParses(): number {
    return this.#parses.size;
  }

  step(who: number): void {
    if (who === 0) this.#clientGoesOn();
    if (who === 1) this.#serverGoesOn();
    if (who === 2) this.#answerArrives();
  }

  /** Nothing that the server has yet to do or to say belongs to what was sent. What is left of a copy that is over is read and forgotten. */
  get isQuiet(): boolean {
    const { server } = this;
    const isOfCopy = ({ type }: Message): boolean =>
      type === frontend.copyData || type === frontend.copyDone || type === frontend.copyFail;
    if (!this.#there.every(isOfCopy) || this.#back.length > 0) return false;
    return server.copy === 'no' && !server.open && !server.skips && server.status === status.idle;
  }

  /** Another server, which knows nothing of this session. At a boundary. */
  change(): void {
    this.units.restart();
    this.server = new Server();
  }

  /** Whether the client has something to send that the gate does not let pass. */
  get isHeldUp(): boolean {
    const next = this.#next();
    return next !== undefined && next !== 'waits' && !isAdmitted(this.units, this.isOpen, true, next.type);
  }

  #clientGoesOn(): void {
    this.#passOver();
    const next = this.#next();
    if (next === undefined || next === 'waits' || !isAdmitted(this.units, this.isOpen, true, next.type)) return;
    const [move] = this.#moves.splice(0, 1);
    if (typeof move === 'object' && 'asksForCopy' in move) this.#copy = { id: this.#sent, known: 'nothing' };
    this.#send(next);
  }

  /** What the copy's fate has made needless. */
  #passOver(): void {
    for (let [move] = this.#moves; move !== undefined; [move] = this.#moves) {
      const { known } = this.#copy;
      const isNeedless =
        move === 'wait for the copy'
          ? known !== 'nothing'
          : ('copy' in move && known !== 'nothing' && known !== 'taken') ||
            ('after' in move && known !== 'taken' && known !== 'given up');
      if (!isNeedless) return;
      this.#moves.shift();
    }
  }

  #next(): Message | 'waits' | undefined {
    const [move] = this.#moves;
    if (move === undefined) return undefined;
    if (move === 'wait for the copy') return 'waits';
    if ('copy' in move) return move.copy;
    return 'after' in move ? move.after : move;
  }

  #send(message: Message): void {
    const id = this.#sent;
    const begins = !this.isOpen && !this.units.midUnit;
    this.#sent += 1;
    if (message.type === frontend.parse) {
      this.#parses.add(`s${id}`);
      this.units.expect({
        kind: 'parse',
        name: `s${id}`,
        bytes: undefined,
        injected: false,
        knownOn: undefined,
        unit: 0,
      });
    }
    this.units.sent(message.type);
    this.#there.push({ ...message, id, ...(begins ? { begins } : {}) });
  }

  #serverGoesOn(): void {
    const message = this.#there.shift();
    if (message === undefined) return;
    const to = message.id ?? -1;
    const isOfCopy =
      message.type === frontend.copyData || message.type === frontend.copyDone || message.type === frontend.copyFail;
    if (message.begins === true && !isOfCopy && this.server.status === status.idle) this.strays += 1;
    this.#back.push(...this.server.take(message).map((answer): Answer => Object.assign({ to }, answer)));
  }

  #answerArrives(): void {
    const answer = this.#back.shift();
    switch (answer?.kind) {
      case undefined:
        return;
      case 'parsed': {
        const name = this.units.parsed()?.name ?? '';
        expect(name).toBe(`s${answer.to}`);
        this.#parses.delete(name);
        return;
      }
      case 'complete':
        this.units.commandCompleted();
        return;
      case 'copy':
        this.units.copyStarted();
        if (answer.to === this.#copy.id) this.#copy.known = 'taken';
        return;
      case 'error':
        this.units.failed();
        if (this.#copy.known === 'taken') this.#copy.known = 'given up';
        else if (answer.to === this.#copy.id) this.#copy.known = 'refused';
        return;
      case 'ready':
        for (const { name } of this.units.ready(answer.status)) this.#parses.delete(name);
        return;
    }
  }
}
