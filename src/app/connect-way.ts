import type { PathPlan } from '../carriers/connect/connectors.ts';
import type { PathConnectors } from '../carriers/connect/path.ts';
import type { ConnectRest } from '../carriers/connect/rest.ts';
import type { Side } from '../model/catalog.ts';
import type { TableSelection } from '../model/table-selection.ts';
import type { ConnectSpec, SystemName } from '../spec/spec.ts';
import type { BlueEnd } from './connect-ends.ts';

export interface ConnectFlow {
  readonly connect: ConnectSpec;
  readonly systems: Readonly<Record<Side, SystemName>>;
  /** As in names on the servers. */
  readonly migration: string;
  readonly stateDir: string;
  readonly blueUrl: string;
  readonly greenUrl: string;
  readonly tables: TableSelection;
  readonly heartbeatEveryMs: number;
}

/** What a path is by the system that it reads. */
export type ConnectWay = (
  flow: ConnectFlow,
  given: {
    readonly rest: ConnectRest;
    readonly common: Omit<PathPlan, 'run' | 'publication' | 'slot' | 'tables' | 'computed'>;
  },
) => { readonly blue: BlueEnd; readonly connectors: (run: string) => PathConnectors };
