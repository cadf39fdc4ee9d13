import type { Side } from '../../model/catalog.ts';
import type { Fence } from '../../ports/fence.ts';
import type { Probed, Step } from '../../ports/step.ts';
import type { KeptSession } from './kept-session.ts';
import { removeRecorder } from './trigger-source/recorder.ts';
import { isTealSchemaThere, removeTealSchema } from './teal-schema.ts';

/**
 * Takes away all that Teal made on one side and proves it: everything is in database `teal`, but for `read_only`. `keepClosed`: the server stays read-only, so that a forgotten client
 * cannot write to a side that nobody reads any more; `SET GLOBAL read_only = OFF` opens it (on MySQL also `RESET PERSIST read_only`).
 */
export function removalStep(side: Side, session: KeptSession, fence: Fence, keepClosed: boolean): Step {
  return {
    id: `finalise:remove-${side}`,
    does: keepClosed
      ? `takes database teal away from ${side}, and leaves its server read-only`
      : `takes the fence and database teal away from ${side}`,
    locks: 'nothing of yours',
    costs: 'nothing',
    undone: 'it is not: after it there is no way back',
    probe: async () =>
      session.use(async (connection): Promise<Probed> => {
        if (await isTealSchemaThere(connection)) return { state: 'not done' };
        return { state: 'done', evidence: `nothing of Teal is left on ${side}${keepClosed ? ' but the fence' : ''}` };
      }),
    act: async () => {
      if (!keepClosed) await fence.remove();
      // First: what they write into must not go before them.
      await session.use(removeRecorder);
      await session.use(removeTealSchema);
    },
    undo: async () => undefined,
  };
}
