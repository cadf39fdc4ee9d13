import type { MysqlType } from '../model/mysql-type.ts';
import { integerRange } from './data-checks.ts';
import { pgText } from './quote.ts';

/** A column as the rules see it: its type and what else decides. */
export interface TypeQuestion {
  readonly type: MysqlType;
  readonly zerofill: boolean;
  /** It counts by itself, or a foreign key joins it to a column that does. */
  readonly counts: boolean;
  /** It, or a column that a foreign key joins to it, is not 0 and 1 only: seen in the data, or by its type. */
  readonly notBoolean: boolean;
  /** MariaDB's JSON: a LONGTEXT with `CHECK (json_valid(…))`. */
  readonly holdsJson: boolean;
}

export interface TypeRule {
  /** Stable: documents, tests and findings name it. */
  readonly name: string;
  /** For people, as in CREATE TABLE of MySQL. */
  readonly source: string;
  /** For people; where a number is carried over it is a letter here. */
  readonly target: string;
  /** Sentences: what the target does not hold, or holds otherwise. Empty where nothing is lost. */
  readonly loss: readonly string[];
  /** An example of COLUMN_TYPE that the rule takes. */
  readonly example: string;
  readonly takes: (question: TypeQuestion) => boolean;
  readonly targetType: (type: MysqlType) => string;
  /** A condition of PostgreSQL that keeps a column to what the source's type holds. `column` is a quoted name. */
  readonly guard?: (type: MysqlType, column: string) => string | undefined;
}

const inRange = (type: MysqlType, column: string): string => {
  const [low, high] = integerRange(type) ?? [0n, 0n];
  return `${column} between ${low} and ${high}`;
};
const notNegative = (_: MysqlType, column: string): string => `${column} >= 0`;
const isBase =
  (...bases: readonly MysqlType['base'][]) =>
  ({ type }: TypeQuestion): boolean =>
    bases.includes(type.base);
const isSigned =
  (base: MysqlType['base'], unsigned: boolean) =>
  ({ type }: TypeQuestion): boolean =>
    type.base === base && type.unsigned === unsigned;
const fraction = (name: string) => (type: MysqlType) => `${name}(${type.decimals ?? 0})`;
const varchar = (type: MysqlType): string => {
  const length = type.length ?? 1;
  return length === 0 ? 'text' : `varchar(${length})`;
};
/** PostgreSQL has no varchar(0). */
const isEmpty = (type: MysqlType, column: string): string | undefined =>
  type.length === 0 ? `${column} = ''` : undefined;

/** Told of the columns whose collation does so. */
export const padsLoss =
  'Where the collation pads (PAD SPACE), MySQL holds texts to be equal that differ by blanks at the end; PostgreSQL does not.';
const textOrder = 'The order of texts is that of the target’s collation.';

/** The first one that takes a column decides; an override of the user's comes before all of them. */
export const typeRules: readonly TypeRule[] = Object.freeze([
  {
    name: 'boolean',
    source: 'tinyint(1)',
    target: 'boolean',
    loss: ['Values other than 0 and 1; with one of them in the data the column becomes smallint.'],
    example: 'tinyint(1)',
    takes: ({ type, zerofill, counts, notBoolean }) =>
      type.base === 'tinyint' && type.length === 1 && !type.unsigned && !zerofill && !counts && !notBoolean,
    targetType: () => 'boolean',
  },
  {
    name: 'tiny-integer',
    source: 'tinyint, tinyint unsigned',
    target: 'smallint',
    loss: [],
    example: 'tinyint unsigned',
    takes: isBase('tinyint'),
    targetType: () => 'smallint',
    guard: inRange,
  },
  {
    name: 'small-integer',
    source: 'smallint',
    target: 'smallint',
    loss: [],
    example: 'smallint',
    takes: isSigned('smallint', false),
    targetType: () => 'smallint',
  },
  {
    name: 'unsigned-small-integer',
    source: 'smallint unsigned',
    target: 'integer',
    loss: [],
    example: 'smallint unsigned',
    takes: isSigned('smallint', true),
    targetType: () => 'integer',
    guard: inRange,
  },
  {
    name: 'medium-integer',
    source: 'mediumint, mediumint unsigned',
    target: 'integer',
    loss: [],
    example: 'mediumint',
    takes: isBase('mediumint'),
    targetType: () => 'integer',
    guard: inRange,
  },
  {
    name: 'integer',
    source: 'int',
    target: 'integer',
    loss: [],
    example: 'int',
    takes: isSigned('int', false),
    targetType: () => 'integer',
  },
  {
    name: 'unsigned-integer',
    source: 'int unsigned',
    target: 'bigint',
    loss: [],
    example: 'int unsigned',
    takes: isSigned('int', true),
    targetType: () => 'bigint',
    guard: inRange,
  },
  {
    name: 'big-integer',
    source: 'bigint',
    target: 'bigint',
    loss: [],
    example: 'bigint',
    takes: isSigned('bigint', false),
    targetType: () => 'bigint',
  },
  {
    name: 'unsigned-big-counter',
    source: 'bigint unsigned with AUTO_INCREMENT, and what foreign keys join to it',
    target: 'bigint',
    loss: [
      'Numbers above 9223372036854775807. An identity column cannot be numeric; the override `type: numeric(20,0)` keeps all numbers and counts by a sequence.',
    ],
    example: 'bigint unsigned',
    takes: ({ type, counts }) => type.base === 'bigint' && type.unsigned && counts,
    targetType: () => 'bigint',
    guard: notNegative,
  },
  {
    name: 'unsigned-big-integer',
    source: 'bigint unsigned',
    target: 'numeric(20,0)',
    loss: ['Nothing of its values; numeric is slower and larger than bigint, and drivers give it as text.'],
    example: 'bigint unsigned',
    takes: isSigned('bigint', true),
    targetType: () => 'numeric(20,0)',
    guard: inRange,
  },
  {
    name: 'decimal',
    source: 'decimal(p,s)',
    target: 'numeric(p,s)',
    loss: [],
    example: 'decimal(10,2)',
    takes: ({ type }) => type.base === 'decimal' && !type.unsigned,
    targetType: (type) => `numeric(${type.length ?? 10},${type.decimals ?? 0})`,
  },
  {
    name: 'unsigned-decimal',
    source: 'decimal(p,s) unsigned',
    target: 'numeric(p,s)',
    loss: [],
    example: 'decimal(10,2) unsigned',
    takes: isBase('decimal'),
    targetType: (type) => `numeric(${type.length ?? 10},${type.decimals ?? 0})`,
    guard: notNegative,
  },
  {
    name: 'float',
    source: 'float',
    target: 'real',
    loss: ['Digits and decimals that `float(m,d)` rounds to are not carried.'],
    example: 'float',
    takes: isSigned('float', false),
    targetType: () => 'real',
  },
  {
    name: 'unsigned-float',
    source: 'float unsigned',
    target: 'real',
    loss: ['Digits and decimals that `float(m,d)` rounds to are not carried.'],
    example: 'float unsigned',
    takes: isBase('float'),
    targetType: () => 'real',
    guard: notNegative,
  },
  {
    name: 'double',
    source: 'double, real',
    target: 'double precision',
    loss: ['Digits and decimals that `double(m,d)` rounds to are not carried.'],
    example: 'double',
    takes: isSigned('double', false),
    targetType: () => 'double precision',
  },
  {
    name: 'unsigned-double',
    source: 'double unsigned',
    target: 'double precision',
    loss: ['Digits and decimals that `double(m,d)` rounds to are not carried.'],
    example: 'double unsigned',
    takes: isBase('double'),
    targetType: () => 'double precision',
    guard: notNegative,
  },
  {
    name: 'bits',
    source: 'bit(n)',
    target: 'bit(n)',
    loss: ['MySQL reads bits as a number, PostgreSQL as a text of digits: expressions must be written anew.'],
    example: 'bit(8)',
    takes: isBase('bit'),
    targetType: (type) => `bit(${type.length ?? 1})`,
  },
  {
    name: 'char',
    source: 'char(n)',
    target: 'varchar(n)',
    loss: ['Blanks at the end, which MySQL cuts off when it reads.', padsLoss, textOrder],
    example: 'char(10)',
    takes: isBase('char'),
    targetType: varchar,
    guard: isEmpty,
  },
  {
    name: 'varchar',
    source: 'varchar(n)',
    target: 'varchar(n)',
    loss: [padsLoss, textOrder],
    example: 'varchar(100)',
    takes: isBase('varchar'),
    targetType: varchar,
    guard: isEmpty,
  },
  {
    name: 'json-text',
    source: 'json of MariaDB (longtext with json_valid)',
    target: 'json',
    loss: ['The column has no order and no equality: it cannot be in a key.'],
    example: 'longtext',
    takes: ({ type, holdsJson }) => holdsJson && type.base === 'longtext',
    targetType: () => 'json',
  },
  {
    name: 'text',
    source: 'tinytext, text, mediumtext, longtext',
    target: 'text',
    loss: [
      'The greatest length: PostgreSQL takes up to 1 GB, the source fewer, which tells when a longer text is to be carried back.',
      padsLoss,
      textOrder,
    ],
    example: 'longtext',
    takes: isBase('tinytext', 'text', 'mediumtext', 'longtext'),
    targetType: () => 'text',
  },
  {
    name: 'binary',
    source: 'binary(n)',
    target: 'bytea',
    loss: ['The length: MySQL fills up with zero bytes, and refuses what is longer.'],
    example: 'binary(16)',
    takes: isBase('binary'),
    targetType: () => 'bytea',
    guard: (type, column) => `octet_length(${column}) = ${type.length ?? 1}`,
  },
  {
    name: 'varbinary',
    source: 'varbinary(n)',
    target: 'bytea',
    loss: [],
    example: 'varbinary(255)',
    takes: isBase('varbinary'),
    targetType: () => 'bytea',
    guard: (type, column) => `octet_length(${column}) <= ${type.length ?? 1}`,
  },
  {
    name: 'blob',
    source: 'tinyblob, blob, mediumblob, longblob',
    target: 'bytea',
    loss: ['Values above 500 MB, which PostgreSQL cannot write as text.'],
    example: 'longblob',
    takes: isBase('tinyblob', 'blob', 'mediumblob', 'longblob'),
    targetType: () => 'bytea',
  },
  {
    name: 'date',
    source: 'date',
    target: 'date',
    loss: [
      'Zero and partial dates have no form in PostgreSQL.',
      'PostgreSQL takes dates beyond the year 9999, MySQL does not.',
    ],
    example: 'date',
    takes: isBase('date'),
    targetType: () => 'date',
  },
  {
    name: 'time',
    source: 'time(f)',
    target: 'interval(f)',
    loss: [
      'It is a span of up to 838 hours, not a time of day: choose `type: time` where all values are within a day.',
    ],
    example: 'time(3)',
    takes: isBase('time'),
    targetType: fraction('interval'),
    guard: (_, column) => `${column} between interval '-838:59:59' and interval '838:59:59'`,
  },
  {
    name: 'datetime',
    source: 'datetime(f)',
    target: 'timestamp(f) without time zone',
    loss: [
      'Zero and partial dates have no form in PostgreSQL.',
      'PostgreSQL takes dates beyond the year 9999, MySQL does not.',
    ],
    example: 'datetime(6)',
    takes: isBase('datetime'),
    targetType: fraction('timestamp'),
  },
  {
    name: 'timestamp',
    source: 'timestamp(f)',
    target: 'timestamp(f) with time zone',
    loss: [
      'The zero date has no form in PostgreSQL.',
      'PostgreSQL takes moments outside of 1970 to 2038 (MariaDB 11.5 and later: 2106), MySQL does not.',
    ],
    example: 'timestamp(3)',
    takes: isBase('timestamp'),
    targetType: (type) => `timestamp(${type.decimals ?? 0}) with time zone`,
  },
  {
    name: 'year',
    source: 'year',
    target: 'smallint',
    loss: [],
    example: 'year',
    takes: isBase('year'),
    targetType: () => 'smallint',
    guard: (_, column) => `${column} = 0 or ${column} between 1901 and 2155`,
  },
  {
    name: 'enum',
    source: 'enum(…)',
    target: 'text with CHECK (… in (…))',
    loss: [
      'The order of the labels: ENUM sorts by number, text by letters.',
      'The empty value that stands for an invalid one (index 0).',
      'Labels are compared as they are, capitals included.',
    ],
    example: `enum('a','b')`,
    takes: isBase('enum'),
    targetType: () => 'text',
    guard: (type, column) => `${column} in (${(type.labels ?? []).map(pgText).join(', ')})`,
  },
  {
    name: 'set',
    source: 'set(…)',
    target: 'text: labels with commas',
    loss: ['That labels stand in the order of the type and only once: MySQL puts them right, PostgreSQL does not.'],
    example: `set('a','b')`,
    takes: isBase('set'),
    targetType: () => 'text',
    guard: (type, column) =>
      `string_to_array(${column}, ',') <@ array[${(type.labels ?? []).map(pgText).join(', ')}]::text[]`,
  },
  {
    name: 'json',
    source: 'json of MySQL',
    target: 'json',
    loss: [
      'The column has no order and no equality: it cannot be in a key. `type: jsonb` has both, and other spaces and order of keys.',
    ],
    example: 'json',
    takes: isBase('json'),
    targetType: () => 'json',
  },
  {
    name: 'geometry',
    source: 'geometry, point, polygon …',
    target: 'bytea: SRID (4 bytes, little-endian) and WKB',
    loss: ['Everything but the bytes: no functions, no spatial index, no check of the kind of geometry.'],
    example: 'point',
    takes: isBase('geometry'),
    targetType: () => 'bytea',
  },
  {
    name: 'uuid',
    source: 'uuid of MariaDB',
    target: 'uuid',
    loss: ['The order: MariaDB compares the parts of a UUID in another sequence.'],
    example: 'uuid',
    takes: isBase('uuid'),
    targetType: () => 'uuid',
  },
  {
    name: 'address',
    source: 'inet4, inet6 of MariaDB',
    target: 'inet',
    loss: ['PostgreSQL also takes networks (`10.0.0.0/8`) and both families, MariaDB does not.'],
    example: 'inet6',
    takes: isBase('inet4', 'inet6'),
    targetType: () => 'inet',
    guard: (type, column) =>
      type.base === 'inet4'
        ? `family(${column}) = 4 and masklen(${column}) = 32`
        : `masklen(${column}) = case family(${column}) when 4 then 32 else 128 end`,
  },
  {
    name: 'vector',
    source: 'vector(n)',
    target: 'bytea: numbers of 4 bytes, little-endian',
    loss: ['Everything but the bytes: no distances, no index.'],
    example: 'vector(3)',
    takes: isBase('vector'),
    targetType: () => 'bytea',
  },
] satisfies readonly TypeRule[]);
