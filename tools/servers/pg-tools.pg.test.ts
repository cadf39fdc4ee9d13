import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../../test/support/postgres.ts';
import { pgTools } from './pg-tools.ts';
import { runProgram } from './run-program.ts';

test('the client programs move a schema from blue to green', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  await blue.query('create table t (id int8 primary key, v text not null default $$it$$)');
  const tools = await pgTools(blue.major, green.major);
  expect(tools.major).toBeGreaterThanOrEqual(blue.major);

  const dump = await runProgram(tools.pgDump, ['--schema-only', '--format=plain', blue.url]);
  await runProgram(tools.psql, [
    '--no-psqlrc',
    '--set=ON_ERROR_STOP=1',
    `--command=${dump.replace(/^\\.*$/gm, '')}`,
    green.url,
  ]);

  expect(
    await green.query("select column_name from information_schema.columns where table_name = 't' order by 1"),
  ).toEqual([{ column_name: 'id' }, { column_name: 'v' }]);
});

test('majors that no installed server has come from the package', async () => {
  const tools = await pgTools(18, 18);
  expect(await runProgram(tools.pgbench, ['--version'])).toContain('(PostgreSQL) 18.');
});
