import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineReader, LineWriter, cellOf } from './copy-lines.ts';
import { cellsOf } from './test-support/lines.ts';
import type { Cell } from './values/from-select.ts';

const byte = fc.oneof(fc.constantFrom(8, 9, 10, 11, 12, 13, 92, 78, 46, 0), fc.nat(255));
const cell: fc.Arbitrary<Cell> = fc.oneof(
  fc.constantFrom(null, Buffer.alloc(0), Buffer.from('\\N'), Buffer.from('\\.')),
  fc.array(byte, { maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);
const table = fc
  .nat(4)
  .chain((columns) =>
    fc.tuple(
      fc.constant(columns),
      fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 30 }),
    ),
  );

function frames(rows: readonly (readonly Cell[])[], spanBytes: number): readonly Buffer[] {
  const writer = new LineWriter(spanBytes);
  const spans: Buffer[] = [];
  for (const row of rows) {
    writer.add(row);
    spans.push(...writer.take());
  }
  return [...spans, ...writer.end()];
}

/** Taken apart without the reader: bodies of frames. */
function bodiesOf(spans: readonly Buffer[]): Buffer {
  return Buffer.concat(
    spans.map((span) => {
      expect(span[0]).toBe(0x64);
      expect(span.readInt32BE(1)).toBe(span.length - 1);
      return span.subarray(5);
    }),
  );
}

test('lines are as the manual of COPY says', () => {
  const rows = [
    [Buffer.from('a'), null, Buffer.from('')],
    [Buffer.from('\t\n\r\\'), Buffer.from('\\N'), Buffer.from('é')],
  ];
  expect(bodiesOf(frames(rows, 1 << 10)).toString()).toBe('a\t\\N\t\n\\t\\n\\r\\\\\t\\\\N\té\n');
});

test('what is written comes back, whatever the sizes of frames and wherever they are cut', () => {
  fc.assert(
    fc.property(
      table,
      fc.integer({ min: 7, max: 90 }),
      fc.integer({ min: 1, max: 50 }),
      ([columns, rows], size, cut) => {
        const spans = frames(rows, size);
        for (const span of spans) expect(span.length).toBeLessThanOrEqual(size);
        const bytes = Buffer.concat(spans);
        const read: (readonly Cell[])[] = [];
        const reader = new LineReader((line, from, to) => read.push(cellsOf(line.subarray(from, to), columns)));
        for (let at = 0; at < bytes.length; at += cut) reader.push(bytes.subarray(at, at + cut));
        reader.end();
        expect(read).toEqual(rows);
      },
    ),
    { numRuns: 300 },
  );
});

test('raw tabs and newlines stand between values only', () => {
  fc.assert(
    fc.property(table, ([columns, rows]) => {
      const body = bodiesOf(frames(rows, 64));
      expect([...body].filter((one) => one === 10)).toHaveLength(rows.length);
      expect([...body].filter((one) => one === 9)).toHaveLength(rows.length * Math.max(0, columns - 1));
    }),
    { numRuns: 100 },
  );
});

const framed = (text: string): Buffer => {
  const header = Buffer.from([0x64, 0, 0, 0, 0]);
  header.writeInt32BE(text.length + 4, 1);
  return Buffer.concat([header, Buffer.from(text, 'latin1')]);
};

test.each([
  ['another message', Buffer.from([0x63, 0, 0, 0, 4])],
  ['a length below its own', Buffer.from([0x64, 0, 0, 0, 3])],
  ['an end in the middle of a line', framed('a\tb')],
  ['an end in the middle of a frame', framed('a\tb\n').subarray(0, -1)],
])('%s is refused', (_, bytes) => {
  const read = (): void => {
    const reader = new LineReader(() => undefined);
    reader.push(bytes);
    reader.end();
  };
  expect(read).toThrow(expect.objectContaining({ code: 'TEAL-WIRE-001' }) as Error);
});

test.each(['\\q', 'b\\', '\\.'])('an escape that COPY does not write is refused: %s', (text) => {
  expect(() => cellOf(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'TEAL-WIRE-001' }) as Error);
});
