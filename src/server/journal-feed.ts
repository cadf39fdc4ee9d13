import { statSync } from 'node:fs';
import { journalPath, openJournalReader, type JournalReader } from '../journal/journal.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { MigrationState } from '../journal/state.ts';

/**
 * The journal as the API reads it: opened once, its chain verified once, and then only what was added. A state folder that was taken away and made anew is another
 * journal. All methods throw TEAL-JOURNAL-008 while there is none.
 */
export class JournalFeed implements Disposable {
  readonly #stateDir: string;
  #reader: JournalReader | undefined;
  #file = '';

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  state(): MigrationState {
    return this.#open().refresh();
  }

  get holder(): JournalReader['holder'] {
    return this.#open().holder;
  }

  get head(): JournalReader['head'] {
    return this.#open().head;
  }

  /** Verified records after a sequence number, oldest first. */
  records(after: number, limit: number): readonly JournalRecord[] {
    const reader = this.#open();
    const { seq } = reader.refresh();
    return reader.records(after, limit).filter((record) => record.seq <= seq);
  }

  #open(): JournalReader {
    const file = identityOf(journalPath(this.#stateDir));
    if (this.#reader === undefined || file !== this.#file) {
      this[Symbol.dispose]();
      this.#reader = openJournalReader(this.#stateDir);
      this.#file = file;
    }
    return this.#reader;
  }

  [Symbol.dispose](): void {
    this.#reader?.[Symbol.dispose]();
    this.#reader = undefined;
  }
}

/** A look at its name opens nothing: closing a handle of one's own would drop SQLite's locks. */
function identityOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? 'none' : `${found.dev} ${found.ino}`;
}
