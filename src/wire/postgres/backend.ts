import { BodyReader, frame, int32, zeroTerminated } from './body.ts';
import { frameHeaderBytes } from './frames.ts';

/** Messages from a server to a client (PostgreSQL manual, "Message Formats", backend). Readers take whole frames; writers return them. */
export const backend = Object.freeze({
  authentication: 0x52, // R
  parameterStatus: 0x53, // S
  keyData: 0x4b, // K
  readyForQuery: 0x5a, // Z
  error: 0x45, // E
  notice: 0x4e, // N
  notification: 0x41, // A
  parseComplete: 0x31, // 1
  closeComplete: 0x33, // 3
  commandComplete: 0x43, // C
  emptyQuery: 0x49, // I
  rowDescription: 0x54, // T
  dataRow: 0x44, // D
  copyIn: 0x47, // G
  negotiateVersion: 0x76, // v
});

/** Transaction status in ReadyForQuery. */
export const status = Object.freeze({ idle: 0x49, inTransaction: 0x54, failed: 0x45 });

export type AuthenticationRequest =
  | { readonly kind: 'ok' }
  | { readonly kind: 'cleartext' }
  | { readonly kind: 'md5'; readonly challenge: Buffer }
  | { readonly kind: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'saslContinue'; readonly message: string }
  | { readonly kind: 'saslFinal'; readonly message: string }
  | { readonly kind: 'unsupported'; readonly method: number };

export function readAuthentication(bytes: Buffer): AuthenticationRequest {
  const body = bodyOf(bytes, 'Authentication');
  const method = body.int32();
  switch (method) {
    case 0:
      return { kind: 'ok' };
    case 3:
      return { kind: 'cleartext' };
    case 5:
      return { kind: 'md5', challenge: Buffer.from(body.bytes(4)) };
    case 10:
      return { kind: 'sasl', mechanisms: readMechanisms(body) };
    case 11:
      return { kind: 'saslContinue', message: body.rest().toString('utf8') };
    case 12:
      return { kind: 'saslFinal', message: body.rest().toString('utf8') };
    default:
      return { kind: 'unsupported', method };
  }
}

function readMechanisms(body: BodyReader): readonly string[] {
  const mechanisms: string[] = [];
  for (;;) {
    const mechanism = body.text();
    if (mechanism === '') return mechanisms;
    mechanisms.push(mechanism);
  }
}

export function readParameterStatus(bytes: Buffer): readonly [string, string] {
  const body = bodyOf(bytes, 'ParameterStatus');
  const pair = [body.text(), body.text()] as const;
  body.end();
  return pair;
}

export interface BackendKey {
  readonly pid: number;
  readonly secret: Buffer;
}

export function readKeyData(bytes: Buffer): BackendKey {
  const body = bodyOf(bytes, 'BackendKeyData');
  return { pid: body.int32(), secret: Buffer.from(body.rest()) };
}

export interface ServerError {
  /** In English whatever the server's language: ERROR, FATAL, PANIC. */
  readonly severity: string;
  readonly code: string;
  readonly message: string;
}

export function readError(bytes: Buffer): ServerError {
  const body = bodyOf(bytes, 'ErrorResponse');
  const fields = new Map<number, string>();
  for (let field = body.byte(); field !== 0; field = body.byte()) fields.set(field, body.text());
  return {
    severity: fields.get(0x56) ?? fields.get(0x53) ?? '',
    code: fields.get(0x43) ?? '',
    message: fields.get(0x4d) ?? '',
  };
}

/** The columns of one row in text format, as views. */
export function readDataRow(bytes: Buffer): readonly (Buffer | null)[] {
  const body = bodyOf(bytes, 'DataRow');
  const columns = Array.from({ length: body.uint16() }, () => {
    const length = body.int32();
    return length === -1 ? null : body.bytes(length);
  });
  body.end();
  return columns;
}

export interface Column {
  readonly name: string;
  /** Number of its type (oid). */
  readonly type: number;
  /** Its values come in the type's binary form, not as text. */
  readonly binary: boolean;
}

export function readRowDescription(bytes: Buffer): readonly Column[] {
  const body = bodyOf(bytes, 'RowDescription');
  const columns = Array.from({ length: body.uint16() }, () => {
    const name = body.text();
    // Table and column that it is of.
    body.bytes(6);
    const type = body.uint32();
    // Size and modifier of the type.
    body.bytes(6);
    return { name, type, binary: body.int16() === 1 };
  });
  body.end();
  return columns;
}

export function readCommandTag(bytes: Buffer): string {
  return bodyOf(bytes, 'CommandComplete').text();
}

export function encodeAuthenticationOk(): Buffer {
  return frame('R', int32(0));
}

export function encodeMd5Request(challenge: Buffer): Buffer {
  return frame('R', int32(5), challenge);
}

export function encodeSaslRequest(mechanisms: readonly string[]): Buffer {
  return frame('R', int32(10), ...mechanisms.map(zeroTerminated), Buffer.from([0]));
}

export function encodeSaslContinue(message: string): Buffer {
  return frame('R', int32(11), Buffer.from(message, 'utf8'));
}

export function encodeSaslFinal(message: string): Buffer {
  return frame('R', int32(12), Buffer.from(message, 'utf8'));
}

export function encodeParameterStatus(name: string, value: string): Buffer {
  return frame('S', zeroTerminated(name), zeroTerminated(value));
}

export function encodeKeyData(key: BackendKey): Buffer {
  return frame('K', int32(key.pid), key.secret);
}

export function encodeReadyForQuery(transactionStatus: number): Buffer {
  return frame('Z', Buffer.from([transactionStatus]));
}

/** `version` as the number of a start-up packet: what the server speaks instead. */
export function encodeNegotiateVersion(version: number, unknownOptions: readonly string[]): Buffer {
  return frame('v', int32(version), int32(unknownOptions.length), ...unknownOptions.map(zeroTerminated));
}

export interface OutgoingError {
  readonly severity: 'ERROR' | 'FATAL';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export function encodeError(error: OutgoingError): Buffer {
  const { severity, code, message, hint } = error;
  const fields = ['S', severity, 'V', severity, 'C', code, 'M', message, ...(hint === undefined ? [] : ['H', hint])];
  const parts: Buffer[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    parts.push(Buffer.from(fields[at] ?? '', 'latin1'), zeroTerminated(fields[at + 1] ?? ''));
  }
  return frame('E', ...parts, Buffer.from([0]));
}

function bodyOf(bytes: Buffer, what: string): BodyReader {
  return new BodyReader(bytes.subarray(frameHeaderBytes), what);
}
