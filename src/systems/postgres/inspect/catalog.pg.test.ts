import { describe, expect, test } from 'vitest';
import { monotonicMs } from '../../../kernel/clock.ts';
import { must } from '../../../kernel/assert.ts';
import { tableKey, type Catalog, type Table } from '../../../model/catalog.ts';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../../../test/support/postgres.ts';
import { connect } from '../connection.ts';
import { createIntrospector } from './introspector.ts';
import { richSchema } from './test-support/rich-schema.ts';

const majors = [...new Set([blueMajor(), greenMajor()])];

async function describeDatabase(database: TestDatabase): Promise<Catalog> {
  await using connection = await connect({ url: database.url, applicationName: 'teal-inspect' });
  return await createIntrospector(connection).describe();
}

function tableOf(catalog: Catalog, key: string): Table {
  return must(
    catalog.tables.find((table) => tableKey(table) === key),
    key,
  );
}

describe.each(majors)('describe, PostgreSQL %i', (major) => {
  test('tells apart everything of a rich schema', async () => {
    await using database = await testDatabase(major);
    await database.query(richSchema);
    const catalog = await describeDatabase(database);
    const table = (name: string): Table => tableOf(catalog, `app.${name}`);

    expect(catalog.tables.map(tableKey)).toEqual([
      'Odd "names.Table; drop',
      ...['booking', 'cache', 'child', 'customer', 'deferrable_key', 'event', 'event_2024', 'event_2025']
        .concat(['event_2025_a', 'full_identity', 'index_identity', 'lost_identity', 'no_key', 'nothing_identity'])
        .concat(['order', 'parent', 'quiet', 'refers', 'secret'])
        .map((name) => `app.${name}`),
    ]);
    expect(tableOf(catalog, 'Odd "names.Table; drop').columns.map(({ name }) => name)).toEqual(['a "b', 'c']);

    const customer = table('customer');
    expect(customer.columns.map(({ name, type, builtIn }) => [name, type, builtIn])).toEqual([
      ['id', 'bigint', true],
      ['email', 'app.email', false],
      ['mood', 'app.mood', false],
      ['moods', 'app.mood[]', false],
      ['place', 'app.point3', false],
      ['tags', 'app.hstore', false],
      ['kind', 'regclass', false],
      ['amount', 'numeric(12,2)', true],
      ['doubled', 'numeric', true],
      ['born', 'date', true],
      ['notes', 'text[]', true],
      ['span', 'int4range', true],
    ]);
    const columnNamed = (name: string): object =>
      must(
        customer.columns.find((column) => column.name === name),
        name,
      );
    expect(columnNamed('id')).toMatchObject({ identity: 'always', hasDefault: false, notNull: true, typeOid: 20 });
    expect(columnNamed('mood')).toMatchObject({ hasDefault: true, notNull: false });
    expect(columnNamed('doubled')).toMatchObject({ generated: 'stored', hasDefault: false });
    expect(customer.triggers).toEqual([
      { name: 'touch_always', fires: 'always' },
      { name: 'touch_off', fires: 'disabled' },
      { name: 'touch_origin', fires: 'origin' },
      { name: 'touch_replica', fires: 'replica' },
    ]);

    expect(table('order').uniqueKeys).toEqual([
      { index: 'order_pkey', columns: ['id'], partialOrExpression: false, deferrable: false, primary: true },
      {
        index: 'order_customer_id_id_key',
        columns: ['customer_id', 'id'],
        partialOrExpression: false,
        deferrable: true,
      },
      { index: 'order_lower', columns: [], partialOrExpression: true, deferrable: false },
      { index: 'order_recent', columns: ['customer_id'], partialOrExpression: true, deferrable: false },
    ]);
    expect(table('order').foreignKeys).toEqual([
      {
        name: 'order_customer_id_fkey',
        columns: ['customer_id'],
        references: { schema: 'app', name: 'customer' },
        referencedColumns: ['id'],
      },
    ]);
    expect(table('refers').foreignKeys.map(({ references }) => references.name)).toEqual(['event']);

    expect(table('cache').persistence).toBe('unlogged');
    expect(table('no_key').hasRules).toBe(true);
    expect(customer.hasRules).toBe(false);
    expect([table('secret'), table('quiet'), customer].map(({ rowSecurity }) => rowSecurity)).toEqual([
      'forced',
      'on',
      'off',
    ]);
    expect(table('booking').exclusionConstraints).toEqual(['booking_during_excl']);
    expect(table('child').inherits).toEqual([{ schema: 'app', name: 'parent' }]);
    expect(table('child').partitionOf).toBeUndefined();
    expect(table('event').kind).toBe('partitioned');
    expect(table('event_2025')).toMatchObject({ kind: 'partitioned', partitionOf: { schema: 'app', name: 'event' } });
    expect(table('event_2025_a').partitionOf).toEqual({ schema: 'app', name: 'event_2025' });
    expect(table('event_2025_a').inherits).toEqual([]);

    expect(table('no_key').estimatedRows).toBe(2000);
    expect(table('no_key').pages).toBeGreaterThan(5);
    expect(table('no_key').heapBytes).toBe(BigInt(table('no_key').pages) * 8192n);
    expect(table('no_key').totalBytes).toBeGreaterThan(table('no_key').heapBytes);
    expect(table('parent').estimatedRows).toBe(0);

    expect(catalog.views).toEqual([
      { schema: 'app', name: 'aa_view' },
      { schema: 'app', name: 'zz_view' },
    ]);
    expect(catalog.materializedViews).toEqual([
      { schema: 'app', name: 'b_totals', populated: true },
      { schema: 'app', name: 'a_summary', populated: false },
    ]);
    expect(catalog.extensions.map(({ name, schema }) => [name, schema])).toEqual([
      ['hstore', 'app'],
      ['plpgsql', 'pg_catalog'],
    ]);
    expect(catalog.sequences.map(({ name }) => name)).toEqual(['customer_id_seq', 'order_id_seq', 'ticket']);
    expect(catalog.sequences[0]?.ownedBy).toEqual({ table: { schema: 'app', name: 'customer' }, column: 'id' });
    expect(catalog.sequences[1]?.ownedBy).toEqual({ table: { schema: 'app', name: 'order' }, column: 'id' });
    expect(catalog.sequences[2]).toEqual({
      schema: 'app',
      name: 'ticket',
      type: 'smallint',
      increment: 5n,
      min: 5n,
      max: 1000n,
      cache: 3n,
      cycle: true,
    });
  });

  test('tells the replica identity as it works, not as it is set', async () => {
    await using database = await testDatabase(major);
    await database.query(richSchema);
    const catalog = await describeDatabase(database);
    const identity = (name: string): unknown => {
      const { replicaIdentity, replicaIdentitySetting } = tableOf(catalog, `app.${name}`);
      return [replicaIdentitySetting, replicaIdentity];
    };
    expect(identity('customer')).toEqual(['default', { kind: 'key', index: 'customer_pkey', columns: ['id'] }]);
    expect(identity('event_2024')).toEqual([
      'default',
      { kind: 'key', index: 'event_2024_pkey', columns: ['id', 'at'] },
    ]);
    expect(identity('no_key')).toEqual(['default', { kind: 'nothing' }]);
    expect(identity('full_identity')).toEqual(['full', { kind: 'full' }]);
    expect(identity('nothing_identity')).toEqual(['nothing', { kind: 'nothing' }]);
    expect(identity('index_identity')).toEqual(['index', { kind: 'key', index: 'index_identity_b', columns: ['b'] }]);
    expect(identity('deferrable_key')).toEqual(['default', { kind: 'nothing' }]);
    expect(identity('lost_identity')).toEqual(['index', { kind: 'nothing' }]);
    // The server agrees: with a deferrable key it refuses the application's own update once the table is published.
    await database.query(
      'insert into app.deferrable_key values (1); create publication p for table app.deferrable_key',
    );
    await expect(database.query('update app.deferrable_key set a = 2')).rejects.toThrow('replica identity');
  });

  test('reads 1,000 tables in one statement and well under a second', async () => {
    await using database = await testDatabase(major);
    await database.query(`do $$ begin for i in 1..1000 loop
      execute format('create table public.t%s (id bigserial primary key, a text unique, b int references public.t%s (id), c jsonb)',
        i, greatest(i - 1, 1)); end loop; end $$`);
    await using connection = await connect({ url: database.url, applicationName: 'teal-inspect' });
    let statements = 0;
    const counting: Parameters<typeof createIntrospector>[0] = {
      query: async (sql) => {
        statements += 1;
        return connection.query(sql);
      },
    };
    const began = monotonicMs();
    const catalog = await createIntrospector(counting).describe();
    expect(catalog.tables).toHaveLength(1000);
    expect(catalog.tables.every((table) => table.columns.length === 4 && table.uniqueKeys.length === 2)).toBe(true);
    expect(catalog.sequences).toHaveLength(1000);
    expect(statements).toBe(1);
    // Some 200 ms on an idle machine; the bound is only there to catch a query whose cost grows with the square of the tables.
    expect(monotonicMs() - began).toBeLessThan(20_000);
  });

  test('refuses a session that would leave schemas out of the names of types', async () => {
    await using database = await testDatabase(major);
    await using connection = await connect({
      url: database.url,
      applicationName: 'teal-inspect',
      extraOptions: { search_path: 'public' },
    });
    await expect(createIntrospector(connection).describe()).rejects.toMatchObject({ code: 'TEAL-SYSTEMS-301' });
  });
});

describe.each(majors)('identify, PostgreSQL %i', (major) => {
  test('gives the same identity through two addresses, and another for another database', async () => {
    await using one = await testDatabase(major);
    await using two = await testDatabase(major);
    const ask = async (url: string): Promise<unknown> => {
      await using connection = await connect({ url, applicationName: 'teal-inspect' });
      return await createIntrospector(connection).identify();
    };
    const first = await ask(one.url);
    expect(first).toMatchObject({
      kind: 'postgres',
      major,
      role: 'primary',
      timeline: 1,
      user: 'postgres',
      address: `127.0.0.1:${new URL(one.url).port}/${one.name}`,
      identity: { cluster: expect.stringMatching(/^\d{15,20}$/) as string },
    });
    expect(await ask(`${one.url}?application_name=other`)).toEqual(first);
    expect(await ask(two.url)).not.toMatchObject({ identity: (first as { identity: object }).identity });
  });

  test('has an identity even for a role that may not read the control file', async () => {
    await using database = await testDatabase(major);
    const role = `plain_${database.name}`;
    await database.query(`create role ${role} login;
      revoke execute on function pg_control_system() from public`);
    const url = new URL(database.url);
    url.username = role;
    try {
      await using connection = await connect({ url: url.href, applicationName: 'teal-inspect' });
      const identity = await createIntrospector(connection).identify();
      expect(identity.identity.cluster).toMatch(/^start-/);
      expect(await createIntrospector(connection).identify()).toEqual(identity);
    } finally {
      await database.query(`drop role ${role}`);
    }
  });
});
