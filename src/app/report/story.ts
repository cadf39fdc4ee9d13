import type { EventOf, JournalEvent } from '../../journal/events.ts';
import { otherSide, type Side } from '../../model/catalog.ts';
import { groupStepId, readGroupStep, type MovingPart } from '../../stages/groups/group-places.ts';

/** A record, without what proves it. */
interface Told {
  readonly at: string;
  readonly event: JournalEvent;
}

type At<T extends JournalEvent['type']> = Omit<EventOf<T>, 'type'> & { readonly at: string };

export interface ToldStage {
  readonly stage: string;
  readonly began: string;
  readonly ended?: string;
  readonly end: 'finished' | 'undone' | 'not ended';
}

export interface ToldGate {
  readonly at: string;
  readonly gate: string;
  readonly asks: string;
  /** `approved`: what a person said, for a gate or for a list of differences. */
  readonly answer: EventOf<'gateAnswered'>['answer'] | 'approved';
  readonly evidence: string;
}

export interface ToldCut {
  readonly cut: string;
  readonly epoch: number;
  readonly from: Side;
  readonly to: Side;
  /** Of a log: these alone. */
  readonly topics?: readonly string[];
  readonly began: string;
  readonly decided?: string;
  readonly ended?: string;
  readonly end: 'made' | 'given up' | 'not ended';
  /** How long clients waited, or without a router for how long at most their writes were refused. */
  readonly pauseMs?: number;
  readonly held: boolean;
  /** Why it was given up, or why there is no way back after it. */
  readonly why?: string;
  /** Of a cut back to blue: who wanted it, and why. */
  readonly rollback?: { readonly by: string; readonly reason: string };
}

/** One move of a group of consumers. */
export interface ToldGroup {
  readonly group: string;
  readonly from: Side;
  readonly to: Side;
  readonly began: string;
  readonly ended?: string;
  readonly end: 'moved' | 'taken back' | 'not ended';
  /** Where it went on, of each topic an offset for each partition. */
  readonly place?: string;
}

/** What happened to a migration, by subject, each in its order: the same for every form of the report. Times are ISO 8601 in UTC. */
export interface Story {
  readonly runs: readonly At<'runStarted'>[];
  readonly stages: readonly ToldStage[];
  readonly gates: readonly ToldGate[];
  readonly certificates: readonly At<'certificateIssued'>[];
  readonly cuts: readonly ToldCut[];
  /** Of Kafka alone. */
  readonly groups: readonly ToldGroup[];
  readonly failures: readonly At<'stepFailed'>[];
  readonly notes: readonly At<'note'>[];
  /** How it ended, oftener than once where it began anew after an abort. */
  readonly ends: readonly {
    readonly at: string;
    readonly how: 'finalised' | 'aborted';
    readonly by: string;
    readonly what: string;
  }[];
}

/** Pure: records in, their story out. Every record of a kind that has a subject is in it; `records` of the report has all of them. */
export function storyOf(records: readonly Told[]): Story {
  return {
    runs: allOf(records, 'runStarted'),
    stages: stagesOf(records),
    gates: gatesOf(records),
    certificates: allOf(records, 'certificateIssued'),
    cuts: cutsOf(records),
    groups: groupsOf(records),
    failures: allOf(records, 'stepFailed'),
    notes: allOf(records, 'note'),
    ends: endsOf(records),
  };
}

function allOf<T extends JournalEvent['type']>(records: readonly Told[], type: T): readonly At<T>[] {
  const isOfType = (event: JournalEvent): event is EventOf<T> => event.type === type;
  return records.flatMap(({ at, event }) => {
    if (!isOfType(event)) return [];
    const { type: _, ...body } = event;
    return [{ ...body, at }];
  });
}

/** Each beginning of a stage is one: it may begin again after it was undone, or in a later run. */
function stagesOf(records: readonly Told[]): readonly ToldStage[] {
  const told: ToldStage[] = [];
  for (const { at, event } of records) {
    if (event.type === 'stageStarted') told.push({ stage: event.stage, began: at, end: 'not ended' });
    if (event.type !== 'stageFinished' && event.type !== 'stageUndone') continue;
    const index = told.findLastIndex(({ stage }) => stage === event.stage);
    const open = told[index];
    if (open === undefined) continue;
    told[index] = { ...open, ended: at, end: event.type === 'stageFinished' ? 'finished' : 'undone' };
  }
  return told;
}

function gatesOf(records: readonly Told[]): readonly ToldGate[] {
  const questions = new Map<string, string>();
  return records.flatMap(({ at, event }): readonly ToldGate[] => {
    if (event.type === 'gateAsked') questions.set(event.gate, event.asks);
    if (event.type === 'gateAnswered') {
      const { gate, answer, evidence } = event;
      return [{ at, gate, asks: questions.get(gate) ?? '', answer, evidence }];
    }
    if (event.type !== 'approvalGiven') return [];
    const { by, for: gate, comment } = event;
    const evidence = comment === undefined ? `by ${by}` : `by ${by}: ${comment}`;
    return [{ at, gate, asks: questions.get(gate) ?? '', answer: 'approved', evidence }];
  });
}

function cutsOf(records: readonly Told[]): readonly ToldCut[] {
  const cuts = new Map<string, ToldCut>();
  const change = (name: string, part: Partial<ToldCut>): void => {
    const cut = cuts.get(name);
    if (cut !== undefined) cuts.set(name, { ...cut, ...part });
  };
  for (const { at, event } of records) {
    if (event.type === 'cutIntended') {
      const { cut, epoch, from, to, topics } = event;
      const of = topics === undefined ? {} : { topics };
      cuts.set(cut, { cut, epoch, from, to, ...of, began: at, end: 'not ended', held: true });
    } else if (event.type === 'cutDecided') change(event.cut, { decided: at });
    else if (event.type === 'cutAborted')
      change(event.cut, { ended: at, end: 'given up', why: `${event.code}: ${event.reason}` });
    else if (event.type === 'cutFinished') change(event.cut, { ended: at, end: 'made', ...partsOf(event.facts) });
    else if (event.type === 'rolledBack') change(event.cut, { rollback: { by: event.by, reason: event.reason } });
  }
  return [...cuts.values()];
}

/** A move is begun by its first intent, and over when its last step is done or its first one is taken back. */
function groupsOf(records: readonly Told[]): readonly ToldGroup[] {
  const moves = new Map<string, ToldGroup>();
  for (const { at, event } of records) {
    const found = 'step' in event ? readGroupStep(event.step) : undefined;
    if (found === undefined) continue;
    const { move, part } = found;
    const id = groupStepId(move, 'stop');
    const { group, to } = move;
    const told: ToldGroup = moves.get(id) ?? { group, from: otherSide(to), to, began: at, end: 'not ended' };
    moves.set(id, { ...told, ...groupPartOf({ at, event }, part) });
  }
  return [...moves.values()];
}

function groupPartOf({ at, event }: Told, part: MovingPart): Partial<ToldGroup> {
  if (event.type === 'stepUndone' && part === 'stop') return { ended: at, end: 'taken back' };
  if (event.type !== 'stepDone') return {};
  if (part === 'carry') return { place: event.evidence };
  return part === 'start' ? { ended: at, end: 'moved' } : {};
}

function partsOf({ pauseMs, held, noWayBack }: EventOf<'cutFinished'>['facts']): Partial<ToldCut> {
  return {
    ...(typeof pauseMs === 'number' ? { pauseMs } : {}),
    held: held !== false,
    ...(noWayBack === undefined ? {} : { why: `no way back: ${String(noWayBack)}` }),
  };
}

function endsOf(records: readonly Told[]): Story['ends'] {
  return records.flatMap(({ at, event }): Story['ends'] => {
    if (event.type === 'finalised')
      return [{ at, how: 'finalised', by: event.by, what: `${event.live} stays live; there is no way back` }];
    if (event.type !== 'aborted') return [];
    const left = event.left.length === 0 ? '' : `; not undone: ${event.left.join(', ')}`;
    return [{ at, how: 'aborted', by: event.by, what: `${event.reason}${left}` }];
  });
}
