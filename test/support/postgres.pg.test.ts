import { Client } from 'pg';
import { expect, test } from 'vitest';
import { blueMajor, greenMajor, ownServer, testDatabase, testServer } from './postgres.ts';

test.for([blueMajor(), greenMajor()])(
  'PostgreSQL %i gives a test a database of its own, and values as text',
  async (major) => {
    await using database = await testDatabase(major);
    const [row] = await database.query(
      "select 9007199254740993::int8 as big, 'infinity'::timestamptz as never, null as nothing, $1::int4 as given",
      [7],
    );
    expect(row).toEqual({ big: '9007199254740993', never: 'infinity', nothing: null, given: '7' });
    expect(
      await database.query('create table t (n int); insert into t values (1), (2); select n from t order by n'),
    ).toEqual([{ n: '1' }, { n: '2' }]);
    const [server] = await database.query(
      "select current_setting('server_version_num')::int / 10000 as major, current_setting('wal_level') as wal",
    );
    expect(server).toEqual({ major: String(major), wal: 'logical' });
  },
);

test('two tests share a server, and not a database', async () => {
  await using one = await testDatabase(greenMajor());
  await using two = await testDatabase(greenMajor());
  expect(new URL(one.url).port).toBe(new URL(two.url).port);
  expect(one.name).not.toBe(two.name);
});

test('other settings get another server', async () => {
  const plain = await testServer(greenMajor());
  const other = await testServer(greenMajor(), { settings: { track_commit_timestamp: 'on' } });
  expect(other.url).not.toBe(plain.url);
  await using database = await testDatabase(other);
  expect(await database.query('show track_commit_timestamp')).toEqual([{ track_commit_timestamp: 'on' }]);
});

test('disposal drops slots in use, subscriptions, prepared transactions and sessions', async () => {
  const server = await testServer(greenMajor());
  const publisher = await testDatabase(server);
  const subscriber = await testDatabase(server);
  await publisher.query('create table t (n int primary key); create publication p for table t');
  await subscriber.query('create table t (n int primary key)');
  const [slot] = await publisher.query(
    `select slot_name from pg_create_logical_replication_slot('${publisher.name}', 'pgoutput')`,
  );
  expect(slot).toEqual({ slot_name: publisher.name });
  await subscriber.query(
    `create subscription s_${subscriber.name} connection '${publisher.url}' publication p with (create_slot = false, slot_name = '${publisher.name}')`,
  );
  await expect
    .poll(async () => publisher.query('select active from pg_replication_slots where slot_name = current_database()'))
    .toEqual([{ active: 't' }]);
  await publisher.query(`begin; insert into t values (1); prepare transaction '${publisher.name}'`);
  const bystander = new Client(publisher.url);
  const ended = new Promise((resolve) => void bystander.on('error', resolve));
  await bystander.connect();

  await publisher[Symbol.asyncDispose]();
  await subscriber[Symbol.asyncDispose]();

  await ended;
  await using witness = await testDatabase(server);
  const names = [publisher.name, subscriber.name];
  expect(await witness.query('select datname from pg_database where datname = any ($1)', [names])).toEqual([]);
  expect(await witness.query('select slot_name from pg_replication_slots where slot_name = any ($1)', [names])).toEqual(
    [],
  );
  expect(await witness.query('select gid from pg_prepared_xacts where gid = any ($1)', [names])).toEqual([]);
});

test('an own server survives a kill with what it had committed, and asks for its password', async () => {
  await using server = await ownServer(greenMajor(), { auth: 'scram-sha-256', superuserPassword: "it's /secret" });
  await using database = await testDatabase(server);
  await database.query('create table kept (n int); insert into kept values (42)');
  await server.kill9();
  expect(server.pid).toBeUndefined();
  await expect(database.query('select 1')).rejects.toThrow();
  await server.restart();
  expect(await database.query('select n from kept')).toEqual([{ n: '42' }]);
  const wrong = new URL(server.url);
  wrong.password = 'guess';
  await expect(new Client(wrong.href).connect()).rejects.toThrow('password authentication failed');
});
