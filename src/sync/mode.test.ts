import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Side } from '../model/catalog.ts';
import { flowMode, nextMode, type ModeSign, type ModeState } from './mode.ts';

/**
 * Two flows and what a cut writes on each side. A flow sees its source's own signs; the owner row of the other side it sees when the other flow has copied it
 * to its source: at once or later, but before anything that is done on its source afterwards.
 */
interface World {
  readonly forward: ModeState;
  readonly reverse: ModeState;
  readonly owner: Side;
  readonly epoch: number;
}

type Deed = 'cut' | 'aborted cut' | 'a fence of the side that does not own goes up and down';

function see(world: World, side: Side, sign: ModeSign): World {
  return side === 'blue'
    ? { ...world, forward: nextMode(world.forward, sign, 'blue') }
    : { ...world, reverse: nextMode(world.reverse, sign, 'green') };
}

/** The owner row as it is there on both sides in the end. */
function echoed(world: World, side: Side): World {
  return world.epoch === 0 ? world : see(world, side, { kind: 'owner', owner: world.owner, epoch: world.epoch });
}

function act(world: World, deed: Deed, soon: boolean): World {
  const owner = world.owner;
  const other: Side = owner === 'blue' ? 'green' : 'blue';
  switch (deed) {
    case 'a fence of the side that does not own goes up and down':
      return see(see(echoed(world, other), other, { kind: 'fence' }), other, { kind: 'reopened' });
    case 'aborted cut':
      return see(see(world, owner, { kind: 'fence' }), owner, { kind: 'reopened' });
    case 'cut': {
      const epoch = world.epoch + 1;
      const fenced = see(echoed(world, other), owner, { kind: 'fence' });
      const decided = { ...see(fenced, other, { kind: 'owner', owner: other, epoch }), owner: other, epoch };
      return soon ? echoed(decided, owner) : decided;
    }
  }
}

describe('mode', () => {
  test('whatever cuts, rollbacks and aborts come, exactly the flow of the owner is live', () => {
    const deeds = fc.array(
      fc.tuple(
        fc.constantFrom<Deed>('cut', 'aborted cut', 'a fence of the side that does not own goes up and down'),
        fc.boolean(),
      ),
    );
    fc.assert(
      fc.property(deeds, (all) => {
        let world: World = {
          forward: { mode: 'live', epoch: 0 },
          reverse: { mode: 'shadow', epoch: 0 },
          owner: 'blue',
          epoch: 0,
        };
        for (const [deed, soon] of all) {
          world = act(world, deed, soon);
          expect(world.forward.mode === 'live').toBe(world.owner === 'blue');
          expect(world.reverse.mode === 'live').toBe(world.owner === 'green');
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('from the token on nothing is live, until an owner row or an opening', () => {
    const fenced = nextMode({ mode: 'live', epoch: 3 }, { kind: 'fence' }, 'blue');
    expect(fenced).toEqual({ mode: 'fenced', epoch: 3 });
    expect(nextMode(fenced, { kind: 'fence' }, 'blue')).toEqual(fenced);
    expect(nextMode(fenced, { kind: 'reopened' }, 'blue')).toEqual({ mode: 'live', epoch: 3 });
    expect(nextMode(fenced, { kind: 'owner', owner: 'green', epoch: 4 }, 'blue')).toEqual({ mode: 'shadow', epoch: 4 });
  });

  test('an owner row of an epoch that is known changes nothing', () => {
    const state: ModeState = { mode: 'shadow', epoch: 4 };
    for (const epoch of [1, 4]) {
      expect(nextMode(state, { kind: 'owner', owner: 'blue', epoch }, 'blue')).toBe(state);
    }
  });

  test('a flow carries the rows of tenants from when its source takes them until it takes them no more, and only one that is in shadow', () => {
    const shadow: ModeState = { mode: 'shadow', epoch: 2 };
    const lent = nextMode(shadow, { kind: 'lent' }, 'green');
    expect(lent).toEqual({ mode: 'lent', epoch: 2 });
    expect([flowMode('lent'), flowMode('fenced')]).toEqual(['live', 'shadow']);
    expect(nextMode(lent, { kind: 'recalled' }, 'green')).toEqual(shadow);
    for (const state of [
      { mode: 'live', epoch: 2 },
      { mode: 'fenced', epoch: 2 },
    ] as const) {
      expect(nextMode(state, { kind: 'lent' }, 'green')).toBe(state);
      expect(nextMode(state, { kind: 'recalled' }, 'green')).toBe(state);
    }
    // A recall that comes a second time, of a run that took nothing.
    expect(nextMode(shadow, { kind: 'recalled' }, 'green')).toBe(shadow);
    expect(nextMode(lent, { kind: 'owner', owner: 'green', epoch: 3 }, 'green')).toEqual({ mode: 'live', epoch: 3 });
  });

  test('a flow that never owned is not opened by a fence that goes up and down', () => {
    const shadow: ModeState = { mode: 'shadow', epoch: 0 };
    expect(nextMode(nextMode(shadow, { kind: 'fence' }, 'green'), { kind: 'reopened' }, 'green')).toEqual(shadow);
  });
});
