import { expect, test } from 'vitest';
import { frame, int16, int32, zeroTerminated } from '../../../wire/postgres/body.ts';
import {
  encodeBind,
  encodeDescribePortal,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSync,
} from '../../../wire/postgres/frontend.ts';
import { judgeText } from '../shadow/judge.ts';
import { columnsForBlue } from './columns.ts';
import { questionOf, readUnitAt, type ReadUnit } from './unit.ts';

const kept = encodeParse('kept', 'select name from t where id = $1');
const sources = {
  judge: (text: string) => judgeText(text, { builtIn: new Set(['nextval']), own: new Set() }),
  parseOf: (name: string) => (name === 'kept' ? kept : undefined),
};
const [own, execute, sync, describe] = [
  encodeParse('', 'select 1'),
  encodeExecute(),
  encodeSync(),
  encodeDescribePortal(),
];
const read = (...messages: readonly Buffer[]): ReadUnit | undefined => readUnitAt(Buffer.concat(messages), 0, sources);

test.each([
  ['a simple query', [encodeQuery('select 1')], 'select ?'],
  ['an unnamed statement', [own, encodeBind('', []), describe, execute, sync], 'select ?'],
  ['a prepared one', [encodeBind('kept', [Buffer.from('7')]), execute, sync], 'select name from t where id = ?'],
])('%s is a read', (_, messages, statement) => {
  const length = Buffer.concat(messages).length;
  expect(read(...messages, encodeQuery('select 2'))).toMatchObject({ length, statement });
});

test.each([
  ['a write', [encodeQuery('update t set a = 1')]],
  ['a volatile function', [encodeQuery("select nextval('s')")]],
  ['two statements', [encodeQuery('select 1; select 2')]],
  ['the begin of a transaction', [encodeQuery('begin')]],
  ['what does not end', [own, encodeBind('', []), execute]],
  ['half a message', [encodeQuery('select 1').subarray(0, 9)]],
  ['a statement that is prepared by name', [encodeParse('kept', 'select 1'), encodeBind('kept', []), execute, sync]],
  ['an unknown statement', [encodeBind('other', []), execute, sync]],
  ['two reads in one unit', [encodeBind('kept', []), execute, encodeBind('kept', []), execute, sync]],
  ['a part of the rows', [encodeBind('kept', []), frame('E', zeroTerminated(''), int32(10)), sync]],
  [
    'a portal with a name',
    [frame('B', zeroTerminated('p'), zeroTerminated('kept'), int16(0), int16(0), int16(0)), execute, sync],
  ],
  [
    'a parameter of a type that is not built in',
    [
      frame('P', zeroTerminated(''), zeroTerminated('select $1'), int16(1), int32(16_500)),
      encodeBind('', []),
      execute,
      sync,
    ],
  ],
])('%s is not', (_, messages) => {
  expect(read(...messages)).toBeUndefined();
});

test.each([
  ['begin read only', 'begin'],
  ['START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY;', 'begin'],
  ['commit', 'end'],
  ['ROLLBACK WORK', 'end'],
  ['begin', undefined],
  ['begin isolation level repeatable read read only', undefined],
  ['commit and chain', undefined],
  ['rollback to savepoint s', undefined],
])('%s is %s of a transaction', (text, control) => {
  expect(read(encodeQuery(text))?.control).toBe(control);
});

test('green is told a statement that it does not have, once, and asked for the columns always', () => {
  const unit = read(encodeBind('kept', []), execute, sync);
  if (unit === undefined) throw new Error('no read');
  expect(questionOf(unit, () => undefined)).toMatchObject({ drops: { close: true, parse: true, columns: true } });
  const told = questionOf(unit, () => kept);
  expect(told.drops).toEqual({ close: false, parse: false, columns: true });
  expect(told.message).toEqual(Buffer.concat([encodeBind('kept', []), describe, execute, sync]));
});

function described(...columns: readonly (readonly [type: number, format: number])[]): Buffer {
  const parts = columns.flatMap(([type, format]) => [
    zeroTerminated('c'),
    int32(4_711),
    int16(3),
    int32(type),
    int16(-1),
    int32(-1),
    int16(format),
  ]);
  return frame('T', int16(columns.length), ...parts);
}

test("columns have blue's numbers of types and no table; what a binary value may hold a number of is refused", () => {
  const types = new Map([[20_001, 16_400]]);
  const cleared = Buffer.from(described([23, 1], [16_400, 0]));
  const expected = columnsForBlue(described([23, 1], [20_001, 0]), types);
  for (const at of [9, 29]) cleared.fill(0, at, at + 6);
  expect(expected).toEqual(cleared);
  expect(columnsForBlue(described([20_001, 1]), types)).toBeUndefined();
  expect(columnsForBlue(described([2_249, 1]), types)).toBeUndefined();
  expect(columnsForBlue(described([20_002, 0]), types)).toBeUndefined();
});
