import { BodyReader, int32, malformed, zeroTerminated } from './body.ts';

/**
 * What a client may send before messages have type bytes (PostgreSQL manual, "Message Formats": StartupMessage, SSLRequest, GSSENCRequest,
 * CancelRequest). Each begins with an int32 length that counts itself, then an int32 code.
 */
export type StartupPacket =
  | { readonly kind: 'tls' }
  | { readonly kind: 'gss' }
  | { readonly kind: 'cancel'; readonly pid: number; readonly secret: Buffer }
  | {
      readonly kind: 'startup';
      readonly major: number;
      readonly minor: number;
      readonly parameters: ReadonlyMap<string, string>;
    };

export const startupHeadBytes = 8;
/** The server's own limit (MAX_STARTUP_PACKET_LENGTH): a stranger must not make anybody allocate more. */
export const startupLimitBytes = 10_000;

const tlsCode = 80877103;
const gssCode = 80877104;
const cancelCode = 80877102;
export const protocol30 = 3 << 16;

/** The whole length of the packet whose first eight bytes are given. */
export function startupLength(head: Buffer): number {
  const length = head.readInt32BE(0);
  if (length < startupHeadBytes || length > startupLimitBytes) throw malformed('a start-up packet', 'its length');
  return length;
}

export function parseStartup(packet: Buffer): StartupPacket {
  const body = new BodyReader(packet, 'a start-up packet');
  if (body.int32() !== packet.length) throw malformed('a start-up packet', 'its length');
  const code = body.int32();
  switch (code) {
    case tlsCode:
      body.end();
      return { kind: 'tls' };
    case gssCode:
      body.end();
      return { kind: 'gss' };
    case cancelCode:
      return { kind: 'cancel', pid: body.int32(), secret: body.rest() };
    default:
      return { kind: 'startup', major: code >>> 16, minor: code & 0xffff, parameters: readParameters(body) };
  }
}

function readParameters(body: BodyReader): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (;;) {
    const name = body.text();
    if (name === '') break;
    parameters.set(name, body.text());
  }
  body.end();
  return parameters;
}

export function encodeStartup(parameters: Iterable<readonly [string, string]>): Buffer {
  const parts = [int32(protocol30)];
  for (const [name, value] of parameters) parts.push(zeroTerminated(name), zeroTerminated(value));
  parts.push(Buffer.from([0]));
  return packet(parts);
}

export function encodeTlsRequest(): Buffer {
  return packet([int32(tlsCode)]);
}

export function encodeCancel(pid: number, secret: Buffer): Buffer {
  return packet([int32(cancelCode), int32(pid), secret]);
}

function packet(parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length + 4), body]);
}
