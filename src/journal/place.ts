/** Where a journal is: the path of a state folder, which holds it as files, or a database of PostgreSQL. */
export type JournalPlace = string | PostgresPlace;

/** Values as the server writes them. */
export type JournalRow = Readonly<Record<string, string | null>>;
export type JournalParameter = string | number | boolean | null | readonly string[];

/** PostgreSQL, asked by a process that stands still until the answer is there. */
export interface JournalAsker {
  /**
   * Rows of the statement; without parameters several are one transaction, and the rows are the last one's. Errors: TEAL-JOURNAL-021 the session is lost, or gave no answer in time and is given up:
   * whether the statement was done is not known; -022 it was refused.
   */
  ask(sql: string, parameters?: readonly JournalParameter[]): readonly JournalRow[];
}

export interface JournalSession extends JournalAsker, Disposable {
  /** Aborted, with the error as its reason, when the session has ended by itself, or has not answered. */
  readonly lost: AbortSignal;
}

/** A migration's journal in a database of PostgreSQL. Who composes the program gives the sessions: this room knows no driver. */
export interface PostgresPlace {
  /** Many migrations may share a schema: their records stand apart by this name. */
  readonly migration: string;
  readonly schema: string;
  /** Server, database and schema, for people. No secret. */
  readonly name: string;
  /** Names the state folder of this controller, which has its processes, their logs and the spool: one with another folder knows nothing of them. Made when it is first asked for. */
  readonly folder: () => string;
  /** From here on the folder's migration has its journal there: `id` tells the tables of it from all others. Errors: TEAL-APP-040 it has it in others. */
  readonly bind: (id: string) => void;
  /** A session of its own, which says soon when it is lost. Errors: TEAL-JOURNAL-021, -022. */
  readonly connect: () => JournalSession;
  /** The session that all who only read share; a new one after it was lost. */
  readonly look: () => JournalSession;
}
