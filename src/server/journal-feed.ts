import { journalIdentity, openJournalReader, type JournalReader } from '../journal/journal.ts';
import type { JournalPlace } from '../journal/place.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { MigrationState } from '../journal/state.ts';

/**
 * The journal as the API reads it: opened once, its chain verified once, and then only what was added. A state folder that was taken away and made anew is another
 * journal. All methods throw TEAL-JOURNAL-008 while there is none.
 */
export class JournalFeed implements Disposable {
  readonly #place: JournalPlace;
  #reader: JournalReader | undefined;
  #identity = '';

  constructor(place: JournalPlace) {
    this.#place = place;
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
    const identity = journalIdentity(this.#place);
    if (this.#reader === undefined || identity !== this.#identity) {
      this[Symbol.dispose]();
      this.#reader = openJournalReader(this.#place);
      this.#identity = identity;
    }
    return this.#reader;
  }

  [Symbol.dispose](): void {
    this.#reader?.[Symbol.dispose]();
    this.#reader = undefined;
  }
}
