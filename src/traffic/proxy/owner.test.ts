import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { beforeAnyCut, decideOwner, type SideEvidence } from './owner.ts';

const away: SideEvidence = { reached: false, reason: 'refused' };
const open: SideEvidence = { reached: true, fenced: false };
const fenced: SideEvidence = { reached: true, fenced: true };
const says = (side: 'blue' | 'green', epoch: number, isFenced = false): SideEvidence => ({
  reached: true,
  owner: { side, epoch },
  fenced: isFenced,
});

describe('who owns the data, when nobody tells', () => {
  test.each([
    ['blue before any cut', open, fenced, { go: beforeAnyCut }],
    ['blue before any cut, green away', open, away, { go: beforeAnyCut }],
    ['green after its owner row', says('green', 1, true), says('green', 1), { go: { side: 'green', epoch: 1 } }],
    ['green, though blue is away', away, says('green', 1), { go: { side: 'green', epoch: 1 } }],
    ['green, though blue never got the row', fenced, says('green', 1), { go: { side: 'green', epoch: 1 } }],
    ['blue again after the way back', says('blue', 2), says('green', 1, true), { go: { side: 'blue', epoch: 2 } }],
    [
      'green, when the reverse flow brought its row to blue',
      says('green', 1, true),
      says('green', 1),
      { go: { side: 'green', epoch: 1 } },
    ],
  ])('%s', (_what, blue, green, expected) => {
    expect(decideOwner(beforeAnyCut, blue, green)).toEqual(expected);
  });

  test.each([
    ['blue is fenced and no row exists: in the middle of a cut', fenced, open],
    ['blue is away', away, open],
    ['green owns and is fenced: on the way back', says('green', 1, true), says('green', 1, true)],
    ['the row that blue got names green, which is away', says('green', 1, true), away],
    ['both are away', away, away],
  ])('nobody can be told when %s', (_what, blue, green) => {
    expect(decideOwner(beforeAnyCut, blue, green)).toHaveProperty('wait');
  });

  test('a proxy never goes back to an epoch before the one it knows', () => {
    expect(decideOwner({ side: 'green', epoch: 1 }, open, away)).toHaveProperty('wait');
    expect(decideOwner({ side: 'green', epoch: 3 }, says('blue', 2), open)).toEqual({
      go: { side: 'green', epoch: 3 },
    });
  });

  test('two proxies that see different parts of one truth never go to different sides', () => {
    // A history of cuts, stopped anywhere: fence the loser, write the row on the gainer and open it in one transaction, copy the row to the loser.
    fc.assert(
      fc.property(
        fc.nat({ max: 20 }),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (steps, seesBlue, seesGreen, copied) => {
          const state = { blue: { owner: 0, fenced: false }, green: { owner: 0, fenced: true } };
          for (let step = 0; step < steps; step += 1) {
            const epoch = Math.floor(step / 3) + 1;
            const [loser, gainer] = epoch % 2 === 1 ? [state.blue, state.green] : [state.green, state.blue];
            if (step % 3 === 0) loser.fenced = true;
            if (step % 3 === 1) Object.assign(gainer, { owner: epoch, fenced: false });
            if (step % 3 === 2 && copied) loser.owner = epoch;
          }
          const evidence = (side: { owner: number; fenced: boolean }, seen: boolean): SideEvidence => {
            if (!seen) return away;
            const row =
              side.owner === 0
                ? {}
                : { owner: { side: side.owner % 2 === 1 ? 'green' : 'blue', epoch: side.owner } as const };
            return { reached: true, fenced: side.fenced, ...row };
          };
          const decision = decideOwner(beforeAnyCut, evidence(state.blue, seesBlue), evidence(state.green, seesGreen));
          if ('go' in decision) expect(state[decision.go.side].fenced).toBe(false);
          if (seesBlue && seesGreen && !state.blue.fenced) expect(decision).toMatchObject({ go: { side: 'blue' } });
          if (seesBlue && seesGreen && !state.green.fenced) expect(decision).toMatchObject({ go: { side: 'green' } });
        },
      ),
    );
  });
});
