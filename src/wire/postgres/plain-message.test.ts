import { expect, test } from 'vitest';
import {
  encodeBind,
  encodeClose,
  encodeDescribePortal,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSync,
} from './frontend.ts';
import { encodePlain, plainMessage } from './plain-message.ts';

const byHand = Buffer.from(
  '420000002a7031007331000002000000010003000000023432ffffffff00000004000000ff000200000001',
  'hex',
);

test.each([
  ['a query', encodeQuery(`select 'é', 1`), ['Q', `select 'Ã©', 1`]],
  ['a parse', encodeParse('s1', 'select $1'), ['P', 's1', 'select $1', []]],
  ['a bind', encodeBind('s1', [Buffer.from('4'), null]), ['B', '', 's1', [], ['4', null], []]],
  ['a bind with formats', byHand, ['B', 'p1', 's1', [0, 1], ['42', null, '\0\0\0ÿ'], [0, 1]]],
  ['a describe', encodeDescribePortal(), ['D', 'P', '']],
  ['an execute', encodeExecute(), ['E', '', 0]],
  ['a close', encodeClose(Buffer.from('s1')), ['C', 'S', 's1']],
] as const)('%s is plain values, and the same bytes again', (_, bytes, plain) => {
  const read = plainMessage(bytes);
  expect(read).toEqual(plain);
  expect(read === undefined ? undefined : encodePlain(read).toString('hex')).toBe(bytes.toString('hex'));
});

test('what has no plain form is told, and what ends too early or too late is refused', () => {
  expect(plainMessage(encodeSync())).toBeUndefined();
  for (const cut of [6, 12, 20, byHand.length - 1]) {
    expect(() => plainMessage(byHand.subarray(0, cut))).toThrow('TEAL-WIRE-001');
  }
  expect(() => plainMessage(Buffer.concat([byHand, Buffer.from([0])]))).toThrow('TEAL-WIRE-001');
});
