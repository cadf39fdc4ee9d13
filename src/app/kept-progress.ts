import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isoNow, monotonicMs } from '../kernel/clock.ts';
import { redact } from '../kernel/redact.ts';
import { isProcessThere } from '../kernel/process-there.ts';
import type { MigrationEvent } from './events.ts';
import { absent } from './wanted.ts';

/** How far what runs now is, for who watches from another process: the journal has only what begins and ends. */
export interface Progress {
  /** The step, or `verify`. */
  readonly step: string;
  readonly text: string;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: string;
  readonly parts?: readonly { readonly name: string; readonly share: number }[];
  readonly secondsLeft?: number;
  readonly atIso: string;
  readonly pid: number;
}

const everyMs = 1_000;
const ofVerify = 'verify';

function progressFile(stateDir: string): string {
  return join(stateDir, 'progress.json');
}

/** Passes events on, and keeps the newest progress beside the journal, at most once a second, until what it is of has ended. */
export function keepingProgress(
  stateDir: string,
  tell: (event: MigrationEvent) => void,
): (event: MigrationEvent) => void {
  let writtenMs = Number.NEGATIVE_INFINITY;
  let of: string | undefined;
  return (event) => {
    tell(event);
    const ended = endOf(event);
    const progress = progressOf(event);
    // Of steps that run side by side the file is of the one that said something last.
    if (ended !== undefined && (of === undefined || of === ended)) {
      writtenMs = Number.NEGATIVE_INFINITY;
      of = undefined;
      quietly(() => rmSync(progressFile(stateDir), { force: true }));
    } else if (progress !== undefined && monotonicMs() >= writtenMs + everyMs) {
      writtenMs = monotonicMs();
      of = progress.step;
      quietly(() => write(progressFile(stateDir), { ...progress, atIso: isoNow(), pid: process.pid }));
    }
  };
}

/** Undefined where nothing runs, or what ran was killed. */
export function readProgress(stateDir: string): Progress | undefined {
  try {
    const progress = JSON.parse(readFileSync(progressFile(stateDir), 'utf8')) as Progress;
    return isProcessThere(progress.pid) ? progress : undefined;
  } catch (error) {
    return absent(error);
  }
}

/** What has ended with this event. */
function endOf(event: MigrationEvent): string | undefined {
  switch (event.kind) {
    case 'step done':
    case 'step failed':
    case 'step undone':
      return event.step;
    case 'verified':
      return ofVerify;
    default:
      return undefined;
  }
}

function progressOf(event: MigrationEvent): Omit<Progress, 'atIso' | 'pid'> | undefined {
  switch (event.kind) {
    case 'step progress':
      return { step: event.step, ...event.progress, text: redact(event.progress.text) };
    case 'verify progress': {
      const { kind: _, ...progress } = event;
      return { step: ofVerify, ...progress };
    }
    default:
      return undefined;
  }
}

function write(file: string, progress: Progress): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(progress)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** What runs does not end because nobody can be told how far it is; the journal, on the same disk, fails where it matters (TEAL-JOURNAL-007). */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // Who watches sees an older progress, or none.
  }
}
