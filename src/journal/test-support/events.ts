import fc from 'fast-check';
import { z } from 'zod';
import { journalEvent, type JournalEvent } from '../events.ts';

const runBody = {
  migration: 'shop',
  run: 'r1',
  command: 'up',
  teal: '0.1.0',
  pid: 1,
  host: 'here',
  specDigest: 'd',
};

export const runStarted: JournalEvent = { type: 'runStarted', ...runBody };

/** Every type of event there is, read from the union itself, so that a new one cannot be forgotten by a test. */
export const eventTypes: readonly JournalEvent['type'][] = journalEvent.options.map(
  (option) => option.shape.type.value,
);

const name = fc.constantFrom('a', 'b', '__proto__');
const text = fc.string({ maxLength: 30 });
const side = fc.constantFrom('blue' as const, 'green' as const);
const facts = fc.dictionary(
  fc.constantFrom('x', 'y', 'toString'),
  fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
);
const count = fc.nat(1_000);

type Arbitraries = {
  readonly [T in JournalEvent['type']]: fc.Arbitrary<Omit<Extract<JournalEvent, { type: T }>, 'type'>>;
};

const bodies: Arbitraries = {
  runStarted: fc.constant(runBody),
  stageStarted: fc.record({ stage: name }),
  stageFinished: fc.record({ stage: name }),
  stageUndone: fc.record({ stage: name }),
  stepIntended: fc.record({ step: name, before: facts }, { requiredKeys: ['step'] }),
  stepDone: fc.record({ step: name, found: fc.boolean(), evidence: text, facts }),
  stepFailed: fc.record({
    step: name,
    doing: fc.constantFrom('probe' as const, 'act' as const, 'undo' as const),
    failure: fc.record({ code: fc.constant('TEAL-ENGINE-001'), message: text }),
  }),
  stepUndoIntended: fc.record({ step: name }),
  stepUndone: fc.record({ step: name }),
  gateAsked: fc.record({ gate: name, asks: text, person: fc.boolean() }),
  gateAnswered: fc.record({
    gate: name,
    answer: fc.constantFrom('yes' as const, 'no' as const, 'not yet' as const, 'cannot tell' as const),
    evidence: text,
  }),
  approvalGiven: fc.record({ by: name, for: name, comment: text }, { requiredKeys: ['by', 'for'] }),
  cutIntended: fc.record(
    {
      cut: fc.integer({ min: 1, max: 9 }).map((n) => `cut${n}`),
      epoch: fc.integer({ min: 1, max: 9 }),
      from: side,
      to: side,
      pauseLimitMs: count,
      drainLimitMs: count,
      topics: fc.uniqueArray(name, { minLength: 1, maxLength: 2 }),
    },
    { requiredKeys: ['cut', 'epoch', 'from', 'to', 'pauseLimitMs', 'drainLimitMs'] },
  ),
  cutDecided: fc.record({ cut: fc.integer({ min: 1, max: 9 }).map((n) => `cut${n}`), position: text }),
  cutAborted: fc.record({ cut: fc.integer({ min: 1, max: 9 }).map((n) => `cut${n}`), reason: text, code: name }),
  cutFinished: fc.record({ cut: fc.integer({ min: 1, max: 9 }).map((n) => `cut${n}`), facts }),
  sideFacts: fc.record({ side, facts }),
  certificateIssued: fc.record({
    certificate: name,
    blue: text,
    green: text,
    tables: count,
    rows: text,
    digest: name,
  }),
  rolledBack: fc.record({ cut: fc.integer({ min: 1, max: 9 }).map((n) => `cut${n}`), by: name, reason: text }),
  finalised: fc.record({ by: name, live: side }),
  aborted: fc.record({ by: name, reason: text, left: fc.array(name, { maxLength: 2 }) }),
  callAccepted: fc.record({ by: name, role: name, call: text }),
  callAnswered: fc.record({
    by: name,
    role: name,
    call: text,
    answer: name,
    atIso: fc.constant('2026-01-01T00:00:00.000Z'),
    times: fc.integer({ min: 1, max: 9 }),
  }),
  note: fc.record({ text }),
};

function eventOfType(type: JournalEvent['type']): fc.Arbitrary<JournalEvent> {
  return bodies[type].map((body) => journalEvent.parse({ ...body, type }));
}

/** Any event, whether it may follow or not. Ends of a migration are rare, or most sequences would be over at once. */
export const anyEvent: fc.Arbitrary<JournalEvent> = fc.oneof(
  ...eventTypes.map((type) => ({
    arbitrary: eventOfType(type),
    weight: type === 'finalised' || type === 'aborted' ? 1 : type.startsWith('cut') ? 12 : 4,
  })),
);

/** One event of each type, with all its fields. */
export function sampleOf(type: JournalEvent['type']): JournalEvent {
  return fc.sample(eventOfType(type), { numRuns: 1, seed: 7 })[0] ?? runStarted;
}

export function schemaOfEvents(): unknown {
  return z.toJSONSchema(journalEvent);
}
