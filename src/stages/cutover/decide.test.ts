import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FlowStatus } from '../../ports/carrier.ts';
import type { FenceState, OwnerRow } from '../../ports/fence.ts';
import { asPosition } from '../../model/position.ts';
import { ownerOf, recover } from './decide.ts';
import { guardrails, type GuardrailFacts } from './guardrails.ts';

const side = (owner?: OwnerRow): FenceState => ({
  fence: 'installed',
  tokens: [],
  ...(owner === undefined ? {} : { owner }),
});
const cut = { cut: 'e2a1', epoch: 2 };

describe('what to do with a cut that was interrupted', () => {
  test('the owner row of this very cut means forward', () => {
    const gaining = side({ epoch: 2, owner: 'green', cut: 'e2a1' });
    expect(recover({ ...cut, losing: side(), gaining }).go).toBe('forward');
  });

  test('no owner row of this epoch means back, whatever else is there', () => {
    expect(recover({ ...cut, losing: side(), gaining: side() }).go).toBe('back');
    expect(recover({ ...cut, losing: side(), gaining: side({ epoch: 1, owner: 'blue', cut: 'e1a1' }) }).go).toBe(
      'back',
    );
  });

  test('two truths mean stop', () => {
    expect(recover({ ...cut, losing: side(), gaining: side({ epoch: 2, owner: 'green', cut: 'e2a7' }) }).go).toBe(
      'stop',
    );
    expect(recover({ ...cut, losing: side(), gaining: side({ epoch: 3, owner: 'green', cut: 'e3a1' }) }).go).toBe(
      'stop',
    );
    expect(recover({ ...cut, losing: side({ epoch: 2, owner: 'green', cut: 'e2a1' }), gaining: side() }).go).toBe(
      'stop',
    );
  });

  test('never forward without the row, never back with it', () => {
    const row = fc.option(
      fc.record({
        epoch: fc.integer({ min: 1, max: 4 }),
        owner: fc.constantFrom('blue' as const, 'green' as const),
        cut: fc.constantFrom('e2a1', 'e2a2', 'x'),
      }),
      { nil: undefined },
    );
    fc.assert(
      fc.property(row, row, (losing, gaining) => {
        const { go } = recover({ ...cut, losing: side(losing), gaining: side(gaining) });
        const decided = gaining?.epoch === 2 && gaining.cut === 'e2a1';
        return decided ? go === 'forward' : go !== 'forward';
      }),
    );
  });
});

test('the highest epoch owns, and blue before any cut', () => {
  expect(ownerOf(side(), side())).toEqual({ owner: 'blue', epoch: 0 });
  const first = { epoch: 1, owner: 'green', cut: 'e1a1' } as const;
  const second = { epoch: 2, owner: 'blue', cut: 'e2a1' } as const;
  expect(ownerOf(side(first), side(first))).toEqual({ owner: 'green', epoch: 1 });
  expect(ownerOf(side(second), side(first))).toEqual({ owner: 'blue', epoch: 2 });
});

describe('guardrails of a cut', () => {
  const flow = (over: Partial<FlowStatus>): FlowStatus => ({
    flow: 'forward',
    mode: 'live',
    now: { state: 'running' },
    received: asPosition('0'),
    applied: asPosition('0'),
    lagBytes: 0,
    lagMs: 20,
    transactions: 0,
    changes: 0,
    changesPerSecond: 0,
    spoolBytes: 0,
    rogueTransactions: 0,
    ...over,
  });
  const good: GuardrailFacts = {
    router: { mode: 'running', pointsTo: 'blue', epoch: 0, clients: 1, inFlight: 0, pinned: [] },
    losing: { fence: 'installed', tokens: [] },
    gaining: { fence: 'raised', tokens: [] },
    onward: flow({}),
    back: flow({ flow: 'reverse', mode: 'shadow' }),
    settled: 0,
  };
  const limits = { maxPauseMs: 3_000, drainMs: 2_000, lockTimeoutMs: 500, flowBackMs: 60_000 };
  const look = (over: Partial<GuardrailFacts>): readonly string[] =>
    guardrails({ name: 'e1a1', epoch: 1, from: 'blue', to: 'green' }, { ...good, ...over }, limits);

  test('let a healthy one pass', () => expect(look({})).toEqual([]));

  test('let strays pass that were there when the sides were found equal, and no later one', () => {
    const back = flow({ flow: 'reverse', mode: 'shadow', rogueTransactions: 3 });
    expect(look({ back, settled: 3 })).toEqual([]);
    expect(look({ back, settled: 2 })).toEqual([expect.stringContaining("1 transactions on green are not Teal's")]);
  });

  test('let a cut of some topics pass while the flow back carries others, until it knows of the decision', () => {
    const part = { topics: 1, of: 3, epoch: 0 };
    const back = flow({ flow: 'reverse', mode: 'live', part });
    const onward = flow({ part: { ...part, topics: 2 } });
    expect(look({ onward, back })).toEqual([]);
    const knows = flow({ flow: 'reverse', mode: 'live', part: { ...part, epoch: 1 } });
    expect(look({ onward, back: knows })).toEqual(['the flow back to blue is live already']);
  });

  test('tell strays of a log in its own words', () => {
    const back = flow({ flow: 'reverse', mode: 'shadow', rogueTransactions: 2 });
    const strays = { what: 'records', mend: 'end who writes there' };
    expect(look({ back, strays })).toEqual(["2 records on green are not Teal's: end who writes there"]);
  });

  test.each<[string, Partial<GuardrailFacts>]>([
    ['the router is holding', { router: { ...good.router, mode: 'holding' } }],
    [
      'it cannot be looked at. Mend it.',
      { found: [{ severity: 'blocker', what: 'it cannot be looked at.', why: '', mend: 'Mend it.' }] },
    ],
    ['the router points to unknown', { router: { ...good.router, pointsTo: 'unknown' } }],
    ['the fence of blue is absent', { losing: { fence: 'absent', tokens: [] } }],
    ['green takes writes', { gaining: { fence: 'installed', tokens: [] } }],
    [
      'the owner rows say that green is live',
      { gaining: { ...good.gaining, owner: { epoch: 1, owner: 'green', cut: 'x' } } },
    ],
    ['the flow to green is failed', { onward: flow({ now: { state: 'failed', code: 'c', reason: 'r' } }) }],
    [
      'the lag of the flow to green is not measured',
      { onward: { ...flow({}), lagMs: undefined } as unknown as FlowStatus },
    ],
    ['the flow to green is 5s behind', { onward: flow({ lagMs: 5_000 }) }],
    [
      'the flow back to blue is failed',
      { back: flow({ mode: 'shadow', now: { state: 'failed', code: 'c', reason: 'r' } }) },
    ],
    ['the flow back to blue is live already', { back: flow({ mode: 'live' }) }],
    [
      "1 transactions on green are not Teal's: find the writer, then",
      { back: flow({ mode: 'shadow', rogueTransactions: 1 }) },
    ],
  ])('stop when %s', (reason, over) => {
    expect(look(over)).toEqual([expect.stringContaining(reason)]);
  });
});
