import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isTealError } from '../../src/kernel/errors.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { allSeries } from '../support/mysql.ts';
import { greenMajor, testDatabase } from '../support/postgres.ts';
import { apply, copy } from '../types/moving-pair.ts';
import { mysqlToPostgres } from '../types/mysql-pairs.ts';

/** A session may write its changes to the log as statements, whatever the server's setting is. They were passed over, and the target kept the old rows (Ghostferry #183). */
describe.for(allSeries)('15: changes that $series logs as statements', ({ series, tested }) => {
  let server: MysqlServer;
  beforeAll(async () => {
    if (tested) server = await startMysql({ series });
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  test.skipIf(!tested).for([
    ['an insert', 'insert into moving.t values (9, 9)'],
    ['an update', 'update moving.t set v = 9 where id = 1'],
    ['a delete', 'delete from moving.t where id = 1'],
    ['a REPLACE', 'replace into moving.t values (1, 9)'],
    ['an INSERT of a SELECT', 'insert into moving.t select id + 100, v from moving.t'],
  ] as const)(
    '15: %s that is logged as a statement stops the flow, and nothing after it is applied',
    async ([, statement]) => {
      await using green = await testDatabase(greenMajor());
      await using pair = await mysqlToPostgres(server, green);
      const write = async (sql: string): Promise<void> => expect(await pair.write(sql), sql).toBeUndefined();
      await write('create table moving.t (id int primary key, v int)');
      await write('insert into moving.t values (1, 1)');
      const tables = await pair.makeTarget();
      const after = await copy(pair, tables, 'stop');
      await write('insert into moving.t values (2, 2)');
      expect(await apply(pair, await pair.read(after, tables, 'stop'), after)).toBeUndefined();
      const before = await pair.mark();
      await write(`set session binlog_format = 'STATEMENT'`);
      await write(statement);
      await write(`set session binlog_format = 'ROW'`);
      await write('insert into moving.t values (3, 3)');
      await expect(pair.read(before, tables, 'stop')).rejects.toSatisfy(
        (error) => isTealError(error, 'TEAL-SYSTEMS-322') && error.entry.retry === 'never',
      );
      expect(await green.query('select id, v from moving.t order by id')).toEqual([
        { id: '1', v: '1' },
        { id: '2', v: '2' },
      ]);
    },
  );
});
