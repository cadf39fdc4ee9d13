import type { Side } from '../../model/catalog.ts';
import type { Fence } from '../../ports/fence.ts';
import type { Step } from '../../ports/step.ts';
import { connect } from './connection.ts';
import type { KeptSession } from './kept-session.ts';
import { dropOrigins } from './origins.ts';
import { createSlot, dropSlot, slotStatus } from './slot.ts';
import { installTealSchema, probeTealSchema, removeTealSchema } from './teal-schema.ts';

/**
 * Schema `teal`: where a side keeps what must be true together with its data. `origins`: under which Teal writes there; whoever writes creates them, and they go with
 * the schema, when nobody writes any more.
 */
export function tealSchemaStep(side: Side, session: KeptSession, origins: readonly string[]): Step {
  return {
    id: `prepare:teal-schema-${side}`,
    does: `creates schema teal on ${side}: progress, tokens and owner rows live there, in the same transactions as the data`,
    locks: 'nothing of yours',
    costs: 'a few small tables',
    undone: 'the schema is dropped, with the origins that mark what Teal writes',
    probe: async () => {
      const found = await session.use(probeTealSchema);
      return found === side ? { state: 'done', evidence: `schema teal of ${side}` } : { state: 'not done' };
    },
    act: async () => session.use(async (connection) => installTealSchema(connection, side)),
    undo: async ({ signal }) =>
      session.use(async (connection) => {
        await dropOrigins(connection, origins, signal);
        await removeTealSchema(connection);
      }),
  };
}

/** The fence in its place: open on the side that clients write to, closed on the one that they must not write to yet. */
export function fenceStep(side: Side, fence: Fence, closed: boolean, tables: number): Step {
  const wanted = closed ? 'raised' : 'installed';
  return {
    id: `prepare:fence-${side}`,
    does: closed
      ? `closes ${tables} tables of ${side} to everybody but Teal, by a trigger on each`
      : `puts a trigger on ${tables} tables of ${side} that does nothing until a cut replaces the function which it calls`,
    locks: closed
      ? 'nothing that anybody waits for'
      : 'SHARE ROW EXCLUSIVE on one table at a time for a moment; waits at most 500 ms a try',
    costs: 'some microseconds for each statement that writes',
    undone: 'the triggers are dropped',
    probe: async () => {
      const seen = await fence.probe();
      return seen.fence === wanted || (tables === 0 && seen.fence === 'absent')
        ? { state: 'done', evidence: `${seen.fence} on ${tables} tables` }
        : { state: seen.fence === 'absent' ? 'not done' : 'partly', evidence: seen.fence };
    },
    act: async () => fence.install(closed),
    undo: async () => fence.remove(),
  };
}

export interface SlotStepOptions {
  readonly side: Side;
  readonly url: string;
  readonly slot: string;
  readonly failover: boolean;
}

/**
 * A slot without a snapshot, for the flow back: it is made while its side takes no writes of clients, so nothing can be missed, and before the cut, so that the
 * way back is proven to work first (vitess #16794).
 */
export function bareSlotStep(options: SlotStepOptions, session: KeptSession): Step {
  const { side, slot } = options;
  return {
    id: `prepare:slot-${side}`,
    does: `creates replication slot ${slot} on ${side}, for the flow back`,
    locks: 'nothing; waits at most 60 s for transactions that write',
    costs: `${side} keeps its log from here on until the flow has read it`,
    undone: 'the slot is dropped',
    probe: async () => {
      const status = await session.use(async (connection) => slotStatus(connection, slot));
      return status.state === 'usable' ? { state: 'done', evidence: `slot ${slot}` } : { state: 'not done' };
    },
    act: async ({ signal }) => {
      const found = await session.use(async (connection) => slotStatus(connection, slot));
      if (found.state === 'usable') return;
      // An invalidated one: what it has lost nobody can read any more, and nothing was written by clients yet.
      if (found.state !== 'absent') await session.use(async (connection) => dropSlot(connection, slot, { signal }));
      await using walsender = await connect({
        url: options.url,
        applicationName: 'teal slot',
        replication: 'database',
        signal,
      });
      await createSlot(walsender, slot, {
        lockTimeoutMs: 60_000,
        snapshot: 'nothing',
        failover: options.failover,
        signal,
      });
    },
    undo: async ({ signal }) =>
      session.use(async (connection) => dropSlot(connection, slot, { terminateReader: true, signal })),
  };
}
