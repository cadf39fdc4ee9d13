import type { Side } from '../../../model/catalog.ts';
import type { Capacity } from '../../../model/facts.ts';
import { bothSides, finding, look, readsLog, type Finding, type Situation } from '../finding.ts';
import { capital } from '../text.ts';

/** The reader of a flow, and the temporary slots of a comparison at one position. */
const slotsNeeded = 2;
const sendersNeeded = 2;
/** Copiers, holders, appliers, and what Teal asks beside them. */
const connectionsNeeded = 20;
/**
 * How many sessions hold a lock on every table at once: on blue the session that guards the copy, two holders of the snapshot and pg_dump; on green the
 * transaction that opens it for writes, and one that compares.
 */
export const sessionsWithAllTables = { blue: 4, green: 2 } as const;
/** Locks of the fence on its own tables and on the catalog, of the appliers, and some air. */
const locksBeside = 200;

/** Locks that Teal needs at its busiest. All tables count, partitioned ones and each partition too: a fence locks each. */
export function locksNeeded(side: Side, tables: number): number {
  return tables * sessionsWithAllTables[side] + locksBeside;
}

/** What Teal takes from a limited store, asked for before the worst moment instead of at it. */
export function checkCapacity(situation: Situation): readonly Finding[] {
  return bothSides(situation).flatMap(([side, { facts }]) =>
    look(facts.capacity, side, 'free slots, senders, connections and locks', (capacity) => [
      ...(readsLog(situation, side) ? checkSlotsAndSenders(side, capacity) : checkOrigins(side, capacity)),
      ...checkConnections(side, capacity),
      ...checkLocks(side, capacity, situation.managed.length),
    ]),
  );
}

function checkSlotsAndSenders(side: Side, { slots, walSenders }: Capacity): readonly Finding[] {
  const found: Finding[] = [];
  if (slots.total - slots.used < slotsNeeded) {
    found.push(
      finding('ASSESS-SLOTS', {
        side,
        object: 'max_replication_slots',
        what: `${slots.used} of ${slots.total} replication slots of ${side} are used; Teal needs ${slotsNeeded}.`,
        why: 'Without a slot the server does not keep the changes that come while tables are copied.',
        mend: `ALTER SYSTEM SET max_replication_slots = ${slots.used + slotsNeeded};\n-- then restart the server`,
      }),
    );
  }
  if (walSenders.total - walSenders.used < sendersNeeded) {
    found.push(
      finding('ASSESS-SENDERS', {
        side,
        object: 'max_wal_senders',
        what: `${walSenders.used} of ${walSenders.total} WAL senders of ${side} are used; Teal needs ${sendersNeeded}.`,
        why: 'Without a sender changes cannot be streamed.',
        mend: `ALTER SYSTEM SET max_wal_senders = ${walSenders.used + sendersNeeded};\n-- then restart the server`,
      }),
    );
  }
  return found;
}

/** What is applied on the way back is marked with an origin, and the server keeps the places of origins where it keeps slots. */
function checkOrigins(side: Side, { slots }: Capacity): readonly Finding[] {
  if (slots.total > 0) return [];
  return [
    finding('ASSESS-SLOTS', {
      side,
      object: 'max_replication_slots',
      what: `${capital(side)} has no replication slots, and with them no place for origins.`,
      why: 'What Teal applies on the way back could not be marked as its own.',
      mend: 'ALTER SYSTEM SET max_replication_slots = 10;\n-- then restart the server',
    }),
  ];
}

function checkConnections(side: Side, { connections }: Capacity): readonly Finding[] {
  const free = connections.total - connections.used;
  if (free >= connectionsNeeded) return [];
  return [
    finding('ASSESS-CONNECTIONS', {
      side,
      object: 'max_connections',
      what: `${capital(side)} has ${free} free connections of ${connections.total}; Teal uses up to ${connectionsNeeded}.`,
      why: 'Clients or Teal may be refused. Fewer copy jobs need fewer connections.',
      mend: `ALTER SYSTEM SET max_connections = ${connections.used + connectionsNeeded + 10};\n-- then restart the server`,
    }),
  ];
}

function checkLocks(side: Side, { locks }: Capacity, tables: number): readonly Finding[] {
  const needed = locksNeeded(side, tables) + locks.used;
  if (needed <= locks.total) return [];
  const perTransaction = Math.ceil((needed * 1.25) / locks.holders);
  return [
    finding('ASSESS-LOCKS', {
      side,
      object: 'max_locks_per_transaction',
      what: `${tables} tables need about ${needed} locks on ${side}; its lock table is sure to hold ${locks.total}.`,
      why: 'A copy or a cut would end with "out of shared memory", and statements of clients with it.',
      mend: `ALTER SYSTEM SET max_locks_per_transaction = ${perTransaction};\n-- then restart the server`,
    }),
  ];
}
