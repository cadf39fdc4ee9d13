import { TealError } from '../kernel/errors.ts';
import { unreachable } from '../kernel/assert.ts';
import type { Side } from '../model/catalog.ts';
import type { EventOf, JournalEvent } from './events.ts';
import {
  movingCommands,
  topicsCommand,
  type Asked,
  type Life,
  type MigrationState,
  type OpenCut,
  type PastCut,
  type StepState,
} from './state.ts';

/** What the fold needs to know of a record. */
export interface Recorded {
  readonly seq: number;
  readonly at: string;
  readonly event: JournalEvent;
}

/** No prototype: a step may be called `constructor`, and one that is not there must not be found. */
function dictionary<T>(): Readonly<Record<string, T>> {
  return Object.create(null) as Record<string, T>;
}

function put<T>(all: Readonly<Record<string, T>>, key: string, value: T): Readonly<Record<string, T>> {
  return Object.assign(dictionary<T>(), all, { [key]: value });
}

export const emptyState: MigrationState = Object.freeze({
  life: { phase: 'new' },
  migration: undefined,
  specDigest: undefined,
  epoch: 0,
  run: undefined,
  runs: 0,
  asked: undefined,
  stages: dictionary(),
  steps: dictionary(),
  gates: dictionary(),
  approvals: dictionary(),
  ahead: [],
  cuts: [],
  rollbacks: [],
  sides: { blue: {}, green: {} },
  certificates: { count: 0, last: undefined },
  left: [],
  seq: 0,
  lastIso: undefined,
} satisfies MigrationState);

/** The state after all records. Pure; TEAL-JOURNAL-004 for a record that cannot follow from those before it. */
export function fold(records: Iterable<Recorded>, from: MigrationState = emptyState): MigrationState {
  let state = from;
  for (const record of records) state = advance(state, record);
  return state;
}

/** The state after one more record. Never changes `state`. */
export function advance(state: MigrationState, record: Recorded): MigrationState {
  assertMayFollow(state, record);
  const next = transition(state, record.event, record.at);
  return Object.freeze({ ...next, seq: record.seq, lastIso: record.at });
}

/** Rules that hold for whole groups of events, whatever the event does. */
function assertMayFollow(state: MigrationState, { seq, event }: Recorded): void {
  if (seq <= state.seq) refuse(state, event, `record ${seq} comes after record ${state.seq}`);
  const { phase } = state.life;
  if (event.type === 'note' || event.type === 'callAccepted' || event.type === 'callAnswered') return;
  if (phase === 'finalised') refuse(state, event, 'the migration is finalised');
  if (event.type === 'runStarted') return;
  if (phase === 'new' || phase === 'aborted') refuse(state, event, 'no run has started');
}

function refuse(state: MigrationState, event: JournalEvent, why: string): never {
  throw new TealError('TEAL-JOURNAL-004', `${event.type}: ${why}`, {
    event: event.type,
    phase: state.life.phase,
    afterSeq: state.seq,
  });
}

function transition(state: MigrationState, event: JournalEvent, at: string): MigrationState {
  switch (event.type) {
    case 'runStarted':
      return startRun(state, event, at);
    case 'stageStarted':
    case 'stageFinished':
    case 'stageUndone':
      return changeStage(state, event, at);
    case 'stepIntended':
    case 'stepDone':
    case 'stepFailed':
    case 'stepUndoIntended':
    case 'stepUndone':
      return { ...state, steps: put(state.steps, event.step, nextStep(state, event, at)) };
    case 'gateAsked':
      return withGate(state, event.gate, { asks: event.asks, person: event.person, sinceIso: at });
    case 'gateAnswered':
      return answerGate(state, event, at);
    case 'approvalGiven':
      return { ...state, approvals: put(state.approvals, event.for, approvalOf(event, at)) };
    case 'cutIntended':
      return beginCut(state, event, at);
    case 'cutDecided':
    case 'cutAborted':
    case 'cutFinished':
      return moveCut(state, event, at);
    case 'sideFacts':
      return { ...state, sides: { ...state.sides, [event.side]: { ...state.sides[event.side], ...event.facts } } };
    case 'certificateIssued': {
      const { type: _, ...certificate } = event;
      return { ...state, certificates: { count: state.certificates.count + 1, last: { ...certificate, atIso: at } } };
    }
    case 'rolledBack':
      return recordRollback(state, event, at);
    case 'finalised':
      return finalise(state, event);
    case 'aborted':
      return abort(state, event);
    case 'callAccepted':
    case 'callAnswered':
    case 'note':
      return state;
    default:
      return unreachable(event, 'event of the journal');
  }
}

function startRun(state: MigrationState, event: EventOf<'runStarted'>, at: string): MigrationState {
  const { run, command, pid, host, teal } = event;
  if (state.migration !== undefined && state.migration !== event.migration) {
    refuse(state, event, `the journal is of migration ${state.migration}`);
  }
  const { phase } = state.life;
  const moving = askedBy(command);
  return {
    ...state,
    asked: moving === undefined ? state.asked : { command: moving, sinceIso: at },
    migration: event.migration,
    specDigest: event.specDigest,
    life: phase === 'new' || phase === 'aborted' ? { phase: 'blue' } : state.life,
    run: { run, command, pid, host, teal, sinceIso: at },
    runs: state.runs + 1,
  };
}

/** Some topics alone: nobody has asked for the others by that, nor for what was asked before. */
function askedBy(command: string): Asked['command'] | undefined {
  return command === topicsCommand ? 'up' : movingCommands.find((it) => it === command);
}

function changeStage(
  state: MigrationState,
  event: EventOf<'stageStarted' | 'stageFinished' | 'stageUndone'>,
  at: string,
): MigrationState {
  const now = state.stages[event.stage];
  switch (event.type) {
    case 'stageStarted':
      return withStage(state, event.stage, { state: 'running', sinceIso: at });
    case 'stageFinished':
      if (now?.state !== 'running') return refuse(state, event, `stage ${event.stage} is not running`);
      return withStage(state, event.stage, { state: 'finished', sinceIso: now.sinceIso, endIso: at });
    case 'stageUndone':
      if (now === undefined) refuse(state, event, `stage ${event.stage} was never started`);
      return withStage(state, event.stage, { state: 'undone', endIso: at });
    default:
      return unreachable(event, 'event of a stage');
  }
}

function withStage(state: MigrationState, stage: string, now: MigrationState['stages'][string]): MigrationState {
  return { ...state, stages: put(state.stages, stage, now) };
}

type StepEvent = EventOf<'stepIntended' | 'stepDone' | 'stepFailed' | 'stepUndoIntended' | 'stepUndone'>;

function nextStep(state: MigrationState, event: StepEvent, at: string): StepState {
  const now = state.steps[event.step];
  const before = now === undefined || now.state === 'undone' ? undefined : now.before;
  switch (event.type) {
    case 'stepIntended':
      // What was remembered at the first intent stays: later looks would see the step's own half-done work.
      return { state: 'intended', atIso: at, before: hasBegun(now) ? before : event.before };
    case 'stepDone': {
      // Begun is enough: after a failure, or an undo that was cut short, a probe may find that the effect stands.
      if (!hasBegun(now) && !event.found) refuse(state, event, `step ${event.step} has no intent`);
      const { facts, evidence, found } = event;
      return { state: 'done', atIso: at, before, facts, evidence, found };
    }
    case 'stepFailed': {
      const { doing, failure } = event;
      if (doing !== 'probe' && !hasBegun(now)) refuse(state, event, `step ${event.step} was never begun`);
      return { state: 'failed', atIso: at, before, begun: hasBegun(now), doing, failure };
    }
    case 'stepUndoIntended':
      if (!hasBegun(now)) refuse(state, event, `step ${event.step} was never begun`);
      return { state: 'undoing', atIso: at, before };
    case 'stepUndone':
      if (now?.state !== 'undoing') refuse(state, event, `step ${event.step} is not being undone`);
      return { state: 'undone', atIso: at };
    default:
      return unreachable(event, 'event of a step');
  }
}

/** True when the step may have left something outside that undoing must look at. */
export function hasBegun(step: StepState | undefined): boolean {
  if (step === undefined || step.state === 'undone') return false;
  return step.state === 'failed' ? step.begun : true;
}

function withGate(state: MigrationState, gate: string, now: MigrationState['gates'][string]): MigrationState {
  return { ...state, gates: put(state.gates, gate, now) };
}

function answerGate(state: MigrationState, event: EventOf<'gateAnswered'>, at: string): MigrationState {
  const now = state.gates[event.gate];
  if (now === undefined) return refuse(state, event, `gate ${event.gate} was not asked`);
  const { answer, evidence } = event;
  return withGate(state, event.gate, { ...now, answer: { answer, evidence, atIso: at } });
}

function approvalOf(event: EventOf<'approvalGiven'>, at: string): MigrationState['approvals'][string] {
  return { by: event.by, atIso: at, ...(event.comment === undefined ? {} : { comment: event.comment }) };
}

function beginCut(state: MigrationState, event: EventOf<'cutIntended'>, at: string): MigrationState {
  const { life } = state;
  if (life.phase !== 'blue' && life.phase !== 'green' && life.phase !== 'back') {
    return refuse(state, event, `no cut can begin in phase ${life.phase}`);
  }
  const live = life.phase === 'green' ? 'green' : 'blue';
  const { cut, epoch, from, to, topics } = event;
  if (topics === undefined) {
    if (from !== live || to === live) refuse(state, event, `${live} is live`);
  } else requireOwned(state, event, topics);
  if (epoch <= state.epoch) refuse(state, event, `epoch ${state.epoch} is decided already`);
  if (state.cuts.some((past) => past.cut === cut)) refuse(state, event, `cut ${cut} has ended`);
  const open = { cut, epoch, from, to, ...(topics === undefined ? {} : { topics }), sinceIso: at };
  return { ...state, life: { phase: 'cutting', cut: open, cameFrom: life.phase } };
}

/** Some topics are cut while blue is live: to green those that are not there, back those that are. */
function requireOwned(state: MigrationState, event: EventOf<'cutIntended'>, topics: readonly string[]): void {
  if (state.life.phase === 'green' || event.from === event.to) refuse(state, event, 'no topics are cut alone here');
  const ahead = new Set(state.ahead);
  const owner = (topic: string): Side => (ahead.has(topic) ? 'green' : 'blue');
  const other = topics.find((topic) => owner(topic) !== event.from);
  if (other !== undefined) refuse(state, event, `${event.from} does not own topic ${other}`);
}

function moveCut(
  state: MigrationState,
  event: EventOf<'cutDecided' | 'cutAborted' | 'cutFinished'>,
  at: string,
): MigrationState {
  const { life } = state;
  if ((life.phase !== 'cutting' && life.phase !== 'crossing') || life.cut.cut !== event.cut) {
    return refuse(state, event, `cut ${event.cut} is not open`);
  }
  switch (event.type) {
    case 'cutDecided':
      if (life.phase === 'crossing') refuse(state, event, 'it is decided already');
      return { ...state, epoch: life.cut.epoch, life: { ...life, phase: 'crossing' } };
    case 'cutAborted': {
      if (life.phase === 'crossing') return refuse(state, event, 'it is decided: the only way is forward');
      const end = { how: 'aborted', reason: event.reason, code: event.code } as const;
      return { ...state, life: { phase: life.cameFrom }, cuts: [...state.cuts, ended(life.cut, at, end)] };
    }
    case 'cutFinished': {
      if (life.phase !== 'crossing') return refuse(state, event, 'it is not decided');
      const cuts = [...state.cuts, ended(life.cut, at, { how: 'finished', facts: event.facts })];
      return { ...state, ...afterCut(state, life), cuts, approvals: dictionary() };
    }
    default:
      return unreachable(event, 'event of a cut');
  }
}

function afterCut(
  { ahead }: MigrationState,
  { cut, cameFrom }: Extract<Life, { phase: 'crossing' }>,
): Pick<MigrationState, 'life' | 'ahead'> {
  const { topics, to } = cut;
  if (topics === undefined) return { life: { phase: to === 'green' ? 'green' : 'back' }, ahead: [] };
  if (to === 'green') return { life: { phase: cameFrom }, ahead: [...ahead, ...topics].toSorted() };
  return { life: { phase: 'back' }, ahead: ahead.filter((topic) => !topics.includes(topic)) };
}

function ended(cut: OpenCut, endIso: string, end: PastCut['end']): PastCut {
  return { ...cut, endIso, end };
}

function recordRollback(state: MigrationState, event: EventOf<'rolledBack'>, at: string): MigrationState {
  const { cut, by, reason } = event;
  if (state.life.phase !== 'back' || state.cuts.at(-1)?.cut !== cut) refuse(state, event, `cut ${cut} is not the last`);
  if (state.rollbacks.some((past) => past.cut === cut)) refuse(state, event, `cut ${cut} is explained already`);
  return { ...state, rollbacks: [...state.rollbacks, { cut, by, reason, atIso: at }] };
}

function finalise(state: MigrationState, event: EventOf<'finalised'>): MigrationState {
  const isLive = state.life.phase === 'green' ? 'green' : state.life.phase === 'back' ? 'blue' : undefined;
  if (isLive !== event.live) refuse(state, event, `${event.live} does not own the data for good`);
  const life: Life = { phase: 'finalised', live: event.live };
  return { ...state, life };
}

function abort(state: MigrationState, event: EventOf<'aborted'>): MigrationState {
  const { phase } = state.life;
  if (phase !== 'blue' && phase !== 'back') refuse(state, event, 'only a migration whose live side is blue is aborted');
  if (state.ahead.length > 0) refuse(state, event, `green owns ${state.ahead.length} topics`);
  return {
    ...state,
    life: { phase: 'aborted' },
    left: event.left,
    approvals: dictionary(),
    gates: dictionary(),
    // What was learnt of the sides was of the attempt that is over.
    sides: { blue: {}, green: {} },
  };
}
