import { assert } from '../../kernel/assert.ts';
import type { HeldEpoch, SnapshotKeeper } from '../../ports/snapshot-source.ts';
import type { TakenSnapshot } from '../copy-contract.ts';
import type { KeeperWorld } from '../keeper-contract.ts';
import { memoryCopyWorld, takeMemorySnapshot } from './memory-copy.ts';
import { memoryDatabase } from './memory-database.ts';

/** Each breaks the promise that it stands beside in memory.test.ts. */
export type KeeperFault =
  | 'holds one from the beginning'
  | 'tells the epoch before'
  | 'keeps the first'
  | 'lets nothing go'
  | 'keeps its locks'
  | 'takes another one for one that has lost a holder'
  | 'says that what is lost is held'
  | 'cannot be aborted';

interface Held {
  readonly epoch: HeldEpoch;
  readonly taken: TakenSnapshot;
  holders: number;
}

export function memoryKeeperWorld(fault?: KeeperFault): KeeperWorld {
  const { take: _, ...world } = memoryCopyWorld();
  const blue = memoryDatabase();
  const all: Held[] = [];
  let [taken, isLocked] = [0, false];
  const newest = (): Held | undefined => all.findLast(({ holders }) => holders > 0);
  const take = (number: number): Held => {
    const snapshot = takeMemorySnapshot(blue, `snapshot ${(taken += 1)}`);
    return { epoch: { epoch: number, source: snapshot.source }, taken: snapshot, holders: 2 };
  };
  const told = ({ epoch }: Held): HeldEpoch =>
    fault === 'tells the epoch before' ? { ...epoch, epoch: epoch.epoch - 1 } : epoch;
  const keeper: SnapshotKeeper = {
    async held() {
      if (fault === 'keeps the first' && all[0] !== undefined) return told(all[0]);
      if (fault === 'says that what is lost is held') return all.at(-1)?.epoch;
      const held = newest();
      if (held === undefined) return fault === 'holds one from the beginning' ? take(0).epoch : undefined;
      if (held.holders === 1 && fault === 'takes another one for one that has lost a holder')
        all.push(take(held.epoch.epoch));
      held.holders = 2;
      return told(newest() ?? held);
    },
    async take(epoch, signal) {
      if (fault !== 'cannot be aborted') signal.throwIfAborted();
      all.push(take(epoch));
      isLocked = true;
      return all.at(-1)?.epoch ?? take(epoch).epoch;
    },
    async letGo() {
      if (fault === 'lets nothing go') return;
      for (const { taken: snapshot } of all.splice(0)) await snapshot.letGo();
      isLocked = fault === 'keeps its locks' && isLocked;
    },
  };
  return {
    ...world,
    blue: {
      ...blue,
      async write(...changes) {
        // Nothing in memory waits.
        assert(!isLocked || changes.every(({ kind }) => kind !== 'truncate'), 'nobody empties a table that is locked');
        await blue.write(...changes);
      },
    },
    keeper: async () => keeper,
    async lose(how) {
      for (const held of all) {
        held.holders = how === 'one' ? 1 : 0;
        if (how === 'all') await held.taken.letGo();
      }
      if (how === 'all') isLocked = false;
    },
    patienceMs: 50,
  };
}
