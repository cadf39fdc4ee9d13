import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { status } from '../../wire/postgres/backend.ts';
import { Session, stories } from './test-support/session-model.ts';

describe('a session beside a model of the server', () => {
  test('is at a boundary only when nothing is in flight, and always in the end', () => {
    let boundaries = 0;
    let inside = 0;
    fc.assert(
      fc.property(stories, ({ moves, who }) => {
        const session = new Session(moves);
        const look = (): void => {
          if (session.units.atBoundary) expect(session.isQuiet).toBe(true);
          if (session.units.atBoundary) boundaries += 1;
          else inside += 1;
        };
        for (const each of who) {
          session.step(each);
          look();
        }
        for (let step = 0; step < 600 && !session.over; step += 1) {
          session.step(step % 3);
          look();
        }
        expect(session.over).toBe(true);
        expect(session.units.atBoundary).toBe(session.server.status === status.idle);
        expect(session.openParses).toBe(0);
      }),
      { numRuns: 3_000 },
    );
    expect(boundaries).toBeGreaterThan(2_000);
    expect(inside).toBeGreaterThan(2_000);
  });

  test('while the gate is closed begins nothing outside of a transaction, and what waits, waits at a boundary', () => {
    let held = 0;
    let changes = 0;
    fc.assert(
      fc.property(stories, fc.array(fc.nat({ max: 9 }), { minLength: 20, maxLength: 200 }), ({ moves }, turns) => {
        const session = new Session(moves);
        const isWaiting = (): boolean => !session.isOpen && session.isHeldUp && session.isQuiet;
        for (const turn of turns) {
          if (turn === 9) session.isOpen = false;
          else session.step(turn % 3);
          if (!session.isOpen && session.units.atBoundary && session.isQuiet) {
            // As a cut does: held, drained, another server, released.
            session.change();
            changes += 1;
            session.isOpen = true;
          }
        }
        session.isOpen = false;
        for (let step = 0; step < 900 && !session.over && !isWaiting(); step += 1) session.step(step % 3);
        // Either all has gone its way, or what is left waits where a cut can be made.
        if (!session.over) {
          held += 1;
          expect(session.units.atBoundary).toBe(true);
        }
        expect(session.strays).toBe(0);
      }),
      { numRuns: 3_000 },
    );
    expect(held).toBeGreaterThan(500);
    expect(changes).toBeGreaterThan(500);
  });
});
