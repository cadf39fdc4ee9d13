import { TealError } from '../../kernel/errors.ts';
import { postgresEpochUs } from './pgoutput.ts';

/**
 * What travels inside CopyData while a walsender streams (manual: "Streaming Replication Protocol"): XLogData and keepalives from the server, standby
 * status updates to it.
 */
export type ReplicationMessage =
  | { readonly kind: 'data'; readonly payload: Buffer }
  /** `walEnd`: the server has read its log up to here, and has sent every transaction that it streams and that ended before. */
  | { readonly kind: 'keepalive'; readonly walEnd: bigint; readonly replyRequested: boolean };

/** How XLogData begins, and how long it is before its payload. */
export const replicationData = 0x77;
export const dataHeaderBytes = 25;
const keepaliveBytes = 18;

/** The body of a CopyData frame, which begins at `from`. `payload` is a view; where it lies in the log is left out. Throws TEAL-WIRE-001. */
export function decodeReplicationMessage(bytes: Buffer, from = 0): ReplicationMessage {
  const [type, length] = [bytes[from], bytes.length - from];
  if (type === replicationData && length >= dataHeaderBytes)
    return { kind: 'data', payload: bytes.subarray(from + dataHeaderBytes) };
  if (type === 0x6b && length === keepaliveBytes) {
    const replyRequested = bytes.readUInt8(from + 17) !== 0;
    return { kind: 'keepalive', walEnd: bytes.readBigUInt64BE(from + 1), replyRequested };
  }
  throw new TealError('TEAL-WIRE-001', 'a message of a replication stream that is none', { type, length });
}

export interface StandbyStatus {
  /** The place after the last byte received. */
  readonly written: bigint;
  /** Safe on disk: the server may forget what ended before. */
  readonly flushed: bigint;
  readonly applied: bigint;
  readonly atUs: bigint;
  /** The server answers at once with a keepalive: a sign of life when it has nothing else to say. */
  readonly replyRequested: boolean;
}

/** A whole CopyData frame with a standby status update. */
export function encodeStandbyStatus(status: StandbyStatus): Buffer {
  const frame = Buffer.alloc(5 + 34);
  frame.writeUInt8(0x64, 0);
  frame.writeInt32BE(frame.length - 1, 1);
  frame.writeUInt8(0x72, 5);
  frame.writeBigUInt64BE(status.written, 6);
  frame.writeBigUInt64BE(status.flushed, 14);
  frame.writeBigUInt64BE(status.applied, 22);
  frame.writeBigInt64BE(status.atUs - postgresEpochUs, 30);
  frame.writeUInt8(status.replyRequested ? 1 : 0, 38);
  return frame;
}

/** A whole CopyDone frame: asks a walsender to end its stream. */
export function encodeCopyDone(): Buffer {
  return Buffer.of(0x63, 0, 0, 0, 4);
}

/** A whole Query frame: the simple protocol, also for commands of a walsender. */
export function encodeQuery(sql: string): Buffer {
  const length = Buffer.byteLength(sql);
  const frame = Buffer.alloc(5 + length + 1);
  frame.writeUInt8(0x51, 0);
  frame.writeInt32BE(frame.length - 1, 1);
  frame.write(sql, 5, 'utf8');
  return frame;
}

/** Fields of an ErrorResponse or NoticeResponse by their letter (manual: "Error and Notice Message Fields"). Throws TEAL-WIRE-001. */
export function decodeErrorFields(body: Buffer): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const end = body.indexOf(0, at + 1);
    if (end === -1) throw new TealError('TEAL-WIRE-001', 'a field of an error without its end', { at });
    fields.set(String.fromCharCode(body.readUInt8(at)), body.toString('utf8', at + 1, end));
    at = end + 1;
  }
  if (at !== body.length - 1)
    throw new TealError('TEAL-WIRE-001', 'an error without its end', { at, length: body.length });
  return fields;
}
