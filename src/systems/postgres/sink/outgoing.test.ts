import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PackedValues } from '../../../kernel/packed-values.ts';
import { isTealError } from '../../../kernel/errors.ts';
import { FrameReader, frameBody } from '../../../wire/postgres/frames.ts';
import { Outgoing, type CopyLines } from './outgoing.ts';

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

/** The manual's binary format, read by it. */
function readCopyBinary(bytes: Buffer): (Buffer | null)[][] {
  const signature = Buffer.from([0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00]);
  expect(bytes.subarray(0, 11)).toEqual(signature);
  expect(bytes.readBigInt64BE(11)).toBe(0n);
  const rows: (Buffer | null)[][] = [];
  let at = 19;
  for (let fields = bytes.readInt16BE(at); fields !== -1; fields = bytes.readInt16BE(at)) {
    at += 2;
    const row: (Buffer | null)[] = [];
    for (let field = 0; field < fields; field += 1) {
      const length = bytes.readInt32BE(at);
      at += 4;
      row.push(length === -1 ? null : bytes.subarray(at, at + length));
      at += Math.max(0, length);
    }
    rows.push(row);
  }
  expect(at + 2).toBe(bytes.length);
  return rows;
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

function copyAll(out: Outgoing, lines: CopyLines): void {
  for (let next = 0; next < lines.count;) next = out.copyLines(lines, next);
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
          for (const row of asCells) {
            // The first value and the others as two parts of a line.
            const packed = [PackedValues.of(row)];
            const [first = 0, ...others] = row.keys();
            const parts = [first, ...others].length === 2 ? [[first, ...others]] : [[first], others];
            copyAll(out, { count: 1, isBinary: false, parts: parts.map((columns) => ({ rows: packed, columns })) });
          }
          out.copyDone();
        });
        expect(types).toMatch(/^d*cS$/);
        expect(readCopyText(data)).toEqual(asCells.map((row) => row.map((each) => each?.toString('latin1') ?? null)));
      }),
    );
  });

  test('rows for a binary COPY come back as they were, at any size', () => {
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 20 }), (all) => {
        const width = Math.min(...all.map((row) => row.length));
        const asCells = all.map((row) => row.slice(0, width).map((each) => (each === null ? null : Buffer.from(each))));
        const rows = asCells.map((row) => PackedValues.of(row, true));
        const [first = 0, ...others] = asCells[0]?.keys() ?? [];
        const { data } = written((out) => {
          const parts = [
            { rows, columns: [first] },
            { rows, columns: others },
          ];
          copyAll(out, { count: rows.length, isBinary: true, parts });
          out.copyDone();
        });
        expect(readCopyBinary(data)).toEqual(asCells);
      }),
    );
  });

  test('a COPY of many lines gives its chunks away one by one', () => {
    const rows = Array.from({ length: 20_000 }, (_, n) =>
      PackedValues.of([Buffer.from(String(n)), Buffer.alloc(40, 'v')]),
    );
    let calls = 0;
    const { data } = written((out) => {
      for (let next = 0; next < rows.length; calls += 1) {
        next = out.copyLines({ count: rows.length, isBinary: false, parts: [{ rows, columns: [0, 1] }] }, next);
      }
    });
    expect(readCopyText(data).map(([n]) => n)).toEqual(rows.map((_, n) => String(n)));
    expect(calls).toBeGreaterThan(2);
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
      (out: Outgoing) =>
        copyAll(out, { count: 1, isBinary: false, parts: [{ rows: [PackedValues.of([undefined])], columns: [0] }] }),
    ]) {
      expect(() => written(write)).toThrow(expect.toSatisfy((error) => isTealError(error, 'TEAL-SYNC-117')));
    }
  });
});
