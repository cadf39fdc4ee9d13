import { sleep } from '../../../kernel/clock.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { CellValue } from '../../../model/change.ts';
import { BodyReader } from '../../../wire/postgres/body.ts';
import { backend, readCommandTag, readDataRow, readError } from '../../../wire/postgres/backend.ts';
import { encodeTerminate } from '../../../wire/postgres/frontend.ts';
import { FrameReader, frameBody, type Frame } from '../../../wire/postgres/frames.ts';
import type { PgConnection, RawSocket } from '../connection.ts';
import { asTealError, serverError, type ServerErrorFields } from '../errors.ts';
import { Outgoing, type CopyLines } from './outgoing.ts';

/** One statement of a pipeline. `owner` is handed back with its answer, or with the error that it met. */
export type Ask<Owner> =
  | {
      readonly kind: 'statement';
      readonly sql: string;
      readonly cells: readonly CellValue[];
      /** All cells are in binary form; default: they are texts. */
      readonly isBinary?: boolean;
      readonly owner: Owner;
    }
  /** `COPY … FROM STDIN`. */
  | { readonly kind: 'copy'; readonly sql: string; readonly lines: CopyLines; readonly owner: Owner };

export interface Answer<Owner> {
  readonly owner: Owner;
  /** First word of the command tag. */
  readonly command: string;
  /** Rows affected, as the tag says; 0 for commands without. */
  readonly count: number;
  readonly rows: readonly (readonly (string | null)[])[];
}

/** What a statement of a pipeline met; the ones before it were done, the ones after it were not. */
export class PipelineFailure<Owner> {
  readonly owner: Owner | undefined;
  readonly error: TealError;

  constructor(owner: Owner | undefined, error: TealError) {
    this.owner = owner;
    this.error = error;
  }
}

/** Bytes that may be waiting in the socket before more are made: an unbounded pipeline turns quadratic (planetscale/pgcopydb #51). */
const unsentLimitBytes = 1 << 20;
/** Keyed by the whole text: a hash of it may collide (planetscale/pgcopydb #12). */
const preparedLimit = 400;
const closeTimeoutMs = 2_000;

interface Running<Owner> {
  readonly asks: Owner[];
  readonly answers: Answer<Owner>[];
  /** Texts prepared by this pipeline, in order; the server confirms them in order. */
  readonly preparing: string[];
  prepared: number;
  rows: (string | null)[][];
  failure: PipelineFailure<Owner> | undefined;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * A session whose statements go out many at a time and whose answers are awaited once: one round trip however many statements. Statements are prepared when
 * first seen. One `run` at a time.
 */
export class TargetSession implements AsyncDisposable {
  readonly serverMajor: number;
  readonly #connection: PgConnection;
  readonly #socket: RawSocket;
  readonly #frames = new FrameReader(1 << 24);
  readonly #prepared = new Map<string, string>();
  #preparedEver = 0;
  #running: Running<unknown> | undefined;
  #lost: TealError | undefined;
  readonly #outgoing: Outgoing;

  /** Takes the connection over: it is closed with this session. */
  constructor(connection: PgConnection) {
    this.#connection = connection;
    this.serverMajor = connection.serverMajor;
    this.#socket = connection.takeOver();
    this.#outgoing = new Outgoing((bytes) => void this.#socket.write(bytes));
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('error', (error) => this.#lose(asTealError(error, 'connected')));
    this.#socket.on('close', () => this.#lose(new TealError('TEAL-SYSTEMS-006', 'the session has ended')));
    this.#socket.resume();
  }

  /** Does all asks in one pipeline. Rejects with `PipelineFailure` when the server refuses one, with a TealError when the session is lost. */
  async run<Owner>(asks: Iterable<Ask<Owner>>): Promise<readonly Answer<Owner>[]> {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#running !== undefined) throw new TealError('TEAL-KERNEL-001', 'a session runs one pipeline at a time');
    const running: Running<Owner> = {
      asks: [],
      answers: [],
      preparing: [],
      prepared: 0,
      rows: [],
      failure: undefined,
      done: Promise.withResolvers(),
    };
    // A session that is lost while statements are still being written rejects before anybody awaits.
    running.done.promise.catch(() => undefined);
    this.#running = running;
    try {
      for (const ask of asks) {
        if (running.failure !== undefined) break;
        running.asks.push(ask.owner);
        if (ask.kind === 'statement') this.#send(running, ask.sql, ask.cells, ask.isBinary);
        else await this.#copy(running, ask);
        if (this.#socket.writableLength > unsentLimitBytes) await this.#drained();
      }
    } catch (error) {
      // Half a message may be on its way: the session cannot be used again.
      this.#socket.destroy();
      throw error;
    }
    this.#outgoing.sync();
    await running.done.promise;
    if (running.failure !== undefined) throw running.failure;
    return running.answers;
  }

  /** One statement by itself. */
  async query(sql: string, cells: readonly CellValue[] = []): Promise<Answer<undefined>> {
    const [answer] = await this.run([{ kind: 'statement', sql, cells, owner: undefined }]);
    if (answer === undefined) throw new TealError('TEAL-SYSTEMS-006', 'the server gave no answer');
    return answer;
  }

  /** Waits, for a bounded time, until the server has ended the session too: its origin is free then for the next one. */
  async [Symbol.asyncDispose](): Promise<void> {
    const isUsable = this.#lost === undefined && this.#running === undefined;
    this.#lose(new TealError('TEAL-SYSTEMS-006', 'the session was closed'));
    if (isUsable) {
      const bound = new AbortController();
      const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
      this.#socket.end(encodeTerminate());
      // The bound's own end is no error here.
      await Promise.race([closed, sleep(closeTimeoutMs, bound.signal)]);
      bound.abort();
    }
    await this.#connection.close();
  }

  #send(running: Running<unknown>, sql: string, cells: readonly CellValue[], isBinary = false): void {
    this.#outgoing.bind(this.#statementFor(running, sql), cells, isBinary);
    this.#outgoing.execute();
  }

  async #copy(running: Running<unknown>, ask: Extract<Ask<unknown>, { kind: 'copy' }>): Promise<void> {
    this.#send(running, ask.sql, []);
    for (let next = 0; next < ask.lines.count;) {
      next = this.#outgoing.copyLines(ask.lines, next);
      if (this.#socket.writableLength > unsentLimitBytes) await this.#drained();
      // The server ignores the rest of a COPY that failed.
      if (running.failure !== undefined) break;
    }
    this.#outgoing.copyDone();
  }

  #statementFor(running: Running<unknown>, sql: string): string {
    const known = this.#prepared.get(sql);
    if (known !== undefined) {
      // The map is in the order of use: what is first was used longest ago.
      this.#prepared.delete(sql);
      this.#prepared.set(sql, known);
      return known;
    }
    this.#preparedEver += 1;
    const name = `s${this.#preparedEver}`;
    this.#evict();
    this.#outgoing.parse(name, sql);
    this.#prepared.set(sql, name);
    running.preparing.push(sql);
    return name;
  }

  #evict(): void {
    if (this.#prepared.size < preparedLimit) return;
    const [oldest] = this.#prepared;
    if (oldest === undefined) return;
    this.#prepared.delete(oldest[0]);
    this.#outgoing.closeStatement(oldest[1]);
  }

  async #drained(): Promise<void> {
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.#socket.off('drain', go);
        this.#socket.off('close', go);
        resolve();
      };
      if (this.#lost !== undefined || this.#socket.writableLength === 0) {
        resolve();
        return;
      }
      this.#socket.on('drain', go);
      this.#socket.on('close', go);
    });
    if (this.#lost !== undefined) throw this.#lost;
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.push(chunk)) this.#take(frame);
    } catch (error) {
      this.#lose(asTealError(error, 'connected'));
      this.#socket.destroy();
    }
  }

  #take(frame: Frame): void {
    const running = this.#running;
    switch (frame.type) {
      case backend.parseComplete:
        if (running !== undefined) running.prepared += 1;
        return;
      case backend.dataRow:
        running?.rows.push(readDataRow(frame.bytes).map((cell) => cell?.toString('utf8') ?? null));
        return;
      case backend.commandComplete:
      case backend.emptyQuery:
        if (running !== undefined) completed(running, frame);
        return;
      case backend.error:
        this.#fail(frame);
        return;
      case backend.readyForQuery:
        this.#running = undefined;
        running?.done.resolve();
        return;
      default:
        // Notices, parameter changes, BindComplete, CloseComplete, CopyInResponse: nothing follows from them.
        return;
    }
  }

  #fail(frame: Frame): void {
    const { code, message, severity } = readError(frame.bytes);
    const error = serverError({ sqlState: code, message, severity, ...namesIn(frame) });
    const running = this.#running;
    if (severity !== 'ERROR' || running === undefined) {
      this.#lose(error);
      this.#socket.destroy();
      return;
    }
    // The server does nothing more until Sync: what was to be prepared after this is not.
    for (const sql of running.preparing.slice(running.prepared)) this.#prepared.delete(sql);
    running.failure ??= new PipelineFailure(running.asks[running.answers.length], error);
  }

  #lose(error: TealError): void {
    this.#lost ??= error;
    const running = this.#running;
    this.#running = undefined;
    running?.done.reject(this.#lost);
  }
}

function completed(running: Running<unknown>, frame: Frame): void {
  const words = frame.type === backend.emptyQuery ? [''] : readCommandTag(frame.bytes).split(' ');
  const count = Number(words.at(-1));
  running.answers.push({
    owner: running.asks[running.answers.length],
    command: words[0] ?? '',
    count: Number.isSafeInteger(count) ? count : 0,
    rows: running.rows,
  });
  running.rows = [];
}

/** Names of what the error is about. DETAIL and the like hold values and are not read. */
function namesIn(frame: Frame): Pick<ServerErrorFields, 'schema' | 'table' | 'column' | 'constraint' | 'routine'> {
  const fields = new Map<string, string>();
  const body = new BodyReader(frameBody(frame), 'ErrorResponse');
  for (let field = body.byte(); field !== 0; field = body.byte()) fields.set(String.fromCharCode(field), body.text());
  const named = {
    schema: fields.get('s'),
    table: fields.get('t'),
    column: fields.get('c'),
    constraint: fields.get('n'),
    routine: fields.get('R'),
  };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}
