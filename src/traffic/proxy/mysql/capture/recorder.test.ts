import { expect, test } from 'vitest';
import { command } from '../../../../wire/mysql/commands.ts';
import type { CapturedMessage } from '../../capture/format.ts';
import type { RecorderDesk } from '../../capture/recorder-desk.ts';
import { readWords } from '../statement-words.ts';
import type { KeptStatement } from '../statements.ts';
import { MysqlRecorder } from './recorder.ts';
import { MysqlRedactor } from './redact.ts';

const bound = Buffer.from('0001000000', 'hex');
const error = { code: 1054, sqlState: '42S22', message: '' };

function recording(part: Partial<RecorderDesk<MysqlRedactor>> = {}) {
  const asks: (readonly CapturedMessage[])[] = [];
  const told: unknown[] = [];
  const recorder = new MysqlRecorder(
    {
      isOver: false,
      redactor: undefined,
      ask: (_, __, messages) => asks.push(messages) > 0,
      done: (_, unit, __, number) => void told.push(['done', unit, number]),
      close: () => void told.push('close'),
      leaveOut: (why) => void told.push(why),
      drop: () => void told.push('drop'),
      ...part,
    },
    '0-1',
  );
  const say = (code: number, text = '', isLiteralBackslash = false): void => {
    const payload = Buffer.concat([Buffer.of(code), Buffer.from(text)]);
    recorder.command({ payload, code, nextStatement: 7, isLiteralBackslash });
  };
  const statement: KeptStatement = {
    id: 3,
    sql: Buffer.from('select 3'),
    words: readWords('select 3'),
    database: 'shop',
    parameters: 0,
    columns: 1,
  };
  const run = (of: Partial<KeptStatement> = {}, more: object = {}): void =>
    recorder.execution({
      statement: { ...statement, ...of },
      bound,
      isWhole: true,
      withLongData: false,
      database: 'shop',
      isLiteralBackslash: false,
      ...more,
    });
  return { recorder, asks, told, say, run };
}

test('commands are recorded with their answers; what asks for nothing is not', () => {
  const { recorder, asks, told, say } = recording();
  say(command.query, 'select 1');
  recorder.answered(undefined);
  say(command.ping);
  recorder.answered(undefined);
  say(command.initDb, 'shop');
  recorder.answered(error);
  say(command.resetConnection);
  say(command.fieldList);
  recorder.answered(undefined);
  recorder.close();
  expect(asks).toEqual([[['Q', 'select 1']], [['I', 'shop']], [['Z']]]);
  expect(told).toEqual([['done', 1, undefined], ['done', 2, '1054'], 'another command', 'close']);
});

test('a statement that was prepared before is prepared in the record when it is first used, where its names mean the same', () => {
  const { recorder, asks, told, say, run } = recording();
  run();
  run();
  run({ id: 4, database: 'stock' });
  say(command.stmtPrepare, 'select 7');
  recorder.answered(undefined);
  run({ id: 7 });
  recorder.statementClosed(3);
  say(command.query, 'select 1');
  run();
  expect(asks).toEqual([
    [
      ['P', '3', 'select 3', []],
      ['X', '3', [], []],
    ],
    [['X', '3', [], []]],
    [['P', '7', 'select 7', []]],
    [['X', '7', [], []]],
    [
      ['C', 'S', '3'],
      ['Q', 'select 1'],
    ],
    [
      ['P', '3', 'select 3', []],
      ['X', '3', [], []],
    ],
  ]);
  expect(told).toEqual(['not understood', ['done', 3, undefined]]);
});

test('what is not whole or finds no room is left out and counted, and a statement that found none is introduced again', () => {
  let hasRoom = false;
  const asks: string[][] = [];
  const { recorder, told, run } = recording({
    ask: (_, __, messages) => hasRoom && asks.push(messages.map(([said]) => said)) > 0,
  });
  recorder.command({ payload: undefined, code: command.query, nextStatement: 1, isLiteralBackslash: false });
  run({}, { withLongData: true });
  run({}, { bound: undefined });
  run({}, { bound: undefined, isWhole: false });
  run({}, { statement: undefined });
  run();
  hasRoom = true;
  run();
  expect(told).toEqual(['too long', 'a parameter in parts', 'a cursor', 'too long', 'not understood', 'drop']);
  expect(asks).toEqual([['P', 'X']]);
});

test('with a key no value is recorded, also where nobody can tell what is one', () => {
  const { recorder, asks, told, say } = recording({ redactor: new MysqlRedactor('ab'.repeat(32)) });
  say(command.query, `select 'Ada'`);
  say(command.query, `select 'Ada\\', 'Ada'`, true);
  say(command.query, `set sql_mode = 'ANSI_QUOTES'`);
  say(command.query, `select 'Ada'`);
  expect(JSON.stringify(asks)).not.toContain('Ada');
  expect([asks.length, told, recorder.isOver]).toEqual([2, ['not understood', 'close'], true]);
});
