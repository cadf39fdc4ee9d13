import { createHmac, timingSafeEqual } from 'node:crypto';
import { TealError } from '../../kernel/errors.ts';
import { BodyWriter } from '../kafka/body-writer.ts';
import { BodyReader, malformed } from '../kafka/body.ts';
import {
  classes,
  lower,
  nameBytes,
  rcodeName,
  readMessage,
  readName,
  recordTypes,
  type DnsMessage,
} from './message.ts';

/** A key that a server of DNS and its client share (RFC 8945). */
export interface TsigKey {
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  readonly secret: Buffer;
}

export type TsigAlgorithm = 'hmac-sha256' | 'hmac-sha384' | 'hmac-sha512';

const fudgeSeconds = 300;
const what = 'a signature of DNS';

/**
 * The message with a TSIG record behind it (RFC 8945 section 4.2), and its MAC:
 *
 *     TSIG: key name, type 250, class ANY, ttl 0, length 16; algorithm name, time 48, fudge 16, MAC (length 16), original id 16, error 16, other (length 16)
 *
 * `atSeconds`: since 1970.
 */
export function sign(
  message: Buffer,
  key: TsigKey,
  atSeconds: number,
): { readonly bytes: Buffer; readonly mac: Buffer } {
  const variables = { time: timeBytes(atSeconds), fudge: fudgeSeconds, error: 0, other: Buffer.alloc(0) };
  const mac = macOf(key, [message, variablesOf(key, variables)]);
  const data = Buffer.from(
    new BodyWriter()
      .bytes(nameBytes(key.algorithm))
      .bytes(variables.time)
      .uint16(fudgeSeconds)
      .uint16(mac.length)
      .bytes(mac)
      .bytes(message.subarray(0, 2))
      .uint16(0)
      .uint16(0)
      .written(),
  );
  const record = new BodyWriter()
    .bytes(nameBytes(key.name))
    .uint16(recordTypes.TSIG)
    .uint16(classes.ANY)
    .int32(0)
    .uint16(data.length)
    .bytes(data);
  return { bytes: Buffer.concat([withAdditional(message, 1), record.written()]), mac };
}

/**
 * Reads an answer whose signature proves that it came from a holder of the key, to the request with this MAC (RFC 8945 sections 4.3.1 and 5.3). TEAL-WIRE-001 for what is no message, TEAL-WIRE-006 with
 * what is wrong with its signature.
 */
export function readSigned(bytes: Buffer, key: TsigKey, requestMac: Buffer, nowSeconds: number): DnsMessage {
  const message = readMessage(bytes);
  const last = message.additional.at(-1);
  if (last?.type !== recordTypes.TSIG || last.class !== classes.ANY || last.ttl !== 0)
    throw unproven(`it is not signed (${rcodeName(message.rcode)})`);
  const signature = readSignature(last.data);
  // Who does not know the key cannot sign that it does not.
  if (signature.error !== 0) throw unproven(`the server says ${rcodeName(signature.error)}`);
  if (last.name !== lower(key.name) || signature.algorithm !== key.algorithm) throw unproven('it is by another key');
  const unsigned = withAdditional(bytes.subarray(0, last.at), -1);
  signature.originalId.copy(unsigned);
  const length = Buffer.of(requestMac.length >> 8, requestMac.length & 0xff);
  const expected = macOf(key, [length, requestMac, unsigned, variablesOf(key, signature)]);
  if (signature.mac.length !== expected.length || !timingSafeEqual(signature.mac, expected)) {
    throw unproven('it does not fit what arrived');
  }
  if (Math.abs(nowSeconds - signature.time.readUIntBE(0, 6)) > signature.fudge) {
    throw unproven('it is of another time: compare the clocks of both machines');
  }
  return message;
}

interface Variables {
  /** 48 bits. */
  readonly time: Buffer;
  readonly fudge: number;
  readonly error: number;
  readonly other: Buffer;
}

interface Signature extends Variables {
  readonly algorithm: string;
  readonly mac: Buffer;
  readonly originalId: Buffer;
}

function readSignature(data: Buffer): Signature {
  const body = new BodyReader(data, what);
  // Never compressed, so a pointer in it leads nowhere (it stands at the beginning of these bytes).
  const algorithm = lower(readName(data, body));
  const [time, fudge] = [body.bytes(6), body.uint16()];
  const mac = body.bytes(body.uint16());
  const [originalId, error] = [body.bytes(2), body.uint16()];
  const other = body.bytes(body.uint16());
  if (body.left > 0) throw malformed(what, 'bytes behind its end');
  return { algorithm, time, fudge, mac, originalId, error, other };
}

/** RFC 8945 section 4.3.3. */
function variablesOf(key: TsigKey, { time, fudge, error, other }: Variables): Buffer {
  const variables = new BodyWriter()
    .bytes(nameBytes(lower(key.name)))
    .uint16(classes.ANY)
    .int32(0)
    .bytes(nameBytes(key.algorithm))
    .bytes(time)
    .uint16(fudge)
    .uint16(error)
    .uint16(other.length)
    .bytes(other);
  return Buffer.from(variables.written());
}

function macOf({ algorithm, secret }: TsigKey, parts: readonly Buffer[]): Buffer {
  const mac = createHmac(algorithm.slice('hmac-'.length), secret);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** A copy with so many more records behind it. */
function withAdditional(message: Buffer, more: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(copy.readUInt16BE(10) + more, 10);
  return copy;
}

function timeBytes(seconds: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(seconds, 0, 6);
  return bytes;
}

function unproven(why: string): TealError {
  return new TealError('TEAL-WIRE-006', `the signature of the answer: ${why}`);
}
