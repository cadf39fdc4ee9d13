import postgres from 'postgres';
import { expect, test } from 'vitest';
import { proxied } from './test-support/proxied.ts';

/**
 * postgres.js pipelines, a Sync after each statement. After a cut each of these units tells the new backend of the statement; in a transaction that has failed meanwhile the
 * backend takes the Close of the later ones and refuses their Parse.
 */
test('a statement that was told again in a failed transaction is told once more', async () => {
  await using at = await proxied();
  for (const side of [at.blue, at.green]) {
    await side.query('create table t (a int primary key, b int); insert into t values (1, 0), (2, 0)');
  }
  const sql = postgres(at.url, { max: 1, onnotice: () => undefined });
  const update = async (key: number): Promise<unknown> =>
    sql.unsafe('update t set b = b + $1 where a = $2', [1, key], { prepare: true });
  const code = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'done',
      (error: unknown) => String(error instanceof Error ? Reflect.get(error, 'code') : error),
    );
  try {
    await update(1);
    await at.cut('green', 1);
    await sql.unsafe('begin isolation level repeatable read');
    await sql.unsafe('select 1 from t');
    await at.green.query('update t set b = 10 where a = 1');
    const failed = await Promise.all([update(1), update(2), update(2)].map(code));
    expect(failed).toEqual(['40001', '25P02', '25P02']);
    await sql.unsafe('rollback');
    expect(await Promise.all([update(1), update(2)].map(code))).toEqual(['done', 'done']);
    expect(await at.green.query('select a, b from t order by a')).toEqual([
      { a: '1', b: '11' },
      { a: '2', b: '1' },
    ]);
  } finally {
    await sql.end({ timeout: 0 });
  }
});
