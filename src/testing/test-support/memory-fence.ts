import { waitFor } from '../../kernel/clock.ts';
import type { OwnerRow } from '../../ports/fence.ts';
import type { FenceWorld } from '../fence-contract.ts';
import { memoryPosition } from './memory-database.ts';

/** Each breaks the promise that it stands beside in contracts.test.ts. */
export type FenceFault =
  | 'is always there'
  | 'is installed once'
  | 'is installed open'
  | 'writes no token'
  | 'tells no token without its tables'
  | 'forgets who was writing'
  | 'closes without its lock'
  | 'is lowered once'
  | 'lets any cut decide'
  | 'stays where it is removed';

export function memoryFenceWorld(fault?: FenceFault): FenceWorld {
  let state: 'absent' | 'installed' | 'raised' = fault === 'is always there' ? 'installed' : 'absent';
  let tokens: readonly string[] = [];
  let owner: OwnerRow | undefined;
  let rows = 0;
  let writers = 0;
  return {
    side: 'blue',
    fence: {
      async install(closed) {
        if (state !== 'absent' && fault === 'is installed once') throw new Error('it is there');
        state = closed && fault !== 'is installed open' ? 'raised' : 'installed';
      },
      async raise({ token, lockTimeoutMs }) {
        if (fault === 'closes without its lock') state = 'raised';
        await waitFor(
          { what: 'writers to end', timeoutMs: lockTimeoutMs, everyMs: 1 },
          () => writers === 0 || undefined,
        );
        state = 'raised';
        if (fault !== 'writes no token') tokens = [...tokens, token];
        return memoryPosition(1);
      },
      async lower(row) {
        if (state !== 'raised' && row === undefined && fault === 'is lowered once') throw new Error('it is open');
        if (owner !== undefined && row !== undefined && owner.cut !== row.cut && fault !== 'lets any cut decide')
          throw new Error('another cut has decided');
        owner = row ?? owner;
        state = 'installed';
      },
      probe: async () => ({ fence: state, tokens, ...(owner === undefined ? {} : { owner }) }),
      written: async () => ({
        tokens: fault === 'tells no token without its tables' ? [] : tokens,
        ...(owner === undefined ? {} : { owner }),
      }),
      async remove() {
        if (fault === 'stays where it is removed') return;
        state = 'absent';
        tokens = [];
        owner = undefined;
      },
    },
    async clientWrites() {
      if (state === 'raised') return false;
      rows += 1;
      return true;
    },
    async carrierWrites() {
      rows += 1;
      return true;
    },
    async clientStaysOpen() {
      writers += 1;
      return async () => {
        writers -= 1;
        if (fault !== 'forgets who was writing') rows += 1;
      };
    },
    rows: async () => rows,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
