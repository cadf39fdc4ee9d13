import { isUtf8 } from 'node:buffer';
import { TealError } from '../../../kernel/errors.ts';
import { tableKey, type TableName } from '../../../model/catalog.ts';
import { parseType, type MysqlType } from '../../../model/mysql-type.ts';
import { shapeOf, type Plain } from './plain-text.ts';

/** What a writer has to know of a column of the target. */
export interface WrittenColumn {
  readonly table: TableName;
  readonly name: string;
  /** COLUMN_TYPE of information_schema. */
  readonly type: string;
  /** Type number of the source's column, where it has such: PostgreSQL pads its `character(n)` (1042) with blanks that mean nothing. */
  readonly sourceTypeOid?: number;
}

/**
 * Writes canonical texts (those of PostgreSQL's output functions for the mapped type among them) as values of a column. Each call throws TEAL-SYNC-130 for a text that the
 * column cannot hold as it is: the server would round, cut, pad or reinterpret it, and say so in a note at most. What is merely out of range is left to its strict mode.
 */
export interface ColumnWriter {
  readonly type: MysqlType;
  /** A value as SQL, for sessions of Teal (utf8mb4, UTC, the backslash escapes). */
  literal(text: Buffer): string;
  /** Texts of which `literal` would make nothing else than their bytes, as they stand or within quotes. */
  readonly plain: Plain | undefined;
  /** The value for a `?` in a place where it is stored, not compared. */
  parameter(text: Buffer): string | Buffer;
  /** A condition: the column, given as SQL, equals the value by its own collation. For keys. */
  equals(column: string, text: Buffer): string;
  /** A condition: the column holds exactly this value, letter by letter. Uses an index only where `equals` would. */
  holds(column: string, text: Buffer): string;
}

/** What was read of a text: `number` and `real` need no quotes, `bits` is a number that is stored as bytes. */
type Read =
  | { readonly as: 'number' | 'real' | 'text'; readonly text: string }
  | { readonly as: 'bits'; readonly text: string; readonly bytes: number }
  | { readonly as: 'bytes'; readonly hex: string };

/** Why a text has no form; the words of the error. */
class NoForm {
  readonly kind: string;
  constructor(kind: string) {
    this.kind = kind;
  }
}

/** Errors: TEAL-SYSTEMS-304 for a type that Teal does not write. */
export function columnWriter(column: WrittenColumn): ColumnWriter {
  const type = parseType(column.type);
  const read = readerOf(type, column);
  const checked = (text: Buffer): Read => {
    const found = read(text);
    if (!(found instanceof NoForm)) return found;
    const { table, name } = column;
    throw new TealError('TEAL-SYNC-130', `${tableKey(table)}.${name} takes no ${found.kind}`, {
      schema: table.schema,
      table: table.name,
      column: name,
      kind: found.kind,
    });
  };
  const literal = (text: Buffer): string => asLiteral(checked(text));
  return Object.freeze({
    type,
    literal,
    plain: plainOf(type),
    parameter: (text: Buffer) => asParameter(checked(text)),
    equals: (name: string, text: Buffer) => `${name} = ${literal(text)}`,
    holds: (name: string, text: Buffer) => held(type, name, checked(text)),
  });
}

function plainOf(type: MysqlType): Plain | undefined {
  switch (type.base) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
      return { as: 'number', decimals: 0 };
    case 'decimal':
      return { as: 'number', decimals: type.decimals ?? 0 };
    case 'char':
    case 'varchar':
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
    case 'json':
      return { as: 'text' };
    case 'date':
      return shapeOf('####-##-##');
    case 'datetime':
      return shapeOf('####-##-## ##:##:##');
    case 'timestamp':
      return shapeOf('####-##-## ##:##:##+00', 19);
    default:
      return undefined;
  }
}

/** NULL, or the value as SQL. */
export function literalOf(writer: ColumnWriter, cell: Buffer | null): string {
  return cell === null ? 'NULL' : writer.literal(cell);
}

function asLiteral(value: Read): string {
  switch (value.as) {
    case 'number':
    case 'bits':
      return value.text;
    case 'real':
      // Without an exponent it is a DECIMAL, and rounded as such.
      return /e/i.test(value.text) ? value.text : `${value.text}e0`;
    case 'text':
      return textLiteral(value.text);
    case 'bytes':
      return `X'${value.hex}'`;
  }
}

function asParameter(value: Read): string | Buffer {
  if (value.as === 'bytes') return Buffer.from(value.hex, 'hex');
  if (value.as !== 'bits') return value.text;
  return Buffer.from(
    BigInt(value.text)
      .toString(16)
      .padStart(2 * value.bytes, '0'),
    'hex',
  );
}

function textLiteral(text: string): string {
  return /[\\']/.test(text) ? `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : `'${text}'`;
}

const texts: ReadonlySet<string> = new Set(['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext']);

function held(type: MysqlType, column: string, value: Read): string {
  const equal = `${column} = ${asLiteral(value)}`;
  if (value.as === 'text' && (texts.has(type.base) || type.base === 'json')) {
    const hex = Buffer.from(value.text).toString('hex');
    const printed = `cast(convert(${column} using utf8mb4) as binary) = X'${hex}'`;
    // MySQL reads some doubles of a JSON text as their neighbours: what it has printed itself is known by its letters.
    return type.base === 'json'
      ? `(${column} = cast(${asLiteral(value)} as json) or ${printed})`
      : `${equal} and ${printed}`;
  }
  if (type.base === 'geometry') return `cast(${column} as binary) = ${asLiteral(value)}`;
  return equal;
}

type Reader = (text: Buffer) => Read | NoForm;

function readerOf(type: MysqlType, column: WrittenColumn): Reader {
  switch (type.base) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
      return asText(readInteger);
    case 'decimal':
      return asText((text) => readDecimal(text, type.decimals ?? 0));
    case 'float':
    case 'double':
      return asText((text) => readReal(text, type));
    case 'bit':
      return asText((text) => readBits(text, type.length ?? 1));
    case 'char':
      return inUtf8((text) => readChar(text, column.sourceTypeOid === bpchar));
    case 'varchar':
      return inUtf8((text) => readVarying(text, type.length ?? 0));
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext': {
      const longest = longestBytes[type.base] ?? 0;
      return inUtf8((text) => readLong(text, longest));
    }
    case 'binary':
      return asText((text) => readBinary(text, type.length ?? 1));
    case 'varbinary':
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
    case 'geometry':
      return asText(readBytes);
    case 'date':
      return asText(readDate);
    case 'datetime':
    case 'timestamp':
      return asText((text) => readMoment(text, type.decimals ?? 0));
    case 'time':
      return asText((text) => readTime(text, type.decimals ?? 0));
    case 'year':
      return asText(readYear);
    case 'enum':
      return inUtf8((text) => readLabels([text], text, type.labels ?? []));
    case 'set':
      return inUtf8((text) => readLabels(text === '' ? [] : text.split(','), text, type.labels ?? []));
    case 'json':
      return inUtf8((text) => ({ as: 'text', text }));
    case 'uuid':
      return asText((text) => matching(text, uuidForm, 'text that is no UUID'));
    case 'inet4':
    case 'inet6':
      return asText((text) => matching(text, /^[0-9a-f:.]+$/i, 'network, nor a text that is no address'));
    case 'vector':
      throw new TealError('TEAL-SYSTEMS-304', 'Teal writes no columns of this type', {
        table: tableKey(column.table),
        column: column.name,
        type: column.type,
      });
  }
}

/** Of a value whose text is ASCII if it is right. */
function asText(read: (text: string) => Read | NoForm): Reader {
  return (text) => read(text.toString('latin1'));
}

function inUtf8(read: (text: string) => Read | NoForm): Reader {
  return (text) => (isUtf8(text) ? read(text.toString('utf8')) : new NoForm('text that is no UTF-8'));
}

function matching(text: string, form: RegExp, kind: string): Read | NoForm {
  return form.test(text) ? { as: 'text', text } : new NoForm(kind);
}

function readInteger(text: string): Read | NoForm {
  if (text === 't') return { as: 'number', text: '1' };
  if (text === 'f') return { as: 'number', text: '0' };
  return /^-?\d+$/.test(text)
    ? { as: 'number', text }
    : new NoForm('number with a fraction, nor a text that is no number');
}

function readDecimal(text: string, decimals: number): Read | NoForm {
  const match = /^(-?\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) return new NoForm('number that is infinite or none (NaN)');
  const fraction = fractionOf(match[2] ?? '', decimals);
  if (fraction === undefined) return new NoForm(`more than ${decimals} digits behind the point`);
  return { as: 'number', text: fraction === '' ? (match[1] ?? '') : `${match[1]}.${fraction}` };
}

/** At most so many digits; undefined when more would be lost. */
function fractionOf(digits: string, decimals: number): string | undefined {
  if (digits.length <= decimals) return digits;
  return /[^0]/.test(digits.slice(decimals)) ? undefined : digits.slice(0, decimals);
}

function readReal(text: string, type: MysqlType): Read | NoForm {
  if (!/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text)) return new NoForm('number that is infinite or none (NaN)');
  const value = Number(text);
  const isHeld = type.base === 'double' || isSingle(value);
  if (!Number.isFinite(value) || !isHeld) return new NoForm('number of more digits than it has');
  if (type.decimals !== undefined && Number(value.toFixed(type.decimals)) !== value) {
    return new NoForm(`more than ${type.decimals} digits behind the point`);
  }
  if (type.base === 'double') return { as: 'real', text };
  // As the double that the float is: its shortest decimal is equal to no float, and the greatest float's is out of range.
  return { as: 'real', text: Object.is(value, -0) ? '-0' : String(Math.fround(value)) };
}

/** Whether a text of a FLOAT may have been this number: the float itself, or the shortest decimal that stands for it. */
function isSingle(value: number): boolean {
  const single = Math.fround(value);
  if (single === value) return true;
  if (!Number.isFinite(single)) return false;
  for (let digits = 1; digits <= 9; digits += 1) {
    const shortest = Number(single.toPrecision(digits));
    if (Math.fround(shortest) === single) return shortest === value;
  }
  return false;
}

function readBits(text: string, width: number): Read | NoForm {
  const digits = width === 1 ? text.replace(/^t$/, '1').replace(/^f$/, '0') : text;
  if (!/^[01]+$/.test(digits) || digits.length !== width) return new NoForm(`bits other than ${width}`);
  return { as: 'bits', text: BigInt(`0b${digits}`).toString(), bytes: Math.ceil(width / 8) };
}

const bpchar = 1042;
const longestBytes: Readonly<Record<string, number>> = {
  tinytext: 255,
  text: 65_535,
  mediumtext: 16_777_215,
  longtext: 4_294_967_295,
};

/** Blanks at the end of a CHAR are never given back. */
function readChar(text: string, isPadded: boolean): Read | NoForm {
  if (isPadded) return { as: 'text', text: text.replace(/ +$/, '') };
  return text.endsWith(' ') ? new NoForm('text that ends in a blank') : { as: 'text', text };
}

/** What is too long is an error of the server's, unless only blanks are cut: then it is a note. */
function readVarying(text: string, length: number): Read | NoForm {
  if (text.endsWith(' ') && Array.from(text).length > length)
    return new NoForm(`text of more than ${length} characters`);
  return { as: 'text', text };
}

function readLong(text: string, longest: number): Read | NoForm {
  if (text.endsWith(' ') && Buffer.byteLength(text) > longest) return new NoForm(`text of more than ${longest} bytes`);
  return { as: 'text', text };
}

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function readBytes(text: string): Read | NoForm {
  const hex = text.slice(2);
  // Decoding ends at the first letter that is no digit.
  const isHex = text.startsWith('\\x') && hex.length % 2 === 0 && Buffer.from(hex, 'hex').length * 2 === hex.length;
  return isHex ? { as: 'bytes', hex } : new NoForm('text that is no bytes');
}

/** Shorter ones would be padded with zero bytes. */
function readBinary(text: string, length: number): Read | NoForm {
  if (length === 16 && uuidForm.test(text)) return { as: 'bytes', hex: text.replaceAll('-', '') };
  const read = readBytes(text);
  if (read instanceof NoForm || read.as !== 'bytes' || read.hex.length === 2 * length) return read;
  return new NoForm(`bytes other than ${length}`);
}

const noDay = 'day before the year 0 or after 9999, nor an infinite one';

function readDate(text: string): Read | NoForm {
  return matching(text, /^\d{4}-\d\d-\d\d$/, noDay);
}

const momentForm =
  /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?)?)?$/;

/** DATETIME, or TIMESTAMP in a session of UTC: what comes with an offset is moved to UTC. */
function readMoment(text: string, decimals: number): Read | NoForm {
  const match = momentForm.exec(text);
  if (match === null) return new NoForm(noDay);
  const [, year, month, day, hour = '00', minute = '00', second = '00', digits = '', sign, ...offset] = match;
  const fraction = fractionOf(digits, decimals);
  if (fraction === undefined) return new NoForm(`more than ${decimals} digits of a second's fraction`);
  const part = fraction === '' ? '' : `.${fraction}`;
  const seconds = offset.reduce((sum, each, place) => sum + Number(each ?? 0) * ([3_600, 60, 1][place] ?? 0), 0);
  if (sign === undefined || seconds === 0) {
    return { as: 'text', text: `${year}-${month}-${day} ${hour}:${minute}:${second}${part}` };
  }
  const moment = new Date(0);
  moment.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  moment.setUTCHours(Number(hour), Number(minute), Number(second) - (sign === '-' ? -seconds : seconds));
  const iso = moment.toISOString();
  // A year of another length is out of what MySQL has.
  if (iso.length !== 24) return new NoForm(noDay);
  return { as: 'text', text: `${iso.slice(0, 10)} ${iso.slice(11, 19)}${part}` };
}

/** PostgreSQL writes an interval of 838 hours as such, one that was made of days as `34 days 22:00:00`. Months and years have no length. */
const intervalForm = /^(?:([+-]?\d+) days?(?: |$))?(?:([+-])?(\d+):(\d\d):(\d\d)(?:\.(\d+))?)?$/;
const longestTimeSeconds = 838 * 3_600 + 59 * 60 + 59;

function readTime(text: string, decimals: number): Read | NoForm {
  const match = text === '' ? null : intervalForm.exec(text);
  if (match === null) return new NoForm('span of months or years, nor a time with an offset');
  const [, days = '0', sign = '+', hours = '0', minutes = '0', seconds = '0', digits = ''] = match;
  const fraction = fractionOf(digits, decimals);
  if (fraction === undefined) return new NoForm(`more than ${decimals} digits of a second's fraction`);
  const micros = Number(digits.padEnd(6, '0').slice(0, 6));
  const ofDay = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1e6 + micros;
  const all = Number(days) * 86_400e6 + (sign === '-' ? -ofDay : ofDay);
  if (!Number.isSafeInteger(all) || Math.abs(all) > longestTimeSeconds * 1e6) {
    return new NoForm('time beyond 838:59:59');
  }
  return { as: 'text', text: timeText(all, decimals) };
}

function timeText(micros: number, decimals: number): string {
  const size = Math.abs(micros);
  const seconds = Math.floor(size / 1e6);
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const fraction = String(size % 1e6)
    .padStart(6, '0')
    .slice(0, decimals);
  return `${micros < 0 ? '-' : ''}${clock}${fraction === '' ? '' : `.${fraction}`}`;
}

/** One or two digits would be taken for a year of this age. */
function readYear(text: string): Read | NoForm {
  if (/^0+$/.test(text)) return { as: 'text', text: '0000' };
  return matching(text, /^\d{4}$/, 'number that is no year from 1901 to 2155');
}

/** Exactly as they are written: the server would take another spelling, and a number for its place. */
function readLabels(found: readonly string[], text: string, labels: readonly string[]): Read | NoForm {
  return found.every((each) => labels.includes(each)) ? { as: 'text', text } : new NoForm('label other than its own');
}
