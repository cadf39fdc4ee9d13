import { expect, test } from 'vitest';
import type { GateAnswer } from '../../ports/gate.ts';
import { failed, heard, reasonOf, type Check } from './health.ts';

const fresh: Check = { asks: 'is it well?', answer: 'not asked yet', evidence: '', failures: 0 };
const after = (...answers: readonly GateAnswer['answer'][]): Check =>
  answers.reduce<Check>((check, answer) => heard(check, { answer, evidence: `said ${answer}` }), fresh);

test.each([
  [['yes'], 0],
  [['no'], 1],
  [['not yet'], 1],
  [['no', 'no', 'not yet'], 3],
  [['no', 'no', 'yes', 'no'], 1],
  // Silence is no answer: it neither adds nor takes back.
  [['cannot tell', 'cannot tell', 'cannot tell'], 0],
  [['no', 'cannot tell', 'no'], 2],
] as const)('of %j %i failures in a row count', (answers, failures) => {
  expect(after(...answers).failures).toBe(failures);
});

test('a check that has failed often enough is found, unless its last answer is none', () => {
  expect(failed([after('yes'), after('no', 'no')], 2)).toMatchObject({ evidence: 'said no' });
  expect(failed([after('no')], 2)).toBeUndefined();
  expect(failed([after('no', 'no', 'cannot tell')], 2)).toBeUndefined();
  expect(failed([after('no', 'no', 'yes')], 2)).toBeUndefined();
  expect(failed([], 1)).toBeUndefined();
});

test('the reason names the question, the answer and how often', () => {
  expect(reasonOf(after('no', 'no'))).toBe('is it well? no, 2 times in a row: said no');
});
