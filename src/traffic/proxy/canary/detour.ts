import { backend, readError, status } from '../../../wire/postgres/backend.ts';
import type { BackendLink, LinkOwner } from '../backend-link.ts';
import { FrameTap } from '../frame-tap.ts';
import { columnsForBlue } from './columns.ts';
import { HeldAnswer, type HeldAnswerOptions } from './held-answer.ts';
import type { Question } from './unit.ts';

export interface DetourOptions extends HeldAnswerOptions<BackendLink> {
  readonly question: Question;
  /** Green's numbers of types that are not built in: blue's. */
  readonly types: ReadonlyMap<number, number>;
}

const lookedAtBytes = 1 << 20;
const lookedAt: ReadonlySet<number> = new Set([
  backend.readyForQuery,
  backend.error,
  backend.parseComplete,
  backend.closeComplete,
  backend.rowDescription,
  backend.parameterStatus,
  backend.notification,
]);

/** One read of a client on its connection to green. Ends once, and lets go of the connection then. */
export class Detour implements LinkOwner {
  readonly answer: HeldAnswer<BackendLink>;
  readonly #options: DetourOptions;
  readonly #drops: { close: boolean; parse: boolean; columns: boolean };
  readonly #tap: FrameTap;
  /** As the ReadyForQuery says, once it has come. */
  #status: number | undefined;

  constructor(options: DetourOptions) {
    this.#options = options;
    this.answer = new HeldAnswer(options);
    this.#drops = { ...options.question.drops };
    this.#tap = new FrameTap(
      {
        gate: () => true,
        need: (type, length) => (lookedAt.has(type) && length <= lookedAtBytes ? length : 0),
        see: (bytes, start, end) => this.#see(bytes.subarray(start, end)),
      },
      (bytes) => this.answer.take(bytes),
    );
  }

  start(): void {
    const { link, question } = this.#options;
    if (this.answer.isOver) return;
    link.attach(this);
    if (!this.answer.isOver) link.write(question.message);
  }

  data(chunk: Buffer): void {
    try {
      this.#tap.push(chunk);
    } catch {
      // It cannot be understood: as good as lost.
      this.answer.link.destroy();
      this.closed();
      return;
    }
    this.answer.came(this.#status);
  }

  drain(): void {}

  closed(): void {
    this.answer.lost();
  }

  /** Nothing of it is the client's: nobody asks on this connection. */
  aside(): void {}

  #see(bytes: Buffer): boolean {
    switch (bytes[0]) {
      case backend.readyForQuery:
        this.#status = bytes[5] ?? status.idle;
        return true;
      case backend.error:
        this.answer.failed(readError(bytes).code);
        return true;
      case backend.parseComplete:
        return this.#passes('parse');
      case backend.closeComplete:
        return this.#passes('close');
      case backend.rowDescription:
        return this.#seeColumns(bytes);
      default:
        return false;
    }
  }

  #seeColumns(bytes: Buffer): boolean {
    const columns = columnsForBlue(bytes, this.#options.types);
    if (columns === undefined) this.answer.foreign();
    else if (this.#passes('columns')) this.#tap.insert(columns);
    return false;
  }

  #passes(what: 'close' | 'parse' | 'columns'): boolean {
    const drops = this.#drops[what];
    this.#drops[what] = false;
    return !drops;
  }
}
