import type { Socket } from 'node:net';
import { TealError } from '../../../kernel/errors.ts';
import type { Side } from '../../../model/catalog.ts';
import { readColumn, readTextRow, type ColumnDefinition } from '../../../wire/mysql/columns.ts';
import { command, encodeBare, encodeQuery } from '../../../wire/mysql/commands.ts';
import type { Capabilities } from '../../../wire/mysql/flags.ts';
import { encodePacket, PacketReader } from '../../../wire/mysql/packets.ts';
import { readError, readOk, type ErrorReply, type OkReply } from '../../../wire/mysql/replies.ts';
import { readPrepared, ResponseReader, type Prepared } from '../../../wire/mysql/response.ts';

export type Row = readonly (Buffer | null)[];

/** What a server answered to one question of the proxy. */
export interface Reply {
  /** Of a question in text form. */
  readonly columns: readonly ColumnDefinition[];
  readonly rows: readonly Row[];
  /** All OKs, in order. */
  readonly oks: readonly OkReply[];
  readonly prepared?: Prepared;
  readonly error?: ErrorReply;
}

/** Who gets the bytes while nothing is asked by the proxy itself. */
export interface MysqlLinkOwner {
  data(chunk: Buffer): void;
  drain(): void;
  /** `because`: what this end could not understand; absent when the server closed. */
  closed(because?: unknown): void;
}

export interface Greeted {
  /** As the server sent it. */
  readonly version: string;
  readonly flavour: 'mysql' | 'mariadb';
  /** What KILL takes there. */
  readonly connectionId: number;
  readonly collation: number;
}

const replyLimitBytes = 64 << 20;

/** One logged-in connection to a server. Either its owner has the bytes, or a question of the proxy is under way. */
export class MysqlLink {
  readonly side: Side;
  readonly socket: Socket;
  readonly greeted: Greeted;
  /** Spoken on it. */
  readonly capabilities: Capabilities;
  /** Flags of the OK that ended the login. */
  readonly status: number;
  #owner: MysqlLinkOwner | undefined;
  #question: Question | undefined;
  #closed = false;

  constructor(side: Side, socket: Socket, greeted: Greeted, capabilities: Capabilities, status: number) {
    this.side = side;
    this.socket = socket;
    this.greeted = greeted;
    this.capabilities = capabilities;
    this.status = status;
    socket.on('error', () => this.#onClose());
    socket.on('close', () => this.#onClose());
    socket.on('drain', () => this.#owner?.drain());
    socket.on('data', (chunk: Buffer) => this.#guard(chunk));
    socket.resume();
  }

  get closed(): boolean {
    return this.#closed;
  }

  attach(owner: MysqlLinkOwner): void {
    this.#owner = owner;
    if (this.#closed) owner.closed();
  }

  /** Nobody's any more. `end` is to follow. */
  detach(): void {
    this.#owner = undefined;
  }

  /** True when the socket takes more without buffering. */
  write(bytes: Buffer): boolean {
    return this.socket.write(bytes);
  }

  /** Sends one command and resolves with its answer; one at a time, and only between two commands of the owner. Rejects with TEAL-TRAFFIC-008 when the connection is lost. `rows`: where they are dropped they may be of any form and number. */
  async ask(payload: Buffer, rows: 'kept' | 'dropped' = 'kept'): Promise<Reply> {
    if (this.#closed) throw lost();
    const question = new Question(payload[0] ?? 0, this.capabilities, rows === 'kept');
    this.#question = question;
    // It may be paused for a client that reads slowly; this answer is not for that client.
    this.socket.resume();
    this.socket.write(encodePacket(0, payload));
    return question.answered;
  }

  async query(sql: string): Promise<Reply> {
    return this.ask(encodeQuery(sql, this.capabilities));
  }

  /** Says goodbye. A question under way fails at once. */
  end(): void {
    this.#owner = undefined;
    if (this.#closed) return;
    this.#close();
    this.socket.end(encodePacket(0, encodeBare(command.quit)));
    // What still comes is read and dropped: a server that cannot send would never read the goodbye.
    this.socket.resume();
  }

  destroy(): void {
    this.#owner = undefined;
    this.socket.destroy();
  }

  /** What cannot be understood ends this connection, not the process. */
  #guard(chunk: Buffer): void {
    try {
      if (this.#closed) return;
      if (this.#question === undefined) this.#owner?.data(chunk);
      else if (this.#question.push(chunk)) this.#question = undefined;
    } catch (error) {
      this.socket.destroy();
      this.#onClose(error);
    }
  }

  #onClose(because?: unknown): void {
    if (this.#closed) return;
    this.#close();
    this.#owner?.closed(because);
  }

  #close(): void {
    this.#closed = true;
    this.#question?.lose();
    this.#question = undefined;
  }
}

class Question {
  readonly answered: Promise<Reply>;
  readonly #capabilities: Capabilities;
  readonly #packets = new PacketReader(replyLimitBytes);
  readonly #reader: ResponseReader;
  readonly #resolve: (reply: Reply) => void;
  readonly #reject: (error: Error) => void;
  readonly #keepsRows: boolean;
  #columns: ColumnDefinition[] = [];
  readonly #rows: Row[] = [];
  readonly #oks: OkReply[] = [];
  #prepared: Prepared | undefined;
  #error: ErrorReply | undefined;

  constructor(code: number, capabilities: Capabilities, keepsRows: boolean) {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.answered = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#capabilities = capabilities;
    this.#keepsRows = keepsRows;
    this.#reader = new ResponseReader(code, capabilities);
  }

  lose(): void {
    this.#reject(lost(this.#error));
  }

  /** True once the answer is complete. A server says nothing behind it. */
  push(chunk: Buffer): boolean {
    for (const { payload } of this.#packets.push(chunk)) this.#take(payload);
    if (!this.#reader.ended) return false;
    this.#resolve({
      columns: this.#columns,
      rows: this.#rows,
      oks: this.#oks,
      ...(this.#prepared === undefined ? {} : { prepared: this.#prepared }),
      ...(this.#error === undefined ? {} : { error: this.#error }),
    });
    return true;
  }

  #take(payload: Buffer): void {
    const { kind } = this.#reader.see(payload);
    switch (kind) {
      case 'columnCount':
        this.#columns = [];
        return;
      case 'column':
        this.#columns.push(readColumn(payload, this.#capabilities));
        return;
      case 'row':
        // A copy: the packet is a view of a chunk that would otherwise be kept whole for a few bytes.
        if (this.#keepsRows) this.#rows.push(readTextRow(Buffer.from(payload), this.#columns.length));
        return;
      case 'ok':
        this.#oks.push(readOk(payload, this.#capabilities));
        return;
      case 'endOfRows':
        if (payload.length > 5) this.#oks.push(readOk(payload, this.#capabilities));
        return;
      case 'prepared':
        this.#prepared = readPrepared(payload);
        return;
      case 'error':
        this.#error = readError(payload);
        return;
      default:
    }
  }
}

function lost(error?: ErrorReply): TealError {
  return new TealError('TEAL-TRAFFIC-008', 'the server closed the connection', { number: error?.code });
}
