import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isTealError } from '../../../kernel/errors.ts';
import { encodeBegin } from '../change-payload.ts';
import { RecordDecoder } from './decoder.ts';
import { decodeRecorded, encodeRecordedRow, encodeRecordedTable, type RecordedRow } from './payload.ts';
import { positionOfPlace } from './position.ts';

const cell = fc.option(fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)));
const cells = fc.array(cell, { maxLength: 6 });

const table = {
  schema: 'shop',
  name: 't',
  columns: [
    { name: 'id', type: 'int unsigned zerofill' },
    { name: 'v', type: 'varchar(10)', characterSet: 'utf8mb4' },
    { name: 'at', type: 'timestamp(6)' },
  ],
  key: ['id'],
};

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('insert', 'update', 'delete'),
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.boolean(),
      cells,
      cells,
      (operation, number, isUnchecked, one, other) => {
        const row: RecordedRow = {
          operation,
          number,
          isUnchecked,
          before: operation === 'insert' ? undefined : one,
          after: operation === 'delete' ? undefined : other,
        };
        expect(decodeRecorded(encodeRecordedRow(row))).toEqual({ kind: 'recorded row', ...row });
      },
    ),
  );
  expect(decodeRecorded(encodeRecordedTable(7, table))).toEqual({ kind: 'recorded table', number: 7, table });
});

test('records of another kind are left to others, and what is cut off is refused', () => {
  expect(decodeRecorded(encodeBegin(1n, 2, positionOfPlace({ tick: 3n, bytes: 4n })))).toBeUndefined();
  const whole = encodeRecordedRow({
    operation: 'insert',
    number: 1,
    isUnchecked: false,
    before: undefined,
    after: [Buffer.from('abc'), null],
  });
  for (let length = 1; length < whole.length; length += 1) {
    expect(() => decodeRecorded(whole.subarray(0, length))).toThrow(
      expect.toSatisfy((error) => isTealError(error, 'TEAL-WIRE-001')),
    );
  }
});

test('a value that is not carried needs no form', () => {
  const dated = {
    schema: 'shop',
    name: 'dated',
    key: ['id'],
    columns: [
      { name: 'real', type: 'double' },
      { name: 'born', type: 'date' },
      { name: 'id', type: 'int' },
      { name: 'label', type: `enum('', 'a')`, characterSet: 'utf8mb4' },
    ],
  };
  // Values, then of `real` whether it is not -0, and of `label` its number.
  const after = ['0', '0000-00-00', '7', '', '0', '0'].map((text) => Buffer.from(text));
  const insert = encodeRecordedRow({ operation: 'insert', number: 1, isUnchecked: false, before: undefined, after });
  const rowOf = (carried: readonly string[]): unknown => {
    const decoder = new RecordDecoder({ carries: (_, column) => carried.includes(column) });
    decoder.decode(encodeRecordedTable(1, dated));
    const event = decoder.decode(insert);
    return event?.kind === 'insert' ? event.row.toArray().map(String) : event;
  };
  expect(rowOf(['real', 'id'])).toEqual(['-0', '7']);
  for (const without of [
    ['born', 'id'],
    ['id', 'label'],
  ]) {
    expect(() => rowOf(without)).toThrow(expect.toSatisfy((error) => isTealError(error, 'TEAL-SYNC-130')));
  }
});

test('rows are told as the copy has them, and an old one where its key or what is referred to has changed', () => {
  const decoder = new RecordDecoder({
    carries: (_, column) => column !== 'v',
    referenced: () => ['at'],
  });
  const relation = decoder.decode(encodeRecordedTable(7, table));
  expect(relation?.kind === 'relation' && relation.relation).toMatchObject({
    replicaIdentity: 'default',
    columns: [
      { name: 'id', key: true },
      { name: 'at', key: false },
    ],
  });
  const row = (id: string, at: string): readonly Buffer[] => [id, 'x', at].map((text) => Buffer.from(text));
  const told = (before: readonly Buffer[], after: readonly Buffer[]): unknown => {
    const event = decoder.decode(
      encodeRecordedRow({ operation: 'update', number: 7, isUnchecked: true, before, after }),
    );
    if (event?.kind !== 'update') throw new Error('no update');
    const texts = (values: typeof event.row | undefined): unknown => values?.toArray().map(String);
    return [texts(event.old?.values), texts(event.row), event.isUnchecked];
  };
  const [first, later] = ['2024-01-02 03:04:05.100000', '2024-01-02 03:04:06.000000'];
  expect(told(row('0000000001', first), row('0000000001', first))).toEqual([
    undefined,
    ['1', '2024-01-02 03:04:05.1+00'],
    true,
  ]);
  expect(told(row('0000000001', first), row('0000000001', later))).toEqual([
    ['1', '2024-01-02 03:04:05.1+00'],
    ['1', '2024-01-02 03:04:06+00'],
    true,
  ]);
  expect(told(row('0000000001', first), row('0000000002', first))).toEqual([
    ['1', '2024-01-02 03:04:05.1+00'],
    ['2', '2024-01-02 03:04:05.1+00'],
    true,
  ]);
});
