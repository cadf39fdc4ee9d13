import { z } from 'zod';

/**
 * Everything that a journal can say, as a closed union of schema values. A record is for ever: a journal written today is folded by every
 * later version. `format.test.ts` freezes the shapes and says what to do when one has to change.
 *
 * Values are names, counts, positions and durations. Never a row's values, never a secret.
 */

const name = z.string().min(1).max(200);
/** Evidence and reasons, for people. Bounded, so that one answer cannot fill the disk. */
const text = z.string().max(4000);
const side = z.enum(['blue', 'green']);
const count = z.int().min(0);
const position = z.string().max(200);
const facts = z.record(z.string().min(1).max(200), z.union([z.string().max(4000), z.number(), z.boolean(), z.null()]));
const failure = z.strictObject({ code: name, message: text });

/** A process took the journal and begins or goes on. First event of every process that changes something. */
const runStarted = z.strictObject({
  type: z.literal('runStarted'),
  migration: name,
  run: name,
  /** What was asked for: `up`, `cutover`, `rollback`, `abort` … */
  command: name,
  teal: name,
  pid: count,
  host: name,
  /** Digest of the file's normal form without secrets, to notice that it was edited in the middle of a migration. */
  specDigest: name,
});

const stageStarted = z.strictObject({ type: z.literal('stageStarted'), stage: name });
const stageFinished = z.strictObject({ type: z.literal('stageFinished'), stage: name });
const stageUndone = z.strictObject({ type: z.literal('stageUndone'), stage: name });

/** Written before `act`. `before` is what the step must put back when it is undone. */
const stepIntended = z.strictObject({
  type: z.literal('stepIntended'),
  step: name,
  before: facts.optional(),
});
/** Written after a probe saw the effect. `found`: it was there before Teal had recorded an intent. */
const stepDone = z.strictObject({
  type: z.literal('stepDone'),
  step: name,
  found: z.boolean(),
  evidence: text,
  facts,
});
const stepFailed = z.strictObject({
  type: z.literal('stepFailed'),
  step: name,
  doing: z.enum(['probe', 'act', 'undo']),
  failure,
});
/** Written before `undo`: a crash in the middle of it must not leave the step looking done. */
const stepUndoIntended = z.strictObject({ type: z.literal('stepUndoIntended'), step: name });
const stepUndone = z.strictObject({ type: z.literal('stepUndone'), step: name });

/** A gate begins to be asked. */
const gateAsked = z.strictObject({
  type: z.literal('gateAsked'),
  gate: name,
  asks: text,
  person: z.boolean(),
});
/** The gate's answer changed. Not written for every asking. */
const gateAnswered = z.strictObject({
  type: z.literal('gateAnswered'),
  gate: name,
  answer: z.enum(['yes', 'no', 'not yet', 'cannot tell']),
  evidence: text,
});
/** A person says yes to a gate. It holds for one finished cut. */
const approvalGiven = z.strictObject({
  type: z.literal('approvalGiven'),
  by: name,
  for: name,
  comment: text.optional(),
});

/** C0 of correctness.md §3.3: before anything of a cut is done. */
const cutIntended = z.strictObject({
  type: z.literal('cutIntended'),
  cut: name,
  epoch: z.int().min(1),
  from: side,
  to: side,
  pauseLimitMs: count,
  drainLimitMs: count,
  /** Of a log: it is about these topics alone. Absent: about all that the losing side owns, and live is who gains them. */
  topics: z.array(z.string().min(1).max(249)).min(1).optional(),
});
/** C8: the owner row was seen on the gaining side. From here only forward. */
const cutDecided = z.strictObject({ type: z.literal('cutDecided'), cut: name, position });
/** Everything of the cut is taken back and clients run on the side that they were on. */
const cutAborted = z.strictObject({ type: z.literal('cutAborted'), cut: name, reason: text, code: name });
/** C10: traffic and the flows are on the gaining side. */
const cutFinished = z.strictObject({ type: z.literal('cutFinished'), cut: name, facts });

/** Who a side says it is, and what else was learnt of it. Later facts replace earlier ones of the same name. */
const sideFacts = z.strictObject({ type: z.literal('sideFacts'), side, facts });

/** Both sides were equal at a named position. */
const certificateIssued = z.strictObject({
  type: z.literal('certificateIssued'),
  certificate: name,
  blue: position,
  green: position,
  tables: count,
  rows: position,
  digest: name,
});

/** Why the finished cut back to blue was made, and who asked for it. */
const rolledBack = z.strictObject({ type: z.literal('rolledBack'), cut: name, by: name, reason: text });
/** The point after which there is no way back. */
const finalised = z.strictObject({ type: z.literal('finalised'), by: name, live: side });
/** Everything is undone; `left` names what could not be. */
const aborted = z.strictObject({ type: z.literal('aborted'), by: name, reason: text, left: z.array(name) });
/** A call of the API that changes something was let in: who asked for what, by which right. What came of it follows. The fold does not look at it. */
const callAccepted = z.strictObject({ type: z.literal('callAccepted'), by: name, role: name, call: text });
/**
 * A call of the API that stands in no other record: one that would have changed something and was refused (`answer` is the code), or one to stop a command (`accepted`). It may be written later than
 * `atIso`, for a command has the journal while it runs. `times`: how often the same was asked for and answered since the last record of it. The fold does not look at it.
 */
export const callAnswered = z.strictObject({
  type: z.literal('callAnswered'),
  by: name,
  /** Those that the call takes. */
  role: name,
  call: text,
  answer: name,
  atIso: z.iso.datetime(),
  times: z.int().min(1),
});
/** For a reader of the audit trail; the fold does not look at it. */
const note = z.strictObject({ type: z.literal('note'), text, facts: facts.optional() });

export const journalEvent = z.discriminatedUnion('type', [
  runStarted,
  stageStarted,
  stageFinished,
  stageUndone,
  stepIntended,
  stepDone,
  stepFailed,
  stepUndoIntended,
  stepUndone,
  gateAsked,
  gateAnswered,
  approvalGiven,
  cutIntended,
  cutDecided,
  cutAborted,
  cutFinished,
  sideFacts,
  certificateIssued,
  rolledBack,
  finalised,
  aborted,
  callAccepted,
  callAnswered,
  note,
]);

export type JournalEvent = Readonly<z.infer<typeof journalEvent>>;
export type EventOf<T extends JournalEvent['type']> = Extract<JournalEvent, { readonly type: T }>;

/** Version of one record's body, written beside it. All are 1 so far. */
export const EVENT_VERSION = 1;
