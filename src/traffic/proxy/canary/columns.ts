import { malformed } from '../../../wire/postgres/body.ts';
import { frameHeaderBytes } from '../../../wire/postgres/frames.ts';
import { firstUserType } from '../shadow/answer.ts';

/** Behind a column's name: table (4), column (2), type (4), size (2), modifier (4), format (2). */
const columnBytes = 18;

/** `record`, and arrays of it: in binary form they hold numbers of types. */
const records: ReadonlySet<number> = new Set([2249, 2287]);

/**
 * Green's RowDescription as blue would have sent it: with blue's numbers for types that are not built in, and no table named, for its number is green's own. Undefined where blue has no
 * such type, and where a value in binary form may hold such a number.
 */
export function columnsForBlue(description: Buffer, types: ReadonlyMap<number, number>): Buffer | undefined {
  const bytes = Buffer.from(description);
  let at = frameHeaderBytes + 2;
  for (let left = bytes.readUInt16BE(frameHeaderBytes); left > 0; left -= 1) {
    at = bytes.indexOf(0, at) + 1;
    if (at === 0 || at + columnBytes > bytes.length) throw malformed('RowDescription', 'a column');
    const type = bytes.readUInt32BE(at + 6);
    const isBinary = bytes.readInt16BE(at + 16) === 1;
    if (isBinary && (type >= firstUserType || records.has(type))) return undefined;
    if (type >= firstUserType) {
      const known = types.get(type);
      if (known === undefined) return undefined;
      bytes.writeUInt32BE(known, at + 6);
    }
    bytes.fill(0, at, at + 6);
    at += columnBytes;
  }
  return bytes;
}
