import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { FrameReader, frameBody } from './frames.ts';

function build(type: string, body: string): Buffer {
  const bytes = Buffer.alloc(5 + Buffer.byteLength(body));
  bytes.write(type, 0, 'latin1');
  bytes.writeInt32BE(4 + Buffer.byteLength(body), 1);
  bytes.write(body, 5);
  return bytes;
}

/** Consumed before the next push, as the reader asks, and copied out of its views. */
function readAll(reader: FrameReader, chunks: readonly Buffer[]): string[] {
  return chunks.flatMap((chunk) =>
    [...reader.push(chunk)].map((frame) => `${String.fromCharCode(frame.type)}:${frameBody(frame).toString()}`),
  );
}

/** The same, by places. */
function readEach(reader: FrameReader, chunks: readonly Buffer[]): string[] {
  const found: string[] = [];
  const take = (bytes: Buffer, from: number, to: number): void => {
    found.push(`${String.fromCharCode(bytes[from] ?? 0)}:${bytes.toString('utf8', from + 5, to)}`);
  };
  for (const chunk of chunks) reader.pushEach(chunk, take);
  return found;
}

function codeOf(reader: FrameReader, bytes: Buffer): string | undefined {
  try {
    readAll(reader, [bytes]);
    return undefined;
  } catch (error) {
    return isTealError(error) ? error.code : String(error);
  }
}

const frames = [build('d', 'first'), build('Z', ''), build('d', ''), build('C', 'the last one')];
const expected = ['d:first', 'Z:', 'd:', 'C:the last one'];
const stream = Buffer.concat(frames);

describe('frames', () => {
  test('come out whole for every split in two', () => {
    for (let at = 0; at <= stream.length; at += 1) {
      const reader = new FrameReader();
      expect(readAll(reader, [stream.subarray(0, at), stream.subarray(at)]), `split at ${at}`).toEqual(expected);
      expect(reader.atBoundary).toBe(true);
      expect(readEach(reader, [stream.subarray(0, at), stream.subarray(at)]), `split at ${at}`).toEqual(expected);
    }
  });

  test('come out whole byte by byte, and for any way to cut the stream', () => {
    expect(
      readAll(
        new FrameReader(),
        [...stream].map((byte) => Buffer.from([byte])),
      ),
    ).toEqual(expected);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const chunks = places.slice(1).map((end, index) => stream.subarray(places[index], end));
        expect(readAll(new FrameReader(), chunks)).toEqual(expected);
        expect(readEach(new FrameReader(), chunks)).toEqual(expected);
      }),
    );
  });

  test('know a boundary from the middle of a frame', () => {
    const reader = new FrameReader();
    const ends = new Set([0]);
    let total = 0;
    for (const frame of frames) ends.add((total += frame.length));
    for (let at = 0; at < stream.length; at += 1) {
      expect(reader.atBoundary, `before byte ${at}`).toBe(ends.has(at));
      readAll(reader, [stream.subarray(at, at + 1)]);
    }
  });

  test.each([
    ['a length of 3', '6400000003', 'TEAL-WIRE-001'],
    ['a negative length', '64ffffffff', 'TEAL-WIRE-001'],
    ['a length above the limit', '6400000065', 'TEAL-WIRE-002'],
    ['the longest length there is', '647fffffff', 'TEAL-WIRE-002'],
  ])('refuse %s, before any byte of the body and however it is cut', (_name, header, code) => {
    const bytes = Buffer.from(header, 'hex');
    expect(codeOf(new FrameReader(100), bytes)).toBe(code);
    const reader = new FrameReader(100);
    readAll(reader, [bytes.subarray(0, 2)]);
    expect(codeOf(reader, bytes.subarray(2))).toBe(code);
    expect(() => readEach(new FrameReader(100), [bytes.subarray(0, 2), bytes.subarray(2)])).toThrow(code);
  });

  test('take one of exactly the limit', () => {
    expect(codeOf(new FrameReader(100), build('d', 'x'.repeat(95)))).toBeUndefined();
    expect(codeOf(new FrameReader(100), build('d', 'x'.repeat(96)))).toBe('TEAL-WIRE-002');
  });
});
