import { TealError } from '../../../../kernel/errors.ts';
import { readColumn, readTextRow } from '../../../../wire/mysql/columns.ts';
import { command } from '../../../../wire/mysql/commands.ts';
import type { Capabilities } from '../../../../wire/mysql/flags.ts';
import { PacketReader } from '../../../../wire/mysql/packets.ts';
import { readError, readOk } from '../../../../wire/mysql/replies.ts';
import { ResponseReader } from '../../../../wire/mysql/response.ts';
import type { ComparedAnswer, Dialect } from '../../shadow/compare.ts';

export interface MysqlColumn {
  readonly name: string;
  /** See `fieldType`. */
  readonly type: number;
  /** Bytes, not text. */
  readonly binary: boolean;
  /** Of a number. */
  readonly isUnsigned: boolean;
}

/** What a server answered to one read. */
export interface MysqlAnswer extends ComparedAnswer {
  readonly columns: readonly MysqlColumn[];
  /** In the binary form of what was prepared. */
  readonly isBinary: boolean;
  /** Of what gives no rows. */
  readonly affectedRows?: bigint;
  /** The first number that was given to a row, or 0. */
  readonly lastInsertId?: bigint;
}

const binaryCollation = 63;
const unsignedFlag = 32;

/** One answer whose bytes come one after the other. Errors of `push`: TEAL-WIRE-001, -002. */
export class MysqlAnswerReader {
  readonly #packets: PacketReader;
  readonly #response: ResponseReader;
  readonly #capabilities: Capabilities;
  readonly #isBinary: boolean;
  readonly #columns: MysqlColumn[] = [];
  readonly #rows: Buffer[] = [];
  #error: string | undefined;
  #written: Pick<MysqlAnswer, 'affectedRows' | 'lastInsertId'> = {};

  /** `code`: of the command. */
  constructor(code: number, capabilities: Capabilities, limitBytes: number) {
    this.#packets = new PacketReader(limitBytes);
    this.#response = new ResponseReader(code, capabilities);
    this.#capabilities = capabilities;
    this.#isBinary = code === command.stmtExecute;
  }

  /** The answer, once it is complete. */
  push(chunk: Buffer): MysqlAnswer | undefined {
    for (const { payload } of this.#packets.push(chunk)) this.#take(payload);
    if (!this.#response.ended) return undefined;
    const error = this.#error === undefined ? {} : { error: this.#error };
    return { columns: this.#columns, rows: this.#rows, isBinary: this.#isBinary, ...this.#written, ...error };
  }

  #take(payload: Buffer): void {
    switch (this.#response.see(payload).kind) {
      case 'column': {
        const { name, type, collation, flags } = readColumn(payload, this.#capabilities);
        const [binary, isUnsigned] = [collation === binaryCollation, (flags & unsignedFlag) !== 0];
        this.#columns.push({ name, type, binary, isUnsigned });
        return;
      }
      case 'row':
        // A copy: the packet is a view of a chunk that would otherwise be kept whole.
        this.#rows.push(Buffer.from(payload));
        return;
      case 'ok': {
        const { affectedRows, lastInsertId } = readOk(payload, this.#capabilities);
        this.#written = { affectedRows, lastInsertId };
        return;
      }
      case 'error':
        this.#error = String(readError(payload).code);
        return;
      default:
    }
  }
}

/** The whole answer in its bytes. Errors: TEAL-WIRE-001 also where it is not whole. */
export function readAnswer(
  chunks: readonly Buffer[],
  code: number,
  capabilities: Capabilities,
  limitBytes: number,
): MysqlAnswer {
  const reader = new MysqlAnswerReader(code, capabilities, limitBytes);
  for (const chunk of chunks) {
    const answer = reader.push(chunk);
    if (answer !== undefined) return answer;
  }
  throw new TealError('TEAL-WIRE-001', 'an answer without its end');
}

/** Killed, timed out, out of a resource, deadlocked, shut down (MySQL manual, "Server Error Message Reference"; MariaDB, "Error Codes"): 1969 and 3024 are the limits of time. */
const passing = new Set(
  '1021 1037 1038 1040 1041 1053 1077 1114 1135 1152 1203 1205 1206 1213 1226 1317 1836 1927 1969 3024 4031'.split(' '),
);
/** READ ONLY transaction, `read_only` of the server. */
export const refusedWrites: ReadonlySet<string> = new Set(['1290', '1792']);

export const mysqlDialect: Dialect<MysqlAnswer> = Object.freeze({
  isSameColumn: (a: MysqlColumn, b: MysqlColumn) => a.name === b.name && a.type === b.type && a.binary === b.binary,
  valuesOf: (row: Buffer, { isBinary, columns }: MysqlAnswer) =>
    isBinary ? undefined : readTextRow(row, columns.length),
  isPassing: ({ error }: MysqlAnswer) => error !== undefined && passing.has(error),
  isRefusedWrite: ({ error }: MysqlAnswer) => error !== undefined && refusedWrites.has(error),
  hasForeignBytes: () => false,
});
