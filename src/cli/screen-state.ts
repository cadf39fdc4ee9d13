import type { MigrationEvent } from '../app/events.ts';
import { amountText, wordsOf, type Moved } from '../kernel/vocabulary.ts';

/** What the one screen shows, folded from events. */
export interface ScreenState {
  readonly name: string;
  readonly live: 'blue' | 'green';
  readonly moves: Moved;
  readonly stages: Readonly<Record<TrackStage, 'ahead' | 'now' | 'done'>>;
  /** What is worked on, and what it last said. */
  readonly doing?: { readonly step?: string; readonly text: string; readonly share?: number } | undefined;
  /** What is awaited, when it is a gate. */
  readonly waiting?: { readonly asks: string; readonly answer: string } | undefined;
  readonly flows: Readonly<Record<string, string>>;
  /** What the schemas of both sides do not share. */
  readonly schema: readonly string[];
  readonly notes: readonly string[];
}

export const track = Object.freeze(['prepare', 'copy', 'follow', 'verify', 'cut over', 'soak', 'finalise'] as const);
export type TrackStage = (typeof track)[number];

const notesKept = 6;

export function emptyScreen(name: string, live: 'blue' | 'green' = 'blue'): ScreenState {
  const stages = Object.fromEntries(track.map((stage) => [stage, 'ahead'])) as ScreenState['stages'];
  return { name, live, moves: 'tables', stages, flows: {}, schema: [], notes: [] };
}

/** Pure: the screen after one more event. */
export function advanceScreen(state: ScreenState, event: MigrationEvent): ScreenState {
  switch (event.kind) {
    case 'opened':
      return {
        ...state,
        name: event.migration,
        live: event.live,
        doing: undefined,
        moves: event.moves ?? 'tables',
        stages: stagesOf(event),
      };
    case 'stage':
      // The flows end with it.
      if (event.stage === 'finalise' && event.state === 'started')
        return withStage(withStage({ ...state, flows: {} }, 'soak', 'done'), 'finalise', 'now');
      return isTrackStage(event.stage)
        ? withStage(
            state,
            event.stage,
            event.state === 'started' ? 'now' : event.state === 'finished' ? 'done' : 'ahead',
          )
        : state;
    case 'step started':
      return {
        ...state,
        doing: { step: event.step, text: event.does },
        ...(event.step.startsWith('cut:') ? { waiting: undefined } : {}),
      };
    case 'step progress': {
      const { text, done, total } = event.progress;
      const share =
        done === undefined || total === undefined || total === 0 ? {} : { share: Math.min(1, done / total) };
      return { ...state, doing: { step: event.step, text, ...share } };
    }
    case 'step done':
      // Another may go on beside it.
      return state.doing?.step === event.step ? { ...state, doing: undefined } : state;
    case 'step failed':
      return withNote({ ...state, doing: undefined }, `${event.step} failed: ${event.code}`);
    case 'step undone':
      return withNote(state, `undone: ${event.step}`);
    case 'gate':
      return event.answer.answer === 'yes'
        ? { ...state, waiting: undefined }
        : {
            ...state,
            waiting: { asks: event.asks, answer: `${event.answer.answer}: ${event.answer.evidence}` },
          };
    case 'verify progress':
      return withStage({ ...state, doing: { text: `compares both sides: ${event.text}` } }, 'verify', 'now');
    case 'verified': {
      const what = event.equal ? 'equal' : `${event.different} DIFFER`;
      const after = withStage({ ...state, doing: undefined }, 'verify', event.equal ? 'done' : 'now');
      return withNote(after, `compared ${comparedText(event)}: ${what}`);
    }
    case 'cut': {
      const pause = pauseText(event);
      const wait = pause === undefined ? '' : `; ${pause}`;
      const note = `${wonText(event)}${wait}`;
      if (event.topics !== undefined) return withNote({ ...state, doing: undefined, waiting: undefined }, note);
      const after = { ...state, live: event.to, doing: undefined, waiting: undefined };
      const moved = withStage(after, 'cut over', event.to === 'green' ? 'done' : 'ahead');
      return withNote(withStage(moved, 'soak', event.to === 'green' ? 'now' : 'ahead'), note);
    }
    case 'flow': {
      const { flow, mode, schema } = event.status;
      return {
        ...state,
        flows: { ...state.flows, [flow]: flowText(event.status, state.moves) },
        schema: schema ?? (mode === 'live' ? [] : state.schema),
      };
    }
    case 'standby':
      return { ...state, doing: { text: standbyText(event) } };
    case 'log':
      return withNote(state, event.text);
    case 'notice lost':
      return withNote(state, lostText(event));
    case 'schema':
      return { ...state, schema: event.differences };
  }
}

export function standbyText({ pid, host, sinceIso }: Extract<MigrationEvent, { kind: 'standby' }>): string {
  if (pid === undefined) return 'waits: another controller leads';
  return `waits: process ${pid} on ${host ?? 'another machine'} leads since ${sinceIso ?? 'a moment ago'}`;
}

export function lostText({ to, why, code }: Extract<MigrationEvent, { kind: 'notice lost' }>): string {
  const what = code === 'TEAL-APP-030' ? 'a notification' : 'traces';
  return `${what} for ${to} given up: ${why} (${code})`;
}

/** What a cut has cost its clients; undefined when a crash lay between. */
export function pauseText({
  pauseMs,
  held,
}: {
  readonly pauseMs?: number | undefined;
  readonly held?: false;
}): string | undefined {
  if (pauseMs === undefined) return undefined;
  return held === false ? `writes were refused for at most ${pauseMs} ms` : `clients waited ${pauseMs} ms`;
}

const namedTopics = 5;

/** What a cut has moved: the migration, or some topics of a log. */
export function wonText({ to, topics }: Pick<Extract<MigrationEvent, { kind: 'cut' }>, 'to' | 'topics'>): string {
  return topics === undefined ? `${to} is live` : `${shortList(topics)} ${topics.length === 1 ? 'is' : 'are'} on ${to}`;
}

/** The first of them by name. */
export function shortList(names: readonly string[]): string {
  const more = names.length - namedTopics;
  return `${names.slice(0, namedTopics).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** How much a comparison has read. */
export function comparedText({ rows, of, ...amount }: Extract<MigrationEvent, { kind: 'verified' }>): string {
  return amountText({ ...amount, rows: Number(rows).toLocaleString('en') }, of);
}

type FlowSeen = Extract<MigrationEvent, { kind: 'flow' }>['status'];

/** In shadow nothing is applied, so there is no rate: what counts is that it runs, and that nobody else writes. */
function flowText({ mode, now, lagMs, changesPerSecond, rogueTransactions, part }: FlowSeen, moves: Moved): string {
  const why = now.state === 'waiting' || now.state === 'failed' ? `: ${now.reason}` : '';
  if (now.state !== 'running') return `${now.state}${why}`;
  const lag = lagMs === undefined ? 'lag not measured yet' : `${ms(lagMs)} behind`;
  const rate = Math.round(changesPerSecond).toLocaleString('en');
  const rogue = `${rogueTransactions} ROGUE WRITES`;
  const of = part === undefined ? '' : ` for ${part.topics} of ${part.of} topics`;
  if (mode === 'live')
    return `live${of}, ${lag}, ${rate} ${wordsOf(moves).changes}/s${rogueTransactions === 0 || part === undefined ? '' : `, ${rogue}`}`;
  return `in shadow, ${rogueTransactions === 0 ? lag : rogue}`;
}

function ms(lag: number): string {
  return lag < 1_000 ? `${Math.round(lag)} ms` : `${(lag / 1_000).toFixed(1)} s`;
}

/** From the journal: what earlier runs have done. */
function stagesOf({ phase, stages }: Extract<MigrationEvent, { kind: 'opened' }>): ScreenState['stages'] {
  const crossed = phase === 'green' || phase === 'finalised';
  const now: Record<TrackStage, 'ahead' | 'now' | 'done'> = { ...emptyScreen('').stages };
  for (const stage of track) {
    const state = stages[stage];
    now[stage] = state === 'finished' ? 'done' : state === 'running' ? 'now' : 'ahead';
  }
  if (!crossed) return now;
  const isOver = phase === 'finalised';
  return {
    ...now,
    verify: 'done',
    'cut over': 'done',
    soak: isOver ? 'done' : 'now',
    finalise: isOver ? 'done' : 'ahead',
  };
}

function isTrackStage(stage: string): stage is TrackStage {
  return (track as readonly string[]).includes(stage);
}

function withStage(state: ScreenState, stage: TrackStage, now: 'ahead' | 'now' | 'done'): ScreenState {
  return { ...state, stages: { ...state.stages, [stage]: now } };
}

function withNote(state: ScreenState, note: string): ScreenState {
  return { ...state, notes: [...state.notes, note].slice(-notesKept) };
}
