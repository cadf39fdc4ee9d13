import { crc32 } from 'node:zlib';

/** Everything that comes out, as one line; bytes by length and checksum. */
export function words(value: unknown): string {
  return JSON.stringify(value, (_key, it: unknown) => {
    if (typeof it === 'bigint') return `${it}n`;
    if (it instanceof Map) return [...(it as Map<unknown, unknown>)];
    // A Buffer has made itself a list of numbers before it comes here.
    if (typeof it === 'object' && it !== null && 'type' in it && it.type === 'Buffer' && 'data' in it) {
      const bytes = Buffer.from(it.data as readonly number[]);
      return `${bytes.length}:${crc32(bytes)}`;
    }
    return it === undefined ? 'undefined' : it;
  });
}
