import { waitFor } from '../../src/kernel/clock.ts';
import { ddlOf } from '../../src/mapping/ddl.ts';
import { mapCatalog } from '../../src/mapping/map-catalog.ts';
import { binlogPath, type BinlogPathPlan } from '../../src/carriers/connect/binlog-path.ts';
import { pathNames } from '../../src/carriers/connect/connectors.ts';
import { ConnectRest } from '../../src/carriers/connect/rest.ts';
import { readCatalog } from '../../src/systems/mysql/inspect/catalog.ts';
import type { MysqlConnection } from '../../src/systems/mysql/connection.ts';
import { execute } from '../../tools/servers/with-client.ts';
import type { MatrixValue } from '../../tools/type-matrix-page.ts';
import { queryUrl } from '../support/teal-place.ts';
import { errorOf } from './connect-stops.ts';
import { laxPolicy } from './mysql-pairs.ts';

/** A value that ends a task: that of the sink, or that of the source, which then carries nothing else. */
export interface MysqlStop {
  readonly type: string;
  readonly value: MatrixValue;
  readonly by: 'sink' | 'source';
  /** Only where it is written later. */
  readonly followed?: true;
}

export interface MysqlStopPlace {
  readonly flavour: BinlogPathPlan['flavour'];
  /** Of a session whose settings are loose. */
  readonly write: (sql: string) => Promise<unknown>;
  readonly session: MysqlConnection;
  readonly blueUrl: string;
  readonly greenUrl: string;
  readonly workers: readonly string[];
  readonly brokers: string;
  readonly prefix: string;
}

const schema = 'stops';
const sqlOf = (value: MatrixValue): string => (typeof value === 'string' ? value : value[0]);
const tableOf = (at: number): string => `stop_${at}`;

/**
 * The class of the innermost error with which a task ends, for each of the values, in their order. Each has a topic and a sink of its own, so that none hides another, and a source where it ends that; else the
 * connectors are as the product deploys them.
 */
export async function errorsOfMysqlStops(
  place: MysqlStopPlace,
  stops: readonly MysqlStop[],
): Promise<readonly string[]> {
  const rest = new ConnectRest({ url: place.workers });
  await makeTables(place, stops);
  const shared = stops.flatMap(({ by }, at) => (by === 'source' ? [] : [at]));
  await deploySource(rest, place, shared);
  for (const at of shared) await deploySink(rest, place, shared[0] ?? 0, at);
  for (const [at, { by, followed }] of stops.entries()) {
    if (by === 'sink') continue;
    await deploySource(rest, place, [at]);
    if (followed === true) await deploySink(rest, place, at, at);
  }
  const errorAt = async ({ by, followed, value }: MysqlStop, at: number): Promise<string> => {
    const task = pathNames(planOf(place, [at]))[by];
    if (followed !== true) return errorOf(rest, task);
    await copied(place, at);
    await place.write(`insert into ${schema}.${tableOf(at)} values (1, ${sqlOf(value)})`);
    return `${await errorOf(rest, task)}, once it is followed`;
  };
  // What a source cannot read of the log ends every source of the server: those come last.
  const endsAll = ({ by, followed }: MysqlStop): boolean => by === 'source' && followed === true;
  const first = await Promise.all(stops.map(async (stop, at) => (endsAll(stop) ? '' : errorAt(stop, at))));
  return Promise.all(stops.map(async (stop, at) => (endsAll(stop) ? errorAt(stop, at) : (first[at] ?? ''))));
}

async function makeTables({ write, session, greenUrl }: MysqlStopPlace, stops: readonly MysqlStop[]): Promise<void> {
  await write(`create database ${schema} character set utf8mb4`);
  for (const [at, { type, value, followed }] of stops.entries()) {
    await write(`create table ${schema}.${tableOf(at)} (id int primary key, v ${type})`);
    await write(`insert into ${schema}.${tableOf(at)} values (0, ${followed === true ? 'null' : sqlOf(value)})`);
  }
  const mapping = mapCatalog(await readCatalog(session, schema), { postgresMajor: 18, policy: laxPolicy });
  await execute(
    greenUrl,
    ddlOf(mapping).flatMap(({ statements }) => statements),
  );
}

/** Settings of the product that have no place here: each table has a topic, there are no signs, and nothing of Teal is on the server, where its heartbeats would be. */
const without = /^(transforms|snapshot\.select|heartbeat\.action)/;

async function deploySource(rest: ConnectRest, place: MysqlStopPlace, of: readonly number[]): Promise<void> {
  const { name, config } = binlogPath(planOf(place, of)).source;
  await rest.put(name, Object.fromEntries(Object.entries(config).filter(([setting]) => !without.test(setting))));
}

async function deploySink(rest: ConnectRest, place: MysqlStopPlace, ofSource: number, at: number): Promise<void> {
  const { name, config } = binlogPath(planOf(place, [at])).sink;
  const topics = `${pathNames(planOf(place, [ofSource])).prefix}.${schema}.${tableOf(at)}`;
  // Its topic comes when the source has read its table.
  await rest.put(name, { ...config, topics, 'consumer.override.metadata.max.age.ms': '500' });
}

async function copied({ greenUrl }: MysqlStopPlace, at: number): Promise<void> {
  await waitFor({ what: 'a row to be copied', timeoutMs: 90_000, everyMs: 200 }, async () => {
    const rows = await queryUrl(greenUrl, `select id from ${schema}.${tableOf(at)}`);
    return rows.length > 0 ? true : undefined;
  });
}

/** Named by the first of the tables. */
function planOf(place: MysqlStopPlace, [at = 0, ...more]: readonly number[]): BinlogPathPlan {
  return {
    migration: 'stops',
    run: (0x57_00 + at).toString(16).padStart(8, '0'),
    topicPrefix: place.prefix,
    replicationFactor: 1,
    flavour: place.flavour,
    sourceUrl: place.blueUrl,
    targetUrl: place.greenUrl,
    history: { 'bootstrap.servers': place.brokers },
    tables: [at, ...more].map((each) => ({ schema, name: tableOf(each) })),
    left: [],
    booleans: [],
    signs: [],
    heartbeatEveryMs: 1_000,
    sinkApplication: 'a sink of a test',
  };
}
