import { crc32 } from 'node:zlib';
import { TealError } from '../../../kernel/errors.ts';
import { BodyReader, malformed } from '../body.ts';

/**
 * What a binlog is made of (MySQL, `Log_event_type`; MariaDB's own begin at 160). A number that is not here is an event of a later server: a stream stops on it.
 */
export const eventType = Object.freeze({
  query: 2,
  stop: 3,
  rotate: 4,
  intvar: 5,
  appendBlock: 9,
  deleteFile: 11,
  rand: 13,
  userVariable: 14,
  formatDescription: 15,
  xid: 16,
  beginLoadQuery: 17,
  executeLoadQuery: 18,
  tableMap: 19,
  writeRowsV1: 23,
  updateRowsV1: 24,
  deleteRowsV1: 25,
  incident: 26,
  heartbeat: 27,
  ignorable: 28,
  rowsQuery: 29,
  writeRows: 30,
  updateRows: 31,
  deleteRows: 32,
  gtid: 33,
  anonymousGtid: 34,
  previousGtids: 35,
  transactionContext: 36,
  viewChange: 37,
  xaPrepare: 38,
  partialUpdateRows: 39,
  transactionPayload: 40,
  heartbeatV2: 41,
  gtidTagged: 42,
  annotateRows: 160,
  binlogCheckpoint: 161,
  mariadbGtid: 162,
  mariadbGtidList: 163,
  startEncryption: 164,
  queryCompressed: 165,
  writeRowsCompressedV1: 166,
  updateRowsCompressedV1: 167,
  deleteRowsCompressedV1: 168,
  writeRowsCompressed: 169,
  updateRowsCompressed: 170,
  deleteRowsCompressed: 171,
  partialRowData: 172,
});

/** The common header, version 4: int<4> time | int<1> type | int<4> server | int<4> whole length | int<4> end | int<2> flags. */
export interface EventHeader {
  /** Seconds since 1970 on the server that wrote it; 0 in events that a server makes up. */
  readonly timestamp: number;
  readonly type: number;
  readonly serverId: number;
  readonly length: number;
  /** Where the next one begins, modulo 2^32: no place to go on from in a file above 4 GiB. */
  readonly nextPosition: number;
  readonly flags: number;
}

export const eventHeaderBytes = 19;
/** Made up by the server for this stream: not in any file, and not to be counted. */
export const artificialFlag = 0x20;
/** What does not know it may pass over it. */
export const ignorableFlag = 0x80;

export interface RawEvent {
  readonly header: EventHeader;
  /** Without header and checksum. */
  readonly body: Buffer;
}

/** `crc32` where each event ends in four bytes of CRC-32 over all before them; `none` where not. */
export type ChecksumAlgorithm = 'none' | 'crc32';

const checksumBytes = 4;

export function readEventHeader(bytes: Buffer): EventHeader {
  const reader = new BodyReader(bytes, 'the header of an event');
  const timestamp = reader.uint32();
  const type = reader.uint8();
  const serverId = reader.uint32();
  const length = reader.uint32();
  const nextPosition = reader.uint32();
  return { timestamp, type, serverId, length, nextPosition, flags: reader.uint16() };
}

/** One whole event. TEAL-WIRE-001 when it is not as long as it says, TEAL-WIRE-003 when its checksum is another. */
export function readEvent(bytes: Buffer, checksum: ChecksumAlgorithm): RawEvent {
  const header = readEventHeader(bytes);
  if (header.length !== bytes.length) throw malformed('an event', 'its length');
  const end = bytes.length - (checksum === 'crc32' ? checksumBytes : 0);
  if (end < eventHeaderBytes) throw malformed('an event', 'it ends too early');
  if (checksum === 'crc32') checkSum(bytes, end, header.type);
  return { header, body: bytes.subarray(eventHeaderBytes, end) };
}

function checkSum(bytes: Buffer, end: number, type: number): void {
  if (crc32(bytes.subarray(0, end)) === bytes.readUInt32LE(end)) return;
  throw new TealError('TEAL-WIRE-003', 'the checksum of an event of the binlog is another', { type });
}

export interface FormatDescription {
  readonly serverVersion: string;
  readonly flavour: 'mariadb' | 'mysql';
  readonly checksum: ChecksumAlgorithm;
  /** Length of the part of an event that comes before what varies, by type. */
  readonly postHeaderLengths: Buffer;
}

const descriptionHeadBytes = 2 + 50 + 4 + 1;

/**
 * FORMAT_DESCRIPTION, the first event of a file: int<2> version | 50 bytes of the server's version | int<4> time | int<1> 19 | a length for each type, from 1 on |
 * int<1> algorithm | int<4> checksum. It ends so in every server since MySQL 5.6 and MariaDB 5.3, and its own checksum is there where any event's is.
 */
export function readFormatDescription(bytes: Buffer): FormatDescription {
  const what = 'FORMAT_DESCRIPTION';
  const { body } = readEvent(bytes, 'none');
  const reader = new BodyReader(body, what);
  if (reader.uint16() !== 4) throw malformed(what, 'its version is not 4');
  const serverVersion = reader.bytes(50).toString('latin1').replace(/\0.*$/s, '');
  reader.skip(4);
  if (reader.uint8() !== eventHeaderBytes) throw malformed(what, 'the length of headers');
  const postHeaderLengths = reader.bytes(body.length - descriptionHeadBytes - 1 - checksumBytes);
  const algorithm = reader.uint8();
  if (algorithm > 1) throw malformed(what, 'its way of checksums is unknown');
  const checksum = algorithm === 1 ? 'crc32' : 'none';
  if (checksum === 'crc32') checkSum(bytes, bytes.length - checksumBytes, eventType.formatDescription);
  const flavour = /mariadb/i.test(serverVersion) ? 'mariadb' : 'mysql';
  return { serverVersion, flavour, checksum, postHeaderLengths };
}
