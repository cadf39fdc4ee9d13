import { must } from '../../../kernel/assert.ts';
import { isTealError, TealError } from '../../../kernel/errors.ts';
import type {
  Capacity,
  Encoding,
  Fact,
  Rights,
  Setting,
  SlotState,
  SystemFacts,
  WriteCounters,
} from '../../../model/facts.ts';
import { becomeReplicaSql } from '../connection.ts';
import * as sql from './facts-sql.ts';
import { askRows, type Querier } from './querier.ts';

/** Reads all facts, some thirty short queries whose number does not depend on the number of tables. */
export async function readFacts(querier: Querier): Promise<SystemFacts> {
  const ask = async <T>(query: string): Promise<readonly T[]> => askRows<T>(querier, query);
  const one = async <T>(query: string): Promise<T> => must((await ask<T>(query))[0], 'the row of a fact');
  const list = async <T>(query: string): Promise<Fact<readonly T[]>> => factOf(async () => ask<T>(query));
  const { major } = await one<{ readonly major: number }>(
    `select current_setting('server_version_num')::int / 10000 as major`,
  );
  const rights = await factOf(async () => ({
    ...(await one<Omit<Rights, 'setReplicationRole'>>(sql.rightsSql())),
    setReplicationRole: await mayBeReplica(querier),
  }));
  const mayReadStatistics = rights.known && rights.value.readAllStatistics;
  const other = await factOf(async () => one<OtherObjectsRow>(sql.otherObjectsSql));
  const facts: SystemFacts = {
    settings: await factOf(async () => readSettings(ask)),
    capacity: await factOf(async () => capacityOf(await one<CapacityRow>(sql.capacitySql))),
    rights,
    encoding: await factOf(async () => encodingOf(await one<EncodingRow>(sql.encodingSql(major)))),
    databaseBytes: await factOf(async () => BigInt((await one<{ bytes: string }>(sql.databaseSizeSql)).bytes)),
    systemTypes: mapFact(await list<{ name: string }>(sql.systemTypesSql), (rows) => rows.map(({ name }) => name)),
    availableExtensions: await list(sql.availableExtensionsSql),
    extensionData: mapFact(await list<ExtensionDataRow>(sql.extensionDataSql), (rows) =>
      rows.map((row) => ({ ...row, bytes: BigInt(row.bytes) })),
    ),
    roles: await list(sql.rolesSql),
    sessionDefaults: withoutNulls(await list(sql.sessionDefaultsSql)),
    defaultPrivileges: withoutNulls(await list(sql.defaultPrivilegesSql)),
    sequencePositions: mapFact(await list<SequencePositionRow>(sql.sequencePositionsSql), (rows) =>
      rows.map(({ schema, name, lastValue }) => ({
        schema,
        name,
        ...(lastValue === null ? {} : { lastValue: BigInt(lastValue) }),
      })),
    ),
    largeObjects: await factOf(async () => {
      const { count, bytes } = await one<{ count: string; bytes: string }>(sql.largeObjectsSql);
      return { count: BigInt(count), bytes: BigInt(bytes) };
    }),
    publications: await list(sql.publicationsSql),
    subscriptions: await list(sql.subscriptionsSql),
    slots: mapFact(await list<SlotRow>(sql.slotsSql), (rows) => rows.map(slotOf)),
    eventTriggers: withoutNulls(await list(sql.eventTriggersSql)),
    jobs: await factOf(async () => readJobs(ask)),
    foreignServers: await list(sql.foreignServersSql),
    foreignTables: await list(sql.foreignTablesSql),
    preparedTransactions: await list(sql.preparedTransactionsSql),
    longTransactions: mayReadStatistics
      ? await list(sql.longTransactionsSql)
      : unknown('the role may not see the transactions of others (grant pg_read_all_stats)'),
    tablespaces: await list(sql.tablespacesSql),
    walBytesOnDisk: await factOf(async () => BigInt((await one<{ bytes: string }>(sql.walOnDiskSql)).bytes)),
    freeDiskBytes: unknown('PostgreSQL does not tell it; look at the machine or at the monitoring of its vendor'),
    writes: await factOf(async () => writesOf(await one<WritesRow>(sql.writesSql))),
    walRate: await readWalRate(ask),
    stateOutsideTables: await factOf(async () => one(sql.stateOutsideTablesSql)),
    otherObjects: mapFact(other, ({ schemas, functions, types }) => ({ schemas, functions, types })),
    hasTealSchema: mapFact(other, ({ hasTealSchema }) => hasTealSchema),
  };
  return Object.freeze(facts);
}

/** By trying, for the length of one statement: vendors let their administrators do more than the catalog tells. */
async function mayBeReplica(querier: Querier): Promise<boolean> {
  try {
    await querier.query(becomeReplicaSql(true));
    return true;
  } catch (error) {
    if (isTealError(error, 'TEAL-SYSTEMS-010')) return false;
    throw error;
  }
}

type Ask = <T>(query: string) => Promise<readonly T[]>;

interface OtherObjectsRow {
  readonly schemas: readonly string[];
  readonly functions: number;
  readonly types: number;
  readonly hasTealSchema: boolean;
}

interface ExtensionDataRow {
  readonly schema: string;
  readonly name: string;
  readonly extension: string;
  readonly bytes: string;
}

interface SequencePositionRow {
  readonly schema: string;
  readonly name: string;
  readonly lastValue: string | null;
}

function unknown(why: string): { readonly known: false; readonly why: string } {
  return { known: false, why };
}

/** A refusal of this one question makes this one fact unknown. Everything else (a lost session, a lock that was not had) stays an error. */
async function factOf<T>(read: () => Promise<T>): Promise<Fact<T>> {
  try {
    return { known: true, value: await read() };
  } catch (error) {
    if (isTealError(error, 'TEAL-SYSTEMS-010')) return unknown(`the role may not read it (${serverText(error)})`);
    if (isTealError(error, 'TEAL-SYSTEMS-007')) return unknown(`the server refused to tell it (${serverText(error)})`);
    throw error;
  }
}

function serverText(error: TealError): string {
  return error.message.replace(`${error.code}: `, '');
}

function mapFact<T, U>(fact: Fact<T>, map: (value: T) => U): Fact<U> {
  return fact.known ? { known: true, value: map(fact.value) } : fact;
}

/** Optional properties are absent in the model, and null in the server's JSON. */
function withoutNulls<T extends object>(fact: Fact<readonly T[]>): Fact<readonly T[]> {
  return mapFact(fact, (rows) =>
    rows.map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as T),
  );
}

interface SettingRow {
  readonly name: string;
  readonly unit: string | null;
  readonly bootValue: string | null;
  readonly hidden: boolean;
  readonly value: string | null;
}

async function readSettings(ask: Ask): Promise<Readonly<Record<string, Setting>>> {
  const rows = await ask<SettingRow>(sql.settingsSql);
  const files = await factOf(async () => ask<{ readonly name: string; readonly value: string }>(sql.settingFilesSql));
  const inFiles = new Map(files.known ? files.value.map(({ name, value }) => [name, value]) : []);
  const underneath = (row: SettingRow): string | null =>
    files.known ? (inFiles.get(row.name.toLowerCase()) ?? row.bootValue) : null;
  return Object.fromEntries(
    rows.map((row): [string, Setting] => {
      const value = row.hidden ? underneath(row) : row.value;
      return [
        row.name,
        { ...(value === null ? {} : { value }), ...(row.unit === null || row.hidden ? {} : { unit: row.unit }) },
      ];
    }),
  );
}

interface CapacityRow {
  readonly slotsTotal: number;
  readonly slotsUsed: number;
  readonly sendersTotal: number;
  readonly sendersUsed: number;
  readonly connectionsTotal: number;
  readonly connectionsUsed: number;
  readonly locksPerTransaction: number;
  readonly lockHolders: number;
  readonly locksUsed: number;
}

function capacityOf(row: CapacityRow): Capacity {
  return {
    slots: { total: row.slotsTotal, used: row.slotsUsed },
    walSenders: { total: row.sendersTotal, used: row.sendersUsed },
    connections: { total: row.connectionsTotal, used: row.connectionsUsed },
    locks: {
      perTransaction: row.locksPerTransaction,
      holders: row.lockHolders,
      total: row.locksPerTransaction * row.lockHolders,
      used: row.locksUsed,
    },
  };
}

interface EncodingRow {
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
  readonly provider: 'c' | 'i' | 'b';
  readonly locale: string | null;
  readonly collationVersion: string | null;
}

const providers = { c: 'libc', i: 'icu', b: 'builtin' } as const;

function encodingOf(row: EncodingRow): Encoding {
  return {
    encoding: row.encoding,
    collate: row.collate,
    ctype: row.ctype,
    provider: providers[row.provider],
    ...(row.locale === null ? {} : { locale: row.locale }),
    ...(row.collationVersion === null ? {} : { collationVersion: row.collationVersion }),
  };
}

interface SlotRow {
  readonly name: string;
  readonly kind: 'physical' | 'logical';
  readonly database: string | null;
  readonly active: boolean;
  readonly temporary: boolean;
  readonly walStatus: string | null;
  readonly retainedBytes: string | null;
}

function slotOf({ database, walStatus, retainedBytes, ...row }: SlotRow): SlotState {
  return {
    ...row,
    ...(database === null ? {} : { database }),
    ...(walStatus === null ? {} : { walStatus }),
    ...(retainedBytes === null ? {} : { retainedBytes: BigInt(retainedBytes) }),
  };
}

interface JobRow {
  readonly name: string;
  readonly schedule: string;
  readonly active: boolean;
}

async function readJobs(ask: Ask): Promise<readonly (JobRow & { readonly scheduler: string })[]> {
  const schedulers = await ask<{ readonly scheduler: string; readonly readable: boolean }>(sql.schedulersSql);
  const jobs = [];
  for (const { scheduler, readable } of schedulers) {
    if (!readable) throw new TealError('TEAL-SYSTEMS-010', `permission denied for the jobs of ${scheduler}`);
    const rows = await ask<JobRow>(must(sql.jobsSql[scheduler], scheduler));
    jobs.push(...rows.map(({ name, schedule, active }) => ({ scheduler, name, schedule, active })));
  }
  return jobs;
}

interface WritesRow {
  readonly sinceSeconds: string | null;
  readonly tables: readonly {
    readonly schema: string;
    readonly name: string;
    readonly inserted: string;
    readonly updated: string;
    readonly deleted: string;
  }[];
}

function writesOf(row: WritesRow): WriteCounters {
  return {
    ...(row.sinceSeconds === null ? {} : { sinceSeconds: Number(row.sinceSeconds) }),
    tables: row.tables.map((table) => ({
      schema: table.schema,
      name: table.name,
      inserted: BigInt(table.inserted),
      updated: BigInt(table.updated),
      deleted: BigInt(table.deleted),
    })),
  };
}

/** A rate over less than this says more about the asking than about the load. */
const shortestRateSeconds = 60;

async function readWalRate(ask: Ask): Promise<SystemFacts['walRate']> {
  const read = await factOf(async () =>
    ask<{ readonly bytes: number; readonly seconds: number | null }>(sql.walRateSql),
  );
  if (!read.known) return read;
  const row = read.value[0];
  if (row === undefined || row.seconds === null || row.seconds < shortestRateSeconds) {
    return unknown(`the server has counted for less than ${shortestRateSeconds} s`);
  }
  return { known: true, value: { bytesPerSecond: row.bytes / row.seconds, overSeconds: row.seconds } };
}
