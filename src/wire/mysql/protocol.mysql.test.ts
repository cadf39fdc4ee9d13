import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../tools/servers/mysql.ts';
import { command, encodeBare, encodePrepare, encodeQuery } from './commands.ts';
import { capability } from './flags.ts';
import { readError, readOk } from './replies.ts';
import { TestClient } from './test-support/client.ts';

const multi = capability.multiStatements | capability.multiResults | capability.sessionTrack;
const variants = [0, capability.deprecateEof, capability.queryAttributes | capability.deprecateEof];

describe.for(allSeries)('the protocol of $series', ({ series, tested }) => {
  let server: MysqlServer;
  beforeAll(async () => {
    if (tested) server = await startMysql({ series, settings: { 'local-infile': '1' } });
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  async function kindsOf(client: TestClient, payload: Buffer): Promise<string> {
    const kinds: string[] = [];
    for await (const { part } of client.ask(payload)) {
      kinds.push(part.kind);
      if (part.kind === 'localInfile') {
        client.send(Buffer.from('7\n8\n'));
        client.send(Buffer.alloc(0));
      }
    }
    return kinds.join(' ');
  }

  test.skipIf(!tested).for(variants)('answers end where they end, with capabilities %i', async (more) => {
    const capabilities = multi | capability.localFiles | more;
    await using client = await TestClient.connect({ port: server.port, capabilities });
    const ask = async (sql: string): Promise<string> => kindsOf(client, encodeQuery(sql, client.capabilities));
    const eof = (client.capabilities.base & capability.deprecateEof) === 0 ? ' endOfColumns' : '';

    expect(await ask('select 1, null')).toBe(`columnCount column column${eof} row endOfRows`);
    expect(await ask('select 1 where false')).toBe(`columnCount column${eof} endOfRows`);
    expect(await ask('do 1')).toBe('ok');
    expect(await ask('nonsense')).toBe('error');
    expect(await ask('select 1; do 1; select 2')).toBe(
      `columnCount column${eof} row endOfRows ok columnCount column${eof} row endOfRows`,
    );
    expect(await ask('do 1; nonsense')).toBe('ok error');
    await client.query('create database if not exists protocol');
    await client.query('use protocol');
    await client.query('create or replace view v as select 1');
    await client.query('drop procedure if exists p');
    await client.query('create procedure p() begin select 1 as a; select 2 as b; end');
    expect(await ask('call p()')).toBe(
      `columnCount column${eof} row endOfRows columnCount column${eof} row endOfRows ok`,
    );
    await client.query('create temporary table file_of (a int)');
    expect(await ask("load data local infile 'x' into table file_of")).toBe('localInfile ok');
    expect((await client.query('select a from file_of order by a')).rows.map(([a]) => String(a))).toEqual(['7', '8']);
    await client.query('drop temporary table file_of');

    const afterParameters = eof === '' ? '' : ' endOfColumns';
    expect(await kindsOf(client, encodePrepare('select ?, ?'))).toBe(
      `prepared parameter parameter${afterParameters} column column${eof}`,
    );
    expect(await kindsOf(client, encodePrepare('do ?'))).toBe(`prepared parameter${afterParameters}`);
    expect(await kindsOf(client, encodePrepare('do 1'))).toBe('prepared');
    expect(await kindsOf(client, encodePrepare('select 1'))).toBe(`prepared column${eof}`);
    for (const code of [command.ping, command.resetConnection])
      expect(await kindsOf(client, encodeBare(code))).toBe('ok');
    expect(await kindsOf(client, encodeBare(command.statistics))).toBe('text');
  });

  test.skipIf(!tested)('what a statement changes about the session is told', async () => {
    await using client = await TestClient.connect({ port: server.port, capabilities: multi });
    await client.query("set session_track_system_variables = 'time_zone', session_track_schema = on");
    await client.query("set session_track_transaction_info = 'CHARACTERISTICS'");
    const changesOf = async (sql: string): Promise<unknown> => {
      for await (const { payload } of client.ask(encodeQuery(sql, client.capabilities))) {
        return readOk(payload, client.capabilities).changes;
      }
      return undefined;
    };
    expect(await changesOf("set time_zone = '+01:00'")).toContainEqual({
      kind: 'variable',
      name: 'time_zone',
      value: '+01:00',
    });
    expect(await changesOf('use mysql')).toContainEqual({ kind: 'schema', name: 'mysql' });
    expect(await changesOf('begin')).toContainEqual({ kind: 'transactionState', state: 'T_______' });
  });

  test.skipIf(!tested)('a row longer than a packet is one row', async () => {
    await using client = await TestClient.connect({ port: server.port });
    await client.query('set global max_allowed_packet = 1 << 26');
    await using roomy = await TestClient.connect({ port: server.port, capabilities: capability.deprecateEof });
    const { rows } = await roomy.query("select repeat('x', (1 << 24) + 7), 'after'");
    expect(rows).toHaveLength(1);
    expect(rows[0]?.[0]?.length).toBe((1 << 24) + 7);
    expect(String(rows[0]?.[1])).toBe('after');
  });

  test.skipIf(!tested)('logs in by the methods that the server has, and is refused with a wrong password', async () => {
    await using root = await TestClient.connect({ port: server.port });
    const methods =
      root.flavour === 'mysql' ? ['mysql_native_password', 'caching_sha2_password'] : ['mysql_native_password'];
    for (const method of methods) {
      await root.query(`drop user if exists ${method}@'%'`);
      const how = root.flavour === 'mysql' ? `with ${method} by 'sécret'` : `by 'sécret'`;
      await root.query(`create user ${method}@'%' identified ${how}`);
      const login = { port: server.port, user: method, password: 'sécret' };
      // The second one finds the digest in the server's cache.
      for (const time of ['first', 'second']) {
        await using client = await TestClient.connect(login);
        expect(String((await client.query('select current_user()')).rows[0]?.[0]), time).toBe(`${method}@%`);
      }
      await expect(TestClient.connect({ ...login, password: 'wrong' })).rejects.toThrow(/^1045 28000/);
    }
  });

  test.skipIf(!tested)('an error is read with its state', async () => {
    await using client = await TestClient.connect({ port: server.port });
    for await (const { payload } of client.ask(encodeQuery('select * from mysql.nothing_there', client.capabilities))) {
      expect(readError(payload)).toMatchObject({ sqlState: '42S02', code: 1146 });
    }
  });
});
