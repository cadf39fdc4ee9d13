import type { Side } from '../../model/catalog.ts';
import type { Fence } from '../../ports/fence.ts';
import type { Step } from '../../ports/step.ts';
import type { KeptSession } from './kept-session.ts';
import { installTealSchema, isTealSchemaThere, probeTealSchema, removeTealSchema } from './teal-schema.ts';

/** Database `teal`: where a side keeps what must be true together with its data, and what names Teal's own transactions in its log. */
export function tealSchemaStep(side: Side, session: KeptSession): Step {
  return {
    id: `prepare:teal-schema-${side}`,
    does: `creates database teal on ${side}: progress, tokens and owner rows live there, in the same transactions as the data`,
    locks: 'nothing of yours',
    costs: 'a few small tables',
    undone: 'the database is dropped',
    probe: async () =>
      session.use(async (connection) => {
        const found = await probeTealSchema(connection);
        if (found === side) return { state: 'done', evidence: `database teal of ${side}` };
        const isBegun = found === undefined && (await isTealSchemaThere(connection));
        return isBegun ? { state: 'partly', evidence: 'database teal without its tables' } : { state: 'not done' };
      }),
    act: async () => session.use(async (connection) => installTealSchema(connection, side)),
    undo: async () => session.use(removeTealSchema),
  };
}

/** The fence in its place: open on the side that clients write to, closed on the one that they must not write to yet. */
export function fenceStep(side: Side, fence: Fence, closed: boolean): Step {
  const wanted = closed ? 'raised' : 'installed';
  return {
    id: `prepare:fence-${side}`,
    does: closed
      ? `makes the server of ${side} read-only to everybody but Teal`
      : `notes that ${side} takes writes, until a cut makes its server read-only`,
    locks: closed ? 'nothing; waits for commits that are under way' : 'nothing',
    costs: 'nothing',
    undone: closed ? 'read_only is set back to what it was' : 'the note is deleted',
    probe: async () => {
      const seen = await fence.probe();
      if (seen.fence === wanted)
        return { state: 'done', evidence: `the server of ${side} is ${closed ? 'read-only' : 'writable'}` };
      return { state: seen.fence === 'absent' ? 'not done' : 'partly', evidence: seen.fence };
    },
    act: async () => fence.install(closed),
    undo: async () => fence.remove(),
  };
}
