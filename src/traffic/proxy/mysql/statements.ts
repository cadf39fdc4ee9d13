import { BodyReader } from '../../../wire/mysql/body.ts';
import type { Prepared } from '../../../wire/mysql/response.ts';
import type { StatementWords } from './statement-words.ts';

/** A statement that the client has prepared (COM_STMT_PREPARE). */
export interface KeptStatement {
  /** Under which the client knows it. */
  readonly id: number;
  /** As the client sent it; undefined when it is too long to be kept. */
  readonly sql: Buffer | undefined;
  readonly words: StatementWords;
  /** The default database when it was prepared: its names are read there. */
  readonly database: string | undefined;
  readonly parameters: number;
  readonly columns: number;
}

interface OnBackend {
  readonly statement: KeptStatement;
  backendId: number;
  /** Types of its parameters as last bound, two bytes each. */
  types: Buffer | undefined;
  /** The present backend has been given them. */
  typesGiven: boolean;
  hasLongData: boolean;
  hasCursor: boolean;
}

export const keptTextBytes = 16 << 20;
const statementLimit = 16_382;
/** MariaDB: the statement that was prepared last. */
const lastPrepared = 0xffff_ffff;
/** No server gives a statement this number: it answers that there is none. */
export const noStatement = 0xffff_fffe;
const executeHeadBytes = 10;

/** The statements that a client has prepared: under which number it knows each, and under which its present backend does. */
export class Statements {
  readonly #all = new Map<number, OnBackend>();
  #keptBytes = 0;
  #next = 1;

  /** The number that the client's next statement gets. */
  get next(): number {
    return this.#next;
  }

  get kept(): readonly KeptStatement[] {
    return [...this.#all.values()].map(({ statement }) => statement);
  }

  /** Why they cannot be had on another backend. */
  get pins(): readonly string[] {
    const all = [...this.#all.values()];
    return [
      ...(all.some(({ hasCursor }) => hasCursor) ? ['open cursor'] : []),
      ...(all.some(({ statement }) => statement.sql === undefined)
        ? ['prepared statement that is too long to be kept']
        : []),
    ];
  }

  /** Parts of a parameter's value have been sent, and the statement that uses them has not. */
  get hasLongData(): boolean {
    for (const { hasLongData } of this.#all.values()) if (hasLongData) return true;
    return false;
  }

  find(id: number): OnBackend | undefined {
    return this.#all.get(id === lastPrepared ? this.#next - 1 : id);
  }

  /** The backend's number for what a client's packet names at its second byte. */
  backendId(id: number): number {
    return this.find(id)?.backendId ?? noStatement;
  }

  /** Returns the number that the client is to know it by. */
  add(prepared: Prepared, text: Omit<KeptStatement, 'id' | 'parameters' | 'columns'>): number {
    const id = this.#next;
    this.#next += 1;
    const fits =
      text.sql !== undefined && this.#keptBytes + text.sql.length <= keptTextBytes && this.#all.size < statementLimit;
    const sql = fits ? text.sql : undefined;
    this.#keptBytes += sql?.length ?? 0;
    const { parameters, columns, statement: backendId } = prepared;
    const statement = { ...text, sql, id, parameters, columns };
    this.#all.set(id, {
      statement,
      backendId,
      types: undefined,
      typesGiven: false,
      hasLongData: false,
      hasCursor: false,
    });
    return id;
  }

  close(id: number): void {
    const found = this.find(id);
    if (found === undefined) return;
    this.#keptBytes -= found.statement.sql?.length ?? 0;
    this.#all.delete(found.statement.id);
  }

  clear(): void {
    this.#all.clear();
    this.#keptBytes = 0;
  }

  /** Another backend, which knows the statements under these numbers and the types of no parameter. */
  moved(ids: ReadonlyMap<number, number>): void {
    for (const [id, entry] of this.#all) {
      entry.backendId = ids.get(id) ?? noStatement;
      entry.typesGiven = false;
      entry.hasCursor = false;
    }
  }

  /**
   * A COM_STMT_EXECUTE on its way: keeps the types that it binds. Returns it with the types put in where the client relies on those that it bound before, of another backend;
   * undefined when it can go as it is. `head` may be longer than what is kept of it, never shorter than its types.
   */
  executing(entry: OnBackend, head: Buffer): Buffer | undefined {
    const { parameters } = entry.statement;
    entry.hasLongData = false;
    entry.hasCursor = false;
    if (parameters === 0) return undefined;
    const flagAt = executeHeadBytes + ((parameters + 7) >> 3);
    const body = new BodyReader(head, 'COM_STMT_EXECUTE', flagAt);
    if (body.uint8() === 1) {
      entry.types = Buffer.from(body.bytes(2 * parameters));
      entry.typesGiven = true;
      return undefined;
    }
    if (entry.typesGiven || entry.types === undefined) return undefined;
    entry.typesGiven = true;
    return Buffer.concat([head.subarray(0, flagAt), Buffer.of(1), entry.types, head.subarray(flagAt + 1)]);
  }

  /** A COM_STMT_EXECUTE that another connection is asked: what it says, as `boundOf` does; the types that it binds are kept, and the present backend has not been given them. */
  boundElsewhere(entry: OnBackend, head: Buffer): Buffer | undefined {
    const { types, typesGiven } = entry;
    const bound = this.boundOf(entry, head);
    if (bound === undefined) return undefined;
    this.executing(entry, head);
    const isSame = types !== undefined && entry.types?.equals(types) === true;
    entry.typesGiven = typesGiven && isSame;
    return bound;
  }

  /** What a COM_STMT_EXECUTE says behind the number of its statement, with the types of its parameters; undefined where it opens a cursor or relies on types that are not known. `head`: whole. */
  boundOf({ statement: { parameters }, types }: OnBackend, head: Buffer): Buffer | undefined {
    const flags = head[5];
    if (flags !== 0) return undefined;
    const flagAt = executeHeadBytes + ((parameters + 7) >> 3);
    if (parameters === 0 || head[flagAt] === 1) return Buffer.from(head.subarray(5));
    if (types === undefined) return undefined;
    return Buffer.concat([head.subarray(5, flagAt), Buffer.of(1), types, head.subarray(flagAt + 1)]);
  }
}
