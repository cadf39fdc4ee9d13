import {
  BodyReader,
  lengthEncoded,
  lengthEncodedBytes,
  malformed,
  uint16,
  uint32,
  uint8,
  zeroTerminated,
} from './body.ts';
import { capability, has, type Capabilities } from './flags.ts';

/**
 * The server's first packet (MySQL manual, "Protocol::HandshakeV10"):
 *
 *     int<1> 10 | text\0 version | int<4> connection | 8 bytes of the nonce | 0 | int<2> capabilities, low | int<1> collation | int<2> status
 *     int<2> capabilities, high | int<1> length of the nonce | 6 zeros | int<4> zeros, or MariaDB's own capabilities | rest of the nonce, \0 | text\0 plugin
 */
export interface Greeting {
  /** As sent: MariaDB before 11 puts `5.5.5-` before its own. */
  readonly version: string;
  readonly connectionId: number;
  /** 20 bytes, never zero. */
  readonly nonce: Buffer;
  readonly capabilities: Capabilities;
  readonly collation: number;
  readonly status: number;
  readonly plugin: string;
}

export const nonceBytes = 20;

export function readGreeting(payload: Buffer): Greeting {
  const body = new BodyReader(payload, 'Handshake');
  if (body.uint8() !== 10) throw malformed('Handshake', 'its version is not 10');
  const version = body.zeroTerminated();
  const connectionId = body.uint32();
  const firstPart = body.bytes(8);
  body.skip(1);
  const low = body.uint16();
  const collation = body.uint8();
  const status = body.uint16();
  const base = (low | (body.uint16() << 16)) >>> 0;
  const announced = body.uint8();
  body.skip(6);
  const last = body.uint32();
  const mariadb = (base & capability.longPassword) === 0 ? last : 0;
  const secondPart = body.bytes(Math.min(Math.max(13, announced - 8), body.left));
  const nonce = Buffer.concat([firstPart, secondPart]).subarray(0, nonceBytes);
  if (nonce.length !== nonceBytes) throw malformed('Handshake', 'its nonce is short');
  const plugin = (base & capability.pluginAuth) === 0 ? 'mysql_native_password' : body.zeroTerminated();
  return { version, connectionId, nonce, capabilities: { base, mariadb }, collation, status, plugin };
}

export function encodeGreeting(greeting: Greeting): Buffer {
  const { version, connectionId, nonce, capabilities, collation, status, plugin } = greeting;
  if (nonce.length !== nonceBytes || nonce.includes(0)) throw malformed('an outgoing Handshake', 'its nonce');
  return Buffer.concat([
    uint8(10),
    zeroTerminated(version),
    uint32(connectionId),
    nonce.subarray(0, 8),
    uint8(0),
    uint16(capabilities.base & 0xffff),
    uint8(collation),
    uint16(status),
    uint16(capabilities.base >>> 16),
    uint8(nonceBytes + 1),
    Buffer.alloc(6),
    uint32(capabilities.mariadb),
    nonce.subarray(8),
    uint8(0),
    ...(has(capabilities, capability.pluginAuth) ? [zeroTerminated(plugin)] : []),
  ]);
}

/** MariaDB says so in its version, in whatever place. */
export function flavourOf(greeting: Greeting): 'mariadb' | 'mysql' {
  return /mariadb/i.test(greeting.version) || greeting.version.startsWith('5.5.5-') ? 'mariadb' : 'mysql';
}

/**
 * The client's first packet (MySQL manual, "Protocol::HandshakeResponse41"):
 *
 *     int<4> capabilities | int<4> longest packet | int<1> collation | 19 zeros | int<4> zeros, or MariaDB's own capabilities
 *     text\0 user | answer | text\0 database | text\0 plugin | attributes | int<1> level of compression
 *
 * A client that wants TLS sends the first 32 bytes alone, begins TLS, and sends the whole again.
 */
export interface LoginRequest {
  readonly capabilities: Capabilities;
  readonly maxPacketBytes: number;
  readonly collation: number;
  readonly user: string;
  /** What it makes of nonce and password. */
  readonly answer: Buffer;
  readonly database: string | undefined;
  readonly plugin: string | undefined;
  readonly attributes: ReadonlyMap<string, string>;
}

export type FirstWord = { readonly kind: 'tls' } | { readonly kind: 'login'; readonly request: LoginRequest };

const tlsRequestBytes = 32;

export function readFirstWord(payload: Buffer): FirstWord {
  const body = new BodyReader(payload, 'HandshakeResponse');
  const base = body.uint32();
  if ((base & capability.protocol41) === 0) throw malformed('HandshakeResponse', 'a client of before version 4.1');
  if (payload.length === tlsRequestBytes && (base & capability.tls) !== 0) return { kind: 'tls' };
  const maxPacketBytes = body.uint32();
  const collation = body.uint8();
  body.skip(19);
  const last = body.uint32();
  const capabilities = { base, mariadb: (base & capability.longPassword) === 0 ? last : 0 };
  const user = body.zeroTerminated();
  const answer = readAnswer(body, capabilities);
  // Clients that set a flag and end before what it announces are served by the servers too.
  const database =
    has(capabilities, capability.connectWithDatabase) && body.left > 0 ? body.zeroTerminated() : undefined;
  const plugin = has(capabilities, capability.pluginAuth) && body.left > 0 ? body.zeroTerminated() : undefined;
  const attributes = has(capabilities, capability.connectAttributes) ? readAttributes(body) : new Map<string, string>();
  return {
    kind: 'login',
    request: { capabilities, maxPacketBytes, collation, user, answer, database, plugin, attributes },
  };
}

function readAnswer(body: BodyReader, capabilities: Capabilities): Buffer {
  if (has(capabilities, capability.pluginAuthLengthEncoded)) return body.lengthEncodedBytes();
  if (has(capabilities, capability.secureConnection)) return body.bytes(body.uint8());
  return body.zeroTerminatedBytes();
}

export function readAttributes(body: BodyReader): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  if (body.left === 0) return attributes;
  const list = new BodyReader(body.lengthEncodedBytes(), 'connection attributes');
  while (list.left > 0) attributes.set(list.lengthEncodedText(), list.lengthEncodedText());
  return attributes;
}

export function encodeAttributes(attributes: ReadonlyMap<string, string>): Buffer {
  const pairs = [...attributes].flatMap(([name, value]) => [lengthEncodedBytes(name), lengthEncodedBytes(value)]);
  const body = Buffer.concat(pairs);
  return Buffer.concat([lengthEncoded(body.length), body]);
}

export function encodeTlsRequest({ capabilities, maxPacketBytes, collation }: LoginRequest): Buffer {
  const base = (capabilities.base | capability.tls) >>> 0;
  return Buffer.concat([
    uint32(base),
    uint32(maxPacketBytes),
    uint8(collation),
    Buffer.alloc(19),
    uint32(capabilities.mariadb),
  ]);
}

/** Its capabilities must name every part that it has. */
export function encodeLogin(request: LoginRequest): Buffer {
  const { capabilities, maxPacketBytes, collation, user, answer, database, plugin, attributes } = request;
  const isLong = has(capabilities, capability.pluginAuthLengthEncoded);
  return Buffer.concat([
    uint32(capabilities.base),
    uint32(maxPacketBytes),
    uint8(collation),
    Buffer.alloc(19),
    uint32(capabilities.mariadb),
    zeroTerminated(user),
    ...(isLong ? [lengthEncodedBytes(answer)] : [uint8(answer.length), answer]),
    ...(has(capabilities, capability.connectWithDatabase) ? [zeroTerminated(database ?? '')] : []),
    ...(has(capabilities, capability.pluginAuth) ? [zeroTerminated(plugin ?? '')] : []),
    ...(has(capabilities, capability.connectAttributes) ? [encodeAttributes(attributes)] : []),
  ]);
}
