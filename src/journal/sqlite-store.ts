import { statSync } from 'node:fs';
import { join } from 'node:path';
import { TealError } from '../kernel/errors.ts';
import { IN_MEMORY, openForReading, openForWriting, readRecords } from './database.ts';
import { readHolder, takeWriterLock, type Holder } from './lock.ts';
import type { RawRecord } from './record.ts';
import type { DatabaseSync } from './sqlite.ts';
import type { ReadStore, WriteStore } from './store.ts';

export function journalPath(stateDir: string): string {
  return join(stateDir, 'journal.db');
}

/** Errors: TEAL-JOURNAL-002 newer format, -003 another writer, -005 damaged. */
export function sqliteWriter(stateDir: string, what?: string): WriteStore {
  const lock = takeWriterLock(stateDir, what);
  try {
    return new SqliteWriter(journalPath(stateDir), openForWriting(journalPath(stateDir)), lock);
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

export function memoryWriter(): WriteStore {
  return new SqliteWriter(IN_MEMORY, openForWriting(IN_MEMORY), { [Symbol.dispose]: () => undefined });
}

/** TEAL-JOURNAL-008 when there is none; else the errors of the writer but -003. */
export function sqliteReader(stateDir: string): ReadStore {
  const name = journalPath(stateDir);
  const database = openForReading(name);
  return {
    name,
    get holder(): Holder | undefined {
      return readHolder(stateDir);
    },
    read: (afterSeq, limit) => readRecords(database, afterSeq, limit),
    [Symbol.dispose]: () => close(database),
  };
}

/** A look at its name opens nothing: closing a handle of one's own would drop SQLite's locks. */
export function fileIdentity(stateDir: string): string {
  const found = statSync(journalPath(stateDir), { throwIfNoEntry: false });
  return found === undefined ? 'none' : `${found.dev} ${found.ino}`;
}

class SqliteWriter implements WriteStore {
  readonly name: string;
  readonly lost = new AbortController().signal;
  readonly #database: DatabaseSync;
  readonly #lock: Disposable;

  constructor(path: string, database: DatabaseSync, lock: Disposable) {
    this.name = path;
    this.#database = database;
    this.#lock = lock;
  }

  read(afterSeq: number, limit?: number): Iterable<RawRecord> {
    return readRecords(this.#database, afterSeq, limit);
  }

  write(rows: readonly RawRecord[], synced: boolean): void {
    if (synced) {
      this.#insert(rows);
      return;
    }
    // Of a log of SQLite that is synced at checkpoints only, what is synced at a commit is all that was written before it.
    this.#database.exec('PRAGMA synchronous = NORMAL');
    try {
      this.#insert(rows);
    } finally {
      this.#database.exec('PRAGMA synchronous = FULL');
    }
  }

  #insert(rows: readonly RawRecord[]): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const insert = this.#database.prepare(
        'INSERT INTO record (seq, at, type, version, body, hash) VALUES (?, ?, ?, ?, ?, ?)',
      );
      for (const { seq, at, type, version, body, hash } of rows) insert.run(seq, at, type, version, body, hash);
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw new TealError('TEAL-JOURNAL-007', `${this.name} refused a record`, { path: this.name }, error);
    }
  }

  [Symbol.dispose](): void {
    close(this.#database);
    this.#lock[Symbol.dispose]();
  }
}

function close(database: DatabaseSync): void {
  if (database.isOpen) database.close();
}
