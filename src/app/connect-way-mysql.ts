import { must } from '../kernel/assert.ts';
import { isComputedOnGreen } from '../mapping/name-map-of.ts';
import { mapCatalog } from '../mapping/map-catalog.ts';
import type { MappedColumn, MappedTable } from '../mapping/mapping.ts';
import { isSameTarget } from '../mapping/target-tables.ts';
import { isSelected } from '../model/table-selection.ts';
import { binlogPath, type BinlogPathPlan } from '../carriers/connect/binlog-path.ts';
import { pathNames } from '../carriers/connect/connectors.ts';
import { javaClientSettings } from '../systems/kafka/java-client.ts';
import { parseAddress } from '../systems/mysql/address.ts';
import { MysqlBlue } from './connect-blue-mysql.ts';
import type { ConnectFlow, ConnectWay } from './connect-way.ts';
import { keptMapping, selectedCatalog } from './kept-catalog.ts';

/** From MySQL or MariaDB. A module of its own: whoever moves PostgreSQL would load its driver and the mapping for nothing. */
export function mysqlWay(flow: ConnectFlow, { rest, common }: Parameters<ConnectWay>[1]): ReturnType<ConnectWay> {
  const kept = keptMapping(flow.stateDir);
  const tables = kept === undefined ? [] : mapCatalog(selectedCatalog(kept.catalog, flow.tables), kept.options).tables;
  const plan: Omit<BinlogPathPlan, 'run'> = {
    ...common,
    flavour: flow.systems.blue === 'mariadb' ? 'mariadb' : 'mysql',
    history: javaClientSettings(must(flow.connect.kafka, 'the address of the brokers')),
    tables: tables.map(({ source: { schema, name } }) => ({ schema, name })),
    left: tables.flatMap((table) => leftOf(table)),
    booleans: columnsOf(tables, ({ type }) => isSameTarget(type, 'boolean')),
  };
  const names = (run: string): ReturnType<typeof pathNames> => pathNames({ ...plan, run });
  return {
    blue: new MysqlBlue({
      url: flow.blueUrl,
      stateDir: flow.stateDir,
      moved: {
        database: parseAddress(flow.blueUrl).database,
        isWanted: (table) => isSelected(table, flow.tables),
      },
      offsets: async (run) => rest.offsets(names(run).source),
    }),
    connectors: (run) => binlogPath({ ...plan, run }),
  };
}

type NamedColumn = BinlogPathPlan['left'][number];

function columnsOf(tables: readonly MappedTable[], is: (column: MappedColumn) => boolean): readonly NamedColumn[] {
  return tables.flatMap(({ source: { schema, name }, columns }) =>
    columns.filter(is).map((column) => ({ schema, name, column: column.source.name })),
  );
}

/** What green computes, and what it has not. */
function leftOf({ source, columns }: MappedTable): readonly NamedColumn[] {
  const { schema, name } = source;
  return source.columns.flatMap((column) => {
    const mapped = columns.find((each) => each.source.name === column.name);
    const travels = mapped?.carried === true && !isComputedOnGreen(mapped);
    return travels ? [] : [{ schema, name, column: column.name }];
  });
}
