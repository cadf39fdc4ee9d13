import { createLogUpdate } from 'log-update';
import { isoNow } from '../kernel/clock.ts';
import type { MigrationEvent } from '../app/events.ts';
import { jsonText, tone, type Tone } from './print.ts';
import {
  advanceScreen,
  comparedText,
  emptyScreen,
  lostText,
  pauseText,
  wonText,
  standbyText,
  track,
  type ScreenState,
} from './screen-state.ts';

export interface Screen extends Disposable {
  show(event: MigrationEvent): void;
}

const marks = { ahead: '○', now: '◐', done: '●' } as const;
const tones: Readonly<Record<keyof typeof marks, Tone>> = { ahead: 'dim', now: 'yellow', done: 'green' };

/** One screen where a person looks, plain lines elsewhere. */
export function openScreen(name: string, live: 'blue' | 'green', stream: NodeJS.WriteStream = process.stderr): Screen {
  return stream.isTTY ? liveScreen(name, live, stream) : plainLines(stream);
}

/** Every event as a line of JSON with the time it was heard: for a program that follows. */
export function eventLines(stream: NodeJS.WriteStream = process.stderr): Screen {
  return {
    show: (event) => stream.write(`${jsonText({ at: isoNow(), ...event })}\n`),
    [Symbol.dispose]: () => undefined,
  };
}

function liveScreen(name: string, live: 'blue' | 'green', stream: NodeJS.WriteStream): Screen {
  const update = createLogUpdate(stream);
  let state = emptyScreen(name, live);
  let drawn = '';
  const draw = (): void => {
    const text = renderScreen(state, Math.max(40, Math.min(stream.columns, 100))).join('\n');
    if (text === drawn) return;
    drawn = text;
    update(text);
  };
  return {
    show(event) {
      state = advanceScreen(state, event);
      draw();
    },
    [Symbol.dispose]: () => update.done(),
  };
}

/** The lines of the screen, none wider than `width`. */
export function renderScreen(state: ScreenState, width: number): readonly string[] {
  const flows = Object.entries(state.flows).map(([flow, text]) => row(flow, text, width));
  return [
    tone('bold', clip(`${state.name}: ${state.live} is live`, width)),
    track.map((stage) => tone(tones[state.stages[stage]], `${marks[state.stages[stage]]} ${stage}`)).join('  '),
    '',
    ...flows,
    ...state.schema.slice(0, 4).map((text) => tone('yellow', row('schema', text, width))),
    ...(state.doing === undefined ? [] : [row('now', state.doing.text, width), ...bar(state.doing.share, width)]),
    ...(state.waiting === undefined
      ? []
      : [row('waits', state.waiting.asks, width), row('', state.waiting.answer, width)]),
    ...state.notes.map((note) => row('', note, width)),
  ];
}

function row(label: string, text: string, width: number): string {
  return `${tone('dim', label.padStart(9))}  ${clip(text, width - 11)}`;
}

function bar(share: number | undefined, width: number): readonly string[] {
  if (share === undefined) return [];
  const cells = width - 11 - 5;
  const full = Math.round(cells * share);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return [`${' '.repeat(11)}${tone('cyan', '█'.repeat(full))}${tone('dim', '░'.repeat(cells - full))} ${percent}`];
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** One line an event that changes something; progress is left out, a log is no place for it. */
function plainLines(stream: NodeJS.WriteStream): Screen {
  const waits = new Map<string, string>();
  return {
    show(event) {
      const line = event.kind === 'flow' ? waitLine(event.status, waits) : plainLine(event);
      if (line !== undefined) stream.write(`${isoNow().slice(11, 19)} ${line}\n`);
    },
    [Symbol.dispose]: () => undefined,
  };
}

type FlowSeen = Extract<MigrationEvent, { kind: 'flow' }>['status'];

/** Only when a flow begins to wait for something, for something else, or no more. */
function waitLine({ flow, now }: FlowSeen, last: Map<string, string>): string | undefined {
  const why = now.state === 'waiting' ? now.reason : '';
  const before = last.get(flow) ?? '';
  last.set(flow, why);
  if (why === before) return undefined;
  return why === '' ? `${flow} flow: goes on` : `${flow} flow waits: ${why}`;
}

export function plainLine(event: MigrationEvent): string | undefined {
  switch (event.kind) {
    case 'stage':
      return `${event.title.toLowerCase()}: ${event.state}`;
    case 'step done':
      return `  ${event.step}: ${event.evidence}${event.found ? ' (was there)' : ''}`;
    case 'step failed':
      return `  ${event.step}: FAILED ${event.code}`;
    case 'step undone':
      return `  ${event.step}: undone`;
    case 'verified':
      return `verify: ${comparedText(event)}, ${event.equal ? 'equal' : `${event.different} differ`} (${event.file})`;
    case 'cut':
      return [`cut ${event.cut}: ${wonText(event)}`, pauseText(event) ?? []].flat().join(', ');
    case 'opened':
      return `${event.migration}: ${event.live} is live${event.phase === event.live ? '' : ` (${event.phase})`}`;
    case 'standby':
      return standbyText(event);
    case 'log':
      return `log: ${event.text}`;
    case 'notice lost':
      return lostText(event);
    case 'schema':
      return event.differences.length === 0 ? 'schema: both sides fit' : `schema: ${event.differences.join('; ')}`;
    case 'step started':
    case 'step progress':
    case 'gate':
    case 'verify progress':
    case 'flow':
      return undefined;
  }
}
