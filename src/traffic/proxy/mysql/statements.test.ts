import { expect, test } from 'vitest';
import { readWords } from './statement-words.ts';
import { keptTextBytes, noStatement, Statements } from './statements.ts';

const prepared = (
  statement: number,
  parameters = 0,
): { statement: number; parameters: number; columns: number; described: boolean } => ({
  statement,
  parameters,
  columns: 1,
  described: true,
});
const text = (
  sql: string | undefined,
): { sql: Buffer | undefined; words: ReturnType<typeof readWords>; database: undefined } => ({
  sql: sql === undefined ? undefined : Buffer.from(sql),
  words: readWords(''),
  database: undefined,
});

/** COM_STMT_EXECUTE of a statement with two parameters. */
function execute(types: Buffer | undefined, values: string): Buffer {
  const head = Buffer.of(0x17, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0b00);
  return Buffer.concat([head, Buffer.of(types === undefined ? 0 : 1), types ?? Buffer.alloc(0), Buffer.from(values)]);
}

test('a client keeps its numbers whatever its backends give', () => {
  const statements = new Statements();
  const [a, b] = [statements.add(prepared(77), text('select 1')), statements.add(prepared(78), text('select 2'))];
  expect([a, b]).toEqual([1, 2]);
  expect([statements.backendId(1), statements.backendId(2), statements.backendId(9)]).toEqual([77, 78, noStatement]);
  // MariaDB's clients name the last one so.
  expect(statements.backendId(0xffff_ffff)).toBe(78);
  statements.moved(new Map([[1, 3]]));
  expect([statements.backendId(1), statements.backendId(2)]).toEqual([3, noStatement]);
  statements.close(1);
  expect(statements.kept.map(({ id }) => id)).toEqual([2]);
  expect(statements.add(prepared(3), text('select 3'))).toBe(3);
  statements.clear();
  expect(statements.kept).toEqual([]);
});

test('types that were bound on another backend are put in, once', () => {
  const statements = new Statements();
  const id = statements.add(prepared(5, 2), text('select ?, ?'));
  const entry = statements.find(id);
  if (entry === undefined) throw new Error('it is there');
  const types = Buffer.of(8, 0, 0xfd, 0);
  const plain = execute(undefined, 'values');
  expect(statements.executing(entry, plain)).toBeUndefined();
  expect(statements.executing(entry, execute(types, 'values'))).toBeUndefined();
  expect(statements.executing(entry, plain)).toBeUndefined();
  statements.moved(new Map([[id, 9]]));
  expect(statements.executing(entry, plain)).toEqual(execute(types, 'values'));
  expect(statements.executing(entry, plain)).toBeUndefined();
});

test('what is too long to be kept, or open, binds the session', () => {
  const statements = new Statements();
  const long = statements.add(prepared(1), text(undefined));
  expect(statements.pins).toEqual(['prepared statement that is too long to be kept']);
  statements.close(long);
  const half = 'x'.repeat(keptTextBytes / 2 + 1);
  const [first] = [statements.add(prepared(1), text(half)), statements.add(prepared(2), text(half))];
  expect(statements.pins).toEqual(['prepared statement that is too long to be kept']);
  statements.clear();
  const entry = statements.find(statements.add(prepared(1), text('select 1')));
  if (entry === undefined) throw new Error('it is there');
  entry.hasCursor = true;
  expect(statements.pins).toEqual(['open cursor']);
  expect(first).toBe(2);
});
