import type { Connection, RowDataPacket } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { isTested } from '../../../../test/support/mysql.ts';
import type { MysqlSeries } from '../../../../tools/servers/install-mysql.ts';
import { startMysql } from '../../../../tools/servers/mysql.ts';
import { direct, proxiedMysql } from './test-support/proxied.ts';

const pairs: readonly (readonly [MysqlSeries, MysqlSeries])[] = [
  ['mariadb-10.11', 'mariadb-11.4'],
  ['mysql-8.0', 'mariadb-11.4'],
  ['mariadb-10.11', 'mysql-8.0'],
];

async function rowOf(client: Connection, sql: string): Promise<RowDataPacket | undefined> {
  const [rows] = await client.query<RowDataPacket[]>(sql);
  return rows[0];
}

describe.for(pairs)('a session between %s and %s', ([from, to]) => {
  test.skipIf(!isTested(from) || !isTested(to))('keeps what it is', { timeout: 300_000 }, async () => {
    await using blue = await startMysql({ series: from, settings: { 'server-id': '11' } });
    await using green = await startMysql({ series: to, settings: { 'server-id': '22' } });
    for (const server of [blue, green]) {
      await using admin = await direct(server);
      await admin.query('create database shop');
      await admin.query('create table shop.t (id int auto_increment primary key, v varchar(100))');
    }
    await using at = await proxiedMysql({ blue, green });
    const client = await at.connect({ database: 'shop' });
    await client.query(
      `set names utf8mb4 collate utf8mb4_general_ci, time_zone = '+03:00', @@session.group_concat_max_len = 777, @@session.foreign_key_checks = 0`,
    );
    await client.query(`set @n = 7, @d = 1.50, @s = 'ä'`);
    await client.query('set session transaction isolation level read committed');
    await client.execute('insert into t (v) values (?)', ['x']);
    const facts = `select database() as db, @@time_zone as zone, @@group_concat_max_len as len, @@foreign_key_checks as fk, @n + 1 as n, @d as d, hex(@s) as s,
      collation(@s) as c, @@collation_connection as cc, last_insert_id() as id, @@sql_mode like '%IGNORE_SPACE%' as spaces`;
    const before = await rowOf(client, facts);
    for (const [side, epoch, id] of [
      ['green', 1, 22],
      ['blue', 2, 11],
    ] as const) {
      await at.cut(side, epoch);
      expect(await rowOf(client, facts)).toEqual(before);
      expect(await rowOf(client, 'select @@server_id as id')).toEqual({ id });
      const isolation = Object.values(
        (await rowOf(client, `show variables where variable_name in ('tx_isolation', 'transaction_isolation')`)) ?? {},
      );
      expect(isolation).toContain('READ-COMMITTED');
      const [rows] = await client.execute<RowDataPacket[]>('select ? + 1 as v', [41]);
      expect(Number(rows[0]?.['v'])).toBe(42);
    }
  });
});
