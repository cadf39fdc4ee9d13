import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MysqlServer } from '../../../tools/servers/mysql.ts';
import { must } from '../../kernel/assert.ts';
import { waitFor } from '../../kernel/clock.ts';
import type { Side } from '../../model/catalog.ts';
import { BinlogDecoder } from '../../systems/mysql/change-decoder.ts';
import { connect, type MysqlConnection } from '../../systems/mysql/connection.ts';
import { mysqlSnapshotSource } from '../../systems/mysql/copy-source.ts';
import { mysqlCopyTarget } from '../../systems/mysql/copy-target.ts';
import { mysqlRepairer } from '../../systems/mysql/digest/repair.ts';
import { mysqlRowProbe } from '../../systems/mysql/digest/row-probe.ts';
import { mysqlSide } from '../../systems/mysql/digest/side.ts';
import { readCatalog } from '../../systems/mysql/inspect/catalog.ts';
import { createIntrospector } from '../../systems/mysql/inspect/introspector.ts';
import { KeptSession } from '../../systems/mysql/kept-session.ts';
import { lockHolder, lockName } from '../../systems/mysql/named-lock.ts';
import { quoteIdent } from '../../systems/mysql/quote.ts';
import { installPolling, pollsOf } from '../../systems/mysql/polling/poll.ts';
import { polledTables } from '../../systems/mysql/polling/step.ts';
import { mysqlSchemaDriver } from '../../systems/mysql/schema.ts';
import { mysqlSequences } from '../../systems/mysql/sequences.ts';
import { openMysqlSink } from '../../systems/mysql/sink/sink.ts';
import { mysqlSnapshotKeeper } from '../../systems/mysql/snapshot.ts';
import { takeSnapshot } from '../../systems/mysql/snapshot-sessions.ts';
import { openSourceProbe, readEndOfBinlog } from '../../systems/mysql/source-probe.ts';
import { mysqlSource } from '../../systems/mysql/source.ts';
import { installTealSchema } from '../../systems/mysql/teal-schema.ts';
import { RecordDecoder } from '../../systems/mysql/trigger-source/decoder.ts';
import { readerLock } from '../../systems/mysql/trigger-source/names.ts';
import { openTriggerProbe } from '../../systems/mysql/trigger-source/probe.ts';
import { installRecorder, recorderTables, removeRecorder } from '../../systems/mysql/trigger-source/recorder.ts';
import { triggerSource } from '../../systems/mysql/trigger-source/source.ts';
import { makeTick } from '../../systems/mysql/trigger-source/ticks.ts';
import { columnWriter } from '../../systems/mysql/values/to-sql.ts';
import type { CopyWorld, TakenSnapshot } from '../copy-contract.ts';
import type { SideWorld } from '../side-contract.ts';
import type { KeeperWorld } from '../keeper-contract.ts';
import type { IntrospectorWorld } from '../introspector-contract.ts';
import type { ClientDatabase, ClientWrite } from '../relational.ts';
import type { SchemaWorld } from '../schema-contract.ts';
import type { SequencesWorld } from '../sequences-contract.ts';
import type { SinkWorld } from '../sink-contract.ts';
import type { LogReader, SourceWorld } from '../source-contract.ts';
import { createSql, rowOf, rowsSql, writeSql, type SqlWords } from './sql-client.ts';

const words: SqlWords = {
  quoteIdent,
  literal: ({ holds }, text) => (holds === 'number' ? text : `_utf8mb4 x'${Buffer.from(text).toString('hex')}'`),
  typeOf: ({ holds }) => (holds === 'number' ? 'bigint' : 'varchar(200)'),
  // The collation says that more is equal than is the same.
  isSame: (column, literal) => `cast(${column} as binary) = cast(${literal} as binary)`,
  asText: (column) => `cast(${column} as char)`,
  ending: ' engine=InnoDB',
};

const schema = 'kit';

export function urlOf({ port }: MysqlServer): string {
  return `mysql://root@127.0.0.1:${port}/`;
}

export async function openSession(server: MysqlServer): Promise<MysqlConnection> {
  return connect({ url: urlOf(server), applicationName: 'teal test client' });
}

/** The server with one empty database in it and, where a side is named, with Teal's own. */
export async function openClients(
  server: MysqlServer,
  side?: Side,
): Promise<{ readonly clients: ClientDatabase; readonly session: MysqlConnection } & AsyncDisposable> {
  const session = await openSession(server);
  const wipe = async (): Promise<void> => {
    for (const database of [schema, 'teal']) await session.query(`drop database if exists ${database}`);
  };
  await wipe();
  await session.query(`create database ${schema} character set utf8mb4`);
  await session.query(`use ${schema}`);
  if (side !== undefined) await installTealSchema(session, side);
  return {
    session,
    clients: clientsOf(server, session),
    async [Symbol.asyncDispose]() {
      await wipe();
      await session.close();
    },
  };
}

function clientsOf(server: MysqlServer, session: MysqlConnection): ClientDatabase {
  const write = async (connection: MysqlConnection, ...changes: readonly ClientWrite[]): Promise<void> => {
    for (const sql of changes.flatMap((each) => writeSql(words, each))) await connection.query(sql);
  };
  return {
    schema,
    make: async (table) => void (await session.query(createSql(words, table))),
    async write(...changes) {
      await session.query('begin');
      await write(session, ...changes);
      await session.query('commit');
    },
    async begin(...changes) {
      const client = await openSession(server);
      await client.query(`use ${schema}`);
      await client.query('begin');
      await write(client, ...changes);
      const end = async (sql: string): Promise<void> => {
        await client.query(sql);
        await client.close();
      };
      return { commit: async () => end('commit'), rollBack: async () => end('rollback') };
    },
    rows: async (table) => (await session.query(rowsSql(words, table))).rows.map((found) => rowOf(found, table)),
  };
}

let readers = 0;

/** A reader of the log as it is from here on. */
export async function mysqlLog(server: MysqlServer, session: MysqlConnection): Promise<LogReader> {
  readers += 1;
  const url = urlOf(server);
  const first = await readEndOfBinlog(session);
  return {
    source: mysqlSource({ url, applicationName: `teal test stream ${process.pid} ${readers}` }),
    decoder: () => new BinlogDecoder({}),
    probe: openSourceProbe({
      url,
      applicationName: 'teal test probe',
      side: 'blue',
      firstPosition: async () => first,
    }),
  };
}

export async function mysqlSourceWorld(server: MysqlServer): Promise<SourceWorld> {
  const opened = await openClients(server, 'blue');
  const { session, clients } = opened;
  const log = await mysqlLog(server, session);
  return {
    ...log,
    database: clients,
    async cutOff() {
      const { rows } = await session.query(
        `select id from information_schema.processlist where command like 'Binlog Dump%'`,
      );
      for (const { id } of rows) await session.query(`kill ${id}`);
    },
    async [Symbol.asyncDispose]() {
      await log.probe[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
}

/** The same followed by triggers: a tick after each transaction of the contract, so that each comes by itself as a log would have it. */
export async function mysqlTriggerSourceWorld(server: MysqlServer): Promise<SourceWorld> {
  const opened = await openClients(server, 'blue');
  const { session, clients } = opened;
  const url = urlOf(server);
  await using recorder = await openSession(server);
  await removeRecorder(recorder);
  await installRecorder(recorder, recorderTables([]));
  const first = await makeTick(session);
  const applicationName = 'teal test recorded';
  const probe = openTriggerProbe({
    url,
    applicationName: 'teal test probe',
    side: 'blue',
    firstPosition: async () => first,
  });
  return {
    database: {
      ...clients,
      async make(table) {
        await clients.make(table);
        const { tables } = await readCatalog(session, schema);
        await installRecorder(session, recorderTables(tables));
      },
      async write(...changes) {
        await clients.write(...changes);
        await makeTick(session);
      },
      async begin(...changes) {
        const open = await clients.begin(...changes);
        return {
          async commit() {
            await open.commit();
            await makeTick(session);
          },
          rollBack: open.rollBack,
        };
      },
    },
    source: triggerSource({ url, applicationName, pollMs: 20, cleanPauseMs: 20 }),
    decoder: () => new RecordDecoder(),
    probe: {
      ...probe,
      async heartbeat() {
        await probe.heartbeat();
        await makeTick(session);
      },
      async mark() {
        const before = await probe.mark();
        await makeTick(session);
        return before;
      },
    },
    async cutOff() {
      const holder = await lockHolder(session, lockName(readerLock));
      if (holder !== undefined) await session.query(`kill ${holder}`);
    },
    async [Symbol.asyncDispose]() {
      await probe[Symbol.asyncDispose]();
      await removeRecorder(session);
      await opened[Symbol.asyncDispose]();
    },
  };
}

/** The same where tables are polled: every write of a client is followed by a poll, so that each is a transaction of the stream. */
export async function mysqlPolledSourceWorld(server: MysqlServer): Promise<SourceWorld> {
  const opened = await openClients(server, 'blue');
  const { session, clients } = opened;
  const url = urlOf(server);
  await removeRecorder(session);
  await installPolling(session, []);
  const first = await makeTick(session);
  const work = pollsOf(url);
  const pollNow = async (): Promise<void> => {
    await work(session);
    await makeTick(session);
  };
  const probe = openTriggerProbe({
    url,
    applicationName: 'teal test probe',
    side: 'blue',
    gather: work,
    firstPosition: async () => first,
  });
  return {
    database: {
      ...clients,
      async make(table) {
        await clients.make(table);
        await session.query(
          `alter table ${quoteIdent(table.name)} add column written timestamp(6) not null default current_timestamp(6) on update current_timestamp(6) invisible`,
        );
        const { tables } = await readCatalog(session, schema);
        await installPolling(session, polledTables(tables, { column: 'written', columns: {}, everyMs: 20 }));
      },
      async write(...changes) {
        await clients.write(...changes);
        await pollNow();
      },
      async begin(...changes) {
        const open = await clients.begin(...changes);
        return {
          async commit() {
            await open.commit();
            await pollNow();
          },
          rollBack: open.rollBack,
        };
      },
    },
    source: triggerSource({
      url,
      applicationName: 'teal test polled',
      pollMs: 20,
      cleanPauseMs: 20,
      gather: { everyMs: 20, work },
    }),
    decoder: () => new RecordDecoder({ carries: (_, column) => column !== 'written' }),
    probe: {
      ...probe,
      async mark() {
        const before = await probe.mark();
        await makeTick(session);
        return before;
      },
    },
    async cutOff() {
      const holder = await lockHolder(session, lockName(readerLock));
      if (holder !== undefined) await session.query(`kill ${holder}`);
    },
    async [Symbol.asyncDispose]() {
      await probe[Symbol.asyncDispose]();
      await removeRecorder(session);
      await opened[Symbol.asyncDispose]();
    },
  };
}

export async function mysqlSinkWorld(server: MysqlServer): Promise<SinkWorld> {
  const opened = await openClients(server, 'green');
  const { session, clients } = opened;
  const stream = 'kit_fwd';
  return {
    target: clients,
    open: async () => openMysqlSink({ url: urlOf(server), stream }),
    async cutOff() {
      await waitFor({ what: 'the session to be gone', timeoutMs: 60_000 }, async () => {
        const holder = await lockHolder(session, lockName('apply', stream));
        if (holder !== undefined) await session.query(`kill ${holder}`).catch(() => undefined);
        return holder === undefined || undefined;
      });
    },
    async controlRows(table, columns) {
      const list = columns.map((column, place) => `cast(${quoteIdent(column)} as char) as c${place}`).join(', ');
      const { rows } = await session.query(`select ${list} from teal.${quoteIdent(table)}`);
      return rows.map((row) => columns.map((_, place) => row[`c${place}`] ?? null));
    },
    [Symbol.asyncDispose]: async () => opened[Symbol.asyncDispose](),
  };
}

/** Two servers: databases have the same names on both sides. */
export type MysqlPair = Readonly<Record<Side, MysqlServer>>;

export async function mysqlCopyWorld(servers: MysqlPair): Promise<CopyWorld> {
  const [blue, green] = [await openClients(servers.blue, 'blue'), await openClients(servers.green, 'green')];
  const taken: TakenSnapshot[] = [];
  const url = urlOf(servers.blue);
  return {
    blue: blue.clients,
    green: green.clients,
    formats: ['text'],
    async describe(shapes) {
      const { tables } = await readCatalog(blue.session, schema);
      return shapes.map(({ name }) =>
        must(
          tables.find((table) => table.name === name),
          'a table',
          { name },
        ),
      );
    },
    async take(tables) {
      // How large a table is the server knows only when it has been told to look.
      for (const { name } of tables) await blue.session.query(`analyze table ${quoteIdent(name)}`);
      const sessions = await takeSnapshot(
        { url, applicationName: 'teal test holder', sessions: 3, tables },
        new AbortController().signal,
      );
      const snapshot: TakenSnapshot = {
        source: mysqlSnapshotSource({ url, sessions, stretchBytes: 4_096 }),
        letGo: async () => sessions[Symbol.asyncDispose](),
      };
      taken.push(snapshot);
      return snapshot;
    },
    openTarget: () => mysqlCopyTarget({ url: urlOf(servers.green), literals: columnWriter }),
    async [Symbol.asyncDispose]() {
      for (const snapshot of taken) await snapshot.letGo();
      for (const opened of [blue, green]) await opened[Symbol.asyncDispose]();
    },
  };
}

/** As sessions of this process hold it. */
export async function mysqlKeeperWorld(servers: MysqlPair): Promise<KeeperWorld> {
  const { take: _, ...world } = await mysqlCopyWorld(servers);
  const watcher = await openSession(servers.blue);
  const keepers: ReturnType<typeof mysqlSnapshotKeeper>[] = [];
  // Others are of this world: its clients, and sessions that the server has for itself.
  const before = new Set(await sessionsOf(watcher));
  const holders = async (): Promise<readonly string[]> => (await sessionsOf(watcher)).filter((id) => !before.has(id));
  return {
    ...world,
    async keeper(tables) {
      const keeper = mysqlSnapshotKeeper({ url: urlOf(servers.blue), tables, sessions: 2 });
      keepers.push(keeper);
      return keeper;
    },
    async lose(how) {
      const ids = (await holders()).slice(0, how === 'one' ? 1 : undefined);
      for (const id of ids) await watcher.query(`kill ${id}`);
      await waitFor({ what: 'holders to be gone', timeoutMs: 60_000 }, async () => {
        const left = new Set(await holders());
        return ids.every((id) => !left.has(id)) || undefined;
      });
    },
    patienceMs: 60_000,
    async [Symbol.asyncDispose]() {
      for (const keeper of keepers) await keeper[Symbol.asyncDispose]();
      await watcher.close();
      await world[Symbol.asyncDispose]();
    },
  };
}

async function sessionsOf(session: MysqlConnection): Promise<readonly string[]> {
  const { rows } = await session.query(`select id as id from information_schema.processlist where user = 'root'`);
  return rows.flatMap(({ id }) => id ?? []);
}

export async function mysqlSideWorld(server: MysqlServer): Promise<SideWorld> {
  const opened = await openClients(server, 'blue');
  const { clients, session } = opened;
  const url = urlOf(server);
  const log = await mysqlLog(server, session);
  const probing = await connect({ url, applicationName: 'teal test' });
  return {
    database: clients,
    log,
    rowProbe: mysqlRowProbe(probing),
    access: mysqlSide({ side: 'blue', url, readCatalog: async (connection) => readCatalog(connection, schema) }),
    repairer: mysqlRepairer({ url, columns: columnWriter }),
    async runScript(lines) {
      await using person = await openSession(server);
      for (const line of lines) await person.query(line);
    },
    async [Symbol.asyncDispose]() {
      await probing.close();
      await log.probe[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
}

export async function mysqlSequencesWorld(servers: MysqlPair): Promise<SequencesWorld> {
  const sides = { blue: await openClients(servers.blue), green: await openClients(servers.green) };
  const tables = ['plain', 'wide'];
  const others = servers.blue.flavour === 'mariadb' ? ['up', 'down'] : [];
  for (const { session } of Object.values(sides)) {
    await session.query('create table plain (id int auto_increment primary key, v int) engine=InnoDB');
    await session.query('create table wide (id bigint unsigned auto_increment primary key, v int) engine=InnoDB');
    if (others.length === 0) continue;
    await session.query('create sequence up cache 10');
    await session.query('create sequence down increment -2 minvalue -100000 maxvalue -1 start -1 nocache');
  }
  const next = async (session: MysqlConnection, name: string): Promise<bigint> => {
    if (tables.includes(name)) await session.query(`insert into ${schema}.${name} (v) values (1)`);
    const { rows } = await session.query(
      tables.includes(name) ? 'select last_insert_id() as value' : `select nextval(${schema}.${name}) as value`,
    );
    return BigInt(must(rows[0]?.['value'], 'a number'));
  };
  const session = (side: Side): KeptSession =>
    new KeptSession({ url: urlOf(servers[side]), applicationName: 'teal test' });
  const sessions = { blue: session('blue'), green: session('green') };
  const headroom = 100;
  return {
    headroom,
    sequences: mysqlSequences(sessions, headroom),
    generators: [...tables, ...others],
    next: async (side, name) => next(sides[side].session, name),
    async nextForNewcomer(side, name) {
      await using client = await openSession(servers[side]);
      return await next(client, name);
    },
    async nextInVain(side, name) {
      const { session: client } = sides[side];
      await client.query('begin');
      const value = await next(client, name);
      await client.query('rollback');
      return value;
    },
    async [Symbol.asyncDispose]() {
      for (const each of Object.values(sessions)) await each[Symbol.asyncDispose]();
      for (const opened of Object.values(sides)) await opened[Symbol.asyncDispose]();
    },
  };
}

/** Tables as the server spells them out, without how far their numbers have come. */
async function spelled(session: MysqlConnection): Promise<readonly string[]> {
  const { rows } = await session.query(
    `select table_name as name from information_schema.tables where table_schema = '${schema}' order by 1`,
  );
  const texts: string[] = [];
  for (const { name } of rows) {
    const shown = await session.query(`show create table ${quoteIdent(schema)}.${quoteIdent(name ?? '')}`);
    texts.push((shown.rows[0]?.['Create Table'] ?? '').replace(/ AUTO_INCREMENT=\d+/g, ''));
  }
  return texts;
}

export async function mysqlIntrospectorWorld(server: MysqlServer): Promise<IntrospectorWorld> {
  const opened = await openClients(server, 'blue');
  const sessions = [await openSession(server)];
  return {
    database: opened.clients,
    introspector: createIntrospector(must(sessions[0], 'a session'), { database: schema }),
    async another() {
      const session = await openSession(server);
      sessions.push(session);
      return createIntrospector(session, { database: schema });
    },
    look: async () => [await spelled(opened.session), (await opened.session.query('select * from keyed')).rows],
    async [Symbol.asyncDispose]() {
      for (const session of sessions) await session.close();
      await opened[Symbol.asyncDispose]();
    },
  };
}

export async function mysqlSchemaWorld(servers: MysqlPair): Promise<SchemaWorld> {
  const [blue, green] = [await openClients(servers.blue), await openClients(servers.green, 'green')];
  const stateDir = await mkdtemp(join(tmpdir(), 'teal-kit-'));
  // The driver makes the database, where it is not there.
  const options = { sourceUrl: `${urlOf(servers.blue)}${schema}`, targetUrl: urlOf(servers.green), stateDir };
  return {
    blue: blue.clients,
    green: green.clients,
    driver: () => mysqlSchemaDriver(options),
    refer: async (from, to) =>
      void (await blue.session.query(
        `alter table ${quoteIdent(from.name)} add column parent bigint, add foreign key (parent) references ${quoteIdent(to.name)} (id)`,
      )),
    look: async (side) => spelled(side === blue.clients ? blue.session : green.session),
    async [Symbol.asyncDispose]() {
      await rm(stateDir, { recursive: true, force: true });
      for (const opened of [blue, green]) await opened[Symbol.asyncDispose]();
    },
  };
}
