import { BodyReader, malformed } from './body.ts';
import { command } from './commands.ts';
import { capability, has, mariadbCapability, serverStatus, type Capabilities } from './flags.ts';
import { readEof, readOk, replyHeader } from './replies.ts';

/** What a packet of an answer is; `status` where it has one. */
export interface ResponsePart {
  readonly kind:
    | 'ok'
    | 'error'
    | 'columnCount'
    | 'column'
    | 'endOfColumns'
    | 'row'
    | 'endOfRows'
    | 'prepared'
    | 'parameter'
    | 'localInfile'
    | 'auth'
    | 'text'
    | 'event'
    | 'progress';
  readonly status?: number;
  /** Nothing more follows: the client may send the next command. */
  readonly ends: boolean;
}

type State = 'first' | 'columns' | 'endOfColumns' | 'rows' | 'parameters' | 'afterInfile' | 'ended';

const noAnswer: ReadonlySet<number> = new Set([command.quit, command.stmtClose, command.stmtSendLongData]);
const withRows: ReadonlySet<number> = new Set([
  command.query,
  command.processInfo,
  command.stmtExecute,
  command.stmtBulkExecute,
]);
/** An OK that ends rows is shorter than this; a row that begins with 0xfe has a first column at least as long. */
const longestEndBytes = 0xff_ff_ff;

/**
 * Where the answer to one command ends. Give it each packet of the server, in order; it keeps a few numbers and no bytes. TEAL-WIRE-001 for a packet that
 * cannot stand at its place. Source: MySQL manual, "Text Resultset", "COM_STMT_PREPARE Response", "Multi-Resultset", and MariaDB, "Result Set Packets".
 */
export class ResponseReader {
  readonly #code: number;
  readonly #capabilities: Capabilities;
  readonly #deprecatesEof: boolean;
  #state: State;
  #left = 0;
  /** Of a prepared statement, whose columns come after its parameters. */
  #columnsAfter = 0;

  constructor(code: number, capabilities: Capabilities) {
    this.#code = code;
    this.#capabilities = capabilities;
    this.#deprecatesEof = has(capabilities, capability.deprecateEof);
    this.#state = noAnswer.has(code) ? 'ended' : code === command.stmtFetch ? 'rows' : 'first';
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** The client is to send a file's content, and an empty packet after it; then the server answers. */
  get awaitsFile(): boolean {
    return this.#state === 'afterInfile';
  }

  see(payload: Buffer): ResponsePart {
    const header = payload[0];
    if (this.#state === 'ended') throw malformed('an answer', 'it goes on after its end');
    if (header === undefined) return this.#seeEmpty();
    if (header === replyHeader.error) return this.#seeError(payload);
    switch (this.#state) {
      case 'first':
        return this.#seeFirst(header, payload);
      case 'afterInfile':
        return this.#seeOk(payload, 'first');
      case 'parameters':
        return this.#count('parameter');
      case 'columns':
        return this.#count('column');
      case 'endOfColumns':
        return this.#seeEndOfColumns(payload);
      case 'rows':
        return this.#seeRow(header, payload);
      default:
        return this.#state satisfies never;
    }
  }

  /** A text may be empty, and a row of MariaDB's bulk results; nothing else. */
  #seeEmpty(): ResponsePart {
    if (this.#code !== command.statistics) throw malformed('an answer', 'an empty packet');
    return this.#part('text', 'ended');
  }

  #seeError(payload: Buffer): ResponsePart {
    const isProgress = payload.length > 2 && payload.readUInt16LE(1) === 0xffff;
    if (isProgress && (this.#capabilities.mariadb & mariadbCapability.progress) !== 0) {
      return { kind: 'progress', ends: false };
    }
    return this.#part('error', 'ended');
  }

  #seeFirst(header: number, payload: Buffer): ResponsePart {
    switch (this.#code) {
      case command.statistics:
        return this.#part('text', 'ended');
      case command.stmtPrepare:
        return this.#seePrepared(payload);
      case command.binlogDump:
      case command.binlogDumpGtid:
        return header === replyHeader.eof ? this.#seeEnd(payload, 'ended') : { kind: 'event', ends: false };
      case command.fieldList:
        return isEnd(header, payload) ? this.#seeEnd(payload, 'ended') : { kind: 'column', ends: false };
      case command.changeUser:
        return header === replyHeader.ok ? this.#seeOk(payload, 'ended') : { kind: 'auth', ends: false };
      default:
        break;
    }
    if (header === replyHeader.ok) return this.#seeOk(payload, withRows.has(this.#code) ? 'first' : 'ended');
    if (!withRows.has(this.#code)) return this.#seeEnd(payload, 'ended');
    if (header === replyHeader.localInfile && this.#code === command.query)
      return this.#part('localInfile', 'afterInfile');
    return this.#seeColumnCount(payload);
  }

  #seeColumnCount(payload: Buffer): ResponsePart {
    const body = new BodyReader(payload, 'the number of columns');
    let described = true;
    if (has(this.#capabilities, capability.optionalResultsetMetadata)) described = body.uint8() === 1;
    this.#left = body.lengthEncoded();
    if ((this.#capabilities.mariadb & mariadbCapability.cacheMetadata) !== 0) described = body.uint8() === 1;
    body.end();
    if (this.#left === 0) throw malformed('the number of columns', 'it is zero');
    if (described) return this.#part('columnCount', 'columns');
    return this.#part('columnCount', this.#deprecatesEof ? 'rows' : 'endOfColumns');
  }

  #count(kind: 'column' | 'parameter'): ResponsePart {
    this.#left -= 1;
    if (this.#left > 0) return { kind, ends: false };
    return this.#part(kind, this.#deprecatesEof ? this.#afterDefinitions() : 'endOfColumns');
  }

  /** Where the definitions at hand are followed by others, it begins with them. */
  #afterDefinitions(): State {
    if (this.#code !== command.stmtPrepare) return 'rows';
    this.#left = this.#columnsAfter;
    this.#columnsAfter = 0;
    return this.#left > 0 ? 'columns' : 'ended';
  }

  #seeEndOfColumns(payload: Buffer): ResponsePart {
    const { status } = readEof(payload);
    // A cursor is open: its rows come when they are fetched.
    const opened = this.#code !== command.stmtPrepare && (status & serverStatus.cursorExists) !== 0;
    return this.#part('endOfColumns', opened ? 'ended' : this.#afterDefinitions(), status);
  }

  #seeRow(header: number, payload: Buffer): ResponsePart {
    const ends = this.#deprecatesEof
      ? header === replyHeader.eof && payload.length < longestEndBytes
      : isEnd(header, payload);
    return ends ? this.#seeEnd(payload, 'first') : { kind: 'row', ends: false };
  }

  /** EOF, or the OK that stands for it. */
  #seeEnd(payload: Buffer, next: State): ResponsePart {
    const isEof = payload.length === 5 && payload[0] === replyHeader.eof && !this.#deprecatesEof;
    const { status } = isEof ? readEof(payload) : endStatus(payload, this.#capabilities);
    return this.#part('endOfRows', this.#after(status, next), status);
  }

  #seeOk(payload: Buffer, next: State): ResponsePart {
    const { status } = readOk(payload, this.#capabilities);
    return this.#part('ok', this.#after(status, next), status);
  }

  #after(status: number, next: State): State {
    return next === 'first' && (status & serverStatus.moreResults) !== 0 ? 'first' : 'ended';
  }

  /** COM_STMT_PREPARE_OK: 0 | int<4> statement | int<2> columns | int<2> parameters | 0 | int<2> warnings | int<1> whether they are described. */
  #seePrepared(payload: Buffer): ResponsePart {
    const { columns, parameters, described } = readPrepared(payload);
    if (!described) return this.#part('prepared', 'ended');
    if (parameters === 0) {
      this.#left = columns;
      return this.#part('prepared', columns > 0 ? 'columns' : 'ended');
    }
    this.#left = parameters;
    this.#columnsAfter = columns;
    return this.#part('prepared', 'parameters');
  }

  #part(kind: ResponsePart['kind'], next: State, status?: number): ResponsePart {
    this.#state = next;
    const ends = next === 'ended';
    return status === undefined ? { kind, ends } : { kind, status, ends };
  }
}

export interface Prepared {
  readonly statement: number;
  readonly columns: number;
  readonly parameters: number;
  readonly described: boolean;
}

export function readPrepared(payload: Buffer): Prepared {
  const body = new BodyReader(payload, 'COM_STMT_PREPARE_OK');
  if (body.uint8() !== 0) throw malformed('COM_STMT_PREPARE_OK', 'its header');
  const statement = body.uint32();
  const columns = body.uint16();
  const parameters = body.uint16();
  body.skip(1);
  if (body.left > 0) body.skip(2);
  const described = body.left === 0 || body.uint8() === 1;
  return { statement, columns, parameters, described };
}

function isEnd(header: number, payload: Buffer): boolean {
  return header === replyHeader.eof && payload.length < 9;
}

/** Some commands are answered by an EOF of five bytes whatever was agreed on. */
function endStatus(payload: Buffer, capabilities: Capabilities): { readonly status: number } {
  return payload.length === 5 ? readEof(payload) : readOk(payload, capabilities);
}
