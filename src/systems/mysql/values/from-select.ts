import { isUtf8 } from 'node:buffer';
import { TealError } from '../../../kernel/errors.ts';
import type { TableName } from '../../../model/catalog.ts';
import { quoteIdent } from '../quote.ts';
import { isInCalendar } from './calendar.ts';
import { float4Text, float8Text } from './float-text.ts';
import { noForm, policyFor, strictPolicy, type ValuePolicy } from './policy.ts';
import { parseType, type MysqlType } from '../../../model/mysql-type.ts';

/** What has to be known of a column to read it; a `MysqlColumn` is one. */
export interface SelectedColumn {
  readonly name: string;
  /** COLUMN_TYPE of information_schema. */
  readonly type: string;
  readonly characterSet?: string;
}

/** A value as text in UTF-8, or NULL. */
export type Cell = Buffer | null;

/** How columns of one table are read. */
export interface Selection {
  /** Expressions of SQL for a select list: one a column, in their order, and then some that tell what a column alone does not. */
  readonly list: readonly string[];
  /**
   * Canonical texts from a row of that list, as the text protocol sends it to a session of Teal (utf8mb4, time zone +00:00); one a column. The cells may be views of the row.
   * Error: TEAL-SYNC-130.
   */
  canonical(row: readonly Cell[]): Cell[];
}

/** Bytes as the server sent them to canonical text; null where the policy says so. */
type Convert = (raw: Buffer) => Cell;

interface Plan {
  readonly select: string;
  /** An expression that is 0 for a value which the column's own text does not tell, and what that value is. */
  readonly check?: { readonly sql: string; readonly failed: () => Cell };
  /** Undefined: the bytes are the text. */
  readonly convert?: Convert;
}

/** What is read: `columns` of a table, in this order. */
export interface Selected {
  readonly table: TableName;
  readonly columns: readonly SelectedColumn[];
  /** By what a row is known: there the policy changes nothing. Absent or empty: by all that it holds. */
  readonly key: readonly string[] | undefined;
}

/** Errors: TEAL-SYSTEMS-304 a type that Teal does not know or carry. */
export function selectionOf({ table, columns, key }: Selected, policy: ValuePolicy = strictPolicy): Selection {
  const plans = columns.map((column) => planOf(table, column, policyFor(policy, column.name, key)));
  const checks = plans.flatMap(({ check }, index) => (check === undefined ? [] : [{ ...check, index }]));
  const converts = plans.map(({ convert }) => convert);
  const width = plans.length;
  return Object.freeze({
    list: [...plans.map(({ select }) => select), ...checks.map(({ sql }) => sql)],
    canonical: (row: readonly Cell[]) => {
      const cells: Cell[] = [];
      for (let index = 0; index < width; index += 1) {
        const raw = row[index] ?? null;
        const convert = converts[index];
        cells.push(raw === null || convert === undefined ? raw : convert(raw));
      }
      for (let index = 0; index < checks.length; index += 1) {
        const seen = row[width + index];
        const check = checks[index];
        if (check !== undefined && seen?.length === 1 && seen[0] === zero) cells[check.index] = check.failed();
      }
      return cells;
    },
  });
}

const zero = '0'.charCodeAt(0);
const minus = '-'.charCodeAt(0);
const point = '.'.charCodeAt(0);

function planOf(table: TableName, column: SelectedColumn, policy: ValuePolicy): Plan {
  const type = parseType(column.type);
  const name = quoteIdent(column.name);
  const fail = (kind: keyof ValuePolicy): null => {
    if (policy[kind] === 'null') return null;
    throw noForm(table, column.name, kind);
  };
  const holdsDate = (raw: Buffer): boolean => policy.zeroDate === 'keep' || isDate(raw);
  const plain = (convert?: Convert): Plan => ({ select: name, ...(convert === undefined ? {} : { convert }) });
  switch (type.base) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
    case 'decimal':
      return plain(/zerofill/i.test(column.type) ? withoutZeros : undefined);
    case 'year':
      return plain(withoutZeros);
    case 'float':
      return realPlan(name, float4Text);
    case 'double':
      return realPlan(name, float8Text);
    case 'bit':
      return plain(bitsOf(type));
    case 'binary':
      return plain(paddedHex(type.length ?? 1));
    case 'varbinary':
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
    case 'geometry':
      return plain(hex);
    case 'char':
    case 'varchar':
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
    case 'set':
      return { ...plain(textOf(policy, fail)), ...losesNothing(name, column, fail) };
    case 'enum':
      return enumPlan(name, type, fail);
    case 'json':
    case 'uuid':
    case 'inet4':
    case 'inet6':
      return plain();
    case 'date':
      return plain((raw) => (holdsDate(raw) ? raw : fail('zeroDate')));
    case 'datetime':
      return plain((raw) => (holdsDate(raw) ? withoutFractionZeros(raw) : fail('zeroDate')));
    case 'timestamp':
      return plain((raw) => (holdsDate(raw) ? inUtc(withoutFractionZeros(raw)) : fail('zeroDate')));
    case 'time':
      return plain(timeOf);
    case 'vector':
      throw new TealError('TEAL-SYSTEMS-304', 'Teal does not carry columns of this type', {
        schema: table.schema,
        table: table.name,
        column: column.name,
        type: column.type,
      });
    default:
      return type.base satisfies never;
  }
}

const minusZero = Buffer.from('-0');

/**
 * The server's own text of a FLOAT has six digits, and of FLOAT(M,D) and DOUBLE(M,D) as many as declared. A product is a DOUBLE and has all of them. MariaDB before 11 writes −0
 * as 0: only an angle tells.
 */
function realPlan(name: string, print: (value: number) => string): Plan {
  return {
    select: `(${name} * 1e0)`,
    convert: (raw) => ascii(print(Number(raw.toString('latin1')))),
    check: { sql: `(not (${name} = 0 and atan2(${name}, -1) < 0))`, failed: () => minusZero },
  };
}

function ascii(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** `00042`, `-007.50`: as they are stored. */
function withoutZeros(raw: Buffer): Buffer {
  let at = 0;
  while (at + 1 < raw.length && raw[at] === zero && raw[at + 1] !== point) at += 1;
  return at === 0 ? raw : raw.subarray(at);
}

function bitsOf({ length = 1 }: MysqlType): Convert {
  return (raw) => {
    const text = Buffer.allocUnsafe(length);
    for (let digit = 0; digit < length; digit += 1) {
      const byte = raw[raw.length - 1 - (digit >> 3)] ?? 0;
      text[length - 1 - digit] = zero + ((byte >> (digit & 7)) & 1);
    }
    return text;
  };
}

const hexDigits = Buffer.from('0123456789abcdef');

function hex(raw: Buffer): Buffer {
  return hexOf(raw, raw.length);
}

/** As the column stores it: zeros up to its length. */
function paddedHex(length: number): Convert {
  return (raw) => hexOf(raw, Math.max(length, raw.length));
}

function hexOf(raw: Buffer, length: number): Buffer {
  const text = Buffer.allocUnsafe(2 + 2 * length);
  text[0] = 0x5c;
  text[1] = 0x78;
  // Through a text of its own for long values: the loop is quicker only where values are short.
  if (raw.length === length && length > 64) {
    text.write(raw.toString('hex'), 2, 'latin1');
    return text;
  }
  for (let at = 0; at < length; at += 1) {
    const byte = raw[at] ?? 0;
    text[2 + 2 * at] = hexDigits[byte >> 4] ?? zero;
    text[3 + 2 * at] = hexDigits[byte & 15] ?? zero;
  }
  return text;
}

function textOf(policy: ValuePolicy, fail: (kind: keyof ValuePolicy) => null): Convert {
  return (raw) => {
    if (!isUtf8(raw)) return fail('invalidText');
    if (policy.nulByte === 'keep' || !raw.includes(0)) return raw;
    return policy.nulByte === 'remove' ? (raw.filter((byte) => byte !== 0) as Buffer) : fail('nulByte');
  };
}

/** Character sets of which every character is in Unicode, so that the server can convert all that a column may hold. */
const whole: ReadonlySet<string> = new Set(['utf8mb4', 'utf8mb3', 'utf8', 'latin1', 'binary']);

/** The server writes `?` for what it cannot convert, and says nothing. So question marks are counted before and after. */
function losesNothing(
  name: string,
  { characterSet }: SelectedColumn,
  fail: (kind: keyof ValuePolicy) => null,
): Partial<Plan> {
  if (characterSet === undefined || whole.has(characterSet)) return {};
  const others = (value: string): string => `char_length(replace(${value}, '?', ''))`;
  const sql = `(${others(name)} = ${others(`convert(${name} using utf8mb4)`)})`;
  return { check: { sql, failed: () => fail('invalidText') } };
}

function enumPlan(name: string, { labels = [] }: MysqlType, fail: (kind: keyof ValuePolicy) => null): Plan {
  // Where an empty label exists, only its number tells it from what was not allowed.
  if (labels.includes('')) {
    return { select: name, check: { sql: `(${name} + 0)`, failed: () => fail('invalidEnum') } };
  }
  return { select: name, convert: (raw) => (raw.length === 0 ? fail('invalidEnum') : raw) };
}

/** Whether a text begins with a day of the calendar, `YYYY-MM-DD`, from the year 1 on. */
function isDate(raw: Buffer): boolean {
  const year = digit(raw, 0) * 1000 + digit(raw, 1) * 100 + digit(raw, 2) * 10 + digit(raw, 3);
  const month = digit(raw, 5) * 10 + digit(raw, 6);
  const day = digit(raw, 8) * 10 + digit(raw, 9);
  return isInCalendar(year, month, day);
}

function digit(raw: Buffer, at: number): number {
  return (raw[at] ?? 0) - zero;
}

/** Of a text that ends with a fraction of a second. */
function withoutFractionZeros(raw: Buffer): Buffer {
  const at = raw.indexOf(point);
  if (at === -1) return raw;
  let end = raw.length;
  while (end > at + 1 && raw[end - 1] === zero) end -= 1;
  return raw.subarray(0, end === at + 1 ? at : end);
}

function inUtc(text: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(text.length + 3);
  text.copy(bytes);
  bytes.write('+00', text.length, 'latin1');
  return bytes;
}

/** `-00:00:00` is nothing that other systems know. */
function timeOf(raw: Buffer): Buffer {
  const text = withoutFractionZeros(raw);
  return raw[0] === minus && !text.some((byte) => byte > zero && byte <= zero + 9) ? text.subarray(1) : text;
}
