import { must } from '../../../kernel/assert.ts';
import type { Fact, RunningTransaction, Setting, WriteCounters } from '../../../model/facts.ts';
import type { DefinedObject, MysqlAccount, MysqlFacts, MysqlRights } from '../../../model/mysql-facts.ts';
import type { MysqlRow } from '../connection.ts';
import { readDatabases } from './catalog.ts';
import { factIf, factOf, unknown } from './fact.ts';
import * as sql from './facts-sql.ts';
import { scratchUsers } from '../write-bypasses.ts';
import { askRows, tealDatabase, type Querier } from './querier.ts';
import { rightsOf } from './rights.ts';

/** Reads all facts of one database or of all, some twenty short queries whose number does not depend on the number of tables. */
export async function readFacts(querier: Querier, database?: string): Promise<MysqlFacts> {
  if (querier.flavour === 'mysql') await querier.query('set @@session.information_schema_stats_expiry = 0');
  const databases = database === undefined ? await readDatabases(querier) : [database];
  const tables =
    databases.length === 0 ? [] : await askRows<TableRow>(querier, sql.tableNamesSql(databases), databases);
  const own = tables.filter(({ db }) => databases.includes(db));
  const rights = await factOf(async () => readRights(querier, databases, own));
  const settings = await factOf(async () => readSettings(querier));
  const status = await factOf(async () => pairsOf(await askRows(querier, sql.statusSql)));
  return Object.freeze({
    settings,
    rights,
    ...(await readLog(querier)),
    ...(await readOthers(querier, rights)),
    databaseBytes: { known: true, value: own.reduce((sum, { bytes }) => sum + BigInt(bytes ?? 0), 0n) },
    freeDiskBytes: unknown('no server of this family tells it; look at the machine or at the monitoring of its vendor'),
    connections: mapFact(both(settings, status), ([set, counted]) => ({
      total: Number(set['max_connections']?.value ?? 0),
      used: Number(counted['Threads_connected'] ?? 0),
    })),
    logRate: rateOf(querier, status),
    definedObjects: await factOf(async () => readDefinedObjects(querier, databases)),
    writes: await readWrites(querier, databases, settings, status),
    hasTealSchema: await readHasTeal(querier, rights),
  } satisfies MysqlFacts);
}

/** A database on which the account has no privilege is as if it were not there. */
async function readHasTeal(querier: Querier, rights: Fact<MysqlRights>): Promise<Fact<boolean>> {
  const query = 'select schema_name as name from information_schema.schemata where schema_name = ?';
  const found = await factOf(async () => (await askRows(querier, query, [tealDatabase])).length > 0);
  const wouldSee = rights.known && rights.value.ownTealDatabase;
  if (!found.known || found.value || wouldSee) return found;
  return unknown(`the account would not see a database ${tealDatabase} (grant it privileges there)`);
}

interface TableRow extends Readonly<Record<string, string | null>> {
  readonly db: string;
  readonly name: string;
  readonly bytes: string | null;
}

type Texts = Readonly<Record<string, string>>;

function pairsOf(rows: readonly MysqlRow[]): Texts {
  return Object.fromEntries(rows.map((row) => [row['Variable_name'] ?? '', row['Value'] ?? '']));
}

function mapFact<T, U>(fact: Fact<T>, map: (value: T) => U): Fact<U> {
  return fact.known ? { known: true, value: map(fact.value) } : fact;
}

function both<A, B>(one: Fact<A>, other: Fact<B>): Fact<readonly [A, B]> {
  if (!one.known) return one;
  return mapFact(other, (value) => [one.value, value] as const);
}

async function readSettings(querier: Querier): Promise<Readonly<Record<string, Setting>>> {
  const values = pairsOf(await askRows(querier, sql.settingsSql));
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
}

async function readRights(
  querier: Querier,
  databases: readonly string[],
  tables: readonly TableRow[],
): Promise<MysqlRights> {
  const [who] = await askRows(querier, 'select current_user() as user');
  const grants = await askRows(querier, 'show grants');
  const lines = grants.flatMap((row) => Object.values(row).flatMap((line) => (line === null ? [] : [line])));
  const names = tables.map(({ db, name }) => ({ schema: db, name }));
  return rightsOf(querier, must(who?.['user'], 'the account'), lines, databases, names);
}

type LogFacts = Pick<MysqlFacts, 'log' | 'gtids' | 'logBytesOnDisk' | 'upstreams'>;

async function readLog(querier: Querier): Promise<LogFacts> {
  return {
    log: await readLogPlace(querier),
    gtids: await factOf(async () => {
      const [row] = await askRows(querier, sql.gtidsSql(querier));
      return (row?.['gtids'] ?? '').replaceAll(/\s/g, '');
    }),
    logBytesOnDisk: await factOf(async () => {
      const files = await askRows(querier, 'show binary logs');
      return files.reduce((sum, row) => sum + BigInt(row['File_size'] ?? 0), 0n);
    }),
    upstreams: await factOf(async () => readUpstreams(querier)),
  };
}

/** As XA COMMIT and XA ROLLBACK take it. MariaDB writes it so; MySQL gives both parts as one run of hexadecimal digits. */
function xidOf(row: MysqlRow): string {
  const data = row['data'] ?? '';
  const hex = /^0x([0-9a-f]*)$/i.exec(data)?.[1];
  if (hex === undefined) return data;
  const end = Number(row['gtrid_length'] ?? 0) * 2;
  return `X'${hex.slice(0, end)}',X'${hex.slice(end)}',${row['formatID']}`;
}

async function readLogPlace(querier: Querier): Promise<MysqlFacts['log']> {
  const read = await factOf(async () => askRows(querier, sql.logPlaceSql(querier)));
  if (!read.known) return read;
  const [row] = read.value;
  if (row === undefined) return unknown('the server writes no binary log');
  const list = (text: string | null | undefined): readonly string[] =>
    (text ?? '').split(',').filter((name) => name !== '');
  return {
    known: true,
    value: {
      file: row['File'] ?? '',
      position: BigInt(row['Position'] ?? 0),
      onlyDatabases: list(row['Binlog_Do_DB']),
      ignoredDatabases: list(row['Binlog_Ignore_DB']),
    },
  };
}

/** One for each server that this one is set up to read from. */
export async function readUpstreams(
  querier: Querier,
): Promise<readonly { readonly channel: string; readonly running: boolean }[]> {
  const rows = await askRows(querier, sql.upstreamsSql(querier));
  return rows.map((row) => ({
    channel: row['Channel_Name'] ?? row['Connection_name'] ?? '',
    running: [
      row['Replica_IO_Running'] ?? row['Slave_IO_Running'],
      row['Replica_SQL_Running'] ?? row['Slave_SQL_Running'],
    ].every((state) => state === 'Yes'),
  }));
}

type OtherFacts = Pick<
  MysqlFacts,
  'accounts' | 'passesReadOnly' | 'logReaders' | 'longTransactions' | 'longStatements' | 'preparedTransactions'
>;

async function readOthers(querier: Querier, rights: Fact<MysqlRights>): Promise<OtherFacts> {
  const maySeeAccounts = rights.known && rights.value.seeAccounts;
  const maySeeSessions = rights.known && rights.value.seeSessions;
  const noSessions = 'the account does not see the sessions of others (grant PROCESS)';
  const noAccounts = 'the account may not read the others (grant SELECT on mysql.*)';
  const sessions = await factIf(maySeeSessions, noSessions, async () => askRows<SessionRow>(querier, sql.sessionsSql));
  const transactions = await factIf(maySeeSessions, noSessions, async () =>
    askRows<TransactionRow>(querier, sql.longTransactionsSql),
  );
  return {
    accounts: await factIf(maySeeAccounts, noAccounts, async () => readAccounts(querier)),
    passesReadOnly: await factIf(maySeeAccounts, noAccounts, async () =>
      readPassing(querier, rights.known ? rights.value.user : ''),
    ),
    preparedTransactions: await factIf(
      rights.known && rights.value.seePrepared,
      'the account does not see prepared transactions (grant XA_RECOVER_ADMIN)',
      async () => (await askRows(querier, sql.preparedSql(querier))).map((row) => ({ gid: xidOf(row) })),
    ),
    logReaders: mapFact(sessions, (rows) => rows.filter(({ command }) => command.startsWith('Binlog Dump')).length),
    longTransactions: mapFact(both(transactions, sessions), ([open, all]) =>
      open.map((row) => transactionOf(row, all)),
    ),
    longStatements: mapFact(sessions, (rows) =>
      rows
        .filter(({ command, age }) => /^(?:Query|Execute)$/.test(command) && Number(age) >= longSeconds)
        .map(sessionOf),
    ),
  };
}

const longSeconds = 10;

interface SessionRow extends Readonly<Record<string, string>> {
  readonly pid: string;
  readonly user: string;
  readonly command: string;
  readonly state: string;
  readonly age: string;
}

interface TransactionRow extends Readonly<Record<string, string>> {
  readonly pid: string;
  readonly state: string;
  readonly has_written: string;
  readonly age: string;
}

type SessionParts = Readonly<Record<'pid' | 'user' | 'state' | 'age', string>>;

function sessionOf({ pid, user, state, age }: SessionParts): Omit<RunningTransaction, 'hasWritten'> {
  return { pid: Number(pid), user, applicationName: '', state, ageSeconds: Number(age) };
}

function transactionOf(row: TransactionRow, sessions: readonly SessionRow[]): RunningTransaction {
  const user = sessions.find(({ pid }) => pid === row.pid)?.user ?? 'unknown';
  return {
    ...sessionOf({ pid: row.pid, state: row.state, age: row.age, user }),
    hasWritten: row.has_written === '1',
  };
}

async function readAccounts(querier: Querier): Promise<readonly MysqlAccount[]> {
  const rows = await askRows(querier, sql.accountsSql(querier));
  return rows.map((row) => ({
    name: `${row['user']}@${row['host']}`,
    plugin: row['plugin'] ?? '',
    locked: row['locked'] === '1',
  }));
}

/** Accounts of the server's own, which nobody can log in to. */
const systemAccounts = /^(?:mysql\.(?:session|sys|infoschema)|mariadb\.sys)@localhost$/;

/** Of shadow writes: they write to no database of a side. */
const scratchAccounts = new RegExp(`${scratchUsers.slice(0, -1)}@%$`);

/** A role that has the privilege is named as it is: who may take it is not followed up. */
async function readPassing(querier: Querier, ownName: string): Promise<readonly string[]> {
  const privileges = sql.readOnlyPrivileges(querier);
  const rows = await askRows(querier, sql.privilegedSql(privileges), privileges);
  return rows
    .map((row) => (row['grantee'] ?? '').replace(/^'(.*)'@'(.*)'$/s, '$1@$2'))
    .filter((name) => name !== ownName && !systemAccounts.test(name) && !scratchAccounts.test(name))
    .sort();
}

async function readDefinedObjects(querier: Querier, databases: readonly string[]): Promise<readonly DefinedObject[]> {
  if (databases.length === 0) return [];
  const four = [...databases, ...databases, ...databases, ...databases];
  const rows = await askRows(querier, sql.definedObjectsSql(databases), four);
  return rows.filter((row) => databases.includes(row['db'] ?? '')).map(definedObjectOf);
}

function definedObjectOf(row: MysqlRow): DefinedObject {
  return {
    kind: row['kind'] as DefinedObject['kind'],
    schema: row['db'] ?? '',
    name: row['name'] ?? '',
    definer: row['definer'] ?? '',
    ...(row['kind'] === 'event' ? { enabled: row['state'] === 'ENABLED' } : {}),
  };
}

/** A rate over less than this says more about the asking than about the load. */
const shortestRateSeconds = 60;

function rateOf({ flavour }: Querier, status: Fact<Texts>): MysqlFacts['logRate'] {
  if (flavour === 'mysql') return unknown('MySQL does not count what it writes to the log');
  if (!status.known) return status;
  const seconds = Number(status.value['Uptime_since_flush_status'] ?? 0);
  if (seconds < shortestRateSeconds) return unknown(`the server has counted for less than ${shortestRateSeconds} s`);
  const bytes = Number(status.value['Binlog_bytes_written'] ?? 0);
  return { known: true, value: { bytesPerSecond: bytes / seconds, overSeconds: seconds } };
}

async function readWrites(
  querier: Querier,
  databases: readonly string[],
  settings: MysqlFacts['settings'],
  status: Fact<Texts>,
): Promise<Fact<WriteCounters>> {
  const counts = settings.known && settings.value['performance_schema']?.value === 'ON';
  return factIf(counts, 'the server counts no writes (performance_schema is off)', async () => {
    const rows = databases.length === 0 ? [] : await askRows(querier, sql.writesSql(databases), databases);
    return {
      ...(status.known ? { sinceSeconds: Number(status.value['Uptime'] ?? 0) } : {}),
      tables: rows.map((row) => ({
        schema: row['db'] ?? '',
        name: row['name'] ?? '',
        inserted: BigInt(row['inserted'] ?? 0),
        updated: BigInt(row['updated'] ?? 0),
        deleted: BigInt(row['deleted'] ?? 0),
      })),
    };
  });
}
