/**
 * `teal/testing`: for whoever writes an adapter, a carrier or a router.
 *
 * Kits hold an adapter to the contract of its port. Each is a list of named cases for any test runner; Teal's own adapters pass them. docs/guide/writing-an-adapter.md says
 * what to write.
 *
 *     import { test } from 'node:test';
 *     import { fenceContract } from 'teal/testing';
 *
 *     for (const { name, run } of fenceContract(openMyWorld)) test(name, run);
 *
 * The judge tells from what clients wrote down whether any database that keeps its promises could have answered so; it judges Teal's own runs. Pure functions: no
 * server, no clock. docs/guide/judging-histories.md says what to write.
 *
 *     import { findAnomalies, pairEvents, parseEvents } from 'teal/testing';
 *
 *     for (const { kind, text } of findAnomalies(pairEvents(files.map(parseEvents)))) console.log(`${kind}: ${text}`);
 */
export type { ContractCase } from './contract.ts';
export { copyContract, type CopyWorld, type TakenSnapshot } from './copy-contract.ts';
export { sideContract, type SideWorld } from './side-contract.ts';
export { fenceContract, type FenceWorld } from './fence-contract.ts';
export { gateContract, type GateWorld } from './gate-contract.ts';
export { introspectorContract, type AnyIntrospector, type IntrospectorWorld } from './introspector-contract.ts';
export { keeperContract, type KeeperWorld } from './keeper-contract.ts';
export type { ClientDatabase, ClientWrite, OpenTransaction, ShapedColumn, TableShape } from './relational.ts';
export { routerContract, type RouterWorld } from './router-contract.ts';
export { schemaContract, type SchemaWorld } from './schema-contract.ts';
export { schemasContract, type SchemasWorld } from './schemas-contract.ts';
export { sequencesContract, type SequencesWorld } from './sequences-contract.ts';
export { sinkContract, type SinkWorld } from './sink-contract.ts';
export { sourceContract, type LogReader, type SourceTells, type SourceWorld } from './source-contract.ts';
export { stepContract, type StepPromises, type StepWorld } from './step-contract.ts';
export { findAnomalies, type Anomaly, type AnomalyOptions } from './checker/anomalies.ts';
export {
  formatEvent,
  HistoryFault,
  pairEvents,
  parseEvents,
  type HistoryEvent,
  type Isolation,
  type MicroOp,
  type Txn,
} from './checker/history.ts';
export {
  checkRun,
  type Bound,
  type Comparison,
  type CutTold,
  type DoorMove,
  type Excuse,
  type Leftover,
  type Replay,
  type RunRecord,
  type Sample,
  type Violation,
} from './checker/invariants.ts';
export type { OwnerState, RowImage } from './checker/owner-state.ts';
