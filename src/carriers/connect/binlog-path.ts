import { TealError } from '../../kernel/errors.ts';
import type { TableName } from '../../model/catalog.ts';
import {
  columnPattern,
  escaped,
  heartbeatTopic,
  jdbcSink,
  laneSettings,
  pathNames,
  prefixed,
  sinkConfig,
  tablePattern,
  type PathPlan,
} from './connectors.ts';
import { historyTopic, otherSources } from './other-sources.ts';
import type { PathConnectors } from './path.ts';
import type { ConnectorConfig } from './rest.ts';

type NamedColumn = TableName & { readonly column: string };

/** What the two connectors of a flow from MySQL or MariaDB to PostgreSQL are made from. Databases are schemas; tables and columns are called the same on both sides. */
export interface BinlogPathPlan extends Omit<PathPlan, 'publication' | 'slot' | 'computed'> {
  readonly flavour: 'mysql' | 'mariadb';
  /** Settings of Kafka's clients in Java for the cluster where Debezium keeps what the tables were like at each place of the log, `bootstrap.servers` among them, with their secrets. */
  readonly history: ConnectorConfig;
  /** Columns of `tables` that do not travel: the target computes them, or has none. */
  readonly left: readonly NamedColumn[];
  /** Numbers that are truth values on the target. */
  readonly booleans: readonly NamedColumn[];
}

/** Errors: TEAL-CARRIERS-011 an address without a host or a user. */
export function binlogPath(plan: BinlogPathPlan): PathConnectors {
  const { source, sink, lane, prefix } = pathNames(plan);
  return {
    source: { name: source, plugin: otherSources[plan.flavour], config: binlogSourceConfig(plan) },
    // What MySQL and MariaDB call a database is a schema there.
    sink: { name: sink, plugin: jdbcSink, config: sinkConfig(plan, '${source.db}.${source.table}') },
    topics: [lane, historyTopic(plan), heartbeatTopic(prefix)],
  };
}

const beat = `insert into teal.heartbeat (side, at) values ('blue', current_timestamp(6)) on duplicate key update at = current_timestamp(6)`;

/** Debezium: from the binlog, after a snapshot of what is there, into the lane. */
export function binlogSourceConfig(plan: BinlogPathPlan): ConnectorConfig {
  const { prefix } = pathNames(plan);
  const captured = [...plan.tables, ...plan.signs];
  const databases = [...new Set(captured.map(({ schema }) => schema))];
  return {
    'connector.class': otherSources[plan.flavour],
    'tasks.max': '1',
    ...loginOf(plan),
    'database.server.id': String(serverIdOf(plan.run)),
    'topic.prefix': prefix,
    'database.include.list': databases.map(escapedItem).join(','),
    'table.include.list': captured.map(tablePattern).join(','),
    ...(plan.left.length === 0 ? {} : { 'column.exclude.list': plan.left.map(columnPattern).join(',') }),
    'snapshot.mode': 'initial',
    ...emptyInSnapshot(plan.signs),
    // Changes of the schema are no rows.
    'include.schema.changes': 'false',
    ...historyOf(plan),
    'heartbeat.action.query': beat,
    // Whoever sets nothing else gets numbers above 2^63 as negative ones.
    'bigint.unsigned.handling.mode': 'precise',
    // Else the year 1 becomes 2001.
    'enable.time.adjuster': 'false',
    ...booleansOf(plan),
    ...laneSettings(plan),
  };
}

/** The history has clients of its own, which the workers' settings do not reach: what they log in with is told to each (Debezium documentation, "Pass-through properties", schema history). */
function historyOf(plan: BinlogPathPlan): ConnectorConfig {
  const { 'bootstrap.servers': brokers = '', ...client } = plan.history;
  return {
    'schema.history.internal.kafka.bootstrap.servers': brokers,
    'schema.history.internal.kafka.topic': historyTopic(plan),
    'schema.history.internal.store.only.captured.tables.ddl': 'true',
    ...prefixed('schema.history.internal.producer.', client),
    ...prefixed('schema.history.internal.consumer.', client),
  };
}

/** Debezium must have seen what they are like, or it stops at the first change of one; their rows of before would be taken for signs that came through. */
function emptyInSnapshot(signs: readonly TableName[]): ConnectorConfig {
  const names = signs.map(({ schema, name }) => `${schema}.${name}`);
  return {
    'snapshot.select.statement.overrides': names.join(','),
    ...Object.fromEntries(
      names.map((name) => [`snapshot.select.statement.overrides.${name}`, `select * from ${name} where 1 = 0`]),
    ),
  };
}

/** Without it a truth value is a number, which the target refuses. */
function booleansOf({ booleans }: BinlogPathPlan): ConnectorConfig {
  if (booleans.length === 0) return {};
  return {
    converters: 'truth',
    'truth.type': 'io.debezium.connector.binlog.converters.TinyIntOneToBooleanConverter',
    'truth.selector': booleans.map(columnPattern).join(','),
  };
}

/** A number that no other replica has, as far as chance goes: the name of an attempt is eight hexadecimal digits by chance. 1 to 100 000 are those that people give. */
function serverIdOf(run: string): number {
  return 100_001 + (Number.parseInt(run, 16) % 4_000_000_000);
}

const sslModes = {
  mysql: {
    DISABLED: 'disabled',
    REQUIRED: 'required',
    VERIFY_CA: 'verify_ca',
    VERIFY_IDENTITY: 'verify_identity',
  },
  mariadb: { DISABLED: 'disable', REQUIRED: 'trust', VERIFY_CA: 'verify-ca', VERIFY_IDENTITY: 'verify-full' },
} as const;

function loginOf({ sourceUrl, flavour }: Pick<BinlogPathPlan, 'sourceUrl' | 'flavour'>): ConnectorConfig {
  const url = new URL(sourceUrl);
  const user = decodeURIComponent(url.username);
  if (url.hostname === '' || user === '')
    throw new TealError('TEAL-CARRIERS-011', 'the address of a database names no host, or no user');
  const mode = url.searchParams.get('ssl-mode')?.toUpperCase();
  const modes: Readonly<Record<string, string>> = sslModes[flavour];
  const ssl = mode === undefined ? undefined : modes[mode];
  return {
    'database.hostname': decodeURIComponent(url.hostname).replace(/^\[|\]$/g, ''),
    'database.port': url.port === '' ? '3306' : url.port,
    'database.user': user,
    'database.password': decodeURIComponent(url.password),
    ...(ssl === undefined ? {} : { 'database.ssl.mode': ssl }),
  };
}

function escapedItem(text: string): string {
  return escaped(text).replaceAll(',', '\\,');
}
