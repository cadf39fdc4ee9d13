import { TealError } from '../kernel/errors.ts';
import { mapCatalog } from '../mapping/map-catalog.ts';
import { storedTables, type Table } from '../model/catalog.ts';
import type { Spec } from '../spec/spec.ts';
import { parseAddress } from '../systems/mysql/address.ts';
import { printableBrokers } from '../systems/kafka/address.ts';
import { pipelineText, type PipelinePlan, type PipelineTable } from '../carriers/flink-cdc/pipeline.ts';
import { selectedCatalog } from './kept-catalog.ts';
import { lookAt } from './look.ts';

export interface FlinkCdcOptions {
  /** `host:port,…`; default: those of `connect.kafka` in the file. */
  readonly brokers?: string | undefined;
  /** Default: `copy.workers` of the file. */
  readonly parallelism?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The migration of the file as a pipeline definition of Flink CDC. Looks at both systems and changes nothing. Errors: TEAL-CARRIERS-040 and -041 of the pipeline, -042 nobody says where Kafka is,
 * TEAL-APP-006 where no database is moved.
 */
export async function exportFlinkCdc(spec: Spec, options: FlinkCdcOptions): Promise<string> {
  const { blue, green, connect } = spec;
  if (blue.system === 'kafka') throw new TealError('TEAL-APP-006', `from ${blue.system} to ${green.system}`);
  const brokers = options.brokers ?? (connect?.kafka === undefined ? undefined : printableBrokers(connect.kafka));
  if (brokers === undefined) throw new TealError('TEAL-CARRIERS-042', 'neither --kafka nor `connect.kafka` names one');
  return pipelineText({
    migration: spec.name.replaceAll('-', '_'),
    source: sourceOf(spec),
    tables: await tablesOf(spec, options.signal),
    brokers,
    parallelism: options.parallelism ?? spec.copy.workers,
  });
}

function sourceOf({ blue }: Spec): PipelinePlan['source'] {
  if (blue.system === 'postgres') {
    const url = new URL(blue.url);
    const user = decodeURIComponent(url.username);
    return {
      type: 'postgres',
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? 5432 : Number(url.port),
      user,
      database: decodeURIComponent(url.pathname.slice(1)) || user,
    };
  }
  const { host, port, user, database = '' } = parseAddress(blue.url);
  return { type: 'mysql', host, port, user, database };
}

async function tablesOf(spec: Spec, signal: AbortSignal | undefined): Promise<readonly PipelineTable[]> {
  if (spec.blue.system === 'postgres') {
    const { catalog } = await lookAt('blue', spec.blue.url, signal);
    return storedTables(selectedCatalog(catalog, spec.tables))
      .filter(({ persistence }) => persistence === 'permanent')
      .map(unchanged);
  }
  const { assessMysqlToPostgres, assessMysqlTwins } = await import('./assess-mysql.ts');
  const asked = { profile: false, ...(signal === undefined ? {} : { signal }) };
  if (spec.green.system !== 'postgres') {
    const { blue } = await assessMysqlTwins(spec, asked);
    return selectedCatalog(blue.catalog, spec.tables).tables.map(unchanged);
  }
  const { blue, options } = await assessMysqlToPostgres(spec, asked);
  return mapCatalog(selectedCatalog(blue.catalog, spec.tables), options).tables.map(({ source, target }) => ({
    source,
    target: { schema: target.schema, name: target.name },
  }));
}

function unchanged(table: Table): PipelineTable {
  return { source: table, target: { schema: table.schema, name: table.name } };
}
