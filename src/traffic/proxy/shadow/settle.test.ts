import { expect, test } from 'vitest';
import { frame, int16, int32 } from '../../../wire/postgres/body.ts';
import { postgresDialect, type Answer } from './answer.ts';
import { settle, type Asking } from './settle.ts';

const read = { statement: 'select ?', ordered: false, arbitrary: false };

function value(text: string): Answer {
  return { rows: [frame('D', int16(1), int32(text.length), Buffer.from(text))] };
}

/** Answers of each side in turn, the last one again and again; '-' is none. */
function sides(blue: string, green: string, caughtUp = true): Asking<Answer> {
  const left = { blue: blue.split(''), green: green.split('') };
  return {
    ask: async (side) => {
      const [first = '-', ...rest] = left[side];
      if (rest.length > 0) left[side].shift();
      if (first === '!') return { rows: [], error: '57014' };
      return first === '-' ? undefined : value(first);
    },
    caughtUp: async () => caughtUp,
  };
}

test.each([
  ['real', 'a', 'b', 'green says something else, twice, while blue does not change'],
  ['lag', 'a', 'a', 'green has caught up'],
  ['lag', 'ab', 'b', 'the row is changed in between: green says what blue says next'],
  ['lag', 'a', 'ba', 'the second round finds green where blue is'],
  ['volatile', 'abcdefgh', 'x', 'blue never says the same'],
  ['real', 'abcccc', 'x', 'blue changes, and then does not'],
  ['unsettled', 'abccdefg', 'x', 'once the same, then not any more'],
  ['unsettled', '-', 'b', 'blue gives no answer'],
  ['unsettled', 'a!', 'b', 'blue is cancelled'],
  ['unanswered', 'a', '-', 'green gives no answer'],
  ['unanswered', 'a', '!', 'green takes too long'],
] as const)('%s: blue says %s, green %s: %s', async (verdict, blue, green, _because) => {
  expect(await settle(read, sides(blue, green), postgresDialect)).toMatchObject({ verdict });
});

test('nothing is told of a green that does not come to where blue was', async () => {
  expect(await settle(read, sides('a', 'b', false), postgresDialect)).toEqual({ verdict: 'unsettled' });
});

test('a real difference says what differs', async () => {
  expect(await settle(read, sides('a', 'b'), postgresDialect)).toMatchObject({
    difference: { kind: 'rows', blue: '1 row' },
  });
});
