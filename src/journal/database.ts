import { closeSync, existsSync, openSync } from 'node:fs';
import { TealError } from '../kernel/errors.ts';
import type { RawRecord } from './record.ts';
import { openDatabase, type DatabaseSync } from './sqlite.ts';

/**
 * Raised when records of this version could not be folded by the version before: a new type of event, a new field. An older Teal then refuses the
 * file (TEAL-JOURNAL-002) before it has understood half of it. Journals of lower formats stay readable for ever.
 */
export const JOURNAL_FORMAT = 4;

/** "Teal" in the file's header, so that another program's database is not taken for a journal. */
const APPLICATION_ID = 0x5465616c;

/**
 * Records can only be added, one after the other. The triggers keep honest programs honest; the chain of hashes finds the others.
 * The third also stops `INSERT OR REPLACE`, whose silent delete fires no trigger.
 */
const SCHEMA = `
  CREATE TABLE record (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    type TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE TRIGGER record_is_never_changed BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;
  CREATE TRIGGER record_is_never_deleted BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;
  CREATE TRIGGER record_comes_last BEFORE INSERT ON record
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM record)
    BEGIN SELECT RAISE(ABORT, 'records come one after the other'); END;
`;

export const IN_MEMORY = ':memory:';

/** Opens for writing and makes the file if there is none. The caller holds the writer's lock. */
export function openForWriting(path: string): DatabaseSync {
  return guarded(path, () => {
    // SQLite would make it for everybody to read, and gives the files beside it the same mode.
    if (path !== IN_MEMORY) closeSync(openSync(path, 'a', 0o600));
    const database = openDatabase(path, { timeout: 5_000 });
    try {
      // WAL lets readers read while the writer writes; FULL syncs the log at every commit, so that what was acknowledged survives the machine.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
      if (isFresh(database)) create(database);
      if (checkFormat(database) < JOURNAL_FORMAT) database.exec(`PRAGMA user_version = ${JOURNAL_FORMAT}`);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** Opens beside a writer, or without one. TEAL-JOURNAL-008 when there is no file. */
export function openForReading(path: string): DatabaseSync {
  if (!existsSync(path)) throw new TealError('TEAL-JOURNAL-008', `${path} is not there`, { path });
  return guarded(path, () => {
    const database = openDatabase(path, { readOnly: true, timeout: 5_000 });
    try {
      if (isFresh(database)) throw new TealError('TEAL-JOURNAL-008', `${path} is empty`, { path });
      checkFormat(database);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** A negative limit is none, as SQLite has it. */
export function readRecords(database: DatabaseSync, afterSeq: number, limit = -1): Iterable<RawRecord> {
  const rows = database
    .prepare('SELECT seq, at, type, version, body, hash FROM record WHERE seq > ? ORDER BY seq LIMIT ?')
    .iterate(afterSeq, limit);
  return rows as Iterable<unknown> as Iterable<RawRecord>;
}

/** Errors of SQLite become TEAL-JOURNAL-005; Teal's own pass. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TealError) throw error;
    throw new TealError('TEAL-JOURNAL-005', `${path} cannot be opened or read`, { path }, error);
  }
}

/** A crash while it was made leaves an empty file: the schema and the numbers in the header are one transaction. */
function create(database: DatabaseSync): void {
  database.exec(`
    BEGIN IMMEDIATE;
    ${SCHEMA}
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${JOURNAL_FORMAT};
    COMMIT;
  `);
}

function isFresh(database: DatabaseSync): boolean {
  return numberOf(database, 'SELECT count(*) AS n FROM sqlite_schema') === 0;
}

/** The format of the file. */
function checkFormat(database: DatabaseSync): number {
  const application = numberOf(database, 'SELECT application_id AS n FROM pragma_application_id');
  if (application !== APPLICATION_ID) {
    throw new TealError('TEAL-JOURNAL-005', 'the file is a database of another program', { application });
  }
  const format = numberOf(database, 'SELECT user_version AS n FROM pragma_user_version');
  if (format > JOURNAL_FORMAT) {
    throw new TealError('TEAL-JOURNAL-002', `its format is ${format}, this version reads up to ${JOURNAL_FORMAT}`, {
      format,
      readable: JOURNAL_FORMAT,
    });
  }
  return format;
}

function numberOf(database: DatabaseSync, query: string): number {
  const value = database.prepare(query).get()?.['n'];
  return typeof value === 'number' ? value : Number.NaN;
}
