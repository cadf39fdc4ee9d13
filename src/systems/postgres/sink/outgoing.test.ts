import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PackedValues } from '../../../kernel/packed-values.ts';
import { isTealError } from '../../../kernel/errors.ts';
import { FrameReader, frameBody } from '../../../wire/postgres/frames.ts';
import { Outgoing } from './outgoing.ts';

/** The manual's text format, read the slow way. */
function readCopyText(bytes: Buffer): (string | null)[][] {
  const unescape: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\' };
  return bytes
    .toString('latin1')
    .split('\n')
    .slice(0, -1)
    .map((line) =>
      line
        .split('\t')
        .map((cell) =>
          cell === '\\N' ? null : cell.replaceAll(/\\(.)/gs, (_, letter: string) => unescape[letter] ?? '?'),
        ),
    );
}

function written(write: (out: Outgoing) => void): { types: string; data: Buffer } {
  const chunks: Buffer[] = [];
  const out = new Outgoing((bytes) => void chunks.push(Buffer.from(bytes)));
  write(out);
  out.sync();
  const frames = [...new FrameReader().push(Buffer.concat(chunks))];
  return {
    types: frames.map((frame) => String.fromCharCode(frame.type)).join(''),
    data: Buffer.concat(frames.filter((frame) => frame.type === 0x64).map((frame) => Buffer.from(frameBody(frame)))),
  };
}

const cell = fc.option(
  fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom('\\', '\t', '\n', '\r', '\\N', '\\.', '').map((text) => Buffer.from(text)),
    fc.nat({ max: 50_000 }).map((length) => Buffer.alloc(length, 'a\\b\n')),
  ),
  { freq: 5 },
);

describe('outgoing messages', () => {
  test('rows for COPY come back as they were, at any size', () => {
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 20 }), (rows) => {
        const asCells = rows.map((row) => row.map((each) => (each === null ? null : Buffer.from(each))));
        const { types, data } = written((out) => {
          for (const row of asCells) out.copyLine([PackedValues.of(row)], [[...row.keys()]]);
          out.copyDone();
        });
        expect(types).toMatch(/^d*cS$/);
        expect(readCopyText(data)).toEqual(asCells.map((row) => row.map((each) => each?.toString('latin1') ?? null)));
      }),
    );
  });

  test('many messages stay whole across chunks', () => {
    const value = Buffer.alloc(700, 'v');
    const { types } = written((out) => {
      for (let count = 0; count < 1_000; count += 1) {
        out.bind('s1', [value, null, Buffer.alloc(0)]);
        out.execute();
      }
      out.bind('s2', [Buffer.alloc(1 << 20)]);
    });
    expect(types).toBe(`${'BE'.repeat(1_000)}BS`);
  });

  test('a value that was not sent is never written', () => {
    for (const write of [
      (out: Outgoing) => out.bind('s', [undefined]),
      (out: Outgoing) => out.copyLine([PackedValues.of([undefined])], [[0]]),
    ]) {
      expect(() => written(write)).toThrow(expect.toSatisfy((error) => isTealError(error, 'TEAL-SYNC-117')));
    }
  });
});
