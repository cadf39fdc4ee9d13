import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../tools/servers/mysql.ts';
import { lookAtMysql, sizesOfMysql } from '../../systems/mysql/vitals.ts';
import { KeptSession } from '../../systems/mysql/kept-session.ts';
import { askIn } from '../ask-value.ts';
import { vitalsIn } from './look-at-systems.ts';

describe.for(allSeries)('$series', ({ series, tested }) => {
  let server: MysqlServer;
  beforeAll(async () => {
    if (tested) server = await startMysql({ series });
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  test.skipIf(!tested)('tells its numbers, and its counters grow by what is done', async () => {
    const urlOf = (database: string): string => `mysql://root@${server.host}:${server.port}/${database}`;
    const dialect = series.startsWith('mariadb') ? 'mariadb' : 'mysql';
    await using client = new KeptSession({ url: urlOf('mysql'), applicationName: 'maker' });
    const never = new AbortController().signal;
    const run = async (sql: string): Promise<unknown> => client.use(async (connection) => connection.query(sql));
    await run('create database watched_one');
    await run('create table watched_one.item (id int primary key, what text)');
    await using session = new KeptSession({ url: urlOf('watched_one'), applicationName: 'watch' });
    const look = async (sql: string) => vitalsIn(await askIn(session, sql, never));
    const first = await look(lookAtMysql(dialect));
    for (let id = 0; id < 20; id++) await run(`insert into watched_one.item values (${id}, repeat('x', 1000))`);
    const second = await look(lookAtMysql(dialect));
    const grew = (name: keyof typeof first.counters): number =>
      (second.counters[name] ?? Number.NaN) - (first.counters[name] ?? Number.NaN);
    expect(grew('commits')).toBeGreaterThanOrEqual(20);
    expect(grew('logBytes')).toBeGreaterThan(10_000);
    expect(grew('cacheHits')).toBeGreaterThan(20);
    expect(second.gauges).toMatchObject({ lockWaits: 0, longestTransactionSeconds: expect.any(Number) });
    expect(second.gauges.connections).toBeGreaterThanOrEqual(2);
    expect(second.limits.connections).toBeGreaterThan(50);
    expect((await look(sizesOfMysql(dialect))).gauges.databaseBytes).toBeGreaterThan(50_000);
  });
});
