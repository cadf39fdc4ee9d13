/**
 * How a test looks at a value by a plain SELECT of each server, beside the forms in which Teal itself reads: an expression a system, and what of the two texts does not count.
 * `as it is`: both sides are of one system, and show what they hold by its own text.
 */
export type Form =
  | 'text'
  | 'integer'
  | 'boolean'
  | 'real'
  | 'bits'
  | 'characters'
  | 'bytes'
  | 'geometry'
  | 'date'
  | 'moment'
  | 'instant'
  | 'span'
  | 'address'
  | 'as it is';

interface Showing {
  readonly mysql: (column: string) => string;
  readonly postgres: (column: string) => string;
  readonly same?: (text: string) => string;
}

const shownText = (column: string): string => `cast(${column} as char)`;
const cast = (column: string): string => `${column}::text`;
const hexOfText = (column: string): string => `upper(encode(convert_to(${column}::text, 'UTF8'), 'hex'))`;
const hexOfBytes = (column: string): string => `upper(encode(${column}, 'hex'))`;
const second = 'YYYY-MM-DD HH24:MI:SS.US';
const momentOfMysql = (column: string): string => `date_format(${column}, '%Y-%m-%d %H:%i:%s.%f')`;

const showings: Readonly<Record<Form, Showing>> = {
  text: { mysql: shownText, postgres: cast },
  // Without the zeros that ZEROFILL shows.
  integer: { mysql: (c) => `cast(${c} + 0 as char)`, postgres: cast },
  boolean: { mysql: (c) => `cast(${c} + 0 as char)`, postgres: (c) => `${c}::int::text` },
  // A FLOAT as the DOUBLE that it is: of both all digits are shown then, in two spellings of one number. A CAST to text would lose one.
  real: {
    mysql: (c) => `${c} * 1e0`,
    postgres: (c) => `${c}::float8::text`,
    same: (text) => String(Number(text)),
  },
  bits: { mysql: (c) => `bin(${c} + 0)`, postgres: cast, same: (text) => text.replace(/^0+(?=.)/, '') },
  characters: { mysql: (c) => `hex(cast(convert(${c} using utf8mb4) as binary))`, postgres: hexOfText },
  bytes: { mysql: (c) => `hex(${c})`, postgres: hexOfBytes },
  geometry: { mysql: (c) => `hex(cast(${c} as binary))`, postgres: hexOfBytes },
  date: { mysql: shownText, postgres: (c) => `to_char(${c}, 'YYYY-MM-DD')` },
  moment: { mysql: momentOfMysql, postgres: (c) => `to_char(${c}, '${second}')` },
  instant: { mysql: momentOfMysql, postgres: (c) => `to_char(${c} at time zone 'UTC', '${second}')` },
  // Microseconds.
  span: {
    mysql: (c) => `cast(truncate(time_to_sec(${c}), 0) * 1000000 + if(${c} < 0, -1, 1) * microsecond(${c}) as char)`,
    postgres: (c) => `(extract(epoch from ${c}) * 1000000)::int8::text`,
  },
  address: { mysql: shownText, postgres: (c) => `host(${c})` },
  'as it is': { mysql: shownText, postgres: cast },
};

/** An expression of SQL over a column, itself SQL. */
export function shown(form: Form, system: 'mysql' | 'postgres', column: string): string {
  return showings[form][system](column);
}

/** What a text of `shown` says, in one spelling. */
export function meant(form: Form, text: string | null): string | null {
  return text === null ? null : (showings[form].same?.(text) ?? text);
}
