import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { allSeries } from '../support/mysql.ts';
import { greenMajor, testDatabase } from '../support/postgres.ts';
import { apply, copy } from '../types/moving-pair.ts';
import { mysqlToPostgres } from '../types/mysql-pairs.ts';

/** A delete by what is left of the row without what the server computes: it took all that were equal then (Ghostferry #457). */
describe.for(allSeries)(
  '13: rows of $series that differ in nothing but what is computed, or in nothing',
  ({ series, tested }) => {
    let server: MysqlServer;
    beforeAll(async () => {
      if (tested) server = await startMysql({ series });
    });
    afterAll(async () => server?.[Symbol.asyncDispose]());

    test.skipIf(!tested)(
      '13: one delete or update takes one of several equal rows, with computed columns or by a computed key',
      async () => {
        await using green = await testDatabase(greenMajor());
        await using pair = await mysqlToPostgres(server, green);
        const write = async (...statements: readonly string[]): Promise<void> => {
          for (const sql of statements) expect(await pair.write(sql), sql).toBeUndefined();
        };
        await write(
          'create table moving.bare (v int, twice int as (v * 2) stored, thrice int as (v * 3) virtual)',
          // MariaDB makes no primary key of it.
          `create table moving.keyed (v int, k int as (v * 2) stored, ${server.flavour === 'mysql' ? 'primary key' : 'unique'} (k))`,
          'insert into moving.bare (v) values (1), (1), (1), (1), (null), (null)',
          'insert into moving.keyed (v) values (1), (2), (3), (4)',
        );
        const tables = await pair.makeTarget();
        let after = await copy(pair, tables, 'stop');
        const rows = async (table: string): Promise<readonly (string | null)[]> => {
          const found = await green.query(`select v, count(*) as n from moving.${table} group by v order by v`);
          return found.map((row) => `${row['n']} of ${row['v'] ?? 'NULL'}`);
        };
        expect(await rows('bare')).toEqual(['4 of 1', '2 of NULL']);
        const carry = async (...statements: readonly string[]): Promise<void> => {
          await write(...statements);
          const end = await pair.mark();
          expect(await apply(pair, await pair.read(after, tables, 'stop'), after)).toBeUndefined();
          after = end;
        };
        await carry('delete from moving.bare where v = 1 limit 1', 'delete from moving.bare where v is null limit 1');
        expect(await rows('bare')).toEqual(['3 of 1', '1 of NULL']);
        await carry('update moving.bare set v = 5 where v = 1 limit 1', 'delete from moving.keyed where v = 1');
        expect(await rows('bare')).toEqual(['2 of 1', '1 of 5', '1 of NULL']);
        await carry('update moving.keyed set v = 1 where v = 4', 'delete from moving.bare where v = 1 limit 1');
        expect(await rows('bare')).toEqual(['1 of 1', '1 of 5', '1 of NULL']);
        expect(await rows('keyed')).toEqual(['1 of 1', '1 of 2', '1 of 3']);
        expect(await green.query('select twice, thrice from moving.bare where v = 5')).toEqual([
          { twice: '10', thrice: '15' },
        ]);
      },
    );
  },
);
