import { describe, expect, test } from 'vitest';
import { must } from '../../../kernel/assert.ts';
import { waitFor } from '../../../kernel/clock.ts';
import type { Fact, SystemFacts } from '../../../model/facts.ts';
import { blueMajor, greenMajor, ownServer, testDatabase } from '../../../../test/support/postgres.ts';
import { connect } from '../connection.ts';
import { createIntrospector } from './introspector.ts';
import { richSchema } from './test-support/rich-schema.ts';

const majors = [...new Set([blueMajor(), greenMajor()])];

async function readFacts(url: string): Promise<SystemFacts> {
  await using connection = await connect({ url, applicationName: 'teal-inspect' });
  return await createIntrospector(connection).facts();
}

function valueOf<T>(fact: Fact<T>): T {
  if (!fact.known) throw new Error(`unknown: ${fact.why}`);
  return fact.value;
}

function asUser(url: string, user: string): string {
  const other = new URL(url);
  other.username = user;
  return other.href;
}

function shown(facts: SystemFacts): string {
  return JSON.stringify(facts, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

describe.each(majors)('facts, PostgreSQL %i', (major) => {
  test('a superuser learns all that there is', async () => {
    await using database = await testDatabase(major);
    const { name } = database;
    await database.query(richSchema);
    await database.query(`
      select lo_create(0), lo_from_bytea(0, 'abc');
      create publication everything for all tables;
      create function app.tell() returns void language sql as 'select pg_notify(''a'', ''b'')';
      create function app.no_ddl() returns event_trigger language plpgsql as 'begin end';
      create event trigger watch on ddl_command_end execute function app.no_ddl();
      create extension postgres_fdw schema app;
      create server erp foreign data wrapper postgres_fdw;
      create user mapping for current_user server erp options (user 'u', password 'hunter2');
      create foreign table app.far (a int) server erp;
      alter default privileges in schema app grant select on tables to public;
      alter database ${name} set default_transaction_read_only = on;
      alter database ${name} set app.api_key = 'hunter2';
      alter database ${name} set search_path = app, public;
      select setval('app.order_id_seq', 41)`);
    await database.query(`select pg_create_logical_replication_slot('${name}', 'pgoutput')`);
    await database.query(`select pg_advisory_lock(1)`);
    const other = await database.connect();
    await other.query('set default_transaction_read_only = off');
    await other.query(`begin; insert into app.parent values (9); prepare transaction '${name}'`);

    const facts = await readFacts(database.url);
    expect(valueOf(facts.settings)).toMatchObject({
      wal_level: { value: 'logical' },
      max_slot_wal_keep_size: { value: '-1', unit: 'MB' },
      // The session sets it to UTC for itself: this is what the server's file says.
      TimeZone: { value: 'UTC' },
      statement_timeout: { value: '0' },
      search_path: { value: '"$user", public' },
      default_transaction_read_only: { value: 'off' },
    });
    const { locks, slots } = valueOf(facts.capacity);
    expect(locks.total).toBe(locks.perTransaction * locks.holders);
    expect(slots.used).toBeGreaterThanOrEqual(1);
    expect(valueOf(facts.rights)).toEqual({
      user: 'postgres',
      superuser: true,
      replication: true,
      createRole: true,
      bypassRowSecurity: true,
      createInDatabase: true,
      ownsDatabase: true,
      setReplicationRole: true,
      createEventTriggers: true,
      readPasswords: true,
      useOrigins: true,
      readAllStatistics: true,
      identifyCluster: true,
      owners: expect.any(Array) as string[],
      actsAs: expect.arrayContaining(['postgres']) as string[],
      unreadable: [],
      notOwned: [],
      filtered: [],
    });
    expect(valueOf(facts.encoding)).toMatchObject({ encoding: 'UTF8', collate: 'C', provider: 'libc' });
    expect(valueOf(facts.databaseBytes)).toBeGreaterThan(1_000_000n);
    expect(valueOf(facts.systemTypes)).toEqual(
      expect.arrayContaining(['bigint', 'character varying', 'money', '"char"']),
    );
    expect(valueOf(facts.availableExtensions).map((one) => one.name)).toEqual(
      expect.arrayContaining(['hstore', 'plpgsql']),
    );
    expect(valueOf(facts.roles).find((role) => role.name === 'postgres')).toMatchObject({
      superuser: true,
      login: true,
    });
    expect(valueOf(facts.sessionDefaults)).toEqual([
      { database: name, name: 'app.api_key' },
      { database: name, name: 'default_transaction_read_only', value: 'on' },
      { database: name, name: 'search_path', value: 'app, public' },
    ]);
    expect(valueOf(facts.defaultPrivileges)).toEqual([
      { role: 'postgres', schema: 'app', objects: 'tables', acl: '=r/postgres' },
    ]);
    expect(valueOf(facts.sequencePositions)).toEqual([
      { schema: 'app', name: 'customer_id_seq' },
      { schema: 'app', name: 'order_id_seq', lastValue: 41n },
      { schema: 'app', name: 'ticket' },
    ]);
    expect(valueOf(facts.largeObjects).count).toBe(2n);
    expect(valueOf(facts.publications)).toEqual([{ name: 'everything', allTables: true }]);
    expect(valueOf(facts.subscriptions)).toEqual([]);
    expect(valueOf(facts.slots).find((slot) => slot.name === name)).toMatchObject({
      kind: 'logical',
      database: name,
      active: false,
      temporary: false,
    });
    expect(valueOf(facts.eventTriggers)).toEqual([{ name: 'watch', event: 'ddl_command_end', enabled: true }]);
    expect(valueOf(facts.jobs)).toEqual([]);
    expect(valueOf(facts.foreignServers)).toEqual([{ name: 'erp', wrapper: 'postgres_fdw', userMappings: 1 }]);
    expect(valueOf(facts.foreignTables)).toEqual([{ schema: 'app', name: 'far' }]);
    expect(valueOf(facts.preparedTransactions)).toMatchObject([{ gid: name, owner: 'postgres' }]);
    expect(valueOf(facts.longTransactions).every(({ ageSeconds }) => ageSeconds >= 10)).toBe(true);
    expect(valueOf(facts.tablespaces)).toEqual([]);
    expect(valueOf(facts.walBytesOnDisk)).toBeGreaterThanOrEqual(16_777_216n);
    expect(facts.freeDiskBytes.known).toBe(false);
    expect(valueOf(facts.stateOutsideTables)).toEqual({
      advisoryLocks: 1,
      temporaryTables: expect.any(Number) as number,
      functions: [{ sign: 'NOTIFY', names: ['app.tell'] }],
    });
    expect(valueOf(facts.otherObjects)).toEqual({ schemas: ['Odd "names', 'app'], functions: 3, types: 3 });
    expect(valueOf(facts.hasTealSchema)).toBe(true);
    expect(shown(facts)).not.toContain('hunter2');
  });

  test('counts the writes of each table', async () => {
    await using database = await testDatabase(major);
    const writer = await database.connect();
    await writer.query(`create table t (id int primary key); create table quiet (id int);
      insert into t values (1), (2); update t set id = 3 where id = 1; delete from t where id = 2`);
    // A session tells its counts now and then, and at its end; before 15 they arrive some time after that.
    await writer.end();
    const writes = await waitFor({ what: 'the counters', timeoutMs: 60_000, everyMs: 200 }, async () => {
      const { tables } = valueOf((await readFacts(database.url)).writes);
      return tables.length > 0 ? tables : undefined;
    });
    expect(writes).toEqual([{ schema: 'public', name: 't', inserted: 2n, updated: 1n, deleted: 1n }]);
  });

  test('an empty database has nothing of its own', async () => {
    await using database = await testDatabase(major);
    const facts = await readFacts(database.url);
    expect(valueOf(facts.otherObjects)).toEqual({ schemas: [], functions: 0, types: 0 });
    expect(valueOf(facts.hasTealSchema)).toBe(false);
    expect(valueOf(facts.writes).tables).toEqual([]);
    expect(valueOf(facts.largeObjects).count).toBe(0n);
  });

  test('a role without rights is told which it lacks, and what it cannot know', async () => {
    await using database = await testDatabase(major);
    const role = `plain_${database.name}`;
    await database.query(`create role ${role} login; create schema shop; grant usage on schema shop to ${role};
      create table shop.mine (a int); alter table shop.mine owner to ${role};
      create table shop.readable (a int); grant select on shop.readable to ${role};
      create table shop.closed (a int);
      create table shop.filtered (a int); grant select on shop.filtered to ${role};
      insert into shop.filtered values (1);
      alter table shop.filtered enable row level security;
      create table shop.own_filtered (a int); alter table shop.own_filtered owner to ${role};
      alter table shop.own_filtered enable row level security;
      create table shop.forced (a int); alter table shop.forced owner to ${role};
      alter table shop.forced enable row level security; alter table shop.forced force row level security;
      create schema hidden; create table hidden.away (a int); grant select on hidden.away to ${role}`);
    try {
      const facts = await readFacts(asUser(database.url, role));
      const table = (schema: string, name: string): object => ({ schema, name });
      const rights = valueOf(facts.rights);
      expect(rights).toEqual({
        user: role,
        superuser: false,
        replication: false,
        createRole: false,
        bypassRowSecurity: false,
        createInDatabase: false,
        ownsDatabase: false,
        setReplicationRole: false,
        createEventTriggers: false,
        readPasswords: false,
        useOrigins: false,
        readAllStatistics: false,
        identifyCluster: true,
        owners: [role],
        actsAs: [role],
        unreadable: [table('hidden', 'away'), table('shop', 'closed')],
        notOwned: [
          { schema: 'hidden', name: 'away', owner: 'postgres' },
          { schema: 'shop', name: 'closed', owner: 'postgres' },
          { schema: 'shop', name: 'filtered', owner: 'postgres' },
          { schema: 'shop', name: 'readable', owner: 'postgres' },
        ],
        filtered: [table('shop', 'filtered'), table('shop', 'forced')],
      });
      // What the fact says is so: the row is there, and the role sees none, without an error.
      await using connection = await connect({ url: asUser(database.url, role), applicationName: 'teal-inspect' });
      expect((await connection.query('select a from shop.filtered')).rows).toEqual([]);

      expect(facts.walBytesOnDisk).toMatchObject({
        known: false,
        why: expect.stringContaining('permission denied') as string,
      });
      expect(facts.longTransactions).toMatchObject({ known: false });
      const settings = valueOf(facts.settings);
      expect(settings['wal_level']).toEqual({ value: 'logical' });
      expect(
        must(settings['statement_timeout'], 'setting'),
        'hidden by the session, and the files are not readable',
      ).toEqual({});
      expect(valueOf(facts.preparedTransactions)).toEqual([]);
    } finally {
      await database.query(`drop owned by ${role}; drop role ${role}`);
    }
  });

  test('sees a transaction of another session that has written, and never its text', async () => {
    // On a server of its own: an open transaction would hold up the slots of other tests.
    await using server = await ownServer(major);
    await using database = await testDatabase(server);
    await database.query('create table t (a text)');
    const writer = await database.connect();
    await writer.query(`set application_name = 'report'; begin; insert into t values ('hunter2')`);
    await using connection = await connect({ url: database.url, applicationName: 'teal-inspect' });
    // Nothing but time makes a transaction old; the clock that counts is the server's.
    await connection.query('select pg_sleep(10.5)');
    const facts = await createIntrospector(connection).facts();
    const found = valueOf(facts.longTransactions).find(({ applicationName }) => applicationName === 'report');
    expect(found).toMatchObject({ user: 'postgres', state: 'idle in transaction', hasWritten: true });
    expect(shown(facts)).not.toContain('hunter2');
  });
});
