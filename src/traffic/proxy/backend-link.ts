import type { Socket } from 'node:net';
import { TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import {
  backend,
  readDataRow,
  readError,
  readParameterStatus,
  type BackendKey,
  type ServerError,
} from '../../wire/postgres/backend.ts';
import { encodeTerminate } from '../../wire/postgres/frontend.ts';
import { FrameReader, type Frame } from '../../wire/postgres/frames.ts';

export type Row = readonly (Buffer | null)[];

/** What a server answered up to its ReadyForQuery. */
export interface Reply {
  readonly rows: readonly Row[];
  /** Commands that completed before the error, or all. */
  readonly commands: number;
  readonly error?: ServerError;
}

/** Who gets the bytes while nothing is asked by the proxy itself. */
export interface LinkOwner {
  data(chunk: Buffer): void;
  drain(): void;
  /** `because`: what this end could not understand; absent when the server closed. */
  closed(because?: unknown): void;
  /** A notification, notice or parameter change that came while the proxy asked something. */
  aside(frame: Buffer): void;
}

/** What came unasked to a link that nobody owns yet: kept up to here, then the link is given up. */
const earlyLimitBytes = 256 << 10;
const replyLimitBytes = 64 << 20;

/** One logged-in connection to a database. Either its owner has the bytes, or a question of the proxy is under way. */
export class BackendLink {
  readonly side: Side;
  readonly socket: Socket;
  readonly key: BackendKey;
  /** As last reported by the server. */
  readonly parameters: Map<string, string>;
  #owner: LinkOwner | undefined;
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #question: Question | undefined;
  #closed = false;

  constructor(side: Side, socket: Socket, key: BackendKey, parameters: Map<string, string>) {
    this.side = side;
    this.socket = socket;
    this.key = key;
    this.parameters = parameters;
    socket.on('error', () => this.#onClose());
    socket.on('close', () => this.#onClose());
    socket.on('drain', () => this.#owner?.drain());
    socket.on('data', (chunk: Buffer) => this.#guard(chunk));
    socket.resume();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Gives the bytes to an owner, first those that came early. */
  attach(owner: LinkOwner): void {
    this.#owner = owner;
    const early = this.#early;
    this.#early = [];
    for (const chunk of early) owner.data(chunk);
    if (this.#closed) owner.closed();
  }

  /** Nobody's any more. What still comes is of no interest; `end` is to follow. */
  detach(): void {
    this.#owner = undefined;
  }

  /** True when the socket takes more without buffering. */
  write(bytes: Buffer): boolean {
    return this.socket.write(bytes);
  }

  /**
   * Sends a message that ends in one ReadyForQuery, and resolves with the answer; one question at a time, and only when the owner's
   * conversation is at a boundary. Rejects with TEAL-TRAFFIC-008 when the connection is lost.
   */
  async ask(message: Buffer): Promise<Reply> {
    if (this.#closed) throw lost();
    const question = new Question((frame) => this.#aside(frame));
    this.#question = question;
    // It may be paused for a client that reads slowly; this answer is not for that client.
    this.socket.resume();
    this.socket.write(message);
    return question.answered;
  }

  /**
   * Says goodbye. The server ends the session when it has read what was sent before. A question under way fails at once: the server may have gone
   * before it read it (the client's own goodbye came first), and then no answer would ever end the wait for it.
   */
  end(): void {
    this.#owner = undefined;
    if (this.#closed) return;
    this.#close();
    this.socket.end(encodeTerminate());
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
      this.#onData(chunk);
    } catch (error) {
      this.socket.destroy();
      this.#onClose(error);
    }
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return;
    const rest = this.#question === undefined ? chunk : this.#answer(this.#question, chunk);
    if (rest.length === 0) return;
    if (this.#owner === undefined) {
      this.#early.push(rest);
      this.#earlyBytes += rest.length;
      if (this.#earlyBytes > earlyLimitBytes) this.socket.destroy();
    } else {
      this.#owner.data(rest);
    }
  }

  /** Returns what came behind the answer: a notification that the backend sent on its own a moment later is no part of it. */
  #answer(question: Question, chunk: Buffer): Buffer {
    const used = question.push(chunk);
    if (used === undefined) return chunk.subarray(chunk.length);
    this.#question = undefined;
    return chunk.subarray(used);
  }

  #aside(frame: Frame): void {
    const copy = Buffer.from(frame.bytes);
    if (frame.type === backend.parameterStatus) this.parameters.set(...readParameterStatus(copy));
    if (this.#owner !== undefined) this.#owner.aside(copy);
    else if (frame.type === backend.notification) this.#early.push(copy);
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
  readonly #aside: (frame: Frame) => void;
  readonly #reader = new FrameReader(replyLimitBytes);
  readonly #resolve: (reply: Reply) => void;
  readonly #reject: (error: Error) => void;
  readonly #rows: Row[] = [];
  #commands = 0;
  #error: ServerError | undefined;

  constructor(aside: (frame: Frame) => void) {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.answered = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#aside = aside;
  }

  lose(): void {
    this.#reject(lost(this.#error));
  }

  /** How many bytes of the chunk belong to the answer, once it is complete; undefined while it is not. */
  push(chunk: Buffer): number | undefined {
    for (const frame of this.#reader.push(chunk)) {
      if (this.#take(frame)) return this.#reader.consumed;
    }
    return undefined;
  }

  #take(frame: Frame): boolean {
    switch (frame.type) {
      case backend.readyForQuery:
        this.#resolve({
          rows: this.#rows,
          commands: this.#commands,
          ...(this.#error === undefined ? {} : { error: this.#error }),
        });
        return true;
      case backend.dataRow:
        // A copy: the frame is a view of a chunk that would otherwise be kept whole for a few bytes.
        this.#rows.push(readDataRow(Buffer.from(frame.bytes)));
        return false;
      case backend.commandComplete:
        this.#commands += 1;
        return false;
      case backend.error:
        this.#error = readError(frame.bytes);
        return false;
      case backend.parameterStatus:
      case backend.notification:
      case backend.notice:
        this.#aside(frame);
        return false;
      default:
        return false;
    }
  }
}

function lost(error?: ServerError): TealError {
  return new TealError('TEAL-TRAFFIC-008', 'the server closed the connection', { sqlState: error?.code });
}
