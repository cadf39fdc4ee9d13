import { join } from 'node:path';
import { isoNow } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import { guarded, IN_MEMORY, openForReading, openForWriting, readRecords } from './database.ts';
import type { JournalEvent } from './events.ts';
import { advance, emptyState } from './fold.ts';
import { readHolder, takeWriterLock, type Holder } from './lock.ts';
import { genesis, seal, unseal, verifyChain, type ChainEnd, type JournalRecord, type RawRecord } from './record.ts';
import type { DatabaseSync } from './sqlite.ts';
import type { MigrationState } from './state.ts';

/**
 * The append-only truth about what one migration attempted.
 *
 * Crash order: a record is on disk before `append` returns, and whatever it announces happens after that; only what announces nothing may be on disk later (`appendUnsynced`). So a crash may leave an intent with nothing
 * behind it (a phantom, which a probe recognises), never an effect that no record knows (a hole).
 */
export interface Journal extends Disposable {
  /** Everything written so far, folded. */
  readonly state: MigrationState;
  /**
   * Writes events, all or none, and returns when they are synced to disk. TEAL-JOURNAL-004 when one cannot follow from what is written,
   * TEAL-JOURNAL-007 when the disk refuses; nothing is written then, and the journal can still be used.
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

export function journalPath(stateDir: string): string {
  return join(stateDir, 'journal.db');
}

/**
 * Opens the journal of a state directory as its one writer, makes it if it is not there, and verifies all of it. `what`: see `Holder`.
 * Errors: TEAL-JOURNAL-001 altered, -002 newer format, -003 another writer, -005 damaged, -006 unknown record.
 */
export function openJournal(stateDir: string, what?: string): Journal {
  const lock = takeWriterLock(stateDir, what);
  try {
    return new SqliteJournal(journalPath(stateDir), openForWriting(journalPath(stateDir)), lock);
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** A journal that ends with the process: for dry runs and for tests of what writes journals. */
export function memoryJournal(): Journal {
  return new SqliteJournal(IN_MEMORY, openForWriting(IN_MEMORY), { [Symbol.dispose]: () => undefined });
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
export function openJournalReader(stateDir: string): JournalReader {
  const path = journalPath(stateDir);
  return new SqliteReader(path, openForReading(path), stateDir);
}

/** The part that writer and reader share: the chain verified and folded as far as it was read. */
class FoldedChain {
  state: MigrationState = emptyState;
  #hash = genesis.hash;

  get end(): ChainEnd {
    return { seq: this.state.seq, hash: this.#hash };
  }

  readOn(path: string, database: DatabaseSync): void {
    guarded(path, () => {
      for (const record of verifyChain(readRecords(database, this.state.seq), this.end)) {
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

class SqliteJournal implements Journal {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #lock: Disposable;
  readonly #chain = new FoldedChain();

  constructor(path: string, database: DatabaseSync, lock: Disposable) {
    this.#path = path;
    this.#database = database;
    this.#lock = lock;
    try {
      this.#chain.readOn(path, database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  get state(): MigrationState {
    return this.#chain.state;
  }

  appendUnsynced(event: JournalEvent): readonly JournalRecord[] {
    // Of a log of SQLite that is synced at checkpoints only, what is synced at a commit is all that was written before it.
    this.#database.exec('PRAGMA synchronous = NORMAL');
    try {
      return this.append(event);
    } finally {
      this.#database.exec('PRAGMA synchronous = FULL');
    }
  }

  append(...events: readonly JournalEvent[]): readonly JournalRecord[] {
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
    this.#write(rows);
    this.#chain.moveTo(state, end.hash);
    return records;
  }

  #write(rows: readonly RawRecord[]): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const insert = this.#database.prepare(
        'INSERT INTO record (seq, at, type, version, body, hash) VALUES (?, ?, ?, ?, ?, ?)',
      );
      for (const { seq, at, type, version, body, hash } of rows) insert.run(seq, at, type, version, body, hash);
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw new TealError('TEAL-JOURNAL-007', `${this.#path} refused a record`, { path: this.#path }, error);
    }
  }

  records(afterSeq = 0): readonly JournalRecord[] {
    return readAll(this.#path, this.#database, afterSeq);
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close();
    this.#lock[Symbol.dispose]();
  }
}

class SqliteReader implements JournalReader {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #stateDir: string;
  readonly #chain = new FoldedChain();

  constructor(path: string, database: DatabaseSync, stateDir: string) {
    this.#path = path;
    this.#database = database;
    this.#stateDir = stateDir;
  }

  get holder(): Holder | undefined {
    return readHolder(this.#stateDir);
  }

  get head(): ChainEnd {
    return this.#chain.end;
  }

  refresh(): MigrationState {
    this.#chain.readOn(this.#path, this.#database);
    return this.#chain.state;
  }

  records(afterSeq = 0, limit?: number): readonly JournalRecord[] {
    return readAll(this.#path, this.#database, afterSeq, limit);
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close();
  }
}

/** Rows that were verified before, by opening or by `refresh`. */
function readAll(path: string, database: DatabaseSync, afterSeq: number, limit?: number): readonly JournalRecord[] {
  return guarded(path, () => Array.from(readRecords(database, afterSeq, limit), unseal));
}
