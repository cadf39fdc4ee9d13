import { expect, test } from 'vitest';
import { encodeError, encodeReadyForQuery, status } from '../../../wire/postgres/backend.ts';
import { frame, zeroTerminated } from '../../../wire/postgres/body.ts';
import { pristine } from '../session-state.ts';
import { judgeText, type Judged } from './judge.ts';
import type { WriteSample } from './sample.ts';
import type { TapDesk } from './tap-desk.ts';
import { WriteWatch } from './write-watch.ts';

const session = {
  login: { user: 'app', credential: { kind: 'none' }, parameters: new Map<string, string>() },
  state: pristine,
  shown: new Map<string, string>(),
} as const;
const [idle, open, failed] = [status.idle, status.inTransaction, status.failed];

function judge(text: string): Judged {
  const volatile = { builtIn: new Set(['nextval']), own: new Set<string>() };
  return judgeText(text, volatile, { functions: new Set(), relations: new Set(['mails']) });
}

class Watched {
  readonly written: WriteSample[] = [];
  readonly skipped: string[] = [];
  isShare = true;
  #status: number = idle;
  readonly #watch = new WriteWatch(
    {
      isOpen: true,
      drawsWrite: () => this.isShare,
      skipWrite: (why: string) => this.skipped.push(why),
      offerWrite: (sample: WriteSample) => this.written.push(sample),
    } as unknown as TapDesk,
    session,
  );

  /** Statements of one unit, and what blue says to each. */
  unit(statements: Readonly<Record<string, string>>, after: number = this.#status, alone = true): void {
    const unit = this.#watch.unit({ alone, status: this.#status, parseOf: () => undefined });
    for (const text of Object.keys(statements)) unit?.run(judge(text), () => Buffer.from(text));
    const tags = Object.values(statements).map((tag) =>
      /^\d/.test(tag) ? encodeError({ severity: 'ERROR', code: tag, message: '' }) : frame('C', zeroTerminated(tag)),
    );
    const bytes = [...tags, encodeReadyForQuery(after)];
    if (unit === undefined) this.#watch.passed(after);
    else this.#watch.answered(unit, bytes, 7, after);
    this.#status = after;
  }

  get told(): readonly (readonly string[])[] {
    return this.written.map(({ statements }) => statements.map(({ message, tag }) => `${message.toString()}: ${tag}`));
  }
}

const insert = { 'insert into a values (1)': 'INSERT 0 1' };
const update = { 'update a set b = 1': 'UPDATE 3' };

test('a statement of its own is taken with what blue said, and how long that took', () => {
  const at = new Watched();
  at.unit(insert);
  at.unit({ 'select 1': 'SELECT 1' });
  expect(at.told).toEqual([['insert into a values (1): INSERT 0 1']]);
  expect(at.written[0]?.statements[0]).toMatchObject({ blueMs: 7, write: { isPlainInsert: true } });
});

test('nothing is taken outside of the share', () => {
  const at = new Watched();
  at.isShare = false;
  at.unit(insert);
  at.unit({ begin: 'BEGIN' }, open);
  at.isShare = true;
  at.unit(update);
  at.unit({ commit: 'COMMIT' }, idle);
  expect([at.told, at.skipped]).toEqual([[], []]);
});

test('of a transaction all writes are taken once it is committed, reads between them are not', () => {
  const at = new Watched();
  at.unit({ begin: 'BEGIN' }, open);
  at.unit(insert);
  at.unit({ 'select * from a for update': 'SELECT 1' });
  at.unit({ "select nextval('s')": 'SELECT 1' });
  at.unit(update);
  expect(at.told).toEqual([]);
  at.unit({ commit: 'COMMIT' }, idle);
  expect(at.told).toEqual([['insert into a values (1): INSERT 0 1', 'update a set b = 1: UPDATE 3']]);
});

test('a driver that sends BEGIN with the first statement, or several at once, is understood', () => {
  const at = new Watched();
  at.unit({ begin: 'BEGIN', ...insert }, open);
  at.unit({ ...update, 'delete from a': 'DELETE 1' });
  at.unit({ commit: 'COMMIT' }, idle);
  expect(at.told[0]).toHaveLength(3);
  expect(at.written[0]?.statements.map(({ blueMs }) => blueMs)).toEqual([undefined, undefined, undefined]);
});

test.each([
  ['rolled back', { rollback: 'ROLLBACK' }, open],
  ['failed', { commit: 'ROLLBACK' }, failed],
  ['refused at its end', { commit: '23503' }, open],
])('what was %s is not taken, and not counted', (_what, last, before) => {
  const at = new Watched();
  at.unit({ begin: 'BEGIN' }, open);
  at.unit(insert);
  if (before === failed) at.unit({ 'update a set b = 2': '22012' }, failed);
  at.unit(last, idle);
  expect([at.told, at.skipped]).toEqual([[], []]);
});

test.each([
  ['a savepoint', { 'savepoint a': 'SAVEPOINT' }, 'a part of its transaction is not repeated'],
  ['a setting', { 'set local search_path = x': 'SET' }, 'a part of its transaction is not repeated'],
  ['a table', { 'create table t ()': 'CREATE TABLE' }, 'a part of its transaction is not repeated'],
  ['what acts outside', { 'insert into mails values (1)': 'INSERT 0 1' }, 'may act outside of its transaction'],
  ['several statements in one text', { 'delete from a; delete from b': 'DELETE 1' }, 'several statements'],
])('a transaction with %s is left out as a whole', (_what, odd, why) => {
  const at = new Watched();
  at.unit({ begin: 'BEGIN' }, open);
  at.unit(insert);
  at.unit(odd);
  at.unit(update);
  at.unit({ commit: 'COMMIT' }, idle);
  expect([at.told, at.skipped]).toEqual([[], [why]]);
});

test('a transaction that is too large, or whose statements come before the answers, is left out', () => {
  const at = new Watched();
  at.unit({ begin: 'BEGIN' }, open);
  for (let n = 0; n < 21; n += 1) at.unit(insert);
  at.unit({ commit: 'COMMIT' }, idle);
  at.unit({ begin: 'BEGIN' }, open);
  at.unit(insert, open, false);
  at.unit({ commit: 'COMMIT' }, idle);
  expect([at.told, at.skipped]).toEqual([[], ['too large a transaction', 'several at once']]);
});
