import { closeSync, openSync, readSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { TealError } from '../kernel/errors.ts';
import type { JournalPlace } from '../journal/place.ts';
import { renderMistakes, type Mistake } from '../spec/mistakes.ts';
import { parseSpec } from '../spec/parse.ts';
import type { Spec } from '../spec/spec.ts';
import { journalPlace } from './journal-place.ts';

export interface LoadedSpec {
  readonly spec: Spec;
  readonly file: string;
  /** Absolute: `stateDir` of the file, from the file's own folder. */
  readonly stateDir: string;
  /** The state folder, or the database that TEAL_JOURNAL names. */
  readonly journal: JournalPlace;
}

/** A file with mistakes: all of them, as values and as a text for a terminal. */
export class SpecMistakes extends TealError {
  readonly mistakes: readonly Mistake[];
  readonly rendered: string;

  constructor(file: string, text: string, mistakes: readonly Mistake[]) {
    super('TEAL-SPEC-002', `${mistakes.length} mistakes in ${file}`, { file, mistakes: mistakes.length });
    this.mistakes = mistakes;
    this.rendered = renderMistakes(file, text, mistakes);
  }
}

/** Reads a migration file. Errors: TEAL-SPEC-001 no file, `SpecMistakes` (TEAL-SPEC-002), and those of `journalPlace`. */
export function loadSpec(file: string, env: Readonly<Record<string, string | undefined>>): LoadedSpec {
  const folder = dirname(resolve(file));
  const readText = (path: string): string | undefined => {
    try {
      return readBounded(isAbsolute(path) ? path : resolve(folder, path));
    } catch {
      // Told as a mistake at its place in the file, with every other one.
      return undefined;
    }
  };
  const text = readText(resolve(file));
  if (text === undefined) throw new TealError('TEAL-SPEC-001', `${file} cannot be read`, { file });
  const parsed = parseSpec(text, { env, readText, folder });
  if (!parsed.ok) throw new SpecMistakes(file, text, parsed.mistakes);
  const { spec } = parsed;
  const stateDir = resolve(folder, spec.stateDir);
  return { spec, file, stateDir, journal: journalPlace(spec.name, stateDir, env) };
}

/** Of a migration file, and of a file with a URL in it. */
const limitBytes = 1 << 20;

/** Also of a pipe; a device without an end is not read to its end. */
function readBounded(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(limitBytes + 1);
    let filled = 0;
    for (let read = -1; read !== 0 && filled < bytes.length; filled += read) {
      read = readSync(file, bytes, filled, bytes.length - filled, null);
    }
    if (filled > limitBytes) throw new Error('not a file of a few megabytes');
    return bytes.toString('utf8', 0, filled);
  } finally {
    closeSync(file);
  }
}
