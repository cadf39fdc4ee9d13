import { TealError } from '../../kernel/errors.ts';
import { backend } from '../../wire/postgres/backend.ts';
import { BodyReader, frame, zeroTerminated } from '../../wire/postgres/body.ts';
import { encodeQuery } from '../../wire/postgres/frontend.ts';
import { connect, type ConnectOptions, type PgConnection, type RawSocket } from './connection.ts';
import { CopyScanner, type CopyPiece } from './copy-frames.ts';
import { asTealError, serverError } from './errors.ts';
import { LargeReads } from './large-reads.ts';

const copyOutResponse = 0x48;
const copyDone = 0x63;
/** What a reader of rows takes from the system at once. */
const readBytes = 256 << 10;

/** What is the same on both sides of a copy, so that text forms mean the same: `money` is written by the locale. */
export const copySettings: Readonly<Record<string, string>> = Object.freeze({ lc_monetary: 'C' });

type Message = Extract<CopyPiece, { readonly kind: 'message' }>;

/**
 * One session that speaks COPY on the bare socket, by simple queries only. One call at a time. After an error of the server it can be used again, after any other
 * it must be disposed. Every rejection is a TealError; TEAL-SYSTEMS-006 when the session was lost.
 */
export class CopySession implements AsyncDisposable {
  readonly #connection: PgConnection;
  readonly #socket: RawSocket;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #scanner = new CopyScanner();
  readonly #stopListening: () => void;
  /** Pieces of the last chunk that are still to be read. */
  #pieces: readonly CopyPiece[] = [];
  #at = 0;

  private constructor(connection: PgConnection, reads: LargeReads | undefined, signal: AbortSignal) {
    this.#connection = connection;
    this.#socket = connection.takeOver();
    this.#chunks =
      this.#socket === reads?.socket
        ? reads.takeOver()
        : (this.#socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    const abort = (): void => void this.#socket.destroy();
    signal.addEventListener('abort', abort, { once: true });
    this.#stopListening = () => signal.removeEventListener('abort', abort);
  }

  /** `readsRows`: for a session of which `copyOut` is asked. */
  static async open(
    options: ConnectOptions & { readonly signal: AbortSignal; readonly readsRows?: boolean },
  ): Promise<CopySession> {
    const reads = options.readsRows === true ? new LargeReads(readBytes) : undefined;
    const connection = await connect({
      ...options,
      ...(reads === undefined ? {} : { reads }),
      extraOptions: { ...copySettings, ...options.extraOptions },
    });
    return new CopySession(connection, reads, options.signal);
  }

  /** Runs statements and returns their command tags (`INSERT 0 1`). Rows are not looked at. */
  async execute(sql: string): Promise<readonly string[]> {
    await this.#send(encodeQuery(sql));
    return this.#untilReady();
  }

  /**
   * The CopyData frames of a `COPY … TO STDOUT`, cut anywhere; each span is there until the next one is asked for. `tag` is called with the command's tag before the iteration ends. Who leaves early must dispose the
   * session: what was not read is still on its way.
   */
  async *copyOut(sql: string, tag: (text: string) => void): AsyncGenerator<Buffer, void, void> {
    await this.#send(encodeQuery(sql));
    await this.#expect(copyOutResponse, 'CopyOutResponse');
    for (;;) {
      const piece = await this.#next();
      if (piece.kind === 'data') {
        yield piece.span;
      } else if (piece.type === copyDone) {
        const tags = await this.#untilReady();
        return tag(tags.at(-1) ?? '');
      } else {
        await this.#failIfError(piece);
      }
    }
  }

  /** Sends frames to a `COPY … FROM STDIN`, one span at a time, and returns its tag. When `spans` throws, the server is told and the statement fails, or the session ends; `spans`' error is thrown. */
  async copyIn(sql: string, spans: AsyncIterable<Buffer>): Promise<string> {
    await this.#send(encodeQuery(sql));
    await this.#expect(backend.copyIn, 'CopyInResponse');
    let isOver = false;
    const outcome = this.#untilReady().finally(() => {
      isOver = true;
    });
    // Awaited at the end; until then a refusal must not count as unhandled.
    outcome.catch(() => undefined);
    const sent = new CopyScanner();
    try {
      for await (const span of spans) {
        // The server reads on after an error and throws away what comes: stopping early only saves time.
        if (isOver) break;
        sent.push(span);
        await this.#send(span);
      }
    } catch (error) {
      // Within half a frame the server would take anything that is said for the rest of it, and wait for more.
      if (sent.atFrameEnd) await this.#send(frame('f', zeroTerminated('the source failed')));
      else this.#socket.destroy();
      await outcome.catch(() => undefined);
      throw error;
    }
    if (!isOver) await this.#send(frame('c'));
    const tags = await outcome;
    return tags.at(-1) ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    await this.#connection.close();
  }

  /** Resolves when the system has all of it: the buffer may then be used again, and the system's own keeps the pipe full meanwhile. */
  async #send(bytes: Buffer): Promise<void> {
    if (this.#connection.ended.aborted || this.#socket.destroyed) throw this.#lost();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    try {
      await promise;
    } catch (error) {
      throw this.#connection.ended.aborted ? this.#lost() : asTealError(error, 'connected');
    }
  }

  #lost(): TealError {
    const { reason } = this.#connection.ended as { readonly reason: unknown };
    return reason === undefined
      ? new TealError('TEAL-SYSTEMS-006', 'the session of a copy has ended')
      : asTealError(reason, 'connected');
  }

  async #next(): Promise<CopyPiece> {
    for (;;) {
      const piece = this.#pieces[this.#at];
      if (piece !== undefined) {
        this.#at += 1;
        return piece;
      }
      const chunk = await this.#read();
      this.#pieces = this.#scanner.push(chunk);
      this.#at = 0;
    }
  }

  async #read(): Promise<Buffer> {
    let result: IteratorResult<Buffer>;
    try {
      result = await this.#chunks.next();
    } catch (error) {
      throw asTealError(error, 'connected');
    }
    if (result.done === true) throw this.#lost();
    return result.value;
  }

  async #expect(type: number, what: string): Promise<void> {
    for (;;) {
      const piece = await this.#next();
      if (piece.kind === 'data') throw new TealError('TEAL-WIRE-001', `data before ${what}`);
      if (piece.type === type) return;
      await this.#failIfError(piece);
      if (piece.type === backend.readyForQuery) throw new TealError('TEAL-WIRE-001', `${what} did not come`);
    }
  }

  /** Command tags up to ReadyForQuery; throws the first error after it, when the session can be used again. */
  async #untilReady(): Promise<readonly string[]> {
    const tags: string[] = [];
    let failure: TealError | undefined;
    for (;;) {
      const piece = await this.#next();
      if (piece.kind === 'data') continue;
      if (piece.type === backend.error) failure ??= readServerError(piece.body);
      else if (piece.type === backend.commandComplete) tags.push(new BodyReader(piece.body, 'CommandComplete').text());
      else if (piece.type === backend.readyForQuery) {
        if (failure !== undefined) throw failure;
        return tags;
      }
    }
  }

  async #failIfError(piece: Message): Promise<void> {
    if (piece.type !== backend.error) return;
    const failure = readServerError(piece.body);
    await this.#untilReady();
    throw failure;
  }
}

function readServerError(bytes: Buffer): TealError {
  const body = new BodyReader(bytes, 'ErrorResponse');
  const fields = new Map<string, string>();
  for (let field = body.byte(); field !== 0; field = body.byte()) fields.set(String.fromCharCode(field), body.text());
  return serverError({
    severity: fields.get('V'),
    sqlState: fields.get('C') ?? '',
    message: fields.get('M') ?? '',
    schema: fields.get('s'),
    table: fields.get('t'),
    column: fields.get('c'),
    dataType: fields.get('d'),
    constraint: fields.get('n'),
    routine: fields.get('R'),
  });
}

/** Rows of a tag such as `COPY 42` or `INSERT 0 1`. */
export function rowsOfTag(tag: string): bigint {
  const match = /(\d+)$/.exec(tag);
  if (match?.[1] === undefined) throw new TealError('TEAL-WIRE-001', 'a command tag without a count');
  return BigInt(match[1]);
}
