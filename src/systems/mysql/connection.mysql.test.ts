import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { asMysqlSeries } from '../../../tools/servers/install-mysql.ts';
import { startMysql, type MysqlServer } from '../../../tools/servers/mysql.ts';
import { isTealError } from '../../kernel/errors.ts';
import { connect, type MysqlConnection } from './connection.ts';
import { KeptSession } from './kept-session.ts';

const series = (process.env['TEAL_MYSQL'] ?? 'mariadb-10.11,mariadb-11.4,mysql-8.0')
  .split(',')
  .filter((each) => each !== '');

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'no error';
  } catch (error) {
    return isTealError(error) ? error.code : String(error);
  }
}

describe.each(series)('a session with %s', (name) => {
  let server: MysqlServer;
  let url = '';
  const open = async (more: Partial<Parameters<typeof connect>[0]> = {}): Promise<MysqlConnection> =>
    connect({ url, applicationName: 'teal test', ...more });

  beforeAll(async () => {
    server = await startMysql({ series: asMysqlSeries(name) });
    url = `mysql://root@127.0.0.1:${server.port}/`;
    await using connection = await open();
    await connection.query('create database here');
    await connection.query('create table here.t (id int primary key, v varchar(20), b varbinary(10)) engine=innodb');
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  test('knows its server, and has Teal’s settings whatever the server’s are', async () => {
    await using connection = await open();
    expect(connection.flavour).toBe(server.flavour);
    expect(connection.versionText.startsWith(connection.version.join('.'))).toBe(true);
    const { rows } = await connection.query(
      'select @@session.sql_mode as mode, @@session.time_zone as zone, @@character_set_client as cs',
    );
    expect(rows[0]).toMatchObject({ zone: '+00:00', cs: 'utf8mb4' });
    expect(rows[0]?.['mode']).toContain('STRICT_ALL_TABLES');
    const { rows: mine } = await connection.query('select connection_id() as id');
    expect(mine[0]?.['id']).toBe(String(connection.processId));
  });

  test('gives values as the server wrote them, and counts the rows that a statement found', async () => {
    await using connection = await open();
    const big = '18446744073709551615';
    const { rows } = await connection.query(
      `select ${big} as big, null as nothing, cast('2024-01-02' as date) as day, '日本' as text`,
    );
    expect(rows).toEqual([{ big, nothing: null, day: '2024-01-02', text: '日本' }]);
    const inserted = await connection.query('insert into here.t values (?, ?, ?)', [1, `it's`, Buffer.from([0, 255])]);
    expect(inserted.affectedRows).toBe(1);
    // The same value again: found, not changed.
    expect((await connection.query('update here.t set v = ? where id = 1', [`it's`])).affectedRows).toBe(1);
    const again = await connection.execute('update here.t set v = ?, b = ? where id = ?', [
      'it',
      Buffer.from([7]),
      '1',
    ]);
    expect(again.affectedRows).toBe(1);
    expect((await connection.execute('delete from here.t where id = ?', ['2'])).affectedRows).toBe(0);
    const read: (readonly (Buffer | null)[])[] = [];
    for await (const row of connection.rows('select id, v, b, null from here.t')) read.push(row);
    expect(read).toEqual([[Buffer.from('1'), Buffer.from('it'), Buffer.from([7]), null]]);
  });

  test('sends many statements at once where that was asked for, and does none behind one that fails', async () => {
    await using plain = await open();
    await using connection = await open({ manyStatements: true });
    const insert = (...ids: readonly number[]): string =>
      `insert into here.many values ${ids.map((id) => `(${id}, 'a;b')`).join(', ')}`;
    await connection.query('create table here.many (id int primary key, v varchar(9))');
    const told: number[] = [];
    const tell = (rows: number): void => void told.push(rows);
    await connection.queryAll([insert(1, 2, 3), `update here.many set v = 'c' where id > 1`, insert(4)], tell);
    expect(told).toEqual([3, 2, 1]);
    expect(await codeOf(connection.queryAll([insert(5, 6), insert(7, 1), insert(8)], tell))).toBe('TEAL-SYSTEMS-007');
    expect(told.slice(3)).toEqual([2]);
    expect((await connection.query('select group_concat(id) as ids from here.many')).rows).toEqual([
      { ids: '1,2,3,4,5,6' },
    ]);
    expect(await codeOf(plain.queryAll([insert(9), insert(10)], tell))).toBe('TEAL-SYSTEMS-007');
  });

  test('refuses with a code, and without the values of a row', async () => {
    await using connection = await open({ lockTimeoutMs: 1_000 });
    expect(await codeOf(connect({ url: 'postgres://x', applicationName: 'teal test' }))).toBe('TEAL-SYSTEMS-009');
    expect(await codeOf(connect({ url: 'mysql://root@127.0.0.1:1/', applicationName: 'teal test' }))).toBe(
      'TEAL-SYSTEMS-001',
    );
    expect(
      await codeOf(connect({ url: `mysql://nobody:secret@127.0.0.1:${server.port}/`, applicationName: 'teal test' })),
    ).toBe('TEAL-SYSTEMS-002');
    expect(await codeOf(connect({ url: `${url}nowhere`, applicationName: 'teal test' }))).toBe('TEAL-SYSTEMS-003');
    await connection.query(`replace into here.t values (5, 'secret', null)`);
    const error: unknown = await connection
      .query(`insert into here.t values (5, 'secret', null)`)
      .catch((thrown: unknown) => thrown);
    expect(isTealError(error, 'TEAL-SYSTEMS-007') && error.facts['number']).toBe(1062);
    expect(JSON.stringify(error) + String(error)).not.toContain('secret');
    await using other = await open();
    await other.transaction(async () => {
      await other.query(`update here.t set v = 'x' where id = 5`);
      expect(await codeOf(connection.query(`update here.t set v = 'y' where id = 5`))).toBe('TEAL-SYSTEMS-008');
    });
  });

  test('commits or takes back, and is gone when it is abandoned', async () => {
    await using connection = await open();
    await connection.query('delete from here.t');
    await connection.transaction(async () => connection.query(`insert into here.t values (1, 'a', null)`));
    const failed = connection.transaction(async () => {
      await connection.query(`insert into here.t values (2, 'b', null)`);
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect((await connection.query('select group_concat(id) as ids from here.t')).rows).toEqual([{ ids: '1' }]);
    const waits = codeOf(connection.query('select sleep(60)'));
    connection.abandon(new Error('enough'));
    expect(await waits).toBe('TEAL-SYSTEMS-006');
    expect(connection.ended.aborted).toBe(true);
    expect(await codeOf(connection.query('select 1'))).toBe('TEAL-SYSTEMS-006');
  });

  test('is gone when its connection is reset under a statement, and a kept one opens the next', async () => {
    const sockets = new Set<Socket>();
    const relay = createServer((client) => {
      const upstream = connectTcp(server.port, '127.0.0.1');
      sockets.add(client);
      for (const socket of [client, upstream]) socket.on('error', () => undefined);
      client.pipe(upstream).pipe(client);
      client.on('close', () => upstream.destroy());
    });
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const relayed = `mysql://root@127.0.0.1:${(relay.address() as AddressInfo).port}/`;
    {
      await using kept = new KeptSession({ url: relayed, applicationName: 'teal test' });
      await using watching = await open();
      await kept.use(async (connection) => connection.query('select 1'));
      const lost = codeOf(kept.use(async (connection) => connection.query('select sleep(600)')));
      await vi.waitFor(
        async () => {
          const sql = `select id as id from information_schema.processlist where info = 'select sleep(600)'`;
          expect((await watching.query(sql)).rows).toHaveLength(1);
        },
        { timeout: 60_000 },
      );
      for (const socket of sockets) socket.resetAndDestroy();
      expect(await lost).toBe('TEAL-SYSTEMS-006');
      const { rows } = await kept.use(async (connection) => connection.query('select 2 as two'));
      expect(rows).toEqual([{ two: '2' }]);
    }
    relay.close();
  });

  test('leaving rows early ends the session, and a kept one opens the next', async () => {
    await using kept = new KeptSession({ url, applicationName: 'teal test' });
    const first = await kept.use(async (connection) => {
      for await (const _ of connection.rows('select 1 union all select 2 union all select 3')) break;
      return connection.processId;
    });
    const second = await kept.use(async (connection) => {
      await connection.query('select 1');
      return connection.processId;
    });
    expect(second).not.toBe(first);
  });
});
