import type { MysqlColumn } from '../model/mysql-catalog.ts';
import type { MysqlType } from '../model/mysql-type.ts';
import { isInteger, isText } from './data-checks.ts';
import { translateExpression, type ExpressionKind } from './expression.ts';
import { pgText } from './quote.ts';
import { readTarget } from './target-type.ts';

/** A default in PostgreSQL's SQL, with what a person should know of it; `sql` absent: left out, and `note` says why. */
export interface MappedDefault {
  readonly sql?: string;
  readonly note?: string;
}

/** The default of a column that has one; undefined for a column without. Pure. */
export function mapDefault(column: MysqlColumn, type: MysqlType, targetType: string): MappedDefault | undefined {
  const value = column.default;
  if (value === undefined) return undefined;
  return value.kind === 'literal'
    ? mapLiteral(value.text, type, targetType)
    : mapExpression(value.text, type, targetType);
}

const numbers: ReadonlySet<string> = new Set(['decimal', 'float', 'double', 'year']);
const pgNumbers: ReadonlySet<string> = new Set([
  'smallint',
  'integer',
  'bigint',
  'numeric',
  'real',
  'double precision',
]);
const blobs: ReadonlySet<string> = new Set(['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob']);

function mapLiteral(text: string, type: MysqlType, targetType: string): MappedDefault {
  const target = readTarget(targetType).name;
  if (isInteger(type) || numbers.has(type.base)) return mapNumber(text, target);
  if (type.base === 'bit') return mapBits(text, type.length ?? 1, target);
  if (type.base === 'date' || type.base === 'datetime' || type.base === 'timestamp') return mapDate(text, type);
  if (blobs.has(type.base)) return mapBytes(text, target);
  if (text.includes('\0')) return leftOut('a text with a NUL');
  if (type.base === 'enum' && type.labels?.includes(text) !== true) return leftOut('none of the labels');
  return { sql: pgText(text) };
}

function leftOut(why: string): MappedDefault {
  return { note: `the default is left out: ${why}` };
}

function mapNumber(text: string, target: string): MappedDefault {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return leftOut('it is no number');
  if (target === 'boolean') {
    if (Number(text) !== 0 && Number(text) !== 1)
      return leftOut('it is neither 0 nor 1, and the column is a boolean now');
    return { sql: Number(text) === 1 ? 'true' : 'false' };
  }
  // Zeros before a number come from ZEROFILL.
  const plain = text.replace(/^([+-]?)0+(?=\d)/, '$1').replace(/^\+/, '');
  return { sql: pgNumbers.has(target) ? plain : pgText(plain) };
}

/** As the values of the type: all of its digits. */
function mapBits(text: string, length: number, target: string): MappedDefault {
  if (target !== 'bit' && target !== 'bit varying') return leftOut('bits, in a column that holds none now');
  return /^[01]+$/.test(text) && text.length === length ? { sql: `B'${text}'` } : leftOut('it is no row of bits');
}

function mapDate(text: string, type: MysqlType): MappedDefault {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?: \d\d:\d\d:\d\d(?:\.\d+)?)?$/.exec(text);
  if (match === null) return leftOut('it is no date that PostgreSQL reads');
  const [year, month, day] = match.slice(1).map(Number);
  const date = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day));
  // Years below 100 would be read as those of the last century; there are none beside zero.
  if (year === 0 || date.getUTCMonth() + 1 !== month || date.getUTCDate() !== day) return leftOut('it is a zero date');
  // Literals of TIMESTAMP are shown in the time zone of the session that asks, which is UTC for Teal's.
  return { sql: pgText(type.base === 'timestamp' ? `${text}+00` : text) };
}

/** As the values of the type: `\x` and digits. */
function mapBytes(text: string, target: string): MappedDefault {
  if (target !== 'bytea') return leftOut('bytes, in a column that holds none now');
  return /^\\x([0-9a-f]{2})*$/i.test(text) ? { sql: pgText(text) } : leftOut('it is no row of bytes');
}

const now = /^(?:current_timestamp|now|localtime|localtimestamp)(?:\s*\(\s*(\d?)\s*\))?$/;

function mapExpression(text: string, type: MysqlType, targetType: string): MappedDefault {
  const plain = withoutParentheses(text.trim());
  const lower = plain.toLowerCase();
  const moment = now.exec(lower);
  if (moment !== null) return mapNow(moment[1] ?? '', type);
  if (/^utc_timestamp(\(\d?\))?$/.test(lower) && type.base === 'datetime')
    return { sql: `(CURRENT_TIMESTAMP at time zone 'UTC')` };
  if (/^(curdate|current_date|utc_date)(\(\))?$/.test(lower) && type.base === 'date') return { sql: 'CURRENT_DATE' };
  if (lower === 'uuid()') return mapUuid(type, targetType);
  if (lower === 'rand()' && type.base === 'double') return { sql: 'random()' };
  if (lower === 'null') return {};
  if (/^json_(array|object)\(\)$/.test(lower)) return { sql: lower.includes('array') ? `'[]'` : `'{}'` };
  return mapConstant(plain, type, targetType);
}

function withoutParentheses(text: string): string {
  let inner = text;
  while (/^\((?:[^()']|'(?:[^']|'')*'|\([^()']*\))*\)$/.test(inner)) inner = inner.slice(1, -1).trim();
  return inner;
}

function mapNow(digits: string, type: MysqlType): MappedDefault {
  const precision = digits === '' ? '(0)' : `(${digits})`;
  const note = 'the moment is that at which the transaction began, in MySQL that of the statement';
  if (type.base === 'timestamp') return { sql: `CURRENT_TIMESTAMP${precision}`, note };
  if (type.base === 'datetime') return { sql: `LOCALTIMESTAMP${precision}`, note };
  if (type.base === 'date') return { sql: 'CURRENT_DATE', note };
  return leftOut(`a moment in a column of type ${type.base}`);
}

function mapUuid(type: MysqlType, targetType: string): MappedDefault {
  const note = 'random UUIDs (version 4), in MySQL such that hold the time (version 1)';
  if (readTarget(targetType).name === 'uuid') return { sql: 'gen_random_uuid()', note };
  return isText(type) ? { sql: '(gen_random_uuid())::text', note } : leftOut('a UUID in a column that is no text');
}

const kinds: Readonly<Record<string, ExpressionKind>> = { decimal: 'number', float: 'float', double: 'float' };

function mapConstant(text: string, type: MysqlType, targetType: string): MappedDefault {
  const translated = translateExpression(text, new Map());
  if (translated.sql === undefined) return leftOut(`the expression ${text} (${translated.reason})`);
  const isBoolean = readTarget(targetType).name === 'boolean';
  const wanted = isBoolean
    ? 'boolean'
    : isInteger(type)
      ? 'number'
      : (kinds[type.base] ?? (isText(type) ? 'text' : undefined));
  const fits = translated.kind === wanted || (wanted === 'float' && translated.kind === 'number');
  if (fits) return { sql: `(${translated.sql})` };
  if (isBoolean && (translated.sql === '0' || translated.sql === '1'))
    return { sql: translated.sql === '1' ? 'true' : 'false' };
  return leftOut(`the expression ${text} is of another kind than the column`);
}
