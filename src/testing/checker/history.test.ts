import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatEvent, HistoryFault, pairEvents, parseEvents, type HistoryEvent, type MicroOp } from './history.ts';
import { event } from './test-support/events.ts';

const number = fc.nat();
const anyOp: fc.Arbitrary<MicroOp> = fc.oneof(
  fc.record({ f: fc.constant('append' as const), k: number, v: number }),
  fc.record({ f: fc.constant('r' as const), k: number, v: fc.array(number) }, { requiredKeys: ['f', 'k'] }),
  fc.record({ f: fc.constant('transfer' as const), from: number, to: number, amount: fc.integer() }),
  fc.record({ f: fc.constant('balances' as const), v: fc.array(fc.tuple(number, fc.integer())) }),
  fc.record({ f: fc.constant('claim' as const), value: number, was: fc.option(number), by: number }),
  fc.record({ f: fc.constant('id' as const), sequence: fc.constant('s'), v: number }),
  fc.record({ f: fc.constant('delete' as const), row: number, was: number, version: number }),
  fc.record({ f: fc.constant('row' as const), row: number, v: fc.constant(null) }),
  fc.constant({ f: 'sweep' as const }),
);

describe('the file of a client', () => {
  test('any events are read as they were written', () => {
    const events = fc.array(
      fc.record({
        type: fc.constantFrom('invoke', 'ok', 'fail', 'info'),
        client: number,
        op: number,
        atUs: fc.maxSafeNat(),
        wallMs: fc.maxSafeNat(),
        isolation: fc.constantFrom('read committed', 'repeatable read', 'serializable'),
        ops: fc.array(anyOp, { maxLength: 5 }),
        error: fc.constantFrom('40001', 'ECONNRESET', 'lost'),
      }),
    );
    fc.assert(
      fc.property(events, (all) => {
        expect(parseEvents(all.map((each) => formatEvent(each)).join(''))).toEqual(all);
      }),
    );
  });

  test('a line that a killed process did not end is no line', () => {
    const text = formatEvent(event({})) + formatEvent(event({ type: 'ok' }));
    for (let cut = 1; cut < formatEvent(event({ type: 'ok' })).length; cut += 1)
      expect(parseEvents(text.slice(0, -cut))).toHaveLength(1);
  });

  test.each([
    ['not JSON', '{"type":\n', 'line 1 is not JSON'],
    ['an unknown field', formatEvent(event({})).replace('"op"', '"ops2"'), 'line 1'],
    ['a number that is none', formatEvent(event({})).replace('"v":7', '"v":7.5'), 'line 1: ops.0.v'],
    [
      'an error with a value of somebody',
      formatEvent(event({})).replace('"ops"', '"error":"Key (a)=(x)","ops"'),
      'line 1: error',
    ],
  ])('%s is refused at its line', (_, text, said) => {
    expect(() => parseEvents(text)).toThrow(said);
  });

  test('what would be refused is not written', () => {
    expect(() => formatEvent(event({ error: 'Key (a)=(x)' }))).toThrow(HistoryFault);
    expect(() => formatEvent(event({ ops: [{ f: 'append', k: 1, v: -1 }] }))).toThrow('an event: ops.0.v');
  });
});

describe('the lines of all clients together', () => {
  test('an invocation and its end are one transaction, in the order of the invocations', () => {
    const read = { f: 'r', k: 1 } as const;
    const files = [
      [event({ atUs: 30 }), event({ type: 'ok', atUs: 50 }), event({ op: 1, atUs: 60, ops: [read] })],
      [
        event({ client: 2, atUs: 10, ops: [read] }),
        event({ client: 3, atUs: 11 }),
        event({ client: 2, type: 'ok', atUs: 20, ops: [{ ...read, v: [7] }] }),
        event({ client: 3, type: 'info', atUs: 21, error: 'ECONNRESET' }),
      ],
    ];
    expect(pairEvents(files)).toMatchObject([
      { index: 0, client: 2, outcome: 'ok', invokedUs: 10, endedUs: 20, ops: [{ f: 'r', k: 1, v: [7] }] },
      { index: 1, client: 3, outcome: 'info', invokedUs: 11, endedUs: Infinity, doubtedUs: 21, error: 'ECONNRESET' },
      { index: 2, client: 1, op: 0, outcome: 'ok', endedUs: 50 },
      { index: 3, client: 1, op: 1, outcome: 'info', endedUs: Infinity, ops: [read] },
    ]);
  });

  test.each<[string, readonly HistoryEvent[]]>([
    ['an end without a beginning', [event({ type: 'ok' })]],
    ['two beginnings', [event({}), event({ op: 1 })]],
    ['a hole', [event({}), event({ type: 'ok' }), event({ op: 2 })]],
    ['a clock that goes back', [event({}), event({ type: 'ok', atUs: 9 })]],
    ['another answer than was asked for', [event({}), event({ type: 'ok', ops: [{ f: 'append', k: 1, v: 8 }] })]],
    ['an answer to less than was asked for', [event({}), event({ type: 'ok', ops: [] })]],
    ['a client that goes on after a doubt', [event({}), event({ type: 'info' }), event({ op: 1 })]],
  ])('%s is no history', (_, events) => {
    expect(() => pairEvents([events])).toThrow(HistoryFault);
  });
});
