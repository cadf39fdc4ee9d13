import type { Side } from '../../model/catalog.ts';
import type { Router } from '../../ports/router.ts';

/**
 * For clients that are told the new address by other means. Nobody can be held: at a cut the fence answers their writes with an error until they
 * connect to the other side. Who points where cannot be told; the owner row is taken for it.
 */
export function noRouter(owner: () => Promise<{ readonly owner: Side; readonly epoch: number }>): Router {
  let isHeld = false;
  return {
    holdsClients: false,
    points: false,
    switching: { clients: 'writes fail' },
    async read() {
      const { owner: pointsTo, epoch } = await owner();
      return { mode: isHeld ? 'holding' : 'running', pointsTo, epoch, clients: 0, inFlight: 0, pinned: [] };
    },
    async hold() {
      isHeld = true;
      return { drained: true, clients: 0, waitedMs: 0 };
    },
    async point() {
      // Nothing that could be pointed.
    },
    async release() {
      isHeld = false;
    },
  };
}
