import { expect, test } from 'vitest';
import { connect } from '../../src/systems/postgres/connection.ts';
import { TargetSession, type Ask } from '../../src/systems/postgres/sink/target-session.ts';
import { greenMajor, testDatabase } from '../support/postgres.ts';

function* tiny(count: number): Generator<Ask<undefined>, void, void> {
  const values = ['1', '2', '3'].map((value) => Buffer.from(value));
  const sql = 'insert into t values ($1)';
  yield { kind: 'statement', sql: 'begin', cells: [], owner: undefined };
  for (let n = 0; n < count; n += 1) yield { kind: 'statement', sql, cells: [values[n % 3]], owner: undefined };
  yield { kind: 'statement', sql: 'rollback', cells: [], owner: undefined };
}

/** Processor time of this process, which a busy machine does not lengthen: microseconds a statement. */
async function costOf(session: TargetSession, count: number): Promise<number> {
  const began = process.cpuUsage();
  expect(await session.run(tiny(count))).toHaveLength(count + 2);
  const { user, system } = process.cpuUsage(began);
  return (user + system) / count;
}

/** pgcopydb walked the whole queue of unanswered statements for each of them (planetscale/pgcopydb #51): 400,000 took ten times what ten times 40,000 did. */
test('34: a statement costs the same in a pipeline of 400,000 as in one of 40,000', { timeout: 300_000 }, async () => {
  await using db = await testDatabase(greenMajor());
  await db.query('create unlogged table t (n int)');
  await using session = new TargetSession(
    await connect({ url: db.url, applicationName: 'teal test', extraOptions: { search_path: 'public' } }),
  );
  await costOf(session, 20_000);
  const few = await costOf(session, 40_000);
  const many = await costOf(session, 400_000);
  expect(many / few, `${few.toFixed(2)} and ${many.toFixed(2)} µs a statement`).toBeLessThan(2.5);
});
