import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holderCommand } from '../../../test/copy/sides.ts';
import { testDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { pgTools } from '../../../tools/servers/pg-tools.ts';
import { must } from '../../kernel/assert.ts';
import { waitFor } from '../../kernel/clock.ts';
import { isProcessThere } from '../../kernel/process-there.ts';
import { tableKey, type Side, type TableName } from '../../model/catalog.ts';
import type { ChangeDecoder } from '../../ports/change-source.ts';
import { PgoutputDecoder } from '../../systems/postgres/change-decoder.ts';
import { connect } from '../../systems/postgres/connection.ts';
import { postgresSnapshotSource } from '../../systems/postgres/copy-source.ts';
import { postgresCopyTarget } from '../../systems/postgres/copy-target.ts';
import { postgresRepairer } from '../../systems/postgres/digest/repair.ts';
import { postgresRowProbe } from '../../systems/postgres/digest/row-probe.ts';
import { postgresSide } from '../../systems/postgres/digest/side.ts';
import { beginOn, showsSql } from '../../systems/postgres/exported-snapshot.ts';
import { holderFile, holderNumbers, readHolderRecord } from '../../systems/postgres/holder-file.ts';
import { readCatalog } from '../../systems/postgres/inspect/catalog.ts';
import { createIntrospector } from '../../systems/postgres/inspect/introspector.ts';
import { KeptSession } from '../../systems/postgres/kept-session.ts';
import { quoteIdent, quoteLiteral } from '../../systems/postgres/quote.ts';
import { installPolling, poll, removePolling } from '../../systems/postgres/polling/poll.ts';
import { postgresSchemaDriver } from '../../systems/postgres/schema.ts';
import { postgresSequences } from '../../systems/postgres/sequences.ts';
import { openPostgresSink } from '../../systems/postgres/sink/sink.ts';
import { createSlot } from '../../systems/postgres/slot.ts';
import { discardSnapshot, snapshotKeeper } from '../../systems/postgres/snapshot.ts';
import { openSourceProbe } from '../../systems/postgres/source-probe.ts';
import { postgresSource } from '../../systems/postgres/source.ts';
import { installTealSchema, publishedTealTables } from '../../systems/postgres/teal-schema.ts';
import { openTriggerProbe } from '../../systems/postgres/trigger-source/probe.ts';
import { installRecorder } from '../../systems/postgres/trigger-source/recorder.ts';
import { triggerSource } from '../../systems/postgres/trigger-source/source.ts';
import type { CopyWorld, TakenSnapshot } from '../copy-contract.ts';
import type { SideWorld } from '../side-contract.ts';
import type { KeeperWorld } from '../keeper-contract.ts';
import type { IntrospectorWorld } from '../introspector-contract.ts';
import type { ClientDatabase, TableShape } from '../relational.ts';
import type { SchemaWorld } from '../schema-contract.ts';
import type { SequencesWorld } from '../sequences-contract.ts';
import type { SinkWorld } from '../sink-contract.ts';
import type { LogReader, SourceWorld } from '../source-contract.ts';
import { createSql, rowOf, rowsSql, writeSql, type SqlWords } from './sql-client.ts';

type Major = TestDatabase['major'];

const words: SqlWords = {
  quoteIdent,
  literal: ({ holds }, text) => (holds === 'number' ? `'${text}'::int8` : quoteLiteral(text)),
  typeOf: ({ holds }) => (holds === 'number' ? 'bigint' : 'text'),
  isSame: (column, literal) => `${column} = ${literal}`,
  asText: (column) => `${column}::text`,
  ending: '',
};

export function postgresClients(database: TestDatabase): ClientDatabase {
  return {
    schema: 'public',
    async make(table: TableShape) {
      const whole = table.key.length === 0 ? `; alter table ${quoteIdent(table.name)} replica identity full` : '';
      await database.query(`${createSql(words, table)}${whole}`);
    },
    async write(...changes) {
      await database.query(['begin', ...changes.flatMap((each) => writeSql(words, each)), 'commit'].join('; '));
    },
    async begin(...changes) {
      const client = await database.connect();
      await client.query(['begin', ...changes.flatMap((each) => writeSql(words, each))].join('; '));
      const end = async (sql: string): Promise<void> => {
        await client.query(sql);
        await client.end();
      };
      return { commit: async () => end('commit'), rollBack: async () => end('rollback') };
    },
    rows: async (table) => (await database.query(rowsSql(words, table))).map((found) => rowOf(found, table)),
  };
}

export async function withTealSchema(database: TestDatabase, side: Side): Promise<void> {
  await using connection = await connect({ url: database.url, applicationName: 'teal test' });
  await installTealSchema(connection, side);
}

/** With a publication of all tables and a slot that begins here. */
export async function postgresLog(database: TestDatabase): Promise<LogReader> {
  const [slot, publication] = [`${database.name}_fwd`, 'teal_kit'];
  await withTealSchema(database, 'blue');
  await database.query(`create publication ${publication} for all tables`);
  await using session = await connect({ url: database.url, applicationName: 'teal test', replication: 'database' });
  await createSlot(session, slot, { lockTimeoutMs: 60_000, snapshot: 'nothing' });
  const { url } = database;
  return {
    source: postgresSource({ url, applicationName: 'teal test stream', slot, publication, statusIntervalMs: 100 }),
    decoder: () => new PgoutputDecoder(),
    probe: openSourceProbe({ url, applicationName: 'teal test probe', slot, publication, side: 'blue' }),
  };
}

export async function postgresSourceWorld(major: Major): Promise<SourceWorld> {
  const database = await testDatabase(major);
  const log = await postgresLog(database);
  return {
    ...log,
    database: postgresClients(database),
    async cutOff() {
      await database.query(
        `select pg_terminate_backend(active_pid) from pg_replication_slots where active and database = current_database()`,
      );
    },
    async [Symbol.asyncDispose]() {
      await log.probe[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

const controls = publishedTealTables.map((name) => ({ schema: 'teal', name }));

/** The same for a server whose log may not be read. */
export async function triggerSourceWorld(major: Major): Promise<SourceWorld> {
  const database = await testDatabase(major);
  const { url } = database;
  await withTealSchema(database, 'blue');
  const record = async (tables: readonly TableName[]): Promise<void> => {
    await using connection = await connect({ url, applicationName: 'teal test recorder' });
    await installRecorder(connection, [...tables]);
  };
  await record(controls);
  const clients = postgresClients(database);
  const applicationName = 'teal test stream';
  const probe = openTriggerProbe({ url, applicationName: 'teal test probe', side: 'blue' });
  return {
    database: {
      ...clients,
      async make(table) {
        await clients.make(table);
        await record([{ schema: clients.schema, name: table.name }]);
      },
    },
    source: triggerSource({ url, applicationName, pollMs: 20, cleanPauseMs: 50 }),
    decoder: () => new PgoutputDecoder(),
    probe,
    async cutOff() {
      await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and datname = current_database()`,
        [applicationName],
      );
    },
    async [Symbol.asyncDispose]() {
      await probe[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** The same where tables are polled: every write of a client is followed by a poll, so that each is a transaction of the stream. */
export async function polledSourceWorld(major: Major): Promise<SourceWorld> {
  const database = await testDatabase(major);
  const { url } = database;
  await withTealSchema(database, 'blue');
  const poller = await connect({ url, applicationName: 'teal test poller' });
  await installRecorder(poller, controls);
  await installPolling(poller, []);
  await database.query(
    `create function written() returns trigger language plpgsql as $$ begin new.written := clock_timestamp(); return new; end $$`,
  );
  const clients = postgresClients(database);
  const applicationName = 'teal test stream';
  const probe = openTriggerProbe({
    url,
    applicationName: 'teal test probe',
    side: 'blue',
    gather: poll,
    remove: removePolling,
  });
  return {
    database: {
      ...clients,
      async make(table) {
        await clients.make(table);
        const name = quoteIdent(table.name);
        await database.query(
          `alter table ${name} add column written timestamptz not null default clock_timestamp();
           create trigger written before update on ${name} for each row execute function written()`,
        );
        await installPolling(poller, [{ schema: clients.schema, name: table.name, column: 'written' }]);
      },
      async write(...changes) {
        await clients.write(...changes);
        await poll(poller);
      },
      async begin(...changes) {
        const open = await clients.begin(...changes);
        return {
          ...open,
          async commit() {
            await open.commit();
            await poll(poller);
          },
        };
      },
    },
    source: triggerSource({ url, applicationName, pollMs: 20, cleanPauseMs: 50, gather: { everyMs: 20, work: poll } }),
    decoder: withoutLastColumn,
    probe,
    async cutOff() {
      await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and datname = current_database()`,
        [applicationName],
      );
    },
    async [Symbol.asyncDispose]() {
      await poller.close();
      await probe[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Rows as the contract's tables have them. */
function withoutLastColumn(): ChangeDecoder {
  const decoder = new PgoutputDecoder();
  return {
    decode(payload) {
      const event = decoder.decode(payload);
      if (event?.kind !== 'put') return event;
      return { ...event, row: event.row.only(event.relation.columns.slice(1).map((_, place) => place)) };
    },
  };
}

export async function postgresSinkWorld(major: Major): Promise<SinkWorld> {
  const database = await testDatabase(major);
  await withTealSchema(database, 'green');
  const stream = `${database.name}_fwd`;
  const cutOff = async (): Promise<void> => {
    await waitFor({ what: 'the session to be gone', timeoutMs: 60_000 }, async () => {
      const ended = await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1`,
        [`teal apply ${stream}`.slice(0, 63)],
      );
      return ended.length === 0 || undefined;
    });
  };
  return {
    target: postgresClients(database),
    open: async () => openPostgresSink({ url: database.url, stream }),
    cutOff,
    async controlRows(table, columns) {
      const list = columns.map((column, place) => `${quoteIdent(column)}::text as c${place}`).join(', ');
      const found = await database.query(`select ${list} from teal.${quoteIdent(table)}`);
      return found.map((row) => columns.map((_, place) => row[`c${place}`] ?? null));
    },
    async [Symbol.asyncDispose]() {
      // An origin is the whole server's, and cannot go while a session that ends has it.
      await cutOff();
      await database.query('select pg_replication_origin_drop(roname) from pg_replication_origin where roname = $1', [
        `teal_${stream}`,
      ]);
      await database[Symbol.asyncDispose]();
    },
  };
}

export async function postgresCopyWorld(blueMajor: Major, greenMajor: Major): Promise<CopyWorld> {
  const [blue, green] = [await testDatabase(blueMajor), await testDatabase(greenMajor)];
  await withTealSchema(green, 'green');
  return copyWorldOf(blue, green);
}

function copyWorldOf(blue: TestDatabase, green: TestDatabase): CopyWorld {
  const taken: TakenSnapshot[] = [];
  return {
    blue: postgresClients(blue),
    green: postgresClients(green),
    formats: ['binary', 'text'],
    async describe(shapes) {
      await using connection = await connect({ url: blue.url, applicationName: 'teal test' });
      const { tables } = await readCatalog(connection);
      const found = new Map(tables.map((table) => [tableKey(table), table]));
      return shapes.map(({ name }) => must(found.get(tableKey({ schema: 'public', name })), 'a table', { name }));
    },
    async take(tables) {
      const snapshot = await takeSnapshot(blue, tables);
      taken.push(snapshot);
      return snapshot;
    },
    openTarget: () => postgresCopyTarget(green.url),
    async [Symbol.asyncDispose]() {
      for (const snapshot of taken) await snapshot.letGo();
      for (const database of [blue, green]) await database[Symbol.asyncDispose]();
    },
  };
}

/** As processes of their own hold it, beside the slot of a stream. */
export async function postgresKeeperWorld(blueMajor: Major, greenMajor: Major): Promise<KeeperWorld> {
  const [blue, green] = [await testDatabase(blueMajor), await testDatabase(greenMajor)];
  const { take: _, ...world } = copyWorldOf(blue, green);
  await withTealSchema(green, 'green');
  const stateDir = await mkdtemp(join(tmpdir(), 'teal-kit-'));
  const slot = `${blue.name}_fwd`;
  const options = { url: blue.url, stateDir, slot, command: holderCommand };
  {
    await using session = await connect({ url: blue.url, applicationName: 'teal test', replication: 'database' });
    await createSlot(session, slot, { lockTimeoutMs: 60_000, snapshot: 'nothing' });
  }
  return {
    ...world,
    keeper: async (tables) => snapshotKeeper({ ...options, tables }),
    async lose(how) {
      const numbers = how === 'one' ? holderNumbers.slice(0, 1) : holderNumbers;
      for (const number of numbers) {
        const record = await readHolderRecord(holderFile(stateDir, number));
        if (record === undefined) continue;
        process.kill(record.pid, 'SIGKILL');
        await waitFor(
          { what: 'a holder to be gone', timeoutMs: 60_000 },
          () => !isProcessThere(record.pid) || undefined,
        );
      }
    },
    patienceMs: 60_000,
    async [Symbol.asyncDispose]() {
      await discardSnapshot(options, new AbortController().signal);
      await rm(stateDir, { recursive: true, force: true });
      await world[Symbol.asyncDispose]();
    },
  };
}

/** Held by the session that made the slot, as the holders of a copy do for longer. */
async function takeSnapshot({ url }: TestDatabase, tables: Parameters<CopyWorld['take']>[0]): Promise<TakenSnapshot> {
  const holder = await connect({ url, applicationName: 'teal test holder', replication: 'database' });
  const slot = await createSlot(holder, `kit_${randomBytes(6).toString('hex')}`, {
    snapshot: 'export',
    temporary: true,
    lockTimeoutMs: 60_000,
  });
  const exported = must(slot.snapshotName, 'the name of the exported snapshot');
  await using reader = await connect({ url, applicationName: 'teal test' });
  await reader.query(beginOn(exported));
  const { rows } = await reader.query(`select ${showsSql} as shows`);
  const snapshot = { exported, shows: must(rows[0]?.['shows'], 'what the snapshot shows') };
  const source = postgresSnapshotSource({
    url,
    snapshot: slot.consistentPoint,
    exported: async () => [snapshot],
    renew: async () => undefined,
    tables,
  });
  let isHeld = true;
  return {
    source,
    async letGo() {
      if (!isHeld) return;
      isHeld = false;
      const pid = holder.processId;
      await holder.close();
      await using session = await connect({ url, applicationName: 'teal test' });
      await waitFor({ what: 'the holder to be gone', timeoutMs: 60_000 }, async () => {
        const { rowCount } = await session.query('select from pg_stat_activity where pid = $1', [String(pid)]);
        return rowCount === 0 || undefined;
      });
    },
  };
}

export async function postgresSideWorld(major: Major): Promise<SideWorld> {
  const database = await testDatabase(major);
  const { url } = database;
  const log = await postgresLog(database);
  const session = await connect({ url, applicationName: 'teal test' });
  return {
    database: postgresClients(database),
    log,
    access: postgresSide({ side: 'blue', url }),
    repairer: postgresRepairer({ url }),
    runScript: async (lines) => void (await database.query(lines.join('\n'))),
    rowProbe: postgresRowProbe(session),
    async [Symbol.asyncDispose]() {
      await session.close();
      await log.probe[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

export async function postgresSequencesWorld(blueMajor: Major, greenMajor: Major): Promise<SequencesWorld> {
  const databases = { blue: await testDatabase(blueMajor), green: await testDatabase(greenMajor) };
  for (const database of Object.values(databases)) {
    await database.query(`create sequence plain; create sequence cached cache 50;
      create sequence down increment -2 minvalue -100000 maxvalue -1 start -1;
      create table t (id bigint generated always as identity)`);
  }
  const session = (side: Side): KeptSession =>
    new KeptSession({ url: databases[side].url, applicationName: 'teal test' });
  const sessions = { blue: session('blue'), green: session('green') };
  const valueOf = (rows: readonly Readonly<Record<string, unknown>>[]): bigint => BigInt(String(rows[0]?.['value']));
  const sql = (name: string): string => `select nextval(${quoteLiteral(name)}) as value`;
  const headroom = 100;
  return {
    headroom,
    sequences: postgresSequences(sessions, headroom),
    generators: ['plain', 'cached', 'down', 't_id_seq'],
    next: async (side, name) => valueOf(await databases[side].query(sql(name))),
    async nextForNewcomer(side, name) {
      const client = await databases[side].connect();
      const { rows } = await client.query<Record<string, unknown>>(sql(name));
      await client.end();
      return valueOf(rows);
    },
    async nextInVain(side, name) {
      await databases[side].query('begin');
      const value = valueOf(await databases[side].query(sql(name)));
      await databases[side].query('rollback');
      return value;
    },
    async [Symbol.asyncDispose]() {
      for (const each of Object.values(sessions)) await each[Symbol.asyncDispose]();
      for (const database of Object.values(databases)) await database[Symbol.asyncDispose]();
    },
  };
}

/** Tables with their columns, constraints and indexes, but for what is Teal's: the same text on every version. */
const everything = `
  select string_agg(line, E'\\n' order by line) as all from (
    select format('%s %s %s %s', c.oid::regclass, attname, format_type(atttypid, atttypmod), attnotnull) as line
      from pg_attribute join pg_class c on c.oid = attrelid where relkind = 'r' and attnum > 0 and not attisdropped and relnamespace = 'public'::regnamespace
    union all select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint
      where connamespace = 'public'::regnamespace and contype <> 'n'
    union all select indexdef from pg_indexes where schemaname = 'public') it`;

export async function postgresIntrospectorWorld(major: Major): Promise<IntrospectorWorld> {
  const database = await testDatabase(major);
  await withTealSchema(database, 'blue');
  const open = async () => connect({ url: database.url, applicationName: 'teal test' });
  const sessions = [await open()];
  return {
    database: postgresClients(database),
    introspector: createIntrospector(must(sessions[0], 'a session')),
    async another() {
      const session = await open();
      sessions.push(session);
      return createIntrospector(session);
    },
    look: async () => [await database.query(everything), await database.query('select keyed::text from keyed')],
    async [Symbol.asyncDispose]() {
      for (const session of sessions) await session.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

export async function postgresSchemaWorld(blueMajor: Major, greenMajor: Major): Promise<SchemaWorld> {
  const [blue, green] = [await testDatabase(blueMajor), await testDatabase(greenMajor)];
  await withTealSchema(green, 'green');
  const stateDir = await mkdtemp(join(tmpdir(), 'teal-kit-'));
  const tools = await pgTools(blueMajor, greenMajor);
  const clients = { blue: postgresClients(blue), green: postgresClients(green) };
  return {
    ...clients,
    driver: () => postgresSchemaDriver({ sourceUrl: blue.url, targetUrl: green.url, stateDir, tools }),
    refer: async (from, to) =>
      void (await blue.query(
        `alter table ${quoteIdent(from.name)} add column parent bigint references ${quoteIdent(to.name)}`,
      )),
    look: async (side) => (side === clients.blue ? blue : green).query(everything),
    async [Symbol.asyncDispose]() {
      await rm(stateDir, { recursive: true, force: true });
      for (const database of [blue, green]) await database[Symbol.asyncDispose]();
    },
  };
}
