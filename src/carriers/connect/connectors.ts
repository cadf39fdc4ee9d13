import { TealError } from '../../kernel/errors.ts';
import type { TableName } from '../../model/catalog.ts';
import type { PathConnectors } from './path.ts';
import type { ConnectorConfig } from './rest.ts';

export const postgresSource = 'io.debezium.connector.postgresql.PostgresConnector';
export const jdbcSink = 'io.debezium.connector.jdbc.JdbcSinkConnector';

/** What the two connectors of one flow are made from. */
export interface PathPlan {
  /** As in names on the servers: a-z, 0-9 and _. */
  readonly migration: string;
  /** Of this attempt: another one must not find topics, offsets or groups of an earlier one (a prefix that is used again replays what it finds). */
  readonly run: string;
  /** What the names of topics begin with. */
  readonly topicPrefix: string;
  readonly replicationFactor: number;
  /** Addresses as the workers reach them, with their passwords. */
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly publication: string;
  readonly slot: string;
  /** Tables that hold rows. */
  readonly tables: readonly TableName[];
  /** Of them, columns that the target computes itself. */
  readonly computed: readonly (TableName & { readonly column: string })[];
  /** Those of Teal by which the stream tells who owns the data. Their rows of before are in no snapshot: a sign that comes through was written while the log was read. */
  readonly signs: readonly TableName[];
  readonly heartbeatEveryMs: number;
  /** As `application_name`: the target knows the sink by it. */
  readonly sinkApplication: string;
}

export interface PathNames {
  readonly source: string;
  readonly sink: string;
  /** Debezium's own name of the source; topics that are not the lane begin with it. */
  readonly prefix: string;
  /**
   * The one topic, of one partition, that everything goes through: what comes out of it has the order in which it was committed, and a sign that has come through has everything before it
   * behind itself.
   */
  readonly lane: string;
}

export function pathNames({
  migration,
  run,
  topicPrefix,
}: Pick<PathPlan, 'migration' | 'run' | 'topicPrefix'>): PathNames {
  const name = `teal-${migration}-${run}`;
  const prefix = `${topicPrefix}${migration}.${run}`;
  return { source: `${name}-source`, sink: `${name}-sink`, prefix, lane: `${prefix}.lane` };
}

/** From PostgreSQL to PostgreSQL. */
export function postgresPath(plan: PathPlan): PathConnectors {
  const { source, sink, lane, prefix } = pathNames(plan);
  return {
    source: { name: source, plugin: postgresSource, config: sourceConfig(plan) },
    sink: { name: sink, plugin: jdbcSink, config: sinkConfig(plan) },
    topics: [lane, heartbeatTopic(prefix)],
  };
}

/** The one that Debezium makes beside the lane. */
export function heartbeatTopic(prefix: string): string {
  return `__debezium-heartbeat.${prefix}`;
}

/** With schemas, which the sink needs. Without this a NULL becomes the default of its column; the switch counts only where the converter is named beside it. */
const converters = (['key', 'value'] as const).reduce<ConnectorConfig>(
  (all, side) => ({
    ...all,
    [`${side}.converter`]: 'org.apache.kafka.connect.json.JsonConverter',
    [`${side}.converter.schemas.enable`]: 'true',
    [`${side}.converter.replace.null.with.default`]: 'false',
  }),
  {},
);

/** Debezium: from the log of PostgreSQL, after a snapshot of what is there, into the lane. */
export function sourceConfig(plan: PathPlan): ConnectorConfig {
  const { prefix } = pathNames(plan);
  const beat = `insert into teal.heartbeat (side, at) values ('blue', pg_catalog.clock_timestamp()) on conflict (side) do update set at = excluded.at`;
  return {
    'connector.class': postgresSource,
    'tasks.max': '1',
    'plugin.name': 'pgoutput',
    ...databaseOf(plan.sourceUrl),
    'topic.prefix': prefix,
    'slot.name': plan.slot,
    // Teal drops it: a connector that is moved from worker to worker must find it.
    'slot.drop.on.stop': 'false',
    'publication.name': plan.publication,
    'publication.autocreate.mode': 'disabled',
    'table.include.list': [...plan.tables, ...plan.signs].map(tablePattern).join(','),
    ...(plan.computed.length === 0 ? {} : { 'column.exclude.list': plan.computed.map(columnPattern).join(',') }),
    'snapshot.mode': 'initial',
    'snapshot.include.collection.list': plan.tables.map(tablePattern).join(','),
    // Notes of changes of the schema, which the sink would take for rows.
    'message.prefix.exclude.list': '.*',
    'heartbeat.action.query': beat,
    // Whoever sets nothing else gets hours for months.
    'interval.handling.mode': 'string',
    'hstore.handling.mode': 'json',
    ...laneSettings(plan),
  };
}

/** What every source has: all operations as JSON with schemas, and one topic of one partition for all tables. */
export function laneSettings(
  plan: Pick<PathPlan, 'migration' | 'run' | 'topicPrefix' | 'replicationFactor' | 'heartbeatEveryMs'>,
): ConnectorConfig {
  const { prefix, lane } = pathNames(plan);
  return {
    // Truncation comes too.
    'skipped.operations': 'none',
    'tombstones.on.delete': 'false',
    'heartbeat.interval.ms': String(plan.heartbeatEveryMs),
    'event.processing.failure.handling.mode': 'fail',
    ...converters,
    transforms: 'lane',
    'transforms.lane.type': 'org.apache.kafka.connect.transforms.RegexRouter',
    // Not the topic of heartbeats, whose name begins otherwise.
    'transforms.lane.regex': `${escaped(prefix)}\\..*`,
    'transforms.lane.replacement': lane,
    'topic.creation.default.replication.factor': String(plan.replicationFactor),
    'topic.creation.default.partitions': '1',
    'topic.creation.default.cleanup.policy': 'delete',
    'topic.creation.default.retention.ms': '-1',
  };
}

/** Debezium's JDBC sink: from the lane into the tables that each change names, by their keys. */
export function sinkConfig(
  plan: Pick<PathPlan, 'migration' | 'run' | 'topicPrefix' | 'targetUrl' | 'sinkApplication'>,
  /** The table on the target, by what a change tells of its own. */
  nameOfTable = '${source.schema}.${source.table}',
): ConnectorConfig {
  const { lane } = pathNames(plan);
  const { host, database, user, password, ssl } = addressOf(plan.targetUrl);
  // As a replica: neither triggers nor foreign keys act, and no fence holds it.
  const parameters = new URLSearchParams({
    ApplicationName: plan.sinkApplication,
    options: '-c session_replication_role=replica',
    // A text without a type: the server takes it for that of the column, an enum of any schema or a domain.
    stringtype: 'unspecified',
    ...(ssl === undefined ? {} : { sslmode: ssl }),
  });
  return {
    'connector.class': jdbcSink,
    // More than one partition there is not.
    'tasks.max': '1',
    topics: lane,
    'connection.url': `jdbc:postgresql://${host}/${encodeURIComponent(database)}?${parameters.toString().replaceAll('+', '%20')}`,
    'connection.username': user,
    'connection.password': password,
    'connection.pool.min_size': '1',
    'connection.pool.max_size': '2',
    'connection.pool.acquire_increment': '1',
    'collection.name.format': nameOfTable,
    'insert.mode': 'upsert',
    'delete.enabled': 'true',
    'truncate.enabled': 'true',
    'primary.key.mode': 'record_key',
    'schema.evolution': 'none',
    'quote.identifiers': 'true',
    'use.time.zone': 'UTC',
    'consumer.override.auto.offset.reset': 'earliest',
    'consumer.override.isolation.level': 'read_committed',
    ...converters,
  };
}

interface Address {
  /** Host and port. */
  readonly host: string;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** As libpq and the drivers of Java have it. */
  readonly ssl: string | undefined;
}

/** Errors: TEAL-CARRIERS-011 for an address without a host or a user: a worker on another machine could not use it. */
function addressOf(text: string): Address {
  const url = new URL(text);
  const user = decodeURIComponent(url.username);
  if (url.hostname === '' || user === '')
    throw new TealError('TEAL-CARRIERS-011', 'the address of a database names no host, or no user');
  return {
    host: url.port === '' ? `${url.hostname}:5432` : url.host,
    database: decodeURIComponent(url.pathname.slice(1)) || user,
    user,
    password: decodeURIComponent(url.password),
    ssl: url.searchParams.get('sslmode') ?? undefined,
  };
}

function databaseOf(text: string): ConnectorConfig {
  const { host, database, user, password, ssl } = addressOf(text);
  const colon = host.lastIndexOf(':');
  return {
    'database.hostname': host.slice(0, colon).replace(/^\[|\]$/g, ''),
    'database.port': host.slice(colon + 1),
    'database.user': user,
    'database.password': password,
    'database.dbname': database,
    ...(ssl === undefined ? {} : { 'database.sslmode': ssl }),
  };
}

/** A list of patterns that must match the whole name; a comma would end one. */
export function tablePattern({ schema, name }: TableName): string {
  return escaped(`${schema}.${name}`).replaceAll(',', '\\,');
}

export function columnPattern({ schema, name, column }: PathPlan['computed'][number]): string {
  return escaped(`${schema}.${name}.${column}`).replaceAll(',', '\\,');
}

export function escaped(text: string): string {
  return text.replaceAll(/[\\^$.|?*+()[\]{}-]/g, '\\$&');
}

/** Of one of the clients that a connector has of its own. */
export function prefixed(prefix: string, settings: ConnectorConfig): ConnectorConfig {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [`${prefix}${name}`, value]));
}

const isSecret = /(^|\.)(password|sasl\.jaas\.config|ssl\.keystore\.key)$/;

/** For people: a plan, a document. */
export function printableConfig(config: ConnectorConfig): ConnectorConfig {
  return Object.fromEntries(Object.entries(config).map(([name, value]) => [name, isSecret.test(name) ? '***' : value]));
}
