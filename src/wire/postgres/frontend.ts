import { BodyReader, frame, int16, int32, malformed, zeroTerminated } from './body.ts';
import { frameHeaderBytes } from './frames.ts';

/**
 * Messages from a client to a server (PostgreSQL manual, "Message Formats", frontend). Readers take whole frames; writers return them.
 */
export const frontend = Object.freeze({
  query: 0x51, // Q
  parse: 0x50, // P
  bind: 0x42, // B
  describe: 0x44, // D
  execute: 0x45, // E
  close: 0x43, // C
  flush: 0x48, // H
  sync: 0x53, // S
  functionCall: 0x46, // F
  copyData: 0x64, // d
  copyDone: 0x63, // c
  copyFail: 0x66, // f
  password: 0x70, // p, also SASL
  terminate: 0x58, // X
});

export interface ParseMessage {
  readonly name: string;
  readonly query: string;
  readonly parameterTypes: readonly number[];
}

export function readParse(bytes: Buffer): ParseMessage {
  const body = bodyOf(bytes, 'Parse');
  const name = body.text();
  const query = body.text();
  const parameterTypes = Array.from({ length: body.uint16() }, () => body.uint32());
  body.end();
  return { name, query, parameterTypes };
}

/**
 * The statement that a Bind, or a Describe or Close of a statement, names; undefined for those of a portal, and when the names do not end
 * within `bytes` (which may be the head of the frame only). One character a byte (`statementKey`).
 */
export function namedStatement(bytes: Buffer): string | undefined {
  const type = bytes[0];
  if (type === frontend.bind) {
    const portalEnd = bytes.indexOf(0, frameHeaderBytes);
    return portalEnd === -1 ? undefined : textAt(bytes, portalEnd + 1);
  }
  const ofStatement = bytes[frameHeaderBytes] === 0x53;
  return ofStatement ? textAt(bytes, frameHeaderBytes + 1) : undefined;
}

function textAt(bytes: Buffer, at: number): string | undefined {
  const end = bytes.indexOf(0, at);
  return end === -1 ? undefined : statementKey(bytes, at, end);
}

/** A statement's name as a key: in whatever encoding the client speaks, two names are the same when their bytes are. */
export function statementKey(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('latin1', start, end);
}

/** The mechanism that a client chose, and its first message. */
export function readSaslInitial(bytes: Buffer): { readonly mechanism: string; readonly message: string } {
  const body = bodyOf(bytes, 'SASLInitialResponse');
  const mechanism = body.text();
  const length = body.int32();
  const message = body.bytes(Math.max(length, 0)).toString('utf8');
  body.end();
  return { mechanism, message };
}

export function readSaslResponse(bytes: Buffer): string {
  return bodyOf(bytes, 'SASLResponse').rest().toString('utf8');
}

export function readPassword(bytes: Buffer): string {
  const body = bodyOf(bytes, 'PasswordMessage');
  const password = body.text();
  body.end();
  return password;
}

export function encodeQuery(sql: string): Buffer {
  return frame('Q', zeroTerminated(sql));
}

export function encodeParse(name: string, sql: string | Buffer): Buffer {
  const text = typeof sql === 'string' ? zeroTerminated(sql) : Buffer.concat([sql, Buffer.from([0])]);
  return frame('P', zeroTerminated(name), text, int16(0));
}

/** The same Parse for the unnamed statement. */
export function unnamedParse(parse: Buffer): Buffer {
  return frame('P', parse.subarray(parse.indexOf(0, frameHeaderBytes)));
}

/** Binds the unnamed portal; parameters and results in text format. `null` is SQL's null. */
export function encodeBind(statement: string, parameters: readonly (Buffer | null)[]): Buffer {
  const values = parameters.flatMap((value) => (value === null ? [int32(-1)] : [int32(value.length), value]));
  const count = int16(parameters.length);
  return frame('B', zeroTerminated(''), zeroTerminated(statement), int16(0), count, ...values, int16(0));
}

/** The same Bind for the unnamed statement and the unnamed portal; undefined when it is of a portal with a name. */
export function unnamedBind(bind: Buffer): Buffer | undefined {
  if (bind[frameHeaderBytes] !== 0) return undefined;
  const nameEnd = bind.indexOf(0, frameHeaderBytes + 1);
  if (nameEnd === -1) throw malformed('Bind', 'a text is not terminated');
  return frame('B', Buffer.from([0]), bind.subarray(nameEnd));
}

/** Asks for the columns of the unnamed portal. */
export function encodeDescribePortal(): Buffer {
  return frame('D', Buffer.from('P'), zeroTerminated(''));
}

/** Whether an Execute asks for all rows of the unnamed portal. */
export function isWholeExecute(bytes: Buffer): boolean {
  const body = bodyOf(bytes, 'Execute');
  return body.text() === '' && body.int32() === 0;
}

/** Of a statement. Its name as bytes: it is in whatever encoding the client speaks. */
export function encodeClose(statement: Buffer): Buffer {
  return frame('C', Buffer.from('S'), statement, Buffer.from([0]));
}

export function encodeExecute(): Buffer {
  return frame('E', zeroTerminated(''), int32(0));
}

export function encodeSync(): Buffer {
  return frame('S');
}

export function encodeTerminate(): Buffer {
  return frame('X');
}

export function encodePassword(text: string): Buffer {
  return frame('p', zeroTerminated(text));
}

export function encodeSaslInitial(mechanism: string, message: string): Buffer {
  const bytes = Buffer.from(message, 'utf8');
  return frame('p', zeroTerminated(mechanism), int32(bytes.length), bytes);
}

export function encodeSaslResponse(message: string): Buffer {
  return frame('p', Buffer.from(message, 'utf8'));
}

function bodyOf(bytes: Buffer, what: string): BodyReader {
  return new BodyReader(bytes.subarray(frameHeaderBytes), what);
}
