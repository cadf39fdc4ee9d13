import type { DigestColumn, DigestForm, DigestTable } from '../../../ports/digester.ts';
import { quoteIdent, quoteTable } from '../quote.ts';

/**
 * The SQL that turns a row into a hash.
 *
 * `quick`: `record_send`, the binary form: exact (it round-trips by contract; −0, NaN, the scale of numeric, trailing blanks and microseconds are in it; NULL
 * and '' have different lengths, so values cannot run into each other), hashed twice by the server's 64-bit hash with different seeds. The hash functions take
 * no bytea, arrays of bytea they do. Measured on 14 and 18 at 1.0 times the time of COPY TO; `hash_record_extended` of the row itself took 0.7 times but
 * holds 1.0 and 1.00, or 0 and −0, for equal.
 *
 * `text`: the output of `record_out` (it quotes so that NULL, '' and separators are told apart), hashed by MD5, which is the same in all versions.
 */
/**
 * Types whose binary form means something else on the other server (users' own, whose numbers differ; reg*, which name objects by number) go as text.
 * Never by a cast: a cast of a domain over char(n) to text takes the blanks away; `ROW(…)::text` asks each type's output function.
 */
function compactRow(columns: readonly DigestColumn[]): string {
  const binary = columns.filter((column) => column.sameType).map(({ name }) => quoteIdent(name));
  const text = columns.filter((column) => !column.sameType).map(({ name }) => quoteIdent(name));
  const fields = text.length === 0 ? binary : [...binary, `row(${text.join(', ')})::text`];
  return `record_send(row(${fields.join(', ')}))`;
}

/** Of columns as they are written in SQL. In the client's encoding, UTF-8 on both sides, so that databases of different encodings compare by characters. */
export function textHash(columns: readonly string[]): string {
  return `md5(textsend(row(${columns.join(', ')})::text))`;
}

interface RowForm {
  /** Of the table's columns. */
  readonly value: string;
  /** Both halves of its hash, of `v`. */
  readonly halves: readonly [string, string];
}

function formOf(table: DigestTable, form: DigestForm): RowForm {
  switch (form) {
    case 'quick':
      return {
        value: `array[${compactRow(table.columns)}]`,
        halves: ['hash_array_extended(v, 0)', 'hash_array_extended(v, 1)'],
      };
    case 'text': {
      const half = (from: number): string => `('x' || substr(v, ${from}, 16))::bit(64)::int8`;
      return { value: textHash(table.columns.map(({ name }) => quoteIdent(name))), halves: [half(1), half(17)] };
    }
  }
}

/** `v` beside `extra`. OFFSET 0 keeps the planner from writing the row's form twice, and computing it twice. */
function formedRows(table: DigestTable, value: string, extra: readonly string[], where: string): string {
  return `select ${[`${value} as v`, ...extra].join(', ')} from only ${quoteTable(table)} ${where} offset 0`;
}

/** A subquery with columns `h0` and `h1` beside `extra`. */
export function hashedRows(table: DigestTable, form: DigestForm, extra: readonly string[], where = ''): string {
  const { value, halves } = formOf(table, form);
  const rest = extra.map((one) => one.replace(/^.* as /, ''));
  const select = [`${halves[0]} as h0`, `${halves[1]} as h1`, ...rest].join(', ');
  return `select ${select} from (${formedRows(table, value, extra, where)}) form offset 0`;
}

/**
 * Rows of a table by bucket: `bucket`, `n`, and `s0` and `s1`, the exact sums of both halves. With a key each half is asked for once, so that rows need not pass through one more subquery: a sixth of
 * the time of narrow rows.
 */
export function bucketSums(table: DigestTable, form: DigestForm, where: string): string {
  const { ofKey, ofRow = '' } = bucketOf(table, form);
  const sums = (bucket: string, h0: string, h1: string, from: string): string =>
    `select ${bucket} as bucket, count(*) as n, sum(${h0}) as s0, sum(${h1}) as s1 from (${from}) rows group by 1`;
  if (ofKey === undefined) return sums(ofRow, 'h0', 'h1', hashedRows(table, form, [], where));
  const { value, halves } = formOf(table, form);
  return sums('b', ...halves, formedRows(table, value, [`${ofKey} as b`], where));
}

/** Keys of one column of these types have a hash of their own, in every server that has `hash_array_extended`. */
const keyHashes: Readonly<Record<string, string>> = Object.freeze({
  smallint: 'hashint2extended',
  integer: 'hashint4extended',
  bigint: 'hashint8extended',
  uuid: 'uuid_hash_extended',
});

/** Keys of these types hash quickly and alike on every server; others go through their compact form. */
const quickKeyTypes = /^(smallint|integer|bigint|uuid|date|timestamp with(out)? time zone)$/;

/**
 * The bucket of a row: by its key, so that a second look at some buckets computes the hashes of their rows alone, and both versions of a row fall into one.
 * `ofKey` is over the columns of the table; `ofRow` over `h0`, where there is no key but the whole row.
 */
export function bucketOf(table: DigestTable, form: DigestForm): { readonly ofKey?: string; readonly ofRow?: string } {
  const masked = (hash: string): string => (table.buckets === 1 ? '0' : `(${hash} & ${table.buckets - 1})::int4`);
  if (table.key.length === 0) return { ofRow: masked('h0') };
  const names = table.key.map(quoteIdent);
  if (form === 'text') return { ofKey: masked(`('x' || substr(${textHash(names)}, 1, 8))::bit(32)::int4`) };
  const columns = table.columns.filter(({ name }) => table.key.includes(name));
  const isQuick = columns.every(({ type, sameType }) => sameType && quickKeyTypes.test(type));
  const [first, ...more] = columns;
  const own = isQuick && first !== undefined && more.length === 0 ? keyHashes[first.type] : undefined;
  if (own !== undefined) return { ofKey: masked(`${own}(${names.join('')}, 0)`) };
  const hash = isQuick
    ? `hash_record_extended(row(${names.join(', ')}), 0)`
    : `hash_array_extended(array[${compactRow(columns)}], 0)`;
  return { ofKey: masked(hash) };
}

/** What the quick form's functions say of fixed inputs of several lengths: two servers that answer alike hash alike. */
export const hashProbeSql = `
  select string_agg(concat(hash_array_extended(array[v], 0), ' ', hash_array_extended(array[v], 1)), ' ' order by n) as probe
  from (select n, record_send(row(n, repeat('teal', n), n::numeric / 3, null::text)) as v from generate_series(0, 40, 5) n) probes`;
