import type { MysqlType } from '../model/mysql-type.ts';
import { isInteger, isText } from './data-checks.ts';
import type { MappedColumn } from './mapping.ts';
import { readTarget, type TargetType } from './target-type.ts';

/**
 * Values go to PostgreSQL as text, and its input functions are lenient: `1.005` into numeric(10,2) is rounded, a moment into date loses its time, `5` into numeric(10,2) becomes `5.00`, and nobody is told. Of the
 * types that Teal's rules choose none does so. Of those that a user may choose only such are taken as keep every text of the source's type as it is, or refuse it: silent-changes.pg.test.ts tries each pair.
 */

type Keeps = (type: MysqlType, target: TargetType) => boolean;

const isWhole: Keeps = (type) => isInteger(type) || type.base === 'year';
const isSmall: Keeps = ({ base }) => base === 'tinyint' || base === 'smallint' || base === 'year';
const bytes: ReadonlySet<MysqlType['base']> = new Set([
  'binary',
  'varbinary',
  'tinyblob',
  'blob',
  'mediumblob',
  'longblob',
  'geometry',
  'vector',
]);
const mostDigits = 6;
const hasDigits: Keeps = ({ decimals = 0 }, { first = mostDigits }) => first >= decimals;
const isOf =
  (...bases: readonly MysqlType['base'][]): Keeps =>
  ({ base }) =>
    bases.includes(base);

/** A decimal with a fraction is no text of an integer: it is refused. */
const inInteger: Keeps = (type, target) => isWhole(type, target) || type.base === 'decimal';

/** PostgreSQL writes as many digits behind the point as the type has. */
const inNumeric: Keeps = (type, target) => {
  if (!isWhole(type, target) && type.base !== 'decimal') return false;
  return target.first === undefined || (target.second ?? 0) === (type.base === 'decimal' ? (type.decimals ?? 0) : 0);
};

const always: Keeps = () => true;

/** By the name of the target. Types that are not here are users' own, and keep or refuse what they are made for. */
const keepers: Readonly<Record<string, Keeps>> = {
  smallint: inInteger,
  integer: inInteger,
  bigint: inInteger,
  numeric: inNumeric,
  // Above a million real writes an exponent, double precision from 1e15 on.
  real: (type, target) => type.base === 'float' || isSmall(type, target),
  'double precision': (type, target) => type.base === 'double' || (isWhole(type, target) && type.base !== 'bigint'),
  money: () => false,
  // Compared as the numbers 0 and 1 are; others are refused.
  boolean: (type, target) => isWhole(type, target) || type.base === 'bit',
  text: always,
  // What is too long is refused, but for blanks at the end: see `lossOfChoice`.
  varchar: always,
  // Filled up with blanks.
  char: () => false,
  name: () => false,
  bit: isOf('bit'),
  'bit varying': isOf('bit'),
  bytea: ({ base }) => bytes.has(base),
  date: isOf('date'),
  time: (type, target) => type.base === 'time' && hasDigits(type, target),
  'time with time zone': () => false,
  interval: (type, target) => type.base === 'time' && hasDigits(type, target),
  timestamp: (type, target) => type.base === 'datetime' && hasDigits(type, target),
  'timestamp with time zone': (type, target) => type.base === 'timestamp' && hasDigits(type, target),
  json: always,
  // In its own spelling, which is told of the type.
  jsonb: always,
  uuid: isOf('uuid'),
  inet: isOf('inet4', 'inet6'),
  cidr: () => false,
};

/** Whether PostgreSQL takes each value of this type into that one as it is, or refuses it. */
export function keepsOrRefuses(type: MysqlType, targetType: string): boolean {
  const target = readTarget(targetType);
  // `interval hour to minute` and the like cut.
  if (target.name.startsWith('interval ')) return false;
  return keepers[target.name]?.(type, target) ?? true;
}

/** A type that a user chose and that would change values without a word, as a sentence; undefined for all others. `name` is on the source. */
export function silentChange(
  name: string,
  { rule, carried, source, sourceType, type }: MappedColumn,
): string | undefined {
  if (rule !== 'override' || !carried || keepsOrRefuses(sourceType, type)) return undefined;
  return `${name} cannot become ${type}: PostgreSQL would round, cut or rewrite values of ${source.type} in it without a word, or takes none of them`;
}

/** What a type that a user chose does not hold; sentences. */
export function lossOfChoice(sourceType: MysqlType, type: string): readonly string[] {
  const { name, first } = readTarget(type);
  const longest = sourceType.length ?? Number.POSITIVE_INFINITY;
  const cuts =
    name === 'varchar' && first !== undefined && isText(sourceType) && sourceType.base !== 'char' && longest > first;
  return [
    'The type is your choice: what it does not hold stops the copy.',
    ...(cuts ? [`Blanks beyond ${first} characters are cut off without a word.`] : []),
  ];
}
