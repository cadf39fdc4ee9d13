import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asPosition } from '../model/position.ts';
import {
  factsAfter,
  isApplied,
  isFull,
  joinGroup,
  openTransaction,
  placeControl,
  type FlowFacts,
  type Group,
} from './batch.ts';
import { isOwnOrigin } from './control.ts';

const live: FlowFacts = { mode: 'live', epoch: 0, rogueTransactions: 0, rogueFirst: undefined };
const at = (place: number) => asPosition(place.toString(16).padStart(16, '0'));
const begin = { kind: 'begin', xid: 1, committedAtUs: 0n, commitsAt: at(0) } as const;
const limits = { rows: 10, bytes: 1_000, ms: 50 };

describe('groups of transactions', () => {
  test('a group ends where its last transaction ends, and counts every one', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ rows: fc.nat({ max: 5 }), touches: fc.boolean() }), { minLength: 1 }), (all) => {
        let facts: FlowFacts = { ...live, mode: 'shadow' };
        let group: Group | undefined;
        for (const [place, each] of all.entries()) {
          const open = openTransaction({ ...begin, committedAtUs: BigInt(place) });
          open.rows = open.changes = each.rows;
          if (each.touches) (open.rogueTables ??= new Set()).add('public.a');
          const after = factsAfter(facts, open, at(place), 'green');
          group = joinGroup(group, open, at(place), { before: facts, after }, place);
          facts = after;
        }
        expect(group).toMatchObject({
          end: at(all.length - 1),
          transactions: all.length,
          changes: all.reduce((sum, each) => sum + each.rows, 0),
          committedAtUs: BigInt(all.length - 1),
          sinceMs: 0,
          quiet: !all.some((each) => each.touches),
        });
        expect(facts.rogueTransactions).toBe(all.filter((each) => each.touches).length);
      }),
    );
  });

  test('the first rogue is described, by tables and place', () => {
    const open = openTransaction(begin);
    (open.rogueTables ??= new Set()).add('public.a').add('public.b');
    const first = factsAfter({ ...live, mode: 'shadow' }, open, at(7), 'green');
    expect(first.rogueFirst).toBe(`public.a, public.b at ${at(7)}`);
    expect(factsAfter(first, open, at(9), 'green')).toMatchObject({
      rogueTransactions: 2,
      rogueFirst: first.rogueFirst,
    });
  });

  test('what only moves the position waits for company; what says anything does not', () => {
    const quiet = joinGroup(undefined, openTransaction(begin), at(1), { before: live, after: live }, 0);
    expect(quiet.quiet).toBe(true);
    expect(isFull(quiet, limits, 1_000_000)).toBe(false);
    const beat = openTransaction({ ...begin, committedAtUs: 5n });
    placeControl(beat, { table: 'heartbeat', values: new Map() });
    const loud = joinGroup(quiet, beat, at(2), { before: live, after: live }, 10);
    expect(loud).toMatchObject({ quiet: false, heartbeatUs: 5n, sinceMs: 0 });
    expect(isFull(loud, limits, 40)).toBe(false);
    expect(isFull(loud, limits, 50)).toBe(true);
    const turned = joinGroup(
      undefined,
      openTransaction(begin),
      at(1),
      { before: live, after: { ...live, mode: 'fenced' } },
      0,
    );
    expect(turned.quiet).toBe(false);
  });

  test('a transaction is in the target when its end is not above the applied one', () => {
    expect([at(9), at(16), at(17)].map((end) => isApplied(end, at(16)))).toEqual([true, true, false]);
  });
});

test('origins of Teal are told from those of another migration whose name begins alike', () => {
  expect(isOwnOrigin('teal_a_fwd', 'a')).toBe(true);
  expect(isOwnOrigin('teal_a_rev', 'a')).toBe(true);
  for (const other of ['teal_a_b_fwd', 'teal_ab_fwd', 'pg_16400', 'teal_a_', ''])
    expect(isOwnOrigin(other, 'a')).toBe(false);
  expect(isOwnOrigin('teal_a_b_fwd', 'a_b')).toBe(true);
});
