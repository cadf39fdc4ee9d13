import { expect, test } from 'vitest';
import type { MysqlAnswer } from './answer.ts';
import { outcomeOf, outcomeOfEnd } from './settle-write.ts';

const outcome = (answer: Partial<MysqlAnswer>, isPlainInsert = true, said = '1 row'): unknown =>
  outcomeOf(
    {
      write: { statement: 's', isPlainInsert, isInsert: true, usesLastId: false },
      question: { sql: Buffer.alloc(0) },
      said,
      firstId: 0n,
      blueMs: 1,
    },
    { columns: [], rows: [], isBinary: false, ...answer },
  );

test('what a copy says to a write that blue has taken', () => {
  expect(outcome({ affectedRows: 1n })).toEqual({ outcome: 'equal' });
  expect(outcome({ affectedRows: 0n })).toMatchObject({
    kind: 'of rows',
    difference: { blue: '1 row', green: '0 rows' },
  });
  expect(outcome({ rows: [Buffer.alloc(1), Buffer.alloc(1)] }, false, '2 rows')).toEqual({ outcome: 'equal' });
  const kinds = ['1054', '1264', '1062', '1452', '1644'].map((error) => outcome({ error }));
  expect(kinds).toMatchObject(['refused', 'refused', 'there already', 'of rows', 'of rows'].map((kind) => ({ kind })));
  // Of an UPDATE the rows may be why a value does not fit.
  expect(outcome({ error: '1264' }, false)).toMatchObject({ kind: 'of rows' });
  expect(['1205', '1142', '1290', '3024'].map((error) => outcome({ error }))).toEqual(
    ['busy', 'closed', 'closed', 'unanswered'].map((each) => ({ outcome: each })),
  );
  expect(outcomeOfEnd({})).toBeUndefined();
  expect(outcomeOfEnd({ error: '1180' })).toMatchObject({ difference: { green: 'error 1180 at COMMIT' } });
});
