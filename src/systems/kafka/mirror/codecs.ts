import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { TealError } from '../../../kernel/errors.ts';
import type { KafkaLibrary } from '../library.ts';

/** What records of a batch are compressed with, by the number that the batch says. */
export interface Codecs {
  /** TEAL-WIRE-001 for bytes that are not so compressed, -002 for more than the limit. */
  decompress(codec: number, body: Buffer): Buffer;
  compress(codec: number, body: Buffer): Buffer;
}

/** Of what comes out of one batch. Producers fill batches of a few megabytes at most; what is far beyond is meant to harm. */
const limitBytes = 256 * 2 ** 20;

/** Attributes of a record batch: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd (Kafka documentation, "Record Batch"). */
export function codecsOf(library: KafkaLibrary): Codecs {
  const { lz4, snappy } = library.compressionsAlgorithms;
  return {
    decompress: (codec, body) => {
      // A batch whose records are all compacted away keeps its codec and no bytes. (And the library fails on no bytes once its memory has grown.)
      if (body.length === 0) return body;
      try {
        switch (codec) {
          case 0:
            return body;
          case 1:
            return gunzipSync(body, { maxOutputLength: limitBytes });
          case 2:
            return snappy.decompressSync(body);
          case 3:
            return lz4.decompressSync(body);
          case 4:
            return zstdDecompressSync(body, { maxOutputLength: limitBytes });
        }
      } catch (error) {
        const tooLong = error instanceof Error && Reflect.get(error, 'code') === 'ERR_BUFFER_TOO_LARGE';
        const code = tooLong ? 'TEAL-WIRE-002' : 'TEAL-WIRE-001';
        throw new TealError(code, 'a batch of records cannot be decompressed', { codec, bytes: body.length });
      }
      throw new TealError('TEAL-WIRE-001', 'a batch of records is compressed with an unknown codec', { codec });
    },
    compress: (codec, body) => {
      if (body.length === 0) return body;
      switch (codec) {
        case 1:
          return gzipSync(body);
        case 2:
          return snappy.compressSync(body);
        case 3:
          return lz4.compressSync(body);
        case 4:
          return zstdCompressSync(body);
        default:
          return body;
      }
    },
  };
}
