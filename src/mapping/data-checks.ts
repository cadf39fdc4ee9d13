import type { MysqlType } from '../model/mysql-type.ts';
import { myName } from './quote.ts';
import { readTarget, type TargetType } from './target-type.ts';

/** What can be wrong with single values, so that they have no place in the target's type. */
export type DataCheck =
  | 'zeroDate'
  | 'partialDate'
  | 'invalidEnum'
  | 'notBoolean'
  | 'nulByte'
  | 'invalidText'
  | 'outOfRange'
  | 'timeBeyondDay'
  | 'tooLong'
  | 'invalidJson'
  | 'nulInJson';

export const checkMeanings: Readonly<Record<DataCheck, string>> = Object.freeze({
  zeroDate: 'the date 0000-00-00',
  partialDate: 'a date that is none: month or day 0, year 0, 30 February',
  invalidEnum: 'an ENUM without one of its labels (index 0)',
  notBoolean: 'a tinyint(1) that is neither 0 nor 1',
  nulByte: 'a NUL in a text',
  invalidText: 'bytes that are no UTF-8 (half of a surrogate pair among them), or that cannot be written in UTF-8',
  outOfRange: 'a number that the target’s type does not hold',
  timeBeyondDay: 'a time that is no time of day',
  tooLong: 'a value that is longer than the target’s type allows',
  invalidJson: 'a text that is no JSON',
  nulInJson: 'a JSON text with an escaped NUL',
});

const integerBits: Readonly<Record<string, bigint>> = {
  tinyint: 8n,
  smallint: 16n,
  mediumint: 24n,
  int: 32n,
  bigint: 64n,
};
const pgIntegerBits: Readonly<Record<string, bigint>> = { smallint: 16n, integer: 32n, bigint: 64n };

const texts: ReadonlySet<string> = new Set(['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext']);

/** PostgreSQL's values end at 1 GB, and bytes travel as twice as many digits. */
const longestText = 1_073_741_823;
const longestBytes = 500_000_000;

/** Of types that name no length: bytes, so never fewer than characters. */
const textLengths: Readonly<Record<string, number>> = {
  tinytext: 255,
  text: 65_535,
  mediumtext: 16_777_215,
  longtext: 4_294_967_295,
};

export function isText(type: MysqlType): boolean {
  return texts.has(type.base);
}

export function isInteger(type: MysqlType): boolean {
  return integerBits[type.base] !== undefined;
}

/** Smallest and greatest of an integer type; undefined for others. */
export function integerRange(type: MysqlType): readonly [bigint, bigint] | undefined {
  const bits = integerBits[type.base];
  if (bits === undefined) return undefined;
  return type.unsigned ? [0n, (1n << bits) - 1n] : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
}

/** The range of numbers that the target's type holds; undefined where it is not a type of whole numbers or has no end. */
function targetRange(target: TargetType): readonly [bigint, bigint] | undefined {
  const bits = pgIntegerBits[target.name];
  if (bits !== undefined) return [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  if (target.name !== 'numeric' || target.first === undefined) return undefined;
  const most = 10n ** BigInt(Math.max(0, target.first - (target.second ?? 0))) - 1n;
  return [-most, most];
}

function sourceRange(type: MysqlType): readonly [bigint, bigint] | undefined {
  if (type.base !== 'decimal') return integerRange(type);
  const most = 10n ** BigInt(Math.max(0, (type.length ?? 10) - (type.decimals ?? 0))) - 1n;
  return [type.unsigned ? 0n : -most, most];
}

function rangeToCheck(type: MysqlType, target: TargetType): readonly [bigint, bigint] | undefined {
  const wanted = targetRange(target);
  if (wanted === undefined) return undefined;
  if (type.base === 'float' || type.base === 'double') return wanted;
  const has = sourceRange(type);
  return has === undefined || (has[0] >= wanted[0] && has[1] <= wanted[1]) ? undefined : wanted;
}

/** Characters (texts) or bytes that the target takes where the source may hold more; undefined where all fits. */
function lengthToCheck(type: MysqlType, target: TargetType): number | undefined {
  if (type.base === 'longblob') return longestBytes;
  if (!isText(type)) return undefined;
  const isVarchar = target.name === 'varchar' || target.name === 'char';
  const has = textLengths[type.base] ?? type.length ?? 1;
  const limit = isVarchar && target.first !== undefined ? target.first : longestText;
  return has > limit ? limit : undefined;
}

/** What must be looked for in the data before values of this type may go into that one. */
export function checksFor(type: MysqlType, targetType: string): readonly DataCheck[] {
  const target = readTarget(targetType);
  const isJson = target.name === 'json' || target.name === 'jsonb';
  const isTimeOfDay = target.name === 'time' || target.name === 'time with time zone';
  const found: readonly (readonly [DataCheck, boolean])[] = [
    ['zeroDate', type.base === 'date' || type.base === 'datetime' || type.base === 'timestamp'],
    ['partialDate', type.base === 'date' || type.base === 'datetime'],
    ['invalidEnum', type.base === 'enum'],
    ['notBoolean', isInteger(type) && target.name === 'boolean'],
    ['nulByte', isText(type)],
    ['invalidText', isText(type)],
    ['outOfRange', rangeToCheck(type, target) !== undefined],
    ['timeBeyondDay', type.base === 'time' && isTimeOfDay],
    ['tooLong', lengthToCheck(type, target) !== undefined],
    ['invalidJson', isText(type) && isJson],
    ['nulInJson', (isText(type) || type.base === 'json') && target.name === 'jsonb'],
  ];
  return found.filter(([, applies]) => applies).map(([check]) => check);
}

export interface CheckedColumn {
  readonly name: string;
  readonly type: MysqlType;
  readonly targetType: string;
  readonly characterSet?: string;
}

/**
 * A condition in MySQL's SQL that is true for the rows that do not pass, and false or NULL for all others. It reads no date as text or number, so that it runs
 * under any `sql_mode`. `alias`: of the table, where there is one.
 */
export function offends(check: DataCheck, column: CheckedColumn, alias?: string): string {
  const c = alias === undefined ? myName(column.name) : `${alias}.${myName(column.name)}`;
  const bytes = `cast(convert(${c} using utf8mb4) as binary)`;
  switch (check) {
    case 'zeroDate':
      return `(${c} + 0 = 0)`;
    case 'partialDate':
      return partialDate(c);
    case 'invalidEnum':
      return `(${c} + 0 = 0)`;
    case 'notBoolean':
      return `(${c} not in (0, 1))`;
    case 'nulByte':
      return `(locate(0x00, ${bytes}) > 0)`;
    case 'invalidText':
      return invalidText(c, column.characterSet);
    case 'outOfRange': {
      const target = readTarget(column.targetType);
      const [low, high] = rangeToCheck(column.type, target) ?? [0n, 0n];
      // PostgreSQL rounds first, and then looks whether it fits.
      const value = isInteger(column.type) ? c : `round(${c}, ${target.second ?? 0})`;
      return `(${value} <= ${low - 1n} or ${value} >= ${high + 1n})`;
    }
    case 'timeBeyondDay':
      return `(${c} < '00:00:00' or ${c} > '24:00:00')`;
    case 'tooLong': {
      const limit = lengthToCheck(column.type, readTarget(column.targetType)) ?? 0;
      return limit >= longestBytes ? `(length(${c}) > ${limit})` : `(char_length(${c}) > ${limit})`;
    }
    case 'invalidJson':
      return `(json_valid(${c}) = 0 or ${badEscape(bytes)} or ${badNumber(c)})`;
    case 'nulInJson':
      return `(locate(0x5c7530303030, ${bytes}) > 0)`;
    default:
      return check satisfies never;
  }
}

/** MariaDB's json_valid takes `\\x` and any other sign behind a backslash; PostgreSQL those of the standard. */
function badEscape(bytes: string): string {
  const escapes = ['\\\\', ...'"/bfnrtu'.split('').map((sign) => `\\${sign}`)];
  const rest = escapes.reduce(
    (text, escape) => `replace(${text}, 0x${Buffer.from(escape).toString('hex')}, '')`,
    bytes,
  );
  return `locate(0x5c, ${bytes}) > 0 and locate(0x5c, ${rest}) > 0`;
}

/** MariaDB's json_valid takes `1.` for a number. What stands in texts does not count. */
function badNumber(c: string): string {
  const texts = Buffer.from(String.raw`"[^"\\]*(?:\\.[^"\\]*)*"`).toString('hex');
  const number = `'[0-9][.]([^0-9]|$)'`;
  return `${c} regexp ${number} and regexp_replace(${c}, convert(0x${texts} using utf8mb4), '') regexp ${number}`;
}

/** Not `year(…) = 0`, which MariaDB 11 makes a range of an index of, from 0000-01-01 on. */
function partialDate(c: string): string {
  const [year, month, day] = [`extract(year from ${c})`, `month(${c})`, `dayofmonth(${c})`];
  const first = `concat(lpad(${year}, 4, '0'), '-', lpad(${month}, 2, '0'), '-01')`;
  const isLate = `${month} > 0 and ${day} > 28 and ${day} > dayofmonth(last_day(${first}))`;
  return `(${c} + 0 <> 0 and (${year} = 0 or ${month} = 0 or ${day} = 0 or ${isLate}))`;
}

/**
 * Surrogates are characters to MySQL's UTF-8 and none to PostgreSQL's: `ED A0…BF`. Other bytes are found by a way there and back, for which MySQL answers NULL and MariaDB
 * question marks.
 */
function invalidText(c: string, characterSet: string | undefined): string {
  const isUtf8 = characterSet === undefined || characterSet.startsWith('utf8');
  const there = isUtf8 ? `convert(cast(${c} as binary) using utf8mb4)` : `convert(${c} using utf8mb4)`;
  const back = isUtf8 ? there : `convert(${there} using ${characterSet})`;
  const changed = `not (cast(${c} as binary) <=> cast(${back} as binary))`;
  const surrogate = `hex(convert(${c} using utf8mb4)) regexp '^(..)*ED[AB]'`;
  return `(${c} is not null and (${changed} or ${surrogate}))`;
}
