import { inflateSync, zstdDecompressSync } from 'node:zlib';
import { TealError } from '../../../kernel/errors.ts';
import { BodyReader, malformed } from '../body.ts';

/** What MariaDB compresses (`log_bin_compress`): int<1> 0x80 with the method in bits 4 to 6, 0 for zlib, and in 0 to 2 how many bytes of length follow, highest first. */
export function inflateMariadb(bytes: Buffer, limitBytes: number): Buffer {
  const reader = new BodyReader(bytes, 'what MariaDB has compressed');
  const head = reader.uint8();
  const lengthBytes = head & 7;
  if ((head & 0xf0) !== 0x80 || lengthBytes < 1 || lengthBytes > 4) {
    throw malformed('what MariaDB has compressed', 'its head');
  }
  const length = reader.bytes(lengthBytes).readUIntBE(0, lengthBytes);
  return decompress(() => inflateSync(reader.rest(), { maxOutputLength: bound(length, limitBytes) }), length);
}

/**
 * TRANSACTION_PAYLOAD (MySQL, `binlog_transaction_compression`): fields of type, length and value up to type 0, then whole events without checksums. Type 2 is
 * the method (0 zstd, 255 none), type 3 the length of what comes out.
 */
export function readTransactionPayload(body: Buffer, limitBytes: number): Buffer {
  const reader = new BodyReader(body, 'TRANSACTION_PAYLOAD');
  let method = 255;
  let length = 0;
  for (let field = reader.lengthEncoded(); field !== 0; field = reader.lengthEncoded()) {
    const value = new BodyReader(reader.lengthEncodedBytes(), 'TRANSACTION_PAYLOAD');
    if (field === 2) method = value.lengthEncoded();
    if (field === 3) length = value.lengthEncoded();
  }
  if (method === 255) return reader.rest();
  if (method !== 0) throw malformed('TRANSACTION_PAYLOAD', 'compressed by an unknown method');
  return decompress(() => zstdDecompressSync(reader.rest(), { maxOutputLength: bound(length, limitBytes) }), length);
}

/** Nothing larger than was announced is made, and nothing is announced above the limit. */
function bound(length: number, limitBytes: number): number {
  if (length > limitBytes) {
    throw new TealError('TEAL-WIRE-002', 'what is compressed is longer than the limit', { length, limitBytes });
  }
  return Math.max(1, length);
}

function decompress(work: () => Buffer, length: number): Buffer {
  let bytes: Buffer;
  try {
    bytes = work();
  } catch (error) {
    if (error instanceof TealError) throw error;
    throw new TealError('TEAL-WIRE-001', 'a compressed part of the binlog cannot be read', {}, error);
  }
  if (bytes.length !== length) throw malformed('a compressed part of the binlog', 'its length');
  return bytes;
}
