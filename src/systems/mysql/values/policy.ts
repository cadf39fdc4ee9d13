import { TealError } from '../../../kernel/errors.ts';
import type { TableName } from '../../../model/catalog.ts';

/**
 * What becomes of values that have no form in other systems. `stop` is an error that names table and column; `keep` is for a target of this family, which holds them as the source
 * does; everything else is a person's choice.
 */
export interface ValuePolicy {
  /** `0000-00-00`, `2024-00-00`, `2024-02-30`, and years that other systems do not have. */
  readonly zeroDate: 'stop' | 'null' | 'keep';
  /** The empty text with the number 0 that stands in an ENUM for what was not allowed. */
  readonly invalidEnum: 'stop' | 'null';
  /** A zero byte in a text. */
  readonly nulByte: 'stop' | 'remove' | 'keep';
  /** Bytes that are no text in the character set of their column, or that have no character in UTF-8. */
  readonly invalidText: 'stop';
}

export const strictPolicy: ValuePolicy = Object.freeze({
  zeroDate: 'stop',
  invalidEnum: 'stop',
  nulByte: 'stop',
  invalidText: 'stop',
});

/** Between two servers of this family. An ENUM's value that is none of its labels stays an error: a session that takes it would also take and cut what is too long. */
export const familyPolicy: ValuePolicy = Object.freeze({ ...strictPolicy, zeroDate: 'keep', nulByte: 'keep' });

/**
 * The policy for a column of a table with this primary key. What a row is known by is never changed, for nobody would find it again: the columns of the key, or all of a table without one.
 */
export function policyFor(policy: ValuePolicy, column: string, key: readonly string[] | undefined): ValuePolicy {
  return key === undefined || key.length === 0 || key.includes(column) ? unchanging(policy) : policy;
}

/** The policy where nothing may be changed: what would be is an error. */
export function unchanging({ zeroDate, nulByte }: ValuePolicy): ValuePolicy {
  return {
    ...strictPolicy,
    zeroDate: zeroDate === 'keep' ? 'keep' : 'stop',
    nulByte: nulByte === 'keep' ? 'keep' : 'stop',
  };
}

const described: Readonly<Record<keyof ValuePolicy, string>> = {
  zeroDate: 'a date that is not in the calendar',
  invalidEnum: 'an ENUM value that is none of its labels',
  nulByte: 'a zero byte in a text',
  invalidText: 'bytes that are no text in the character set of their column',
};

/** TEAL-SYNC-130: where the value stands and what kind of value it is, never the value. */
export function noForm(table: TableName, column: string, kind: keyof ValuePolicy): TealError {
  return new TealError('TEAL-SYNC-130', described[kind], {
    schema: table.schema,
    table: table.name,
    column,
    kind,
  });
}
