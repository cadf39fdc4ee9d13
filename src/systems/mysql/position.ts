import { TealError } from '../../kernel/errors.ts';
import { asPosition, type Position } from '../../model/position.ts';
import { parseGtidSet, printGtidSet } from '../../wire/mysql/binlog/gtid-set.ts';
import { parseMariadbPosition, printMariadbPosition } from '../../wire/mysql/binlog/mariadb-position.ts';
import type { MysqlFlavour } from './connection.ts';

/** A boundary between transactions in the binlog of one server. */
export interface BinlogPlace {
  /** Number of the file: 123 of `binlog.000123`. */
  readonly sequence: number;
  /** In the file, in bytes; above 4 GiB where one transaction made it so long. */
  readonly offset: number;
  /** What was executed up to here, as the server prints it: a set of MySQL, a position of MariaDB; perhaps empty. Undefined where the server has no GTIDs. */
  readonly gtids: string | undefined;
}

const sequenceDigits = 10;
const offsetDigits = 12;
const pattern = /^(\d{10})\.(\d{12})(?:\|([0-9a-z,:_-]*))?$/;

/**
 * Positions of MySQL and MariaDB: `0000000123.000000004567|<GTIDs>`. They order as text, on one server: no two boundaries have one file and offset, and
 * what stands behind decides nothing but what to resume with.
 */
export function positionOfPlace({ sequence, offset, gtids }: BinlogPlace): Position {
  const number = String(sequence).padStart(sequenceDigits, '0');
  const place = `${number}.${String(offset).padStart(offsetDigits, '0')}`;
  return asPosition(gtids === undefined ? place : `${place}|${gtids}`);
}

/** TEAL-MODEL-001 for what is none. */
export function placeOfPosition(position: Position): BinlogPlace {
  const match = pattern.exec(position);
  if (match === null) throw new TealError('TEAL-MODEL-001', 'not a position of MySQL', { length: position.length });
  return { sequence: Number(match[1]), offset: Number(match[2]), gtids: match[3] };
}

/**
 * Behind everything that ends at this place or before, and before the end of what begins there: no transaction is a single byte. For looking whether
 * something was reached; nothing can be read on from it.
 */
export function justBehind({ sequence, offset }: Pick<BinlogPlace, 'sequence' | 'offset'>): Position {
  return positionOfPlace({ sequence, offset: offset + 1, gtids: undefined });
}

/** As the server tells a place in its binlog. `gtids` undefined where the server has none. */
export interface ToldPlace {
  readonly file: string;
  readonly offset: number;
  readonly gtids: string | undefined;
}

/**
 * As SHOW MASTER STATUS and its successors tell it. `gtids` undefined where the server has none (gtid_mode is not ON). Errors: TEAL-MODEL-001, TEAL-
 * WIRE-001.
 */
export function positionOf(flavour: MysqlFlavour, { file, offset, gtids }: ToldPlace): Position {
  return positionOfPlace({
    sequence: sequenceOfFile(file),
    offset,
    gtids: gtids === undefined ? undefined : normalGtids(flavour, gtids),
  });
}

/** One spelling for what is equal: without white space, in one order. */
function normalGtids(flavour: MysqlFlavour, text: string): string {
  return flavour === 'mysql' ? printGtidSet(parseGtidSet(text)) : printMariadbPosition(parseMariadbPosition(text));
}

/** `binlog.000123` → 123. */
export function sequenceOfFile(file: string): number {
  const digits = /\.(\d{1,10})$/.exec(file)?.[1];
  if (digits === undefined) throw new TealError('TEAL-MODEL-001', 'not a file of a binlog', { length: file.length });
  return Number(digits);
}

/** Servers write six digits, and more when they must. */
export function fileOfSequence(baseName: string, sequence: number): string {
  return `${baseName}.${String(sequence).padStart(6, '0')}`;
}
