/**
 * `teal/adapter`: what the author of an adapter needs, types above all. A system answers Introspector, SnapshotSource, CopyTarget, ChangeSource, Sink,
 * Digester, Fence, Sequences and SchemaDriver; a router, a carrier and a gate are one port each. The contract of every method is written on its interface;
 * `teal/testing` has kits that hold an adapter to it.
 */
export { PackedValues } from '../kernel/packed-values.ts';
export { TealError, isTealError, type ErrorCode, type ErrorEntry, type ErrorFacts } from '../kernel/errors.ts';
export * from '../model/catalog.ts';
export * from '../model/change.ts';
export * from '../model/facts.ts';
export * from '../model/position.ts';
export * from './carrier.ts';
export * from './change-source.ts';
export * from './digester.ts';
export * from './fence.ts';
export * from './gate.ts';
export type { Introspector, SystemIdentity } from './introspector.ts';
export * from './query.ts';
export * from './router.ts';
export * from './owner.ts';
export * from './schema-driver.ts';
export * from './schemas.ts';
export * from './sequences.ts';
export * from './sink.ts';
export * from './snapshot-source.ts';
export * from './step.ts';
