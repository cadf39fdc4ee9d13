import type { TableName } from './catalog.ts';

/**
 * Whether Debezium and its JDBC sink keep the values of a type: `all` of them; `most`, and which not; `unknown`: nobody has looked, or there is a value of every day that comes out as
 * another one.
 */
export type Faithful = 'all' | 'unknown' | { readonly butFor: string; readonly found: ChangedValues };

/** Which values of a type are meant: each has its own question (see systems/postgres/changed-values.ts). */
export type ChangedValues = 'not a number' | 'out of the calendar' | 'the end of the day';

const all = /^(boolean|smallint|integer|bigint|text|uuid|bytea|jsonb?|character varying|character)(\(\d+\))?$/;

/** By the name of a type as `format_type` writes it. As seen with Debezium 3.5 between two PostgreSQL (test/migration/connect.kafka.test.ts). */
export function faithfulTo(type: string): Faithful {
  if (all.test(type)) return 'all';
  if (/^(real|double precision|numeric)(\(\d+(,-?\d+)?\))?$/.test(type))
    return { butFor: 'NaN and infinity', found: 'not a number' };
  if (/^(date|timestamp(\(\d\))? with(out)? time zone)$/.test(type))
    return { butFor: 'infinity and years before Christ', found: 'out of the calendar' };
  if (/^time(\(\d\))? without time zone$/.test(type)) return { butFor: '24:00', found: 'the end of the day' };
  return 'unknown';
}

/** A column that may hold values which the path changes, and whether it does now. */
export interface ChangedColumn extends TableName {
  readonly column: string;
  readonly holds: boolean;
}
