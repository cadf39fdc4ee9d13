import { isoNow } from '../kernel/clock.ts';
import { guarded } from './database.ts';
import type { JournalEvent } from './events.ts';
import { advance, emptyState } from './fold.ts';
import { hasWriter, type Holder } from './lock.ts';
import type { JournalPlace } from './place.ts';
import { hasLeader, postgresReader, postgresWriter, recordIdentity } from './postgres/postgres-store.ts';
import { genesis, seal, unseal, verifyChain, type ChainEnd, type JournalRecord, type RawRecord } from './record.ts';
import { fileIdentity, memoryWriter, sqliteReader, sqliteWriter } from './sqlite-store.ts';
import type { MigrationState } from './state.ts';
import type { ReadStore, WriteStore } from './store.ts';

export { journalPath } from './sqlite-store.ts';

/**
 * The append-only truth about what one migration attempted.
 *
 * Crash order: a record is on disk before `append` returns, and whatever it announces happens after that; only what announces nothing may be on disk later (`appendUnsynced`). So a crash may leave an intent with nothing
 * behind it (a phantom, which a probe recognises), never an effect that no record knows (a hole).
 */
export interface Journal extends Disposable {
  /** Everything written so far, folded. */
  readonly state: MigrationState;
  /** Aborted when this process is not the writer any more, with the reason (TEAL-JOURNAL-020, -021): it begins nothing then. Never for a journal in files. */
  readonly lost: AbortSignal;
  /**
   * Writes events, all or none, and returns when they are synced to disk. TEAL-JOURNAL-004 when one cannot follow from what is written,
   * TEAL-JOURNAL-007 when the disk refuses; nothing is written then, and the journal can still be used. In PostgreSQL also -020 another leads, -021 no answer, and then the journal cannot be used any more.
   */
  append(...events: readonly JournalEvent[]): readonly JournalRecord[];
  /**
   * As `append` of one, but for that it is synced with the next record that is appended, or when the journal is closed: for what follows from an earlier record and is asked again where
   * it is missing. Lost with the power it is what a crash a moment earlier had left.
   */
  appendUnsynced(event: JournalEvent): readonly JournalRecord[];
  /** Records after a sequence number, oldest first. */
  records(afterSeq?: number): readonly JournalRecord[];
}

/**
 * Opens the journal of a place as its one writer, makes it if it is not there, and verifies all of it. `what`: see `Holder`.
 * Errors: TEAL-JOURNAL-001 altered, -002 newer format, -003 another writer, -005 damaged, -006 unknown record; of PostgreSQL also -021 no answer, -022 refused.
 */
export function openJournal(place: JournalPlace, what?: string): Journal {
  return opened(typeof place === 'string' ? sqliteWriter(place, what) : postgresWriter(place, what));
}

/** A journal that ends with the process: for dry runs and for tests of what writes journals. */
export function memoryJournal(): Journal {
  return opened(memoryWriter());
}

function opened(store: WriteStore): Journal {
  try {
    return new StoredJournal(store);
  } catch (error) {
    store[Symbol.dispose]();
    throw error;
  }
}

/** A look at a journal while its writer runs, or while nobody does. */
export interface JournalReader extends Disposable {
  /** Who writes now, or who wrote last when it was killed. A pid in it may be gone. */
  readonly holder: Holder | undefined;
  /** Reads what has been added since the last call, verifies it and returns the state after it. */
  refresh(): MigrationState;
  /** The last record that was read. Its hash stands for all records up to it: kept elsewhere, it proves later that none of them was changed or cut off. */
  readonly head: ChainEnd;
  /** Records after a sequence number, oldest first, at most `limit` of them (default: all). */
  records(afterSeq?: number, limit?: number): readonly JournalRecord[];
}

/** Opens for reading only. TEAL-JOURNAL-008 when there is none; else the errors of `openJournal` but -003. */
export function openJournalReader(place: JournalPlace): JournalReader {
  return new StoredReader(openStore(place));
}

/** The records as they are stored, none of them verified. Errors: see `openJournalReader`. */
export function openStore(place: JournalPlace): ReadStore {
  return typeof place === 'string' ? sqliteReader(place) : postgresReader(place);
}

/** The same for as long as it is the same journal: one that was taken away and made anew is another. */
export function journalIdentity(place: JournalPlace): string {
  return typeof place === 'string' ? fileIdentity(place) : recordIdentity(place);
}

/** Whether some process is the writer now. Asking disturbs nobody. */
export function isWritten(place: JournalPlace): boolean {
  return typeof place === 'string' ? hasWriter(place) : hasLeader(place);
}

/** The part that writer and reader share: the chain verified and folded as far as it was read. */
class FoldedChain {
  state: MigrationState = emptyState;
  #hash = genesis.hash;

  get end(): ChainEnd {
    return { seq: this.state.seq, hash: this.#hash };
  }

  readOn(store: Pick<ReadStore, 'name' | 'read'>): void {
    guarded(store.name, () => {
      for (const record of verifyChain(store.read(this.state.seq), this.end)) {
        this.state = advance(this.state, record);
        this.#hash = record.hash;
      }
    });
  }

  moveTo(state: MigrationState, hash: string): void {
    this.state = state;
    this.#hash = hash;
  }
}

class StoredJournal implements Journal {
  readonly #store: WriteStore;
  readonly #chain = new FoldedChain();

  constructor(store: WriteStore) {
    this.#store = store;
    this.#chain.readOn(store);
  }

  get state(): MigrationState {
    return this.#chain.state;
  }

  get lost(): AbortSignal {
    return this.#store.lost;
  }

  append(...events: readonly JournalEvent[]): readonly JournalRecord[] {
    return this.#add(events, true);
  }

  appendUnsynced(event: JournalEvent): readonly JournalRecord[] {
    return this.#add([event], false);
  }

  #add(events: readonly JournalEvent[], synced: boolean): readonly JournalRecord[] {
    const at = isoNow();
    const rows: RawRecord[] = [];
    const records: JournalRecord[] = [];
    let state = this.#chain.state;
    let end = this.#chain.end;
    for (const event of events) {
      const row = seal(event, at, end);
      const record = unseal(row);
      state = advance(state, record);
      end = row;
      rows.push(row);
      records.push(record);
    }
    this.#store.write(rows, synced);
    this.#chain.moveTo(state, end.hash);
    return records;
  }

  records(afterSeq = 0): readonly JournalRecord[] {
    return readAll(this.#store, afterSeq);
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }
}

class StoredReader implements JournalReader {
  readonly #store: ReadStore;
  readonly #chain = new FoldedChain();

  constructor(store: ReadStore) {
    this.#store = store;
  }

  get holder(): Holder | undefined {
    return this.#store.holder;
  }

  get head(): ChainEnd {
    return this.#chain.end;
  }

  refresh(): MigrationState {
    this.#chain.readOn(this.#store);
    return this.#chain.state;
  }

  records(afterSeq = 0, limit?: number): readonly JournalRecord[] {
    return readAll(this.#store, afterSeq, limit);
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }
}

/** Rows that were verified before, by opening or by `refresh`. */
function readAll(store: Pick<ReadStore, 'name' | 'read'>, afterSeq: number, limit?: number): readonly JournalRecord[] {
  return guarded(store.name, () => Array.from(store.read(afterSeq, limit), unseal));
}
