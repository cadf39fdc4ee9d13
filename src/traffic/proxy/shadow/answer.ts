import { TealError } from '../../../kernel/errors.ts';
import {
  backend,
  readCommandTag,
  readDataRow,
  readError,
  readRowDescription,
  type Column,
} from '../../../wire/postgres/backend.ts';
import { FrameReader, type Frame } from '../../../wire/postgres/frames.ts';
import { differenceIn, type Dialect, type Difference } from './compare.ts';
import type { Read } from './judge.ts';

/** What a server answered to one read, up to its ReadyForQuery. */
export interface Answer {
  /** Absent when they were not asked for. */
  readonly columns?: readonly Column[];
  /** DataRow messages. */
  readonly rows: readonly Buffer[];
  /** SQLSTATE. */
  readonly error?: string;
  /** What was done, a statement each: `INSERT 0 1`. Absent where nothing was. */
  readonly tags?: readonly string[];
}

/** Answers whose bytes come one after the other; each is told when it is complete. Errors of `push`: TEAL-WIRE-001, -002. */
export class AnswersReader {
  readonly #frames: FrameReader;
  readonly #told: (answer: Answer) => void;
  #rows: Buffer[] = [];
  #tags: string[] = [];
  #columns: readonly Column[] | undefined;
  #error: string | undefined;

  constructor(limitBytes: number, told: (answer: Answer) => void) {
    this.#frames = new FrameReader(limitBytes);
    this.#told = told;
  }

  push(chunk: Buffer): void {
    for (const frame of this.#frames.push(chunk)) this.#take(frame);
  }

  #end(): void {
    this.#told({
      rows: this.#rows,
      ...(this.#columns === undefined ? {} : { columns: this.#columns }),
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(this.#tags.length === 0 ? {} : { tags: this.#tags }),
    });
    [this.#rows, this.#tags, this.#columns, this.#error] = [[], [], undefined, undefined];
  }

  #take({ type, bytes }: Frame): void {
    switch (type) {
      case backend.rowDescription:
        this.#columns = readRowDescription(bytes);
        return;
      case backend.dataRow:
        this.#rows.push(bytes);
        return;
      case backend.commandComplete:
        this.#tags.push(readCommandTag(bytes));
        return;
      case backend.error:
        this.#error ??= readError(bytes).code;
        return;
      case backend.readyForQuery:
        this.#end();
        return;
      default:
    }
  }
}

/** The whole answer in its bytes; what follows is of another one. Errors: TEAL-WIRE-001 also where it is not whole. */
export function readAnswer(chunks: readonly Buffer[], limitBytes: number): Answer {
  let first: Answer | undefined;
  const reader = new AnswersReader(limitBytes, (answer) => {
    first ??= answer;
  });
  for (const chunk of chunks) reader.push(chunk);
  if (first === undefined) throw new TealError('TEAL-WIRE-001', 'an answer without its end');
  return first;
}

export type { Difference } from './compare.ts';

/** Of PostgreSQL; see `differenceIn`. */
export function differenceOf(
  blue: Answer,
  green: Answer,
  read: Pick<Read, 'ordered' | 'arbitrary'>,
): Difference | undefined {
  return differenceIn(postgresDialect, blue, green, read);
}

/** Some column's bytes hold numbers of types that are another server's own: they cannot be compared. */
export function hasForeignBytes({ columns = [] }: Answer): boolean {
  return columns.some(({ type, binary }) => binary && type >= firstUserType);
}

/** Types that are not built in have numbers from here on. */
export const firstUserType = 16_384;

/** The server says with it that it was in no state to answer, not what the answer is: out of memory, cancelled, shut down, deadlock. */
export function isPassing({ error }: Answer): boolean {
  return error !== undefined && /^(?:08|40|53|57|55P03)/.test(error);
}

/** What seemed to read would have written, and was refused. */
export function isRefusedWrite({ error }: Answer): boolean {
  return error === '25006';
}

function isSame(a: Column, b: Column): boolean {
  const sameType = a.type === b.type || (a.type >= firstUserType && b.type >= firstUserType);
  return a.name === b.name && sameType;
}

export const postgresDialect: Dialect<Answer> = Object.freeze({
  isSameColumn: isSame,
  valuesOf: readDataRow,
  isPassing,
  isRefusedWrite,
  hasForeignBytes,
});
