import { fileURLToPath } from 'node:url';
import { embeddedCarrier } from '../carriers/embedded/client.ts';
import { carrierDefaults } from '../carriers/embedded/config.ts';
import { otherSide, type Side } from '../model/catalog.ts';
import type { TableSelection } from '../model/table-selection.ts';
import { flowSource, type Carrier } from '../ports/carrier.ts';
import { sourceUrlVariable, targetUrlVariable } from './carrier-environment.ts';
import { programUrl } from './program.ts';

export interface CarrierConnection {
  readonly migration: string;
  readonly stateDir: string;
  readonly urls: Readonly<Record<Side, string>>;
  readonly spoolLimitBytes?: number;
  readonly walBudgetBytes?: number;
  readonly heartbeatEveryMs?: number;
  /** The tables of the migration; without it all. */
  readonly tables?: TableSelection;
  readonly schemaEveryMs?: number;
}

/** Teal's own carrier between two PostgreSQL databases: workers are started from this installation. */
export function connectCarrier(options: CarrierConnection): Carrier {
  // As in the names on the servers, where no dash is allowed.
  const migration = options.migration.replaceAll('-', '_');
  const { spoolLimitBytes, walBudgetBytes, heartbeatEveryMs } = options;
  return embeddedCarrier({
    stateDir: options.stateDir,
    command: [process.execPath, fileURLToPath(programUrl('carrier-main'))],
    config: (flow, folder) => ({
      version: 1,
      migration,
      flow,
      folder,
      ...carrierDefaults,
      ...(spoolLimitBytes === undefined ? {} : { spoolLimitBytes }),
      ...(walBudgetBytes === undefined ? {} : { walBudgetBytes }),
      ...(heartbeatEveryMs === undefined ? {} : { heartbeatEveryMs }),
      ...(options.schemaEveryMs === undefined ? {} : { schemaEveryMs: options.schemaEveryMs }),
      ...(options.tables === undefined
        ? {}
        : { tables: { include: options.tables.include ?? ['*'], exclude: options.tables.exclude ?? [] } }),
    }),
    environment: (flow) => ({
      [sourceUrlVariable]: options.urls[flowSource(flow)],
      [targetUrlVariable]: options.urls[otherSide(flowSource(flow))],
    }),
  });
}
