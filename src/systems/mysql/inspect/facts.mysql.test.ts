import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../../test/support/mysql.ts';
import type { Fact } from '../../../model/facts.ts';
import type { MysqlFacts, MysqlIdentity } from '../../../model/mysql-facts.ts';
import { readCatalog } from './catalog.ts';
import { createIntrospector } from './introspector.ts';
import { startInspected, type Inspected } from './test-support/inspected.ts';

function valueOf<T>(fact: Fact<T>): T {
  if (!fact.known) throw new Error(`unknown: ${fact.why}`);
  return fact.value;
}

describe.for(allSeries)('facts, $series', ({ series, tested }) => {
  let inspected: Inspected;
  const isMysql = series.startsWith('mysql');
  beforeAll(async () => {
    if (!tested) return;
    inspected = await startInspected(series, { 'performance-schema': 'ON' });
    const any = (grant: string, user: string): string => `grant ${grant} to ${user}@'%'`;
    await inspected.run(
      `create user reader@'%'`,
      any('select on shop.*', 'reader'),
      any('select (id) on `Odd``Name`.far', 'reader'),
      `create user mover@'%'`,
      any('select, insert, update, delete, create, alter, drop, index, references, trigger, event on *.*', 'mover'),
      any('replication slave, replication client, reload, process on *.*', 'mover'),
      any(
        isMysql
          ? 'system_variables_admin, connection_admin, xa_recover_admin on *.*'
          : 'read_only admin, connection admin, slave monitor on *.*',
        'mover',
      ),
      `create user chief@'%'`,
      any(isMysql ? 'connection_admin on *.*' : 'read_only admin on *.*', 'chief'),
    );
  });
  afterAll(async () => inspected?.[Symbol.asyncDispose]());

  async function factsOf(user: string, database?: string): Promise<MysqlFacts> {
    await using connection = await inspected.open(user);
    return await createIntrospector(connection, { database }).facts();
  }

  test.skipIf(!tested)('an account with what Teal needs learns all that there is', async () => {
    await using busy = await inspected.open();
    await busy.query('begin');
    await busy.query('insert into shop.parent values (1, ?)', ['a']);
    await using prepared = await inspected.open();
    await prepared.query(`xa start 'one','two',7`);
    await prepared.query(`insert into shop.parent values (2, 'b')`);
    await prepared.query(`xa end 'one','two',7`);
    await prepared.query(`xa prepare 'one','two',7`);

    const facts = await factsOf('mover');
    expect(valueOf(facts.settings)).toMatchObject({
      log_bin: { value: 'ON' },
      binlog_format: { value: 'ROW' },
      binlog_row_image: { value: 'FULL' },
      binlog_row_metadata: { value: 'FULL' },
      read_only: { value: 'OFF' },
      server_id: { value: '1' },
      lower_case_table_names: { value: '0' },
    });
    // What the session of Teal sets for itself is not the server's.
    expect(valueOf(facts.settings)['sql_mode']?.value).not.toContain('STRICT_ALL_TABLES');
    const rights = valueOf(facts.rights);
    expect(rights).toEqual({
      user: 'mover@%',
      readLog: true,
      readPosition: true,
      flushTables: true,
      setReadOnly: true,
      writeWhileReadOnly: true,
      endSessions: true,
      seeSessions: true,
      seePrepared: true,
      seeAccounts: true,
      ownTealDatabase: true,
      triggersInTeal: true,
      triggersUntrusted: false,
      seesAllDatabases: true,
      tablesHidden: [],
      triggersHidden: [],
      eventsHidden: [],
      mayNotCreate: [],
      unreadable: [],
      unwritable: [],
    });
    expect(valueOf(facts.log)).toMatchObject({ file: 'binlog.000001', onlyDatabases: [], ignoredDatabases: [] });
    expect(valueOf(facts.log).position).toBeGreaterThan(1000n);
    expect(valueOf(facts.logBytesOnDisk)).toBeGreaterThan(1000n);
    expect(valueOf(facts.gtids)).toMatch(isMysql ? /^[0-9a-f-]{36}:1-\d+$/ : /^0-1-\d+$/);
    expect(valueOf(facts.upstreams)).toEqual([]);
    expect(valueOf(facts.logReaders)).toBe(0);
    expect(valueOf(facts.longTransactions)).toEqual([]);
    expect(valueOf(facts.connections)).toMatchObject({ total: 150 });
    expect(valueOf(facts.connections).used).toBeGreaterThanOrEqual(2);
    expect(valueOf(facts.databaseBytes)).toBeGreaterThan(100_000n);
    expect(valueOf(facts.hasTealSchema)).toBe(true);
    expect(valueOf(facts.preparedTransactions)).toHaveLength(1);
    // The id is one that the server takes.
    await prepared.close();
    await inspected.run(`xa rollback ${valueOf(facts.preparedTransactions)[0]?.gid}`);
    expect(valueOf(facts.writes).tables.find(({ name }) => name === 'no_key')?.inserted).toBe(500n);
    expect(valueOf(facts.passesReadOnly)).toContain('chief@%');
    expect(valueOf(facts.passesReadOnly).filter((name) => /^(mover|reader|mysql|mariadb\.)/.test(name))).toEqual([]);
    expect(valueOf(facts.accounts)).toContainEqual({
      name: 'reader@%',
      plugin: isMysql ? 'caching_sha2_password' : 'mysql_native_password',
      locked: false,
    });
    const defined = valueOf(facts.definedObjects).map(
      ({ kind, name, definer, enabled }) => `${kind} ${name} ${definer} ${enabled ?? '-'}`,
    );
    expect(new Set(defined)).toEqual(
      new Set([
        'event never root@localhost false',
        'event nightly root@localhost true',
        'function times root@localhost -',
        'procedure do_it root@localhost -',
        'trigger touch root@localhost -',
        'trigger touch_after root@localhost -',
        'view aa_view root@localhost -',
        'view zz_view root@localhost -',
      ]),
    );
    expect(facts.freeDiskBytes.known).toBe(false);
    await busy.query('rollback');
  });

  test.skipIf(!tested)('what an account may not see is unknown with a reason, never empty', async () => {
    const facts = await factsOf('reader');
    expect(valueOf(facts.rights)).toMatchObject({
      user: 'reader@%',
      readLog: false,
      readPosition: false,
      flushTables: false,
      setReadOnly: false,
      writeWhileReadOnly: false,
      seeSessions: false,
      seePrepared: !isMysql,
      seeAccounts: false,
      ownTealDatabase: false,
      triggersInTeal: false,
      triggersUntrusted: false,
      seesAllDatabases: false,
      tablesHidden: ['Odd`Name'],
      triggersHidden: ['Odd`Name', 'shop'],
      eventsHidden: ['Odd`Name', 'shop'],
      unreadable: [{ schema: 'Odd`Name', name: 'far' }],
    });
    expect(valueOf(facts.rights).unwritable.length).toBeGreaterThan(10);
    const hidden = ['log', 'logBytesOnDisk', 'upstreams', 'accounts', 'passesReadOnly', 'logReaders'] as const;
    for (const name of [...hidden, 'longTransactions', 'longStatements', 'hasTealSchema'] as const) {
      expect(facts[name], name).toMatchObject({ known: false, why: expect.stringMatching(/\w{4}/) as string });
    }
    expect(valueOf(facts.settings)).toMatchObject({ log_bin: { value: 'ON' } });
  });

  test.skipIf(!tested)('foreign keys keep their actions for an account that may only read', async () => {
    await using connection = await inspected.open('reader');
    const catalog = await readCatalog(connection, 'shop');
    const keys = catalog.tables.flatMap(({ foreignKeys }) => foreignKeys);
    expect(keys.find(({ name }) => name === 'fk_cascade')).toMatchObject({ onDelete: 'cascade', onUpdate: 'cascade' });
    expect(keys.find(({ name }) => name === 'fk_null')).toMatchObject({ onDelete: 'set null' });
    expect(keys).toHaveLength(5);
  });

  test.skipIf(!tested)('sees what has been open for long', async () => {
    await using busy = await inspected.open('chief');
    await inspected.run(`grant select, insert on shop.* to chief@'%'`);
    await busy.query('begin');
    await busy.query(`insert into shop.parent values (3, 'c')`);
    const slept = busy.query('do sleep(11)');
    await slept;
    const asked = factsOf('mover', 'shop');
    const [open] = valueOf((await asked).longTransactions);
    expect(open).toMatchObject({ user: 'chief', hasWritten: true, pid: busy.processId });
    expect(open?.ageSeconds).toBeGreaterThanOrEqual(10);
    expect(open?.ageSeconds).toBeLessThan(600);
    await busy.query('rollback');
  });

  test.skipIf(!tested)('says who it is, the same through every session, and whose database', async () => {
    const identityOf = async (user: string, database?: string): Promise<MysqlIdentity> => {
      await using connection = await inspected.open(user);
      return await createIntrospector(connection, { database }).identify();
    };
    const identity = await identityOf('root');
    expect(identity).toMatchObject({
      kind: isMysql ? 'mysql' : 'mariadb',
      major: Number(/\d+/.exec(series)?.[0]),
      role: 'primary',
      user: 'root@localhost',
      identity: { database: '*' },
    });
    expect(identity.version).toContain(`${identity.major}.${identity.minor}.`);
    const other = await identityOf('reader', 'shop');
    expect(other.identity).toEqual({ cluster: identity.identity.cluster, database: 'shop' });
    expect(identity.identity.cluster).toMatch(isMysql ? /^[0-9a-f-]{36}$/ : new RegExp(`:${inspected.server.port}:1$`));
  });

  test.skipIf(!tested)('a server with an upstream is a replica', async () => {
    const [set, reset] = isMysql
      ? [
          `change replication source to source_host = '127.0.0.1', source_port = 1, source_user = 'x'`,
          'reset replica all',
        ]
      : [`change master to master_host = '127.0.0.1', master_port = 1, master_user = 'x'`, 'reset slave all'];
    await inspected.run(set);
    await using connection = await inspected.open('mover');
    const introspector = createIntrospector(connection);
    expect((await introspector.identify()).role).toBe('replica');
    expect(valueOf((await introspector.facts()).upstreams)).toEqual([{ channel: '', running: false }]);
    await inspected.run(reset);
    expect((await introspector.identify()).role).toBe('primary');
  });
});
