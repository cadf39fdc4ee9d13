/** `node test/fuzz/capture-mysql.ts`: writes the corpus of the MySQL family anew from real servers. Run by hand when a new series is to be added. */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { command, encodeBare, encodePrepare, encodeQuery } from '../../src/wire/mysql/commands.ts';
import { capability } from '../../src/wire/mysql/flags.ts';
import { binlogPlace, rawEvents } from '../../src/wire/mysql/test-support/binlog.ts';
import { TestClient } from '../../src/wire/mysql/test-support/client.ts';
import { mysqlSeries, type MysqlSeries } from '../../tools/servers/install-mysql.ts';
import { startMysql } from '../../tools/servers/mysql.ts';
import { corpusFolder } from './target.ts';

const table = `create table kinds (id int unsigned primary key, y year, tiny tinyint, big bigint unsigned, exact decimal(20, 5), f float, d double,
  day date, clock time(3), at datetime(6), stamp timestamp(2) null, fixed char(5), latin varchar(10) character set latin1, raw binary(4), blobbed blob, e enum('a', 'ü'),
  s set('x', 'y'), b bit(13), p point, j json)`;
const changes = [
  `insert into kinds values (1, 2024, -128, 18446744073709551615, -12345.67890, 1.5, 0.1, '0000-00-00', '-838:59:58.999', '9999-12-31 23:59:59.999999',
    '2024-06-01 12:00:00.25', 'ab', 'ü', x'41000000', x'00ff', 'ü', 'x,y', b'1000000000001', st_geomfromtext('point(1 -2)'), '{"a": [1, 2.5, "ü", null]}')`,
  `insert into kinds (id) values (2)`,
  `update kinds set id = 3, e = 'a' where id = 2`,
  `delete from kinds where id = 3`,
  'create table doomed (id int auto_increment primary key, n int)',
  `set session binlog_format = 'STATEMENT'`,
  'insert into doomed (n) values (1)',
  `set session binlog_format = 'ROW'`,
  `xa start 'x'`,
  'insert into doomed (n) values (2)',
  `xa end 'x'`,
  `xa prepare 'x'`,
  `xa commit 'x'`,
  'flush binary logs',
];

async function capture(series: MysqlSeries): Promise<void> {
  await using server = await startMysql({ series, settings: { 'sql-mode': '' } });
  const heard: { up: Buffer[]; down: Buffer[] } = { up: [], down: [] };
  const tee = createServer((client) => {
    const backend = connect(server.port, '127.0.0.1');
    client.on('data', (chunk: Buffer) => heard.up.push(chunk)).pipe(backend);
    backend.on('data', (chunk: Buffer) => heard.down.push(chunk)).pipe(client);
    for (const socket of [client, backend]) socket.on('error', () => undefined);
  });
  tee.listen(0, '127.0.0.1');
  await once(tee, 'listening');
  const { port } = tee.address() as AddressInfo;
  const save = (folder: string, name: string, bytes: Buffer): void => {
    mkdirSync(join(corpusFolder, folder), { recursive: true });
    writeFileSync(join(corpusFolder, folder, `${name}-${series}.bin`), bytes);
  };

  await using root = await TestClient.connect({ port: server.port });
  const method = root.flavour === 'mysql' ? 'with caching_sha2_password ' : '';
  await root.query(`create user teal@'%' identified ${method}by 'of a test'`);
  await root.query(`grant all on *.* to teal@'%'`);
  await root.query('create database corpus');
  const capabilities = capability.multiStatements | capability.sessionTrack;
  for (const [name, more] of [
    ['plain', 0],
    ['deprecated-eof', capability.deprecateEof],
  ] as const) {
    const login = { port, user: 'teal', password: 'of a test', capabilities: capabilities | more };
    await using client = await TestClient.connect(login);
    await client.query(`set session_track_system_variables = '*', session_track_transaction_info = 'CHARACTERISTICS'`);
    await client.query('use corpus');
    await client.query(`select 1 as n, 'ü' as t, null as nothing; begin; rollback; select 2`);
    for (const payload of [
      encodePrepare('select ?, ?'),
      encodeQuery('no', client.capabilities),
      encodeBare(command.ping),
    ]) {
      for await (const { part } of client.ask(payload)) void part;
    }
    save('mysql-server', name, Buffer.concat(heard.down.splice(0)));
    save('mysql-client', name, Buffer.concat(heard.up.splice(0)));
  }
  tee.close();

  await root.query('use corpus');
  await root.query(table);
  const place = await binlogPlace(root);
  for (const change of changes) await root.query(change);
  const isMysql = root.flavour === 'mysql';
  await root.query(isMysql ? 'set session binlog_transaction_compression = on' : 'set global log_bin_compress = on');
  await root.query(`insert into kinds (id, blobbed) values (4, repeat('long ', 200))`);
  await using replica = await TestClient.connect({ port: server.port });
  const events: Buffer[] = [];
  for await (const event of rawEvents(replica, place)) events.push(event);
  save('mysql-binlog', 'changes', Buffer.concat(events));
}

for (const series of mysqlSeries) await capture(series);
