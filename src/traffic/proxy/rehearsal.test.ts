import { expect, test } from 'vitest';
import { encodeParse } from '../../wire/postgres/frontend.ts';
import { FrameReader } from '../../wire/postgres/frames.ts';
import { parametersOf, rehearse } from './rehearsal.ts';

test('a statement is prepared without a name, bound to nulls, and not executed', async () => {
  const sent: { readonly type: string; readonly text: string }[][] = [];
  const link = {
    ask: async (message: Buffer) => {
      const frames = [...new FrameReader().push(message)];
      sent.push(
        frames.map(({ type, bytes }) => ({ type: String.fromCharCode(type), text: bytes.toString('latin1', 5) })),
      );
      return { rows: [], commands: 0 };
    },
  };
  await rehearse(link, [encodeParse('mine', 'update t set n = $2 where id = $1')]);
  const [statement = [], last = []] = sent;
  // The first three are the setting that bounds how long it may wait.
  expect(statement.map(({ type }) => type).join('')).toBe('PBEPBS');
  expect(statement[3]?.text).toBe('\0update t set n = $2 where id = $1\0\0\0');
  expect(statement[4]?.text).toBe('\0\0\0\0\0\x02ÿÿÿÿÿÿÿÿ\0\0');
  expect(last).toEqual([{ type: 'Q', text: '\0' }]);
});

test.each([
  ['select 1', 0],
  ['select $1', 1],
  ['select $2, $11, $1', 11],
])('%s names %i parameters', (sql, count) => {
  expect(parametersOf(encodeParse('', sql))).toBe(count);
});
