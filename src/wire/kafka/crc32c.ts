/** The polynomial of Castagnoli, its bits from the lowest (RFC 3720, appendix B.4). */
const polynomial = 0x82f6_3b78;

/** Eight tables of 256 numbers, so that eight bytes are taken at a time; table n is for a byte with n bytes after it. */
const tables = makeTables();

/** CRC-32C of the pieces as if they were one. */
export function crc32c(pieces: readonly Uint8Array[]): number {
  let crc = 0xffff_ffff;
  for (const piece of pieces) crc = update(crc, piece);
  return (crc ^ 0xffff_ffff) >>> 0;
}

function update(start: number, bytes: Uint8Array): number {
  let crc = start;
  let at = 0;
  const byEight = bytes.length - (bytes.length % 8);
  for (; at < byEight; at += 8) {
    const low =
      crc ^ (byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24));
    crc =
      entry(7, low) ^
      entry(6, low >>> 8) ^
      entry(5, low >>> 16) ^
      entry(4, low >>> 24) ^
      entry(3, byte(bytes, at + 4)) ^
      entry(2, byte(bytes, at + 5)) ^
      entry(1, byte(bytes, at + 6)) ^
      entry(0, byte(bytes, at + 7));
  }
  for (; at < bytes.length; at += 1) crc = (crc >>> 8) ^ entry(0, crc ^ byte(bytes, at));
  return crc;
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

function entry(table: number, index: number): number {
  return tables[(table << 8) | (index & 0xff)] as number;
}

function makeTables(): Int32Array {
  const made = new Int32Array(8 * 256);
  for (let index = 0; index < 256; index += 1) {
    let crc = index;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? polynomial : 0);
    made[index] = crc;
  }
  for (let at = 256; at < made.length; at += 1) {
    const before = made[at - 256] as number;
    made[at] = (before >>> 8) ^ (made[before & 0xff] as number);
  }
  return made;
}
