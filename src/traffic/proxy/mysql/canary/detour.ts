import { command } from '../../../../wire/mysql/commands.ts';
import { serverStatus, type Capabilities } from '../../../../wire/mysql/flags.ts';
import { encodePacket } from '../../../../wire/mysql/packets.ts';
import { readError } from '../../../../wire/mysql/replies.ts';
import { HeldAnswer, type HeldAnswerOptions } from '../../canary/held-answer.ts';
import { Answer } from '../answer.ts';
import type { MysqlLink, MysqlLinkOwner } from '../link.ts';
import { PacketTap, type PassingPacket, type Verdict } from '../packet-tap.ts';
import type { MysqlGreenLink } from './green-link.ts';
import { encodeExecute, type ReadUnit } from './unit.ts';

export interface MysqlDetourOptions extends HeldAnswerOptions<MysqlLink> {
  readonly green: Pick<MysqlGreenLink, 'statement'>;
  readonly unit: ReadUnit;
  /** Agreed on with the client. */
  readonly capabilities: Capabilities;
  /** A transaction runs on green. */
  readonly isInTransaction: boolean;
}

/** One read of a client on its connection to green. Ends once, and lets go of the connection then. */
export class MysqlDetour implements MysqlLinkOwner {
  readonly answer: HeldAnswer<MysqlLink>;
  readonly #options: MysqlDetourOptions;
  readonly #reply: Answer;
  readonly #tap: PacketTap;
  #status: number;
  #isDone = false;

  constructor(options: MysqlDetourOptions) {
    this.#options = options;
    this.answer = new HeldAnswer(options);
    const { link, unit, capabilities, isInTransaction } = options;
    const of = isInTransaction ? serverStatus.inTransaction | serverStatus.inReadOnlyTransaction : 0;
    this.#status = serverStatus.autocommit | of;
    const code = unit.asks.kind === 'text' ? command.query : command.stmtExecute;
    this.#reply = new Answer(code, capabilities, link.capabilities, () => this.#status);
    this.#tap = new PacketTap({ gate: () => true, see: (packet) => this.#see(packet) }, (bytes) =>
      this.answer.take(bytes),
    );
  }

  /** It ends no earlier than in the next turn: until then the command is not off the session's hands. */
  start(): void {
    void this.#ask().catch(() => {
      // The connection is lost, or was given up; one that cannot be understood is as good as lost.
      this.answer.link.destroy();
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
    this.answer.end(number === 'foreign' ? { how: 'foreign' } : { how: 'refused', code: String(number.error.code) });
  }

  #send(payload: Buffer): void {
    const { link } = this.#options;
    if (this.answer.isOver) return;
    link.attach(this);
    if (!this.answer.isOver) link.write(encodePacket(0, payload));
  }

  /** What cannot be understood ends the connection: see `MysqlLink`. */
  data(chunk: Buffer): void {
    this.#tap.push(chunk);
    this.answer.came(this.#isDone ? this.#status : undefined);
  }

  drain(): void {}

  closed(): void {
    this.answer.lost();
  }

  #see(packet: PassingPacket): Verdict | undefined {
    const { told, verdict } = this.#reply.see(packet);
    this.#tap.shift = this.#reply.shift;
    if (told.part.kind === 'error') this.answer.failed(String(readError(packet.head).code));
    if (told.part.status !== undefined) this.#status = told.part.status;
    if (told.part.ends) this.#isDone = true;
    return verdict;
  }
}
