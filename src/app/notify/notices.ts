import type { JournalRecord } from '../../journal/record.ts';
import type { MigrationState, PastCut } from '../../journal/state.ts';
import type { NoticeKind } from '../../spec/notify.ts';

/** One thing that somebody is told of. Names, counts, durations and what the journal says; never a row's values. */
export interface Notice {
  readonly kind: NoticeKind;
  /** Of the event, by its words: `cut.finished`. A promise: receivers choose by it. */
  readonly type: string;
  readonly migration: string;
  /** Of the record of the journal that it is made of: with the migration's name it is an id of its own. */
  readonly seq: number;
  readonly atIso: string;
  /** One sentence for people. */
  readonly text: string;
  readonly facts: Readonly<Record<string, string | number>>;
}

type Told = Pick<Notice, 'kind' | 'type' | 'text' | 'facts'>;

/** Pure: what a record is worth telling, if anything. `state` is that after it. Gates that do not say yes for long are told by a clock, see `gateIsSlow`. */
export function noticeOf(migration: string, record: JournalRecord, state: MigrationState): Notice | undefined {
  const told = toldOf(record, state);
  return told === undefined ? undefined : { migration, seq: record.seq, atIso: record.at, ...told };
}

function toldOf({ event }: JournalRecord, state: MigrationState): Told | undefined {
  switch (event.type) {
    case 'stageStarted':
      return stage('begun', event.stage);
    case 'stageFinished':
      return stage('ended', event.stage);
    case 'stageUndone':
      return stage('undone', event.stage);
    case 'gateAnswered':
      return gate(event.gate, event.answer, event.evidence, state);
    case 'cutFinished':
      return cut(event.cut, state);
    case 'cutAborted': {
      const { cut: name, code, reason } = event;
      const text = `A cut was taken back, clients go on where they were: ${reason}`;
      return { kind: 'failed', type: 'cut.aborted', text, facts: { cut: name, code } };
    }
    case 'rolledBack': {
      const text = `Blue is live again: ${event.by} has rolled back (${event.reason})`;
      return { kind: 'rolledBack', type: 'rolled-back', text, facts: { cut: event.cut, by: event.by } };
    }
    case 'stepFailed': {
      const { step, failure } = event;
      const text = `Step ${step} has failed: ${failure.code}. docs/reference/errors.md says what to do.`;
      return { kind: 'failed', type: 'step.failed', text, facts: { step, code: failure.code } };
    }
    case 'finalised':
      return {
        kind: 'ended',
        type: 'finalised',
        text: `The migration has ended: ${event.live} is live`,
        facts: { by: event.by },
      };
    case 'aborted':
      return {
        kind: 'ended',
        type: 'aborted',
        text: `The migration was aborted by ${event.by}: ${event.reason}`,
        facts: { by: event.by },
      };
    default:
      return undefined;
  }
}

function stage(how: 'begun' | 'ended' | 'undone', name: string): Told {
  return {
    kind: 'stage',
    type: `stage.${how}`,
    text: `Stage ${name} has ${how === 'undone' ? 'been undone' : how}`,
    facts: { stage: name },
  };
}

function gate(name: string, answer: string, evidence: string, state: MigrationState): Told | undefined {
  const asked = state.gates[name];
  const asks = asked?.asks ?? name;
  const facts = { gate: name, answer };
  if (asked?.person === true) {
    return answer === 'yes'
      ? undefined
      : { kind: 'approval', type: 'approval.needed', text: `Needed: ${asks}. Then \`teal cutover\``, facts };
  }
  if (answer !== 'no') return undefined;
  return { kind: 'gate', type: 'gate.no', text: `A gate says no: ${asks} (${evidence})`, facts };
}

function cut(name: string, state: MigrationState): Told | undefined {
  const made = state.cuts.find((one) => one.cut === name);
  if (made === undefined) return undefined;
  const { topics } = made;
  const pause = made.end.how === 'finished' ? made.end.facts['pauseMs'] : undefined;
  const waited = typeof pause === 'number' ? `; clients waited ${pause} ms at most` : '';
  return {
    kind: 'cut',
    type: 'cut.finished',
    text: `${wonText(made)}${waited}`,
    facts: {
      cut: name,
      from: made.from,
      to: made.to,
      ...(topics === undefined ? {} : { topics: topics.length }),
      ...(typeof pause === 'number' ? { pauseMs: pause } : {}),
    },
  };
}

/** Names are left to the journal: there may be very many. */
function wonText({ to, topics }: PastCut): string {
  if (topics === undefined) return `${to === 'green' ? 'Green' : 'Blue'} is live now`;
  return `${topics.length === 1 ? '1 topic is' : `${topics.length} topics are`} on ${to} now`;
}

/** A gate that has said neither yes nor no for so long. `record`: its last answer. */
export function gateIsSlow(
  migration: string,
  record: JournalRecord,
  state: MigrationState,
  afterMs: number,
): Notice | undefined {
  const { event, seq, at } = record;
  if (event.type !== 'gateAnswered' || !isOpen(event.answer)) return undefined;
  const asks = state.gates[event.gate]?.asks ?? event.gate;
  const minutes = Math.round(afterMs / 60_000);
  const long = minutes === 0 ? `${Math.round(afterMs / 1_000)} s` : `${minutes} min`;
  const text = `A gate has not said yes for ${long}: ${asks} (${event.answer}: ${event.evidence})`;
  return {
    kind: 'gate',
    type: 'gate.slow',
    migration,
    seq,
    atIso: at,
    text,
    facts: { gate: event.gate, answer: event.answer },
  };
}

const isOpen = (answer: string): boolean => answer === 'not yet' || answer === 'cannot tell';
