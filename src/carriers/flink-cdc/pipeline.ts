import { stringify } from 'yaml';
import { TealError } from '../../kernel/errors.ts';
import { tableFacts, tableKey, type TableName } from '../../model/catalog.ts';

/** A table of blue, and what it is called on green. */
export interface PipelineTable {
  readonly source: TableName & { readonly primaryKey?: readonly string[] };
  readonly target: TableName;
}

/** What a pipeline of Flink CDC is made from. */
export interface PipelinePlan {
  /** As in names on the servers: a-z, 0-9 and _. */
  readonly migration: string;
  readonly source: {
    readonly type: 'postgres' | 'mysql';
    readonly host: string;
    readonly port: number;
    readonly user: string;
    /** Of PostgreSQL: one pipeline reads one. */
    readonly database: string;
  };
  readonly tables: readonly PipelineTable[];
  /** `host:port` of brokers that Flink reaches, as Kafka's clients are told them. */
  readonly brokers: string;
  /** Tasks of each operator. */
  readonly parallelism: number;
}

const head = `# A pipeline of Flink CDC 3.5, made by \`teal export flink-cdc\`. Teal does not run it, and neither compares what it carries nor cuts over to it.
# \${BLUE_PASSWORD} is put in by whoever submits it: envsubst '\${BLUE_PASSWORD}' < pipeline.yaml > pipeline.secret.yaml
`;

/**
 * The migration as a pipeline definition of Flink CDC (its manual: "Core Concept", "Pipeline Connectors"), from blue into a topic for each table: of its sinks none is a PostgreSQL, MySQL or
 * MariaDB. Holds no password. Pure. Errors: TEAL-CARRIERS-040 a table that it cannot name or cut into pieces, -041 no table at all, -043 blue is known by a socket alone.
 */
export function pipelineText(plan: PipelinePlan): string {
  const { migration, tables, brokers, parallelism } = plan;
  if (tables.length === 0) throw new TealError('TEAL-CARRIERS-041', 'the selection holds no table');
  for (const table of tables) refuseUnfit(table);
  const pipeline = {
    source: sourceOf(plan),
    sink: {
      type: 'kafka',
      name: `teal ${migration} changes`,
      'properties.bootstrap.servers': brokers,
      'value.format': 'debezium-json',
      // What is of one row stays in its order.
      'partition.strategy': 'hash-by-key',
    },
    route: tables.map(({ source, target }) => ({
      'source-table': tableKey(source),
      'sink-table': tableKey(target),
    })),
    pipeline: { name: `teal ${migration}`, parallelism },
  };
  // A line that is broken in two would hide a table from whoever looks for it.
  return head + stringify(pipeline, { lineWidth: 0 });
}

function sourceOf({ migration, source, tables }: PipelinePlan): Readonly<Record<string, string | number | boolean>> {
  const { type, host, port, user, database } = source;
  if (host === '' || user === '')
    throw new TealError('TEAL-CARRIERS-043', 'the address of blue names no host, or no user');
  const isPostgres = type === 'postgres';
  const names = tables
    .map((table) => tableKey(table.source))
    .map((name) => (isPostgres ? `${database}.${name}` : name));
  return {
    type,
    name: `teal ${migration} blue`,
    hostname: host,
    port,
    username: user,
    password: '${BLUE_PASSWORD}',
    tables: names.join(', '),
    ...(isPostgres
      ? {
          'decoding.plugin.name': 'pgoutput',
          'slot.name': `teal_${migration}_flink`,
          // Else one of all tables is made, which only a superuser may.
          'debezium.publication.name': `teal_${migration}_flink`,
          'debezium.publication.autocreate.mode': 'filtered',
        }
      : {}),
  };
}

/** Names are patterns there, and become names of topics: what is neither plain in a pattern nor allowed in a topic has no place. */
const plain = /^[A-Za-z0-9_-]+$/;

function refuseUnfit({ source, target }: PipelineTable): void {
  const names = [source.schema, source.name, target.schema, target.name];
  const refuse = (why: string): TealError =>
    new TealError('TEAL-CARRIERS-040', `${tableKey(source)}: ${why}`, { ...tableFacts(source), why });
  if (!names.every((name) => plain.test(name))) throw refuse('its name is no name of a topic');
  if (source.primaryKey === undefined) throw refuse('it has no primary key');
}
