import fc from 'fast-check';
import { expect, test } from 'vitest';
import { must } from '../../kernel/assert.ts';
import { PackedValues } from '../../kernel/packed-values.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { LineReader, LineWriter } from './copy-lines.ts';
import { InsertText, type Insert } from './insert-text.ts';
import type { Cell } from './values/from-select.ts';
import { columnWriter, literalOf } from './values/to-sql.ts';

const table = { schema: 'shop', name: 'item' };
const tooLong = (bytes: number): TealError => new TealError('TEAL-SYNC-133', 'a row', { bytes });
const head = 'insert into `shop`.`item` (`…`) values ';
const types = ['int', 'decimal(12,2)', 'varchar(20)', 'json', 'datetime', 'timestamp', 'date', 'double', 'blob'];
const writers = types.map((type) => columnWriter({ table, name: 'c', type }));

const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[0-9]{${min},${max}}$`));
const two = digits(2, 2);
const day = fc.tuple(digits(4, 4), two, two).map((parts) => parts.join('-'));
const moment = fc.tuple(day, two, two, two).map(([date, ...clock]) => `${date} ${clock.join(':')}`);
const words = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.endsWith(' ')),
  fc.constantFrom('', `it's`, 'a\\b', 'tab\there', '\n', 'é', '\\N', 'NULL', '😀'),
);
const cellOfType: Readonly<Record<string, fc.Arbitrary<string>>> = {
  int: fc.oneof(fc.integer().map(String), fc.constantFrom('t', 'f', '-0')),
  'decimal(12,2)': fc
    .tuple(fc.constantFrom('', '-'), digits(1, 9), digits(0, 2))
    .map(([sign, whole, part]) => `${sign}${whole}${part === '' ? '' : `.${part}`}`),
  'varchar(20)': words,
  json: words,
  datetime: fc.oneof(
    moment,
    moment.map((text) => `${text}.000`),
    day,
  ),
  timestamp: fc.oneof(
    moment.map((text) => `${text}+00`),
    fc.constant('2024-10-27 02:30:00+02'),
  ),
  date: day,
  double: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  blob: fc.uint8Array({ maxLength: 9 }).map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`),
};
const rowOf = fc.tuple(...types.map((type) => fc.option(must(cellOfType[type], 'cells of a type'), { freq: 5 })));

function spansOf(rows: readonly (readonly (string | null)[])[]): readonly Buffer[] {
  const writer = new LineWriter(64);
  const cells = (row: readonly (string | null)[]): Cell[] =>
    row.map((text) => (text === null ? null : Buffer.from(text)));
  for (const row of rows) writer.add(cells(row));
  return [...writer.take(), ...writer.end()];
}

interface Limits {
  readonly packetBytes: number;
  readonly statementBytes: number;
}

function statementsOf(rows: readonly (readonly (string | null)[])[], limits: Limits): readonly string[] {
  const insert = new InsertText({ head, cells: writers, tooLong, ...limits });
  const reader = new LineReader((bytes, from, to) => insert.addLine(bytes, from, to));
  const statements: Insert[] = [];
  for (const span of spansOf(rows)) {
    reader.push(span);
    statements.push(...insert.take());
  }
  reader.end();
  return [...statements, ...insert.end()].map(({ sql }) => sql);
}

test('every row is in one statement, each value as its column writes it, and no statement is longer than it may be', () => {
  fc.assert(
    fc.property(fc.array(rowOf, { maxLength: 12 }), fc.integer({ min: 60, max: 2_000 }), (rows, statementBytes) => {
      const texts = rows.map(
        (row) =>
          `(${row.map((text, at) => (text === null ? 'NULL' : writers[at]?.literal(Buffer.from(text)))).join(',')})`,
      );
      const statements = statementsOf(rows, { packetBytes: 1 << 20, statementBytes });
      const read = statements.map((sql) => {
        expect(sql.startsWith(head)).toBe(true);
        return sql.slice(head.length);
      });
      expect(read.join(',')).toBe(texts.join(','));
      for (const [index, sql] of statements.entries()) {
        const next = texts.find((text) => read[index + 1]?.startsWith(text));
        const isOneRow = texts.includes(read[index] ?? '');
        if (!isOneRow) expect(Buffer.byteLength(sql)).toBeLessThanOrEqual(statementBytes);
        if (next !== undefined)
          expect(Buffer.byteLength(sql) + 1 + Buffer.byteLength(next)).toBeGreaterThan(statementBytes);
      }
    }),
    { numRuns: 150 },
  );
});

test('a row that is longer than a packet is refused, and one that just fits is not', () => {
  const row = (length: number): readonly (string | null)[] => [
    null,
    null,
    'é'.repeat(length),
    ...types.slice(3).map(() => null),
  ];
  const bytes = Buffer.byteLength(
    must(statementsOf([row(1_000)], { packetBytes: 1 << 20, statementBytes: 500 })[0], 'a statement'),
  );
  const limits = { packetBytes: bytes, statementBytes: 500 };
  const short = row(1);
  expect(statementsOf([short, row(1_000), short, short], limits)).toHaveLength(3);
  const codeOf = (): string => {
    try {
      statementsOf([short, row(1_001)], limits);
      return 'none';
    } catch (error) {
      return isTealError(error) ? error.code : String(error);
    }
  };
  expect(codeOf()).toBe('TEAL-SYNC-133');
});

test.each(['1', '1\t2\t3', ''])('a line of another number of columns is refused: %j', (line) => {
  const insert = new InsertText({ head, tooLong, cells: writers.slice(0, 2), packetBytes: 1 << 20 });
  const add = (): void => insert.addLine(Buffer.from(line), 0, line.length);
  expect(add).toThrow(expect.objectContaining({ code: 'TEAL-WIRE-001' }) as Error);
});

test('rows without a column that is carried are rows, too', () => {
  const insert = new InsertText({ head, tooLong, cells: [], packetBytes: 1 << 20 });
  insert.addLine(Buffer.alloc(0), 0, 0);
  insert.addLine(Buffer.alloc(0), 0, 0);
  expect(insert.end()).toEqual([{ sql: `${head}(),()`, rows: 2 }]);
});

test('rows of a stream are written as those of a copy are', () => {
  fc.assert(
    fc.property(fc.array(rowOf, { maxLength: 12 }), fc.integer({ min: 1, max: 5 }), (rows, statementRows) => {
      const limits = { packetBytes: 1 << 20, statementRows };
      const insert = new InsertText({ head, tooLong, cells: writers, ...limits });
      for (const texts of rows) {
        // With bytes before them that are not theirs.
        const row = PackedValues.of([
          Buffer.from('other'),
          ...texts.map((text) => (text === null ? null : Buffer.from(text))),
        ]);
        const places = texts.map((_, at) => at + 1);
        insert.addRow(row, places, (place) => literalOf(must(writers[place - 1], 'a writer'), row.at(place) ?? null));
      }
      const inserts = insert.end();
      const texts = inserts.map(({ sql }) => sql.slice(head.length));
      const [whole] = statementsOf(rows, { packetBytes: 1 << 20, statementBytes: 1 << 20 });
      expect(texts.join(',')).toBe(whole?.slice(head.length) ?? '');
      expect(inserts.map((each) => each.rows)).toEqual(
        Array.from({ length: Math.ceil(rows.length / statementRows) }, (_, at) =>
          Math.min(statementRows, rows.length - at * statementRows),
        ),
      );
    }),
    { numRuns: 100 },
  );
});
