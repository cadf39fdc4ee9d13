import { changedByConnect } from '../mapping/connect-changes.ts';
import { isComputedOnGreen } from '../mapping/name-map-of.ts';
import type { MappedTable, Mapping } from '../mapping/mapping.ts';
import type { MappingPolicy } from '../mapping/options.ts';
import { isSelected } from '../model/table-selection.ts';
import type { Spec } from '../spec/spec.ts';
import type { Finding } from '../stages/assess/finding.ts';
import { checkMysqlConnect, type ConnectTable } from '../stages/assess/mysql/connect.ts';
import { readActingKeys } from '../systems/mysql/acting-keys.ts';
import { parseAddress } from '../systems/mysql/address.ts';
import { findChangedValues, type MysqlSuspect } from '../systems/mysql/changed-values.ts';
import { connect } from '../systems/mysql/connection.ts';

/** What a cluster of Kafka Connect could not carry of a blue that is MySQL or MariaDB. Reads tables that have suspect columns once. None where the file has Teal carry. */
export async function assessMysqlConnect(
  spec: Spec,
  mapping: Mapping,
  signal: AbortSignal | undefined,
): Promise<readonly Finding[]> {
  if (spec.connect === undefined) return [];
  await using connection = await connect({ url: spec.blue.url, applicationName: 'teal look blue', signal });
  return checkMysqlConnect({
    tables: mapping.tables.map(connectTable),
    actingKeys: await readActingKeys(connection, {
      database: parseAddress(spec.blue.url).database,
      isWanted: (table) => isSelected(table, spec.tables),
    }),
    changed: await findChangedValues(
      connection,
      mapping.tables.flatMap((table) => suspectsOf(table, mapping.policy)),
    ),
    accepted: spec.connect.acceptUnfaithful,
  });
}

function connectTable({ source, target, columns }: MappedTable): ConnectTable {
  const { schema, name, primaryKey } = source;
  const key = new Set(primaryKey);
  return {
    schema,
    name,
    ...(primaryKey === undefined ? {} : { primaryKey }),
    green: { schema: target.schema, name: target.name },
    renamed: columns
      .filter((column) => column.carried && column.name !== column.source.name)
      .map((column) => `${column.source.name} → ${column.name}`),
    computedKey: columns
      .filter((column) => key.has(column.source.name) && (!column.carried || isComputedOnGreen(column)))
      .map((column) => column.source.name),
  };
}

function suspectsOf(
  { source: { schema, name }, columns }: MappedTable,
  policy: MappingPolicy,
): readonly MysqlSuspect[] {
  return columns.flatMap((column) => {
    const changed = column.carried ? changedByConnect(column, policy) : undefined;
    const { name: called, type } = column.source;
    return changed === undefined ? [] : [{ schema, name, column: called, type, ...changed }];
  });
}
