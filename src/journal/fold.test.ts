import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../kernel/errors.ts';
import type { JournalEvent } from './events.ts';
import { advance, emptyState, fold, type Recorded } from './fold.ts';
import { liveSide, unexplainedRollback, type Life, type MigrationState } from './state.ts';
import { anyEvent, eventTypes, runStarted } from './test-support/events.ts';

const recorded = (events: readonly JournalEvent[]): readonly Recorded[] =>
  events.map((event, index) => ({
    seq: index + 1,
    at: `2026-01-01T00:00:${String(index % 60).padStart(2, '0')}Z`,
    event,
  }));

const cut = (n: number, from: 'blue' | 'green'): JournalEvent => ({
  type: 'cutIntended',
  cut: `cut${n}`,
  epoch: n,
  from,
  to: from === 'blue' ? 'green' : 'blue',
  pauseLimitMs: 3_000,
  drainLimitMs: 2_000,
});
const decided = (n: number): JournalEvent => ({ type: 'cutDecided', cut: `cut${n}`, position: '0/1' });
const finished = (n: number): JournalEvent => ({ type: 'cutFinished', cut: `cut${n}`, facts: {} });
const abortedCut = (n: number): JournalEvent => ({ type: 'cutAborted', cut: `cut${n}`, reason: 'drain', code: 'X' });

/** A shortest journal that leads into each phase. */
const into: Readonly<Record<Life['phase'], readonly JournalEvent[]>> = {
  new: [],
  blue: [runStarted],
  cutting: [runStarted, cut(1, 'blue')],
  crossing: [runStarted, cut(1, 'blue'), decided(1)],
  green: [runStarted, cut(1, 'blue'), decided(1), finished(1)],
  back: [runStarted, cut(1, 'blue'), decided(1), finished(1), cut(2, 'green'), decided(2), finished(2)],
  finalised: [runStarted, cut(1, 'blue'), decided(1), finished(1), { type: 'finalised', by: 'x', live: 'green' }],
  aborted: [runStarted, { type: 'aborted', by: 'x', reason: 'y', left: [] }],
};

const phases = Object.keys(into) as Life['phase'][];

/** Written by hand, not read from the fold: in which phases an event that fits the open cut and the live side may be recorded. */
const mayHappenIn: Readonly<Record<JournalEvent['type'], readonly Life['phase'][]>> = {
  runStarted: ['new', 'blue', 'cutting', 'crossing', 'green', 'back', 'aborted'],
  stageStarted: ['blue', 'cutting', 'crossing', 'green', 'back'],
  stageFinished: [],
  stageUndone: [],
  stepIntended: ['blue', 'cutting', 'crossing', 'green', 'back'],
  stepDone: ['blue', 'cutting', 'crossing', 'green', 'back'],
  stepFailed: ['blue', 'cutting', 'crossing', 'green', 'back'],
  stepUndoIntended: [],
  stepUndone: [],
  gateAsked: ['blue', 'cutting', 'crossing', 'green', 'back'],
  gateAnswered: [],
  approvalGiven: ['blue', 'cutting', 'crossing', 'green', 'back'],
  cutIntended: ['blue', 'green', 'back'],
  cutDecided: ['cutting'],
  cutAborted: ['cutting'],
  cutFinished: ['crossing'],
  sideFacts: ['blue', 'cutting', 'crossing', 'green', 'back'],
  certificateIssued: ['blue', 'cutting', 'crossing', 'green', 'back'],
  rolledBack: ['back'],
  finalised: ['green', 'back'],
  aborted: ['blue', 'back'],
  callAccepted: ['new', 'blue', 'cutting', 'crossing', 'green', 'back', 'finalised', 'aborted'],
  callAnswered: ['new', 'blue', 'cutting', 'crossing', 'green', 'back', 'finalised', 'aborted'],
  note: ['new', 'blue', 'cutting', 'crossing', 'green', 'back', 'finalised', 'aborted'],
};

/** The event of a type that fits the state best: right cut, right side, nothing done before. */
function fitting(type: JournalEvent['type'], state: MigrationState): JournalEvent {
  const live = liveSide(state);
  const open = 'cut' in state.life ? state.life.cut.epoch : 1;
  switch (type) {
    case 'runStarted':
      return runStarted;
    case 'stageStarted':
    case 'stageFinished':
    case 'stageUndone':
      return { type, stage: 's' };
    case 'stepIntended':
    case 'stepUndoIntended':
    case 'stepUndone':
      return { type, step: 's' };
    case 'stepDone':
      return { type, step: 's', found: true, evidence: '', facts: {} };
    case 'stepFailed':
      return { type, step: 's', doing: 'probe', failure: { code: 'X', message: '' } };
    case 'gateAsked':
      return { type, gate: 'g', asks: '?', person: false };
    case 'gateAnswered':
      return { type, gate: 'g', answer: 'yes', evidence: '' };
    case 'approvalGiven':
      return { type, by: 'x', for: 'g' };
    case 'cutIntended':
      return cut(Math.max(state.epoch, ...state.cuts.map((past) => past.epoch)) + 1, live);
    case 'cutDecided':
      return decided(open);
    case 'cutAborted':
      return abortedCut(open);
    case 'cutFinished':
      return finished(open);
    case 'sideFacts':
      return { type, side: 'blue', facts: {} };
    case 'certificateIssued':
      return { type, certificate: 'c', blue: '', green: '', tables: 1, rows: '1', digest: 'd' };
    case 'rolledBack':
      return { type, cut: state.cuts.at(-1)?.cut ?? 'none', by: 'x', reason: 'y' };
    case 'finalised':
      return { type, by: 'x', live };
    case 'aborted':
      return { type, by: 'x', reason: 'y', left: [] };
    case 'callAccepted':
      return { type, by: 'x', role: 'approve', call: 'c' };
    case 'callAnswered':
      return { type, by: 'x', role: 'cut', call: 'c', answer: 'accepted', atIso: '2026-01-01T00:00:00.000Z', times: 1 };
    case 'note':
      return { type, text: 'n' };
  }
}

function isLegal(state: MigrationState, event: JournalEvent): boolean {
  try {
    advance(state, { seq: state.seq + 1, at: 't', event });
    return true;
  } catch (error) {
    if (isTealError(error, 'TEAL-JOURNAL-004')) return false;
    throw error;
  }
}

describe('what may follow what', () => {
  test.each(phases.flatMap((phase) => eventTypes.map((type) => ({ phase, type }))))(
    '$type in phase $phase',
    ({ phase, type }) => {
      const state = fold(recorded(into[phase]));
      expect(state.life.phase).toBe(phase);
      expect(isLegal(state, fitting(type, state))).toBe(mayHappenIn[type].includes(phase));
    },
  );

  test.each<[string, readonly JournalEvent[], JournalEvent]>([
    ['a cut from the side that is not live', into.blue, cut(1, 'green')],
    ['a cut to the side that it comes from', into.blue, { ...cut(1, 'blue'), to: 'blue' } as JournalEvent],
    ['an epoch that is decided already', into.green, { ...cut(2, 'green'), epoch: 1 } as JournalEvent],
    ['a cut of a name that has ended', [...into.cutting, abortedCut(1)], cut(1, 'blue')],
    ['the decision of another cut', into.cutting, decided(2)],
    ['the abort of a decided cut', into.crossing, abortedCut(1)],
    ['the end of a cut that is not decided', into.cutting, finished(1)],
    ['a journal of another migration', into.blue, { ...runStarted, migration: 'other' } as JournalEvent],
    [
      'a step done that nobody intended',
      into.blue,
      { type: 'stepDone', step: 's', found: false, evidence: '', facts: {} },
    ],
    [
      'the failed act of a step that was never begun',
      into.blue,
      { type: 'stepFailed', step: 's', doing: 'act', failure: { code: 'X', message: '' } },
    ],
    ['finalising for the side that is not live', into.green, { type: 'finalised', by: 'x', live: 'blue' }],
    ['a rollback of a cut that is not the last', into.back, { type: 'rolledBack', cut: 'cut1', by: 'x', reason: 'y' }],
  ])('refuses %s', (_, before, event) => {
    expect(isLegal(fold(recorded(before)), event)).toBe(false);
  });
});

describe('topics that are cut one by one', () => {
  const part = (n: number, from: 'blue' | 'green', topics: readonly string[]): JournalEvent =>
    ({ ...cut(n, from), topics }) as JournalEvent;
  const moved = (n: number, event: JournalEvent): readonly JournalEvent[] => [event, decided(n), finished(n)];
  const bills = [runStarted, ...moved(1, part(1, 'blue', ['bills']))];

  test('blue stays live until all are there', () => {
    const states = [part(1, 'blue', ['bills']), decided(1), finished(1)].map((_, at, all) =>
      fold(recorded([runStarted, ...all.slice(0, at + 1)])),
    );
    expect(states.map((state) => [state.life.phase, liveSide(state), state.ahead])).toEqual([
      ['cutting', 'blue', []],
      ['crossing', 'blue', []],
      ['blue', 'blue', ['bills']],
    ]);
    const rest = fold(recorded([...bills, ...moved(2, cut(2, 'blue'))]));
    expect(rest).toMatchObject({ life: { phase: 'green' }, ahead: [] });
  });

  test('they come back alone, which is a rollback', () => {
    const two = [...bills, ...moved(2, part(2, 'blue', ['orders']))];
    const back = fold(recorded([...two, ...moved(3, part(3, 'green', ['bills', 'orders']))]));
    expect(back).toMatchObject({ life: { phase: 'back' }, ahead: [], epoch: 3 });
    expect(unexplainedRollback(back)).toBe('cut3');
  });

  test('one that is given up has moved none', () => {
    const state = fold(recorded([...bills, part(2, 'blue', ['orders']), abortedCut(2)]));
    expect(state).toMatchObject({ life: { phase: 'blue' }, ahead: ['bills'] });
  });

  test.each<[string, readonly JournalEvent[], JournalEvent]>([
    ['that are there already', bills, part(2, 'blue', ['orders', 'bills'])],
    ['back that are not there', bills, part(2, 'green', ['orders'])],
    ['while green is live', into.green, part(2, 'blue', ['orders'])],
  ])('refuses a cut of some %s', (_, before, event) => {
    expect(isLegal(fold(recorded(before)), event)).toBe(false);
  });

  test('nothing is undone while green owns some', () => {
    expect(isLegal(fold(recorded(bills)), { type: 'aborted', by: 'x', reason: 'y', left: [] })).toBe(false);
  });
});

describe('steps', () => {
  const step = (events: readonly JournalEvent[]): MigrationState['steps'][string] | undefined =>
    fold(recorded([runStarted, ...events])).steps['s'];
  const intended = (before: Record<string, string>): JournalEvent => ({ type: 'stepIntended', step: 's', before });

  test('what was remembered first is kept through crashes, failures and the undo', () => {
    const failure: JournalEvent = { type: 'stepFailed', step: 's', doing: 'act', failure: { code: 'X', message: '' } };
    const again = [intended({ was: 'default' }), intended({ was: 'full' }), failure, intended({ was: 'full' })];
    expect(step(again)).toMatchObject({ state: 'intended', before: { was: 'default' } });
    expect(step([...again, { type: 'stepUndoIntended', step: 's' }])).toMatchObject({ before: { was: 'default' } });
  });

  test('an undone step remembers anew', () => {
    const undone: readonly JournalEvent[] = [
      intended({ was: 'default' }),
      { type: 'stepUndoIntended', step: 's' },
      { type: 'stepUndone', step: 's' },
    ];
    expect(step(undone)).toEqual({ state: 'undone', atIso: expect.any(String) });
    expect(step([...undone, intended({ was: 'nothing' })])).toMatchObject({ before: { was: 'nothing' } });
  });

  test('a step whose undo was begun does not look done', () => {
    const done: JournalEvent = { type: 'stepDone', step: 's', found: false, evidence: '', facts: {} };
    expect(step([intended({}), done, { type: 'stepUndoIntended', step: 's' }])).toMatchObject({ state: 'undoing' });
  });

  test('names that objects have by birth are names like others', () => {
    const state = fold(recorded([runStarted, { type: 'stepIntended', step: '__proto__' }]));
    expect(Object.keys(state.steps)).toEqual(['__proto__']);
    expect(fold(recorded([runStarted])).steps['toString']).toBeUndefined();
  });
});

test('a person’s yes holds for one finished cut, and through aborted ones', () => {
  const approved: readonly JournalEvent[] = [runStarted, { type: 'approvalGiven', by: 'dba', for: 'person' }];
  const after = (events: readonly JournalEvent[]): readonly string[] =>
    Object.keys(fold(recorded([...approved, ...events])).approvals);
  expect(after([cut(1, 'blue'), abortedCut(1)])).toEqual(['person']);
  expect(after([cut(1, 'blue'), decided(1), finished(1)])).toEqual([]);
});

/** Makes any sequence legal: what may not follow gives way to the event of its type that fits, or to nothing. */
function madeLegal(events: readonly JournalEvent[]): readonly JournalEvent[] {
  let state = emptyState;
  return events.flatMap((any) => {
    const event = [any, fitting(any.type, state)].find((choice) => isLegal(state, choice));
    if (event === undefined) return [];
    state = advance(state, { seq: state.seq + 1, at: 't', event });
    return [event];
  });
}

describe('any legal journal', () => {
  const legal = fc
    .array(anyEvent, { minLength: 20, maxLength: 200 })
    .map((events) => recorded(madeLegal([runStarted, ...events])));

  test('folds the same from any place: whole, twice, or from a state kept in between', () => {
    fc.assert(
      fc.property(legal, fc.nat(), (records, place) => {
        const whole = fold(records);
        const split = place % (records.length + 1);
        expect(fold(records.slice(split), fold(records.slice(0, split)))).toEqual(whole);
        expect(fold(records)).toEqual(whole);
      }),
      { numRuns: 200 },
    );
  });

  test('has one owner: a side is live only after its decision, and epochs only grow', () => {
    fc.assert(
      fc.property(legal, (records) => {
        let owner = 'blue';
        let epoch = 0;
        let state = emptyState;
        for (const record of records) {
          const before = state.life;
          state = advance(state, record);
          const isWhole = before.phase === 'cutting' && before.cut.topics === undefined;
          if (record.event.type === 'cutDecided' && isWhole) owner = before.cut.to;
          if (record.event.type === 'runStarted' && before.phase === 'aborted') owner = 'blue';
          expect(liveSide(state)).toBe(owner);
          expect(state.epoch).toBeGreaterThanOrEqual(epoch);
          if (record.event.type === 'cutDecided') expect(state.epoch).toBeGreaterThan(epoch);
          epoch = state.epoch;
        }
      }),
      { numRuns: 200 },
    );
  });

  test('reaches every phase, so that the properties above have looked everywhere', () => {
    const seen = new Set<string>();
    for (const records of fc.sample(legal, { numRuns: 400, seed: 11 })) {
      for (let n = 0; n <= records.length; n += 1) seen.add(fold(records.slice(0, n)).life.phase);
    }
    expect([...seen].sort()).toEqual([...phases].sort());
  });
});

test('a rollback that a recovery has ended waits for the command that says why, once', () => {
  const rolledBack: JournalEvent = { type: 'rolledBack', cut: 'cut2', by: 'x', reason: 'y' };
  const after = (...events: readonly JournalEvent[]) => unexplainedRollback(fold(recorded([...into.back, ...events])));
  expect(after()).toBe('cut2');
  expect(after(rolledBack)).toBeUndefined();
  expect(after(cut(3, 'blue'), abortedCut(3))).toBeUndefined();
  expect(unexplainedRollback(fold(recorded(into.green)))).toBeUndefined();
});
