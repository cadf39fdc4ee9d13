import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { CopyScanner } from './copy-frames.ts';

/** Built apart from the scanner: type byte, length that counts itself, body. */
function frame(type: string, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(type, 0, 'latin1');
  bytes.writeInt32BE(4 + body.length, 1);
  bytes.set(body, 5);
  return bytes;
}

function scan(chunks: readonly Buffer[]): { data: Buffer; messages: string[] } {
  const scanner = new CopyScanner();
  const spans: Buffer[] = [];
  const messages: string[] = [];
  for (const chunk of chunks) {
    for (const piece of scanner.push(chunk)) {
      if (piece.kind === 'data') spans.push(Buffer.from(piece.span));
      else messages.push(`${String.fromCharCode(piece.type)}:${piece.body.toString('hex')}@${lengthOf(spans)}`);
    }
  }
  return { data: Buffer.concat(spans), messages };
}

function lengthOf(spans: readonly Buffer[]): number {
  return spans.reduce((sum, span) => sum + span.length, 0);
}

const stream = [
  frame('H', Buffer.from([1, 0, 0])),
  frame('d', Buffer.from('ddddd')),
  frame('d', Buffer.alloc(0)),
  frame('N', Buffer.from('a notice with a d in it')),
  frame('d', Buffer.alloc(300, 'C')),
  frame('c', Buffer.alloc(0)),
  frame('C', Buffer.from('COPY 3\0')),
  frame('Z', Buffer.from('T')),
];
const whole = Buffer.concat(stream);

describe('the copy scanner', () => {
  test('forwards data frames unchanged and gives other messages in their place', () => {
    const { data, messages } = scan([whole]);
    expect(data).toEqual(Buffer.concat([stream[1], stream[2], stream[4]] as Buffer[]));
    expect(messages.map((text) => text[0])).toEqual(['H', 'N', 'c', 'C', 'Z']);
    expect(messages[1]).toMatch(/@15$/);
  });

  test('gives the same at every place where the stream can be cut in two', () => {
    const expected = scan([whole]);
    for (let cut = 0; cut <= whole.length; cut += 1) {
      expect(scan([whole.subarray(0, cut), whole.subarray(cut)])).toEqual(expected);
    }
  });

  test('gives the same byte by byte, and for any frames in any chunks', () => {
    expect(scan([...whole].map((byte) => Buffer.from([byte])))).toEqual(scan([whole]));
    const frames = fc.array(fc.tuple(fc.constantFrom('d', 'd', 'd', 'N', 'S'), fc.uint8Array({ maxLength: 40 })));
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (list, sizes) => {
        const bytes = Buffer.concat(list.map(([type, body]) => frame(type, body)));
        const chunks: Buffer[] = [];
        for (let at = 0, i = 0; at < bytes.length; i += 1) {
          const size = sizes[i % sizes.length] ?? 1;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        const data = list.filter(([type]) => type === 'd').map(([type, body]) => frame(type, body));
        const found = scan(chunks);
        expect(found.data).toEqual(Buffer.concat(data));
        expect(found.messages).toHaveLength(list.length - data.length);
      }),
    );
  });

  test.each([
    ['a length of 3', Buffer.from([0x64, 0, 0, 0, 3])],
    ['a negative length', Buffer.from([0x64, 0xff, 0xff, 0xff, 0xff])],
    ['a message of a gigabyte', Buffer.from([0x45, 0x40, 0, 0, 0])],
  ])('refuses %s, whole or in pieces', (_, bytes) => {
    for (const chunks of [[bytes], [...bytes].map((byte) => Buffer.from([byte]))]) {
      expect(() => scan(chunks)).toThrow(expect.toSatisfy((error: unknown) => isTealError(error)));
    }
  });
});
