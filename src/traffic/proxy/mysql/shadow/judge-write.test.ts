import { describe, expect, test } from 'vitest';
import { namesAsSaid } from './databases.ts';
import { judgeText } from './judge.ts';

const databases = namesAsSaid(['shop', 'shop_copy', 'Büro', 'mysql']);
const own = new Set(['f']);
const judge = (sql: string): ReturnType<typeof judgeText> =>
  judgeText(Buffer.from(sql, 'utf8').toString('latin1'), own, { databases });

describe('what clients of MySQL and MariaDB write', () => {
  test.each([
    ['insert into t (a) values (1)', { isPlainInsert: true, isInsert: true }],
    ['replace into t values (1)', { isPlainInsert: true, isInsert: true }],
    ['insert into t (a) values (1) on duplicate key update a = 2', { isPlainInsert: false }],
    ['insert into t select * from u', { isPlainInsert: false }],
    ['update t set a = now() where id = 1;', { isInsert: false }],
    ['delete t from t join u on u.id = t.id', { isInsert: false }],
    ['with c as (select 1) update t join c set t.a = 1', { isInsert: false }],
    ['insert into u values (last_insert_id())', { usesLastId: true }],
  ])('%s is tried', (sql, write) => {
    expect(judge(sql).write).toMatchObject(write);
  });

  test.each([
    ['insert into shop.t values (1)', 'names another database'],
    ['insert into `SHOP` . `t` values (1)', 'names another database'],
    ['update t set a = 1 where id in (select id from shop /* */ . u)', 'names another database'],
    ['update "shop"."t" set a = 1', 'names another database'],
    ['delete from Büro.t', 'names another database'],
    ['delete from `büro`.t', 'names another database'],
    ['update t, mysql.user set t.a = 1', 'names another database'],
    ['update t set a = @x', 'depends on its session'],
    ['insert into t values (@@identity)', 'depends on its session'],
    ['update t set a = get_lock(?, 1)', 'depends on its session'],
    ['update t set a = f(1)', 'may act outside of its transaction'],
  ])('%s is left out: %s', (sql, whyNoWrite) => {
    expect(judge(sql)).toMatchObject({ whyNoWrite });
    expect(judge(sql).write).toBeUndefined();
  });

  test('what only ends or begins a transaction is told by its words', () => {
    const controls = [
      'begin',
      'start transaction',
      'commit and chain',
      'rollback work',
      'rollback to a',
      'start slave',
    ];
    expect(controls.map((sql) => judge(sql).control)).toEqual([
      'begin',
      'begin',
      'commit',
      'rollback',
      'savepoint',
      undefined,
    ]);
    expect(judge('show tables').writesNothing).toBe(true);
    expect(judge('select 1')).not.toHaveProperty('write');
    expect(judgeText('insert into t values (1)', own)).not.toHaveProperty('write');
  });
});
