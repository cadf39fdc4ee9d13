import { isText, offends, type CheckedColumn, type DataCheck } from './data-checks.ts';
import type { MappedColumn } from './mapping.ts';
import type { MappingPolicy } from './options.ts';
import { myName } from './quote.ts';

/** Values of a column that Debezium and its JDBC sink do not keep. */
export interface ConnectChange {
  /** Which ones, for people; undefined: any. */
  readonly butFor: string | undefined;
  /** A condition in MySQL's SQL that is true for the rows that have one, under any `sql_mode`. */
  readonly holds: string;
}

interface Rule {
  readonly butFor: string;
  readonly holds: (column: MappedColumn, policy: MappingPolicy) => string | undefined;
}

/** By the name of the rule that chose the type on PostgreSQL (type-rules.ts). What Teal keeps back or makes otherwise by itself (bytes that are no text) is looked for elsewhere. */
const faithful: ReadonlySet<string> = new Set([
  'tiny-integer',
  'small-integer',
  'unsigned-small-integer',
  'medium-integer',
  'integer',
  'unsigned-integer',
  'big-integer',
  'unsigned-big-counter',
  'unsigned-big-integer',
  'decimal',
  'unsigned-decimal',
  'binary',
  'varbinary',
  'blob',
  'set',
]);

const noDate: Rule = { butFor: 'dates that are none', holds: noDateHolds };
/** Java's old calendar has not the ten days that the reform left out: a moment in them is moved by ten days. */
const noMoment: Rule = {
  butFor: 'dates that are none, and 5 to 14 October 1582',
  holds: (column, policy) => {
    const name = myName(column.source.name);
    return `(${noDateHolds(column, policy)} or (${name} >= '1582-10-05' and ${name} < '1582-10-15'))`;
  },
};
const double: Rule = { butFor: 'negative zero', holds: ({ source }) => isNegativeZero(myName(source.name)) };
const float: Rule = {
  butFor: 'negative zero, and numbers of more than six digits',
  holds: ({ source }) => `(${isNegativeZero(myName(source.name))} or ${isCut(myName(source.name))})`,
};
const text: Rule = { butFor: 'a NUL, and letters that Java does not know', holds: textHolds };

const most: Readonly<Record<string, Rule>> = {
  boolean: { butFor: 'neither 0 nor 1', holds: (column) => found('notBoolean', column) },
  float,
  'unsigned-float': float,
  double,
  'unsigned-double': double,
  char: text,
  varchar: text,
  text,
  'json-text': text,
  date: noDate,
  datetime: noMoment,
  timestamp: { butFor: 'the date 0000-00-00', holds: (column) => found('zeroDate', column) },
  year: { butFor: 'the year 0', holds: ({ source }) => `${myName(source.name)} = 0` },
  enum: {
    butFor: 'without a label, or a label with a comma',
    holds: (column) => `(${found('invalidEnum', column)} or ${myName(column.source.name)} like '%,%')`,
  },
};

/**
 * Which values of a column a path by Kafka Connect does not keep; undefined where it keeps all. As seen with Debezium 3.5 (docs/reference/connect-types.md, which test/types/connect-mysql-types.long.kafka.test.ts
 * compares). Pure.
 */
export function changedByConnect(column: MappedColumn, policy: MappingPolicy): ConnectChange | undefined {
  if (faithful.has(column.rule)) return undefined;
  const rule = most[column.rule];
  if (rule === undefined || !isKnownText(column))
    return { butFor: undefined, holds: `${myName(column.source.name)} is not null` };
  const holds = rule.holds(column, policy);
  return holds === undefined ? undefined : { butFor: rule.butFor, holds };
}

/** Of the zero date NULL is made, which is what the policy says, or is not. */
function noDateHolds(column: MappedColumn, { zeroDate }: MappingPolicy): string {
  const partial = found('partialDate', column);
  return zeroDate === 'null' ? partial : `(${found('zeroDate', column)} or ${partial})`;
}

function found(check: DataCheck, { source, sourceType, type }: MappedColumn): string {
  const column: CheckedColumn = { name: source.name, type: sourceType, targetType: type };
  return offends(check, column);
}

function isNegativeZero(column: string): string {
  return `(${column} = 0 and concat(${column}) like '-%')`;
}

/** Debezium's snapshot reads what the server prints of a FLOAT, six digits, and its log the number itself: where the first is not the nearest FLOAT to be read as the second. Half of the distance to the next one is 24 binary digits down. */
function isCut(column: string): string {
  const exponent = `greatest(floor(log2(abs(${column}))), -126)`;
  return `abs(${column} * 1e0 - concat(${column}) * 1e0) >= pow(2, ${exponent} - 24)`;
}

/** Nobody has looked at others. */
const knownSets: ReadonlySet<string> = new Set([
  'ascii',
  'utf8mb4',
  'utf8mb3',
  'utf8',
  'utf16',
  'ucs2',
  'latin1',
  'cp1251',
]);

function isKnownText({ source, sourceType }: MappedColumn): boolean {
  return !isText(sourceType) || source.characterSet === undefined || knownSets.has(source.characterSet);
}

/** MySQL's latin1 has a letter for each byte, Java's (windows-1252) none for five of them. */
const unknownLetters = "'^(..)*(81|8D|8F|90|9D)'";

function textHolds(column: MappedColumn, { nulByte }: MappingPolicy): string | undefined {
  const conditions = [
    // Where it is not removed Teal's own copy would end there too.
    ...(nulByte === 'remove' ? [found('nulByte', column)] : []),
    ...(column.source.characterSet === 'latin1' ? [`hex(${myName(column.source.name)}) regexp ${unknownLetters}`] : []),
  ];
  return conditions.length === 0 ? undefined : `(${conditions.join(' or ')})`;
}
