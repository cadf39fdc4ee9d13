import { TealError } from '../../kernel/errors.ts';
import { escaped, laneSettings, pathNames, tablePattern, type PathPlan } from './connectors.ts';
import type { ConnectorConfig } from './rest.ts';

export const otherSources = Object.freeze({
  oracle: 'io.debezium.connector.oracle.OracleConnector',
  sqlserver: 'io.debezium.connector.sqlserver.SqlServerConnector',
  mysql: 'io.debezium.connector.mysql.MySqlConnector',
  mariadb: 'io.debezium.connector.mariadb.MariaDbConnector',
});
export type OtherSource = keyof typeof otherSources;

/** What a source that is no PostgreSQL is made from. */
export interface OtherSourcePlan extends Pick<
  PathPlan,
  'migration' | 'run' | 'topicPrefix' | 'replicationFactor' | 'heartbeatEveryMs' | 'tables'
> {
  /**
   * As the workers reach it, with its password: `oracle://user:password@host:1521/CDB?pdb=PDB`, `sqlserver://user:password@host:1433/database`, `mysql://user:password@host:3306/database`,
   * `mariadb://…`.
   */
  readonly sourceUrl: string;
  /** `host:port,…` as the workers reach them: Debezium keeps there what the tables were like at each place of the log. */
  readonly brokers: string;
  /** Of MySQL and MariaDB: a number that no other replica has. */
  readonly serverId: number;
}

/** The topic that a source of these keeps what the tables were like in. */
export function historyTopic(plan: Pick<PathPlan, 'migration' | 'run' | 'topicPrefix'>): string {
  return `${pathNames(plan).prefix}.history`;
}

/** Which of them an address is of. Error TEAL-CARRIERS-044 for another one. */
export function otherSourceOf(sourceUrl: string): OtherSource {
  const scheme = URL.parse(sourceUrl)?.protocol.replace(/:$/, '') ?? '';
  const found = (Object.keys(otherSources) as OtherSource[]).find((each) => each === scheme);
  if (found !== undefined) return found;
  throw new TealError('TEAL-CARRIERS-044', 'the address does not begin as that of one of them does', {
    known: Object.keys(otherSources).map((each) => `${each}://`),
  });
}

/** Debezium's source of the address into the lane. Errors: TEAL-CARRIERS-044 an address of something else, or without host, user or database. */
export function otherSourceConfig(plan: OtherSourcePlan): ConnectorConfig {
  const source = otherSourceOf(plan.sourceUrl);
  const { prefix } = pathNames(plan);
  return {
    'connector.class': otherSources[source],
    'tasks.max': '1',
    'topic.prefix': prefix,
    ...ownSettings[source](plan),
    'table.include.list': plan.tables.map(tablePattern).join(','),
    'snapshot.mode': 'initial',
    // Changes of the schema are no rows.
    'include.schema.changes': 'false',
    'schema.history.internal.kafka.bootstrap.servers': plan.brokers,
    'schema.history.internal.kafka.topic': historyTopic(plan),
    'schema.history.internal.store.only.captured.tables.ddl': 'true',
    ...laneSettings(plan),
  };
}

const ownSettings: Readonly<Record<OtherSource, (plan: OtherSourcePlan) => ConnectorConfig>> = {
  oracle: ({ sourceUrl }) => {
    const { parameters, database, ...address } = addressOf(sourceUrl, '1521');
    const pdb = parameters.get('pdb');
    return {
      ...asSettings(address),
      'database.dbname': database,
      ...(pdb === null ? {} : { 'database.pdb.name': pdb }),
      'database.connection.adapter': 'logminer',
      'log.mining.strategy': 'online_catalog',
      // Without it a LOB that did not change comes as a placeholder, which the sink would write.
      'lob.enabled': 'true',
      'interval.handling.mode': 'string',
    };
  },
  sqlserver: ({ sourceUrl }) => {
    const { parameters, database, ...address } = addressOf(sourceUrl, '1433');
    return {
      ...asSettings(address),
      'database.names': database,
      // Passed on to the driver, whose own default is an encrypted connection and a certificate that is checked.
      ...Object.fromEntries([...parameters].map(([name, value]) => [`driver.${name}`, value])),
      // What others write meanwhile neither waits nor is seen half.
      'snapshot.isolation.mode': 'snapshot',
    };
  },
  mysql: binlogSettings,
  mariadb: binlogSettings,
};

function binlogSettings({ sourceUrl, serverId }: OtherSourcePlan): ConnectorConfig {
  const { database, parameters: _, ...address } = addressOf(sourceUrl, '3306');
  return {
    ...asSettings(address),
    'database.include.list': escaped(database),
    'database.server.id': String(serverId),
    // Whoever sets nothing else gets numbers above 2^63 as negative ones.
    'bigint.unsigned.handling.mode': 'precise',
    // Else the year 1 becomes 2001.
    'enable.time.adjuster': 'false',
  };
}

interface OtherAddress {
  readonly host: string;
  readonly port: string;
  readonly user: string;
  readonly password: string;
}

function asSettings({ host, port, user, password }: OtherAddress): ConnectorConfig {
  return {
    'database.hostname': host,
    'database.port': port,
    'database.user': user,
    'database.password': password,
  };
}

function addressOf(
  text: string,
  defaultPort: string,
): OtherAddress & { readonly database: string; readonly parameters: URLSearchParams } {
  const url = new URL(text);
  const database = decodeURIComponent(url.pathname.slice(1));
  const user = decodeURIComponent(url.username);
  if (url.hostname === '' || user === '' || database === '')
    throw new TealError('TEAL-CARRIERS-044', 'the address names no host, no user or no database');
  return {
    host: decodeURIComponent(url.hostname).replace(/^\[|\]$/g, ''),
    port: url.port === '' ? defaultPort : url.port,
    user,
    password: decodeURIComponent(url.password),
    database,
    parameters: url.searchParams,
  };
}
