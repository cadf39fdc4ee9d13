import type { TableName } from './catalog.ts';

/**
 * Whether Debezium and its JDBC sink keep the values of a type: `all` of them; `most`, and which not; `unknown`: nobody has looked, or there is a value of every day that comes out as
 * another one.
 */
export type Faithful = 'all' | 'unknown' | { readonly butFor: string; readonly found: ChangedValues };

/** Which values of a type are meant: each has its own question (see systems/postgres/changed-values.ts). */
export type ChangedValues =
  | 'not a number'
  | 'of no fixed scale'
  | 'out of the calendar'
  | 'the end of the day'
  | 'not a plain list';

const all =
  /^(boolean|smallint|integer|bigint|oid|text|"char"|uuid|bytea|jsonb?|character varying|character|bpchar|interval[a-z ]*|inet|cidr|macaddr8?|(int4|int8|num|ts|tstz|date)range)(\(\d+\))?$/;

/** A fixed scale is written out on the other side; without one the zeros at the end of a fraction are lost. */
const others: readonly (readonly [RegExp, Exclude<Faithful, string>])[] = [
  [/^(real|double precision)$/, { butFor: 'NaN, infinity and negative zero', found: 'not a number' }],
  [/^numeric\(\d+(,\d+)?\)$/, { butFor: 'NaN', found: 'not a number' }],
  [/^numeric$/, { butFor: 'NaN, infinity and fractions that end in a zero', found: 'of no fixed scale' }],
  [
    /^(date|timestamp(\(\d\))? with(out)? time zone)$/,
    { butFor: 'infinity, before 15 October 1582 and after the year 294246', found: 'out of the calendar' },
  ],
  [/^time(\(\d\))? without time zone$/, { butFor: '24:00', found: 'the end of the day' }],
  [
    /^(boolean|smallint|integer|bigint|text|uuid|jsonb?|character varying|character)(\(\d+\))?\[\]$/,
    { butFor: 'arrays of several dimensions, or that do not begin at 1', found: 'not a plain list' },
  ],
];

/**
 * By the name of a type as `format_type` writes it; a type of the user's own by that of what it holds. As seen with Debezium 3.5 between two PostgreSQL (docs/reference/connect-types.md, which
 * test/types/connect-types.kafka.test.ts compares).
 */
export function faithfulTo(type: string): Faithful {
  if (all.test(type)) return 'all';
  return others.find(([pattern]) => pattern.test(type))?.[1] ?? 'unknown';
}

/** A column that may hold values which the path changes, and whether it does now. */
export interface ChangedColumn extends TableName {
  readonly column: string;
  /** As the catalog has it. */
  readonly type: string;
  /** Which of its values are meant; undefined: any. */
  readonly butFor: string | undefined;
  readonly holds: boolean;
}
