import { TealError } from '../kernel/errors.ts';

const bases = [
  'tinyint',
  'smallint',
  'mediumint',
  'int',
  'bigint',
  'decimal',
  'float',
  'double',
  'bit',
  'char',
  'varchar',
  'tinytext',
  'text',
  'mediumtext',
  'longtext',
  'binary',
  'varbinary',
  'tinyblob',
  'blob',
  'mediumblob',
  'longblob',
  'date',
  'time',
  'datetime',
  'timestamp',
  'year',
  'enum',
  'set',
  'json',
  'geometry',
  'uuid',
  'inet4',
  'inet6',
  'vector',
] as const;

export type MysqlBase = (typeof bases)[number];

const geometries: ReadonlySet<string> = new Set([
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geomcollection',
  'geometrycollection',
]);

/** A column's type, taken apart. */
export interface MysqlType {
  readonly base: MysqlBase;
  readonly unsigned: boolean;
  /** Characters, bytes, bits, display width or digits, as the base has it; undefined where none is written. */
  readonly length?: number;
  /** Digits behind the point (decimal, float, double) or of a second's fraction. */
  readonly decimals?: number;
  /** Of ENUM and SET, in their order. */
  readonly labels?: readonly string[];
}

/** Takes COLUMN_TYPE of information_schema apart: `int(10) unsigned zerofill`, `enum('a','it''s')`, `datetime(6)`. Errors: TEAL-SYSTEMS-304 a type that Teal does not know. */
export function parseType(columnType: string): MysqlType {
  const match = /^([a-z0-9]+)\s*(?:\((.*)\))?\s*([a-z ]*)(?:\/\*.*\*\/)?\s*$/is.exec(columnType);
  const word = match?.[1]?.toLowerCase() ?? '';
  const base = geometries.has(word) ? 'geometry' : bases.find((each) => each === word);
  if (match === null || base === undefined)
    throw new TealError('TEAL-SYSTEMS-304', 'not a column type of MySQL or MariaDB', { type: columnType });
  const inside = match[2];
  const unsigned = /\b(unsigned|zerofill)\b/i.test(match[3] ?? '');
  if (base === 'enum' || base === 'set') return { base, unsigned: false, labels: readLabels(inside ?? '') };
  const [first, second] = (inside ?? '').split(',').map((each) => (each.trim() === '' ? undefined : Number(each)));
  if (base === 'datetime' || base === 'timestamp' || base === 'time')
    return { base, unsigned: false, decimals: first ?? 0 };
  return {
    base,
    unsigned,
    ...(first === undefined ? {} : { length: first }),
    ...(second === undefined ? {} : { decimals: second }),
  };
}

/** Labels stand in single quotes, a quote doubled and a backslash too; a zero byte and the ends of lines are `\\0`, `\\n` and `\\r` (both families, whatever `sql_mode` says). */
function readLabels(text: string): readonly string[] {
  return [...text.matchAll(/'((?:[^']|'')*)'/gs)].map((match) => (match[1] ?? '').replace(/''|\\(.)/gs, plainOf));
}

const escapes: Readonly<Record<string, string>> = { '0': '\0', n: '\n', r: '\r', Z: '\u001a' };

function plainOf(_: string, escaped: string | undefined): string {
  return escaped === undefined ? "'" : (escapes[escaped] ?? escaped);
}
