import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Side } from '../../model/catalog.ts';
import { asPosition } from '../../model/position.ts';
import type { FlowStatus } from '../../ports/carrier.ts';
import type { FenceState, OwnerRow } from '../../ports/fence.ts';
import { ownerOf, recover } from './decide.ts';
import { guardrails, type GuardrailFacts } from './guardrails.ts';

/** Two sides and what a cut does to them, one effect after another; the owner row that one side has is copied to the other sooner or later. */
interface World {
  readonly open: Record<Side, boolean>;
  readonly rows: Record<Side, OwnerRow | undefined>;
  owner: Side;
  epoch: number;
}

const other = (side: Side): Side => (side === 'blue' ? 'green' : 'blue');
const look = ({ open, rows }: World, side: Side): FenceState => {
  const owner = rows[side];
  return { fence: open[side] ? 'installed' : 'raised', tokens: [], ...(owner === undefined ? {} : { owner }) };
};

/** A cut that is killed after so many of its effects, and what a controller then does that knows its name and epoch alone. */
function cut(world: World, name: string, killedAfter: number, copiedToLoser: boolean): void {
  const from = world.owner;
  const to = other(from);
  const epoch = world.epoch + 1;
  const row: OwnerRow = { epoch, owner: to, cut: name };
  const effects: readonly (() => void)[] = [
    () => (world.open[from] = false),
    () => {
      // One transaction on the gaining side: the row, and its fence opens.
      world.rows[to] = row;
      world.open[to] = true;
      world.owner = to;
      world.epoch = epoch;
    },
    () => {
      if (copiedToLoser) world.rows[from] = row;
    },
  ];
  for (const effect of effects.slice(0, killedAfter)) effect();
  const wasDecided = world.owner === to;
  const { go } = recover({ cut: name, epoch, losing: look(world, from), gaining: look(world, to) });
  expect(go).toBe(wasDecided ? 'forward' : 'back');
  if (go === 'back') world.open[from] = true;
  if (go === 'forward') world.rows[from] = row;
}

test('whatever cut is killed wherever, the next controller goes the way that was decided, and one side is open', () => {
  const cuts = fc.array(fc.record({ killedAfter: fc.nat({ max: 3 }), copied: fc.boolean() }), { maxLength: 12 });
  fc.assert(
    fc.property(cuts, (all) => {
      const world: World = {
        open: { blue: true, green: false },
        rows: { blue: undefined, green: undefined },
        owner: 'blue',
        epoch: 0,
      };
      for (const [at, { killedAfter, copied }] of all.entries()) {
        cut(world, `cut${at}`, killedAfter, copied);
        expect(world.open).toEqual({ blue: world.owner === 'blue', green: world.owner === 'green' });
        expect(ownerOf(look(world, 'blue'), look(world, 'green'))).toEqual({ owner: world.owner, epoch: world.epoch });
      }
    }),
    { numRuns: 2_000 },
  );
});

describe('guardrails beside what they ought to ask', () => {
  const limits = { maxPauseMs: 3_000, drainMs: 2_000, lockTimeoutMs: 500, flowBackMs: 60_000 };
  const side = fc.constantFrom<Side>('blue', 'green');
  const rarely = <T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> =>
    fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
  const flow = (mode: FlowStatus['mode'], wrong: FlowStatus['mode']): fc.Arbitrary<FlowStatus> =>
    fc
      .record({
        mode: rarely(mode, wrong),
        now: rarely<FlowStatus['now']>(
          { state: 'running' },
          { state: 'paused', at: asPosition('0') },
          { state: 'failed', code: 'c', reason: 'r' },
        ),
        lagMs: rarely<number | undefined>(20, undefined, 3_000, 3_001, 90_000),
        rogueTransactions: rarely(0, 1, 2),
        convergesAt: rarely<string | undefined>(undefined, '5'),
      })
      .map(({ lagMs, convergesAt, mode, now, rogueTransactions }): FlowStatus => {
        const zeros = { lagBytes: 0, transactions: 0, changes: 0, changesPerSecond: 0, spoolBytes: 0 };
        const places = { received: asPosition('0'), applied: asPosition('0') };
        const known = lagMs === undefined ? {} : { lagMs };
        const mixed = convergesAt === undefined ? {} : { convergesAt: asPosition(convergesAt) };
        return Object.assign({ flow: 'forward' as const, mode, now, rogueTransactions }, zeros, places, known, mixed);
      });
  const facts: fc.Arbitrary<{ readonly from: Side; readonly facts: GuardrailFacts }> = side.chain((from) =>
    fc.record({
      from: fc.constant(from),
      facts: fc.record({
        router: fc
          .record({
            mode: rarely<'running' | 'holding'>('running', 'holding'),
            pointsTo: rarely<Side | 'unknown'>(from, other(from), 'unknown'),
          })
          .map(({ mode, pointsTo }) => ({ mode, pointsTo, epoch: 0, clients: 1, inFlight: 0, pinned: [] })),
        losing: fenceOf(rarely('installed' as const, 'absent', 'raised'), from, 4),
        gaining: fenceOf(rarely('raised' as const, 'absent', 'installed'), from, 3),
        onward: flow('live', 'shadow'),
        back: flow('shadow', 'live'),
        settled: rarely(0, 1),
      }),
    }),
  );

  function fenceOf(fence: fc.Arbitrary<FenceState['fence']>, owner: Side, epoch: number): fc.Arbitrary<FenceState> {
    const row = rarely<OwnerRow | undefined>({ epoch, owner, cut: 'a' }, { epoch: 9, owner: other(owner), cut: 'b' });
    return fc.record({ fence, row }).map((each): FenceState => {
      const state: FenceState = { fence: each.fence, tokens: [] };
      return each.row === undefined ? state : Object.assign(state, { owner: each.row });
    });
  }

  test('a cut may begin exactly when all of it holds, and every reason is told', () => {
    let allowed = 0;
    fc.assert(
      fc.property(facts, ({ from, facts: { router, losing, gaining, onward, back, settled } }) => {
        const newest = Math.max(losing.owner?.epoch ?? 0, gaining.owner?.epoch ?? 0);
        const owner = [losing.owner, gaining.owner].find((row) => row?.epoch === newest)?.owner;
        const holds = [
          router.mode === 'running',
          router.pointsTo === from,
          losing.fence === 'installed',
          gaining.fence === 'raised',
          owner === from,
          onward.now.state === 'running',
          onward.mode === 'live',
          onward.convergesAt === undefined,
          onward.lagMs !== undefined && onward.lagMs <= limits.maxPauseMs,
          back.now.state === 'running',
          back.mode === 'shadow',
          back.rogueTransactions <= settled,
        ];
        const reasons = guardrails(
          { name: 'e5a1', epoch: 5, from, to: other(from) },
          { router, losing, gaining, onward, back, settled },
          limits,
        );
        expect(reasons).toHaveLength(holds.filter((each) => !each).length);
        if (reasons.length === 0) allowed += 1;
      }),
      { numRuns: 2_000 },
    );
    expect(allowed).toBeGreaterThan(100);
  });
});
