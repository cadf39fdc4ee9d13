import { describe, expect, test } from 'vitest';
import { command } from '../../../../wire/mysql/commands.ts';
import { encodePacket } from '../../../../wire/mysql/packets.ts';
import type { PassingPacket } from '../packet-tap.ts';
import { MysqlJudge } from '../shadow/judge.ts';
import { readWords } from '../statement-words.ts';
import { Statements } from '../statements.ts';
import { asksBack, preparedRead, readUnit, type ReadUnit, type UnitSources } from './unit.ts';

const judge = new MysqlJudge(new Set(['own']), { allowed: 'clocks' });
const none: UnitSources = { judge: (text) => judge.judge(text), prepared: () => undefined };
const query = (sql: string, whole = true): PassingPacket => ({
  sequence: 0,
  head: Buffer.concat([Buffer.of(command.query), Buffer.from(sql)]),
  whole,
});
const unit = (sql: string): ReadUnit | undefined => readUnit(query(sql), none);

describe('a command that is one read', () => {
  test.for([
    ['select name from t where id = 7', 'select name from t where id = ?'],
    ['SELECT a FROM t WHERE at < now();', 'select a from t where at < now'],
    ['with c as (select 1) select * from c where d = current_date', 'with c as'],
  ] as const)('%s', ([sql, statement]) => {
    const found = unit(sql);
    expect(found).toMatchObject({
      packet: encodePacket(0, query(sql).head),
      asks: { kind: 'text', payload: query(sql).head },
    });
    expect(found).not.toHaveProperty('control');
    expect(found?.statement).toContain(statement);
  });

  test.for([
    'insert into t values (1)',
    'select rand()',
    'select own()',
    'select @a',
    'select a from t for update',
    'select sql_calc_found_rows a from t limit 1',
    'select 1; select 2',
    'start transaction read only, with consistent snapshot',
    'start transaction',
    'begin',
    'show warnings',
  ])('%s is none', (sql) => {
    expect(unit(sql)).toBe(undefined);
  });

  test('nor is what is not whole, or another command', () => {
    expect(readUnit(query('select 1', false), none)).toBe(undefined);
    expect(readUnit({ sequence: 0, head: Buffer.of(command.ping), whole: true }, none)).toBe(undefined);
  });
});

test.for([
  ['start transaction read only', 'begin'],
  ['START  TRANSACTION READ ONLY ;', 'begin'],
  ['commit', 'end'],
  ['rollback work', 'end'],
] as const)('%s is the %s of a transaction', ([sql, control]) => {
  expect(unit(sql)?.control).toBe(control);
});

test.for([
  ['show warnings limit 3', true],
  ['SHOW COUNT(*) WARNINGS', true],
  ['select found_rows()', true],
  ['insert into log values (row_count())', true],
  ['get current diagnostics @n = number', true],
  ['select @@warning_count', true],
  ['show tables', false],
  ['select rows_found from t', false],
] as const)('whether %s looks back', ([sql, looks]) => {
  expect(asksBack(query(sql), none)).toBe(looks);
});

describe('what was prepared', () => {
  /** One parameter, of type LONG. */
  const execute = (types: 'bound' | 'as before'): Buffer =>
    Buffer.concat([
      Buffer.of(command.stmtExecute, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0),
      types === 'bound' ? Buffer.of(1, 3, 0) : Buffer.of(0),
      Buffer.of(7, 0, 0, 0),
    ]);
  const prepared = (): Statements => {
    const statements = new Statements();
    const text = { sql: Buffer.from('select a from t where id = ?'), words: readWords(''), database: 'shop' };
    statements.add({ statement: 40, parameters: 1, columns: 1, described: true }, text);
    return statements;
  };
  const packet = (head: Buffer): PassingPacket => ({ sequence: 0, head, whole: true });

  test('is asked with the types that were bound last, which its own backend is given when it is asked next', () => {
    const statements = prepared();
    const first = preparedRead(packet(execute('bound')), statements, 'shop');
    expect(first).toMatchObject({ id: 1, parameters: 1, columns: 1, bound: execute('bound').subarray(5) });
    expect(preparedRead(packet(execute('as before')), statements, 'shop')?.bound).toEqual(execute('bound').subarray(5));
    const entry = statements.find(1);
    if (entry === undefined) throw new Error('no statement');
    expect(statements.executing(entry, execute('as before'))).toEqual(execute('bound'));
    // It has them now, and keeps them while green is asked the same.
    expect(preparedRead(packet(execute('as before')), statements, 'shop')).toBeDefined();
    expect(statements.executing(entry, execute('as before'))).toBe(undefined);
  });

  test('in another default database, or with a part of a value sent before, is nothing for green', () => {
    const statements = prepared();
    expect(preparedRead(packet(execute('bound')), statements, 'other')).toBe(undefined);
    const entry = statements.find(1);
    if (entry !== undefined) entry.hasLongData = true;
    expect(preparedRead(packet(execute('bound')), statements, 'shop')).toBe(undefined);
  });
});
