import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { must } from '../../src/kernel/assert.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import { ddlOf } from '../../src/mapping/ddl.ts';
import { mapCatalog } from '../../src/mapping/map-catalog.ts';
import type { Mapping } from '../../src/mapping/mapping.ts';
import type { MappingPolicy } from '../../src/mapping/options.ts';
import type { TableName } from '../../src/model/catalog.ts';
import type { StreamEvent } from '../../src/model/change.ts';
import type { MysqlCatalog } from '../../src/model/mysql-catalog.ts';
import type { Position } from '../../src/model/position.ts';
import type { ChangeRecord } from '../../src/ports/change-source.ts';
import { BinlogDecoder } from '../../src/systems/mysql/change-decoder.ts';
import { connect, type MysqlConnection } from '../../src/systems/mysql/connection.ts';
import { mysqlCopyTarget } from '../../src/systems/mysql/copy-target.ts';
import { mysqlSide } from '../../src/systems/mysql/digest/side.ts';
import { readCatalog } from '../../src/systems/mysql/inspect/catalog.ts';
import { openMysqlSink } from '../../src/systems/mysql/sink/sink.ts';
import { mysqlSnapshotKeeper } from '../../src/systems/mysql/snapshot.ts';
import { installTealSchema as installOnMysql, removeTealSchema } from '../../src/systems/mysql/teal-schema.ts';
import { endOfBinlog, openStream, readUpTo } from '../../src/systems/mysql/test-support/stream.ts';
import { familyPolicy, strictPolicy, type ValuePolicy } from '../../src/systems/mysql/values/policy.ts';
import { columnWriter } from '../../src/systems/mysql/values/to-sql.ts';
import { connect as connectPostgres } from '../../src/systems/postgres/connection.ts';
import { postgresCopyTarget } from '../../src/systems/postgres/copy-target.ts';
import { postgresSide } from '../../src/systems/postgres/digest/side.ts';
import { openPostgresSink } from '../../src/systems/postgres/sink/sink.ts';
import { installTealSchema as installOnPostgres } from '../../src/systems/postgres/teal-schema.ts';
import type { MysqlServer } from '../../tools/servers/mysql.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { meant, shown, type Form } from './forms.ts';
import type { Choice, MovingPair, Shown, Transaction } from './moving-pair.ts';

/** What a user may choose at most. */
export const laxPolicy: MappingPolicy = {
  zeroDate: 'null',
  invalidEnum: 'null',
  nulByte: 'remove',
  invalidText: 'stop',
};

const urlOf = (server: MysqlServer): string => `mysql://root@127.0.0.1:${server.port}/`;

/** Another driver than Teal's, so that a value is not read twice by one mistake. */
async function openClient(server: MysqlServer): Promise<Connection> {
  const client = await createConnection({ host: server.host, port: server.port, user: 'root', charset: 'utf8mb4' });
  await client.query(`set sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'`);
  // MariaDB's JSON is a text with a check.
  if (server.flavour === 'mariadb') await client.query('set check_constraint_checks = 0');
  return client;
}

async function lookAt(client: Connection, table: string, column: string, form: Form): Promise<Shown> {
  const [rows] = await client.query<RowDataPacket[]>({
    sql: `select cast(id as char) as id, ${shown(form, 'mysql', column)} as v from moving.${table}`,
    typeCast: (field) => field.string(),
  });
  return new Map(rows.map((row) => [Number(row['id']), meant(form, row['v'] as string | null)]));
}

/** A decoder goes on after what it could not read: so a test sees each by itself. */
function transactionsOf(records: readonly ChangeRecord[], policy: ValuePolicy): readonly Transaction[] {
  const decoder = new BinlogDecoder({ policy });
  const found: Transaction[] = [];
  let events: StreamEvent[] = [];
  let refused: string | undefined;
  for (const record of records) {
    if (record.kind === 'mark') continue;
    try {
      const event = decoder.decode(record.payload);
      if (event !== undefined) events.push(event);
    } catch (error) {
      if (!isTealError(error)) throw error;
      refused ??= error.code;
    }
    if (record.kind !== 'commit') continue;
    found.push(refused ?? events);
    [events, refused] = [[], undefined];
  }
  return found;
}

interface Source extends AsyncDisposable {
  readonly session: MysqlConnection;
  readonly client: Connection;
  readonly catalog: () => Promise<MysqlCatalog>;
  /** The part of a pair that asks nothing of the target. */
  readonly part: Pick<MovingPair, 'write' | 'mark'> & {
    read(after: Position, tables: readonly TableName[], policy: ValuePolicy): ReturnType<MovingPair['read']>;
  };
}

async function openSource(server: MysqlServer): Promise<Source> {
  const url = urlOf(server);
  const session = await connect({ url, applicationName: 'teal test' });
  const client = await openClient(server);
  await session.query('drop database if exists moving');
  await session.query('create database moving character set utf8mb4');
  await client.query('use moving');
  return {
    session,
    client,
    catalog: async () => readCatalog(session, 'moving'),
    part: {
      write: async (sql) =>
        client.query(sql).then(
          () => undefined,
          (error: unknown) => String(error),
        ),
      mark: async () => endOfBinlog(session),
      async read(after, tables, policy) {
        const names = new Set(tables.map(({ name }) => name));
        const isWanted = ({ schema, name }: TableName): boolean => schema === 'moving' && names.has(name);
        await using stream = await openStream(url, after, { isWanted });
        return transactionsOf(await readUpTo(stream, await endOfBinlog(session)), policy);
      },
    },
    async [Symbol.asyncDispose]() {
      await client.end();
      await session.close();
    },
  };
}

/** Of a server of the family to PostgreSQL, whose tables are as the mapping makes them. */
export async function mysqlToPostgres(server: MysqlServer, green: TestDatabase): Promise<MovingPair & AsyncDisposable> {
  const source = await openSource(server);
  const url = urlOf(server);
  {
    await using control = await connectPostgres({ url: green.url, applicationName: 'teal test' });
    await installOnPostgres(control, 'green');
  }
  await green.query(`set timezone = 'UTC'; set extra_float_digits = 3`);
  let mapping: Mapping | undefined;
  const policyOf = (choice: Choice): ValuePolicy => (choice === 'policy' ? laxPolicy : strictPolicy);
  const typeOf = (table: string, column: string): string =>
    must(mapping, 'the mapping')
      .tables.find(({ target }) => target.name === table)
      ?.columns.find(({ name }) => name === column)?.type ?? '';
  return {
    ...source.part,
    hasPolicy: true,
    copyTarget: postgresCopyTarget(green.url),
    async makeTarget() {
      const catalog = await source.catalog();
      mapping = mapCatalog(catalog, { postgresMajor: green.major, policy: laxPolicy });
      await green.query(
        ddlOf(mapping)
          .flatMap(({ statements }) => statements)
          .join(';\n'),
      );
      return catalog.tables;
    },
    snapshots: async (tables, choice) => mysqlSnapshotKeeper({ url, tables, sessions: 2, policy: policyOf(choice) }),
    read: async (after, tables, choice) => source.part.read(after, tables, policyOf(choice)),
    openSink: async (stream) => openPostgresSink({ url: green.url, stream }),
    async progress() {
      const [row] = await green.query('select position from teal.progress');
      return row?.['position'] ?? '';
    },
    sides: () => ({
      blue: mysqlSide({
        side: 'blue',
        url,
        readCatalog: source.catalog,
        policy: laxPolicy,
        isBoolean: ({ name }, column) => typeOf(name, column) === 'boolean',
      }),
      green: postgresSide({ side: 'green', url: green.url }),
    }),
    async look(side, table, column, form) {
      if (side === 'source') return lookAt(source.client, table, column, form);
      const rows = await green.query(`select id, ${shown(form, 'postgres', column)} as v from moving.${table}`);
      return new Map(rows.map((row) => [Number(row['id']), meant(form, row['v'] ?? null)]));
    },
    async forgetCopy(table) {
      await green.query(`delete from moving.${table}`);
      await green.query('delete from teal.chunk');
    },
    targetType: async (table, column) => typeOf(table, column),
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]();
      await green.query(
        `select pg_replication_origin_drop(roname) from pg_replication_origin where roname = 'teal_moving_fwd'`,
      );
    },
  };
}

/** Two servers of one series. */
export async function mysqlTwins(blue: MysqlServer, green: MysqlServer): Promise<MovingPair & AsyncDisposable> {
  const source = await openSource(blue);
  const [url, greenUrl] = [urlOf(blue), urlOf(green)];
  const target = await openSource(green);
  await removeTealSchema(target.session);
  await installOnMysql(target.session, 'green');
  return {
    ...source.part,
    hasPolicy: false,
    copyTarget: mysqlCopyTarget({ url: greenUrl, literals: columnWriter }),
    async makeTarget() {
      const { tables } = await source.catalog();
      for (const { name } of tables) {
        const { rows } = await source.session.query(`show create table moving.${name}`);
        const sql = must(rows[0]?.['Create Table'], 'how a table is made');
        await target.session.query(sql.replace('CREATE TABLE ', 'CREATE TABLE moving.'));
      }
      return tables;
    },
    snapshots: async (tables) => mysqlSnapshotKeeper({ url, tables, sessions: 2, policy: familyPolicy }),
    read: async (after, tables) => source.part.read(after, tables, familyPolicy),
    openSink: async (stream) => openMysqlSink({ url: greenUrl, stream }),
    async progress() {
      const { rows } = await target.session.query('select position from teal.stream');
      return rows[0]?.['position'] ?? '';
    },
    sides: () => ({
      blue: mysqlSide({ side: 'blue', url, readCatalog: source.catalog, policy: familyPolicy }),
      green: mysqlSide({ side: 'green', url: greenUrl, readCatalog: target.catalog, policy: familyPolicy }),
    }),
    look: async (side, table, column, form) =>
      lookAt(side === 'source' ? source.client : target.client, table, column, form),
    async forgetCopy(table) {
      await target.session.query(`delete from moving.${table}`);
      await target.session.query('delete from teal.chunk');
    },
    async targetType(table, column) {
      const { rows } = await target.session.query(
        `select column_type as type from information_schema.columns where table_schema = 'moving' and table_name = ? and column_name = ?`,
        [table, column],
      );
      return rows[0]?.['type'] ?? '';
    },
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]();
      await target[Symbol.asyncDispose]();
    },
  };
}
