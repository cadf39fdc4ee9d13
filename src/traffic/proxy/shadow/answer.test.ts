import { describe, expect, test } from 'vitest';
import { encodeError, encodeReadyForQuery, status, type Column } from '../../../wire/postgres/backend.ts';
import { frame, int16, int32, zeroTerminated } from '../../../wire/postgres/body.ts';
import { differenceOf, hasForeignBytes, isPassing, readAnswer, type Answer } from './answer.ts';

const columns: readonly Column[] = [
  { name: 'id', type: 23, binary: false },
  { name: 'total', type: 1700, binary: false },
];
const description = frame(
  'T',
  int16(2),
  ...columns.map(({ name, type }) =>
    Buffer.concat([zeroTerminated(name), int32(0), int16(0), int32(type), int16(4), int32(-1), int16(0)]),
  ),
);

function row(...values: readonly (string | null)[]): Buffer {
  const cells = values.map((value) =>
    value === null ? int32(-1) : Buffer.concat([int32(value.length), Buffer.from(value)]),
  );
  return frame('D', int16(values.length), ...cells);
}

const ready = encodeReadyForQuery(status.idle);
const rows = (...all: readonly Buffer[]): Answer => ({ columns, rows: all });
const free = { ordered: false, arbitrary: false };
const ordered = { ...free, ordered: true };

test('an answer is the same however its bytes come', () => {
  const bytes = Buffer.concat([
    description,
    row('1', 'x'),
    row('2', null),
    frame('C', zeroTerminated('SELECT 2')),
    ready,
  ]);
  const whole = readAnswer([bytes], 1_000);
  expect(whole).toEqual({ columns, rows: [row('1', 'x'), row('2', null)], tags: ['SELECT 2'] });
  for (let at = 1; at < bytes.length; at += 1) {
    expect(readAnswer([bytes.subarray(0, at), bytes.subarray(at)], 1_000)).toEqual(whole);
  }
  expect(() => readAnswer([bytes.subarray(0, -1)], 1_000)).toThrow('TEAL-WIRE-001');
});

test('an answer that is an error is its SQLSTATE', () => {
  const error = encodeError({ severity: 'ERROR', code: '22012', message: 'division by zero: 7' });
  expect(readAnswer([Buffer.concat([error, ready])], 1_000)).toEqual({ rows: [], error: '22012' });
});

describe('two answers', () => {
  test('are equal as sets in which a row may be more than once', () => {
    expect(differenceOf(rows(row('1'), row('2'), row('2')), rows(row('2'), row('1'), row('2')), free)).toBeUndefined();
    expect(differenceOf(rows(row('1'), row('2'), row('2')), rows(row('2'), row('1'), row('1')), free)).toMatchObject({
      kind: 'rows',
      green: '1 of them differ',
    });
  });

  test('differ in their order where the statement says one', () => {
    expect(differenceOf(rows(row('1'), row('2')), rows(row('2'), row('1')), ordered)).toMatchObject({ kind: 'order' });
  });

  test('differ in columns that are told by name, and no value is told', () => {
    const found = differenceOf(
      rows(row('1', 'secret'), row('2', 'x')),
      rows(row('1', 'hidden'), row('2', 'x')),
      ordered,
    );
    expect(found).toEqual({ kind: 'rows', blue: '2 rows', green: '1 of them differ, in total' });
    expect(differenceOf(rows(row('1', null)), rows(row('1', '')), free)).toMatchObject({
      green: '1 of them differ, in total',
    });
  });

  test('differ in number', () => {
    const found = { kind: 'count', blue: '1 row', green: '0 rows' };
    expect(differenceOf(rows(row('1')), rows(), free)).toEqual(found);
    expect(differenceOf(rows(row('1')), rows(), { ...free, arbitrary: true })).toEqual(found);
  });

  test('may be any of many rows where the statement does not say which', () => {
    expect(differenceOf(rows(row('1')), rows(row('2')), { ...free, arbitrary: true })).toBeUndefined();
  });

  test('differ in types and names of columns', () => {
    const other = [columns[0] ?? { name: '', type: 0, binary: false }, { name: 'total', type: 701, binary: false }];
    expect(differenceOf(rows(), { columns: other, rows: [] }, free)).toEqual({
      kind: 'columns',
      blue: 'total of type 1700',
      green: 'total of type 701',
    });
    expect(differenceOf(rows(), { columns: columns.slice(1), rows: [] }, free)).toMatchObject({ kind: 'columns' });
    // Not asked for by the client: not compared.
    expect(differenceOf({ rows: [] }, rows(), free)).toBeUndefined();
  });

  test('of types that are not built in have other numbers on another server', () => {
    const typed = (type: number, binary = false): Answer => ({ columns: [{ name: 'mood', type, binary }], rows: [] });
    expect(differenceOf(typed(16_400), typed(17_000), free)).toBeUndefined();
    expect(hasForeignBytes(typed(16_400))).toBe(false);
    expect(hasForeignBytes(typed(16_400, true))).toBe(true);
  });

  test('may both be errors', () => {
    expect(differenceOf({ rows: [], error: '22012' }, { rows: [], error: '22012' }, free)).toBeUndefined();
    expect(differenceOf({ rows: [], error: '22012' }, rows(), free)).toEqual({
      kind: 'error',
      blue: 'error 22012',
      green: '0 rows',
    });
  });
});

test('what a server says of its own state is no answer', () => {
  expect(['57014', '40001', '53300', '55P03'].map((error) => isPassing({ rows: [], error }))).not.toContain(false);
  expect(['42P01', '55000', 'XX001'].map((error) => isPassing({ rows: [], error }))).not.toContain(true);
});
