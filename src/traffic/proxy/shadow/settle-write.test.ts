import { expect, test } from 'vitest';
import type { Answer } from './answer.ts';
import { outcomeOf, settleWrite } from './settle-write.ts';

const insert = { write: { statement: 'insert', isPlainInsert: true }, message: Buffer.alloc(0), tag: 'INSERT 0 1' };
const update = { write: { statement: 'update', isPlainInsert: false }, message: Buffer.alloc(0), tag: 'UPDATE 1' };
const said = (text: string): Answer => (text.length === 5 ? { rows: [], error: text } : { rows: [], tags: [text] });

test.each([
  [insert, 'INSERT 0 1', 'INSERT 0 1', 'equal'],
  [insert, '42883', '42883', 'real'],
  [update, '42501', '42P01', 'real'],
  [insert, '22P02', '22P02', 'real'],
  [insert, '23514', '23514', 'real'],
  // It may be of the row that is there by now.
  [update, '22P02', '22P02', 'unsettled'],
  [update, '23514', '23514', 'unsettled'],
  [insert, '23503', '23503', 'unsettled'],
  [insert, 'P0001', 'P0001', 'unsettled'],
  [insert, '23503', 'INSERT 0 1', 'lag'],
  [insert, '23503', '23505', 'lag'],
  [update, 'UPDATE 0', 'UPDATE 1', 'lag'],
  [update, 'UPDATE 0', 'UPDATE 0', 'unsettled'],
  // A name that came on the way is none that is missing.
  [update, 'UPDATE 0', '42P01', 'unsettled'],
  [update, 'UPDATE 0', '55P03', 'unsettled'],
  [update, 'UPDATE 0', '57014', 'unanswered'],
  [update, 'UPDATE 0', '25006', 'unanswered'],
] as const)('$0.tag: green says %s, and %s later: %s', (written, first, again, verdict) => {
  const before = outcomeOf(written, said(first));
  if (before.outcome === 'equal') expect(before.outcome).toBe(verdict);
  else expect(settleWrite(before, outcomeOf(written, said(again))).verdict).toBe(verdict);
});

test('what is found says what differed, and no value', () => {
  const refused = outcomeOf(insert, said('42883'));
  expect(settleWrite(refused, refused)).toEqual({
    verdict: 'real',
    difference: { kind: 'error', blue: 'INSERT 0 1', green: 'error 42883' },
  });
});

test.each([
  ['55P03', 'busy'],
  ['25006', 'closed'],
  ['57014', 'unanswered'],
  ['40P01', 'unanswered'],
])('%s is no finding', (code, outcome) => {
  expect(outcomeOf(update, said(code))).toEqual({ outcome });
});
