import { readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isoNow, monotonicMs, sleep } from '../kernel/clock.ts';
import { describeError, isTealError } from '../kernel/errors.ts';
import { redact } from '../kernel/redact.ts';
import { callAnswered, type EventOf } from '../journal/events.ts';
import { isWritten } from '../journal/journal.ts';
import { noting } from '../journal/lock.ts';
import type { MigrationState } from '../journal/state.ts';
import type { AnsweredCall, CallNotes } from '../server/environment.ts';
import type { LoadedSpec } from './load-spec.ts';
import { openJournalInTurn } from './opening.ts';
import { replaceNow } from './replace-now.ts';
import { absent } from './wanted.ts';

type Note = EventOf<'callAnswered'>;

export interface NotesOptions {
  readonly loaded: LoadedSpec;
  /** What the journal says now; TEAL-JOURNAL-008 before the first `up`. */
  readonly state: () => MigrationState;
  /** Names, counts and codes. */
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** Different calls that wait at once; what comes beyond is counted together. Callers, calls and codes are few. */
const notesKept = 200;
const lookEveryMs = 1_000;
/** The same call with the same answer is written so often at most, with how many times it came. */
const sameAgainMs = 60_000;
/** Whoever has the journal is not waited for: the next look comes soon. */
const patienceMs = 250;

const beyond: AnsweredCall = Object.freeze({
  by: 'several callers',
  role: 'any',
  call: 'more different calls than are kept apart',
  answer: 'refused',
});

/**
 * Answered calls on their way into the journal, which a command has for itself while it runs. Until then they wait, and stand in `calls-waiting.json` of the state folder: neither the end of this process
 * nor a long command loses them. They are in the journal before they leave the file, so that a crash may write one twice, and loses but what came in the last second (the log has it).
 * None is written before the first `teal up`, nor while a cut is open: a recovery must find the journal free.
 */
export class NotesOfCalls implements CallNotes {
  readonly #options: NotesOptions;
  readonly #file: string;
  readonly #waiting = new Map<string, Note>();
  readonly #writtenAtMs = new Map<string, number>();
  #kept = '[]';

  constructor(options: NotesOptions) {
    this.#options = options;
    this.#file = join(options.loaded.stateDir, 'calls-waiting.json');
    for (const note of this.#left()) this.#waiting.set(keyOf(note), note);
  }

  note(call: AnsweredCall): void {
    const known = this.#waiting.get(keyOf(call));
    if (known === undefined && this.#waiting.size >= notesKept && call !== beyond) {
      this.note(beyond);
      return;
    }
    const first: Note = { type: 'callAnswered', ...call, atIso: isoNow(), times: 1 };
    this.#waiting.set(keyOf(call), known === undefined ? first : { ...known, times: known.times + 1 });
  }

  /** Writes what waits, as soon as it can, until the signal is aborted, and then once more. */
  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look(sameAgainMs);
      await sleep(lookEveryMs, signal).catch(() => undefined);
    }
    await this.#look(0);
  }

  async #look(againMs: number): Promise<void> {
    try {
      const due = this.#due(againMs);
      if (due.length > 0 && this.#mayWrite()) await this.#write(due);
      this.#keepFile();
    } catch (error) {
      if (isTealError(error, 'TEAL-JOURNAL-003')) return;
      this.#options.log('calls not written', { waiting: this.#waiting.size, because: redact(describeError(error)) });
    }
  }

  #due(againMs: number): readonly Note[] {
    const now = monotonicMs();
    for (const [key, atMs] of this.#writtenAtMs) if (now - atMs >= againMs) this.#writtenAtMs.delete(key);
    return [...this.#waiting.values()].filter((note) => !this.#writtenAtMs.has(keyOf(note)));
  }

  #mayWrite(): boolean {
    const { loaded, state } = this.#options;
    if (isWritten(loaded.journal)) return false;
    try {
      const { phase } = state().life;
      return phase !== 'cutting' && phase !== 'crossing';
    } catch (error) {
      if (isTealError(error, 'TEAL-JOURNAL-008')) return false;
      throw error;
    }
  }

  async #write(due: readonly Note[]): Promise<void> {
    const { loaded } = this.#options;
    const opening = { loaded, command: 'serve', signal: new AbortController().signal, what: noting };
    using journal = await openJournalInTurn(opening, patienceMs);
    journal.append(...due);
    for (const note of due) {
      const key = keyOf(note);
      this.#writtenAtMs.set(key, monotonicMs());
      const left = (this.#waiting.get(key)?.times ?? 0) - note.times;
      if (left > 0) this.#waiting.set(key, { ...note, atIso: isoNow(), times: left });
      else this.#waiting.delete(key);
    }
  }

  #keepFile(): void {
    const text = JSON.stringify([...this.#waiting.values()]);
    if (text === this.#kept) return;
    if (this.#waiting.size === 0) {
      rmSync(this.#file, { force: true });
    } else {
      replaceNow(this.#file, text);
    }
    this.#kept = text;
  }

  /** What an earlier process has left. A file that is none is put aside: the API must start on a bad night too. */
  #left(): readonly Note[] {
    try {
      this.#kept = readFileSync(this.#file, 'utf8');
      return z
        .array(callAnswered)
        .max(notesKept + 1)
        .parse(JSON.parse(this.#kept));
    } catch (error) {
      if (error instanceof Error && 'code' in error) return absent(error) ?? [];
      renameSync(this.#file, `${this.#file}.unreadable`);
      this.#options.log('calls that waited cannot be read', { file: `${this.#file}.unreadable` });
      return [];
    }
  }
}

function keyOf({ by, role, call, answer }: AnsweredCall): string {
  return JSON.stringify([by, role, call, answer]);
}
