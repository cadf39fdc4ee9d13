import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { encodePacket, fullPieceBytes, PacketReader, type Packet } from './packets.ts';

/** An independent builder: one piece. */
function piece(sequence: number, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([length.subarray(0, 3), Buffer.of(sequence), body]);
}

/** Consumed before the next push, as the reader asks, and copied out of its views. */
function readAll(reader: PacketReader, chunks: readonly Buffer[]): string[] {
  return chunks.flatMap((chunk) =>
    [...reader.push(chunk)].map((packet) => `${packet.sequence}:${packet.payload.toString()}`),
  );
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return isTealError(error) ? error.code : String(error);
  }
}

const stream = Buffer.concat(['first', '', 'x', 'the last one'].map((text, at) => piece(at, Buffer.from(text))));
const expected = ['0:first', '1:', '2:x', '3:the last one'];

describe('packets', () => {
  test('come out whole for every split in two, and for any way to cut the stream', () => {
    for (let at = 0; at <= stream.length; at += 1) {
      const reader = new PacketReader();
      expect(readAll(reader, [stream.subarray(0, at), stream.subarray(at)]), `split at ${at}`).toEqual(expected);
      expect(reader.atBoundary).toBe(true);
    }
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const chunks = places.slice(1).map((end, index) => stream.subarray(places[index], end));
        expect(readAll(new PacketReader(), chunks)).toEqual(expected);
      }),
    );
  });

  test('know a boundary from the middle of a packet', () => {
    const reader = new PacketReader();
    readAll(reader, [stream.subarray(0, 3)]);
    expect(reader.atBoundary).toBe(false);
    readAll(reader, [stream.subarray(3, 9)]);
    expect(reader.atBoundary).toBe(true);
  });

  test.each([
    ['just below the limit of a piece', fullPieceBytes - 1, 0],
    ['exactly the limit', fullPieceBytes, 1],
    ['one byte more', fullPieceBytes + 1, 1],
  ])('of %s are joined as they were split', (_name, length, morePieces) => {
    const payload = Buffer.alloc(length, 'abc');
    const encoded = encodePacket(255, payload);
    expect(encoded.length).toBe(length + 4 * (morePieces + 1));
    for (const cut of [0, 2, 4, 1 << 20, fullPieceBytes + 4, fullPieceBytes + 6, encoded.length - 1]) {
      const found: Packet[] = [];
      const reader = new PacketReader();
      for (const chunk of [encoded.subarray(0, cut), encoded.subarray(cut)]) found.push(...reader.push(chunk));
      expect(found).toHaveLength(1);
      expect(found[0]?.sequence).toBe(255);
      expect(found[0]?.lastSequence).toBe((255 + morePieces) & 0xff);
      expect(found[0]?.payload.equals(payload)).toBe(true);
    }
  });

  test('above the limit are refused before any byte of the body, pieces counted together', () => {
    const header = Buffer.from([101, 0, 0, 0]);
    expect(codeOf(() => [...new PacketReader(100).push(header)])).toBe('TEAL-WIRE-002');
    expect(codeOf(() => [...new PacketReader(101).push(header)])).toBeUndefined();
    const reader = new PacketReader(fullPieceBytes + 9);
    const full = piece(0, Buffer.alloc(fullPieceBytes));
    expect([...reader.push(full)]).toEqual([]);
    expect(codeOf(() => [...reader.push(Buffer.from([10, 0, 0, 1]))])).toBe('TEAL-WIRE-002');
  });

  test('whose pieces are not numbered one after the other are refused', () => {
    const reader = new PacketReader();
    expect([...reader.push(piece(4, Buffer.alloc(fullPieceBytes)))]).toEqual([]);
    expect(codeOf(() => [...reader.push(piece(6, Buffer.alloc(1)))])).toBe('TEAL-WIRE-001');
  });
});
