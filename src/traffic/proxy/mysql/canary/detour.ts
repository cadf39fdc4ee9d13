import { monotonicMs } from '../../../../kernel/clock.ts';
import { command } from '../../../../wire/mysql/commands.ts';
import { serverStatus, type Capabilities } from '../../../../wire/mysql/flags.ts';
import { encodePacket } from '../../../../wire/mysql/packets.ts';
import { readError } from '../../../../wire/mysql/replies.ts';
import { sizeOf } from '../../backlog.ts';
import { heldAnswerBytes, type DetourEnd } from '../../canary/detour.ts';
import { Answer } from '../answer.ts';
import type { MysqlLink, MysqlLinkOwner } from '../link.ts';
import { PacketTap, type PassingPacket, type Verdict } from '../packet-tap.ts';
import type { MysqlGreenLink } from './green-link.ts';
import { encodeExecute, type ReadUnit } from './unit.ts';

export interface MysqlDetourOptions {
  readonly link: MysqlLink;
  readonly green: Pick<MysqlGreenLink, 'statement'>;
  readonly unit: ReadUnit;
  /** Agreed on with the client. */
  readonly capabilities: Capabilities;
  /** A transaction runs on green. */
  readonly isInTransaction: boolean;
  /** To the client; false when it is to be waited for. `isLast`: the answer is over. */
  readonly pass: (bytes: Buffer, isLast: boolean) => boolean;
  readonly end: (end: DetourEnd) => void;
}

/** One read of a client on its connection to green; see `Detour` of PostgreSQL. Ends once, and lets go of the connection then. */
export class MysqlDetour implements MysqlLinkOwner {
  readonly startedMs = monotonicMs();
  readonly #options: MysqlDetourOptions;
  readonly #answer: Answer;
  readonly #tap: PacketTap;
  #held: Buffer[] = [];
  #hasPassed = false;
  #isDone = false;
  #status: number;
  #isOver = false;
  #error: string | undefined;
  /** The client itself has asked for an end: whatever comes is its answer. */
  #isCancelled = false;

  constructor(options: MysqlDetourOptions) {
    this.#options = options;
    const { link, unit, capabilities, isInTransaction } = options;
    const of = isInTransaction ? serverStatus.inTransaction | serverStatus.inReadOnlyTransaction : 0;
    this.#status = serverStatus.autocommit | of;
    const code = unit.asks.kind === 'text' ? command.query : command.stmtExecute;
    this.#answer = new Answer(code, capabilities, link.capabilities, () => this.#status);
    this.#tap = new PacketTap({ gate: () => true, see: (packet) => this.#see(packet) }, (bytes) => {
      if (!this.#isDropped) this.#held.push(bytes);
    });
  }

  /** The session may do other things first: it ends no earlier than in the next turn. */
  start(): void {
    void this.#ask().catch(() => {
      // The connection is lost, or was given up; one that cannot be understood is as good as lost.
      this.link.destroy();
      this.closed();
    });
  }

  async #ask(): Promise<void> {
    const { link, unit, green } = this.#options;
    const { asks } = unit;
    await Promise.resolve();
    if (asks.kind === 'text') return this.#send(asks.payload);
    const number = await green.statement(link, asks);
    if (typeof number === 'number') return this.#send(encodeExecute(number, asks.bound));
    return this.#end(
      number === 'foreign' ? { how: 'foreign' } : { how: 'refused', sqlState: String(number.error.code) },
    );
  }

  #send(payload: Buffer): void {
    if (this.#isOver) return;
    this.link.attach(this);
    if (!this.#isOver) this.link.write(encodePacket(0, payload));
  }

  /** Its client has gone: nobody is told how it ends. */
  abandon(): void {
    this.#isOver = true;
    this.link.detach();
  }

  get link(): MysqlLink {
    return this.#options.link;
  }

  get hasPassed(): boolean {
    return this.#hasPassed;
  }

  cancel(): void {
    this.#isCancelled = true;
  }

  /** The connection is given up, for green takes too long or is not asked any more. One that answers its client already goes on. */
  giveUp(): void {
    if (this.#hasPassed || this.#isOver) return;
    this.link.destroy();
    this.#end({ how: 'unanswered' });
  }

  data(chunk: Buffer): void {
    this.#tap.push(chunk);
    if (this.#isDone) this.#finish();
    else if (sizeOf(this.#held) > heldAnswerBytes || this.#hasPassed) this.#flush(false);
  }

  drain(): void {}

  closed(): void {
    this.#end({ how: this.#hasPassed ? 'broken' : 'unanswered' });
  }

  get #isDropped(): boolean {
    return this.#error !== undefined && !this.#hasPassed && !this.#isCancelled;
  }

  #see(packet: PassingPacket): Verdict | undefined {
    const { told, verdict } = this.#answer.see(packet);
    this.#tap.shift = this.#answer.shift;
    if (told.part.kind === 'error') this.#error = String(readError(packet.head).code);
    if (this.#isDropped) this.#held = [];
    if (told.part.status !== undefined) this.#status = told.part.status;
    if (told.part.ends) this.#isDone = true;
    return verdict;
  }

  #flush(isLast: boolean): void {
    const bytes = this.#held;
    this.#held = [];
    if (bytes.length === 0) return;
    this.#hasPassed = true;
    const isTaken = this.#options.pass(Buffer.concat(bytes), isLast);
    if (!isTaken && !isLast) this.link.socket.pause();
  }

  #finish(): void {
    const ms = monotonicMs() - this.startedMs;
    const error = this.#error;
    if (error !== undefined && this.#isDropped) {
      this.#end({ how: 'refused', sqlState: error });
      return;
    }
    this.#flush(true);
    this.#end({ how: 'answered', ms, status: this.#status, ...(error === undefined ? {} : { failed: error }) });
  }

  #end(end: DetourEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.link.detach();
    this.#options.end(end);
  }
}
