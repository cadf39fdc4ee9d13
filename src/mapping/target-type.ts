/** A type of PostgreSQL, taken apart: its name as Teal writes it, whatever a user wrote, and the numbers in parentheses. */
export interface TargetType {
  readonly name: string;
  readonly first?: number;
  readonly second?: number;
}

const otherNames: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int: 'integer',
  int4: 'integer',
  int8: 'bigint',
  decimal: 'numeric',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
  'character varying': 'varchar',
  character: 'char',
  bpchar: 'char',
  varbit: 'bit varying',
  timestamptz: 'timestamp with time zone',
  'timestamp without time zone': 'timestamp',
  timetz: 'time with time zone',
  'time without time zone': 'time',
};

/** `numeric(20,0)`, `timestamp(3) with time zone`, `INT4`. A type that is none of the usual is its own name. */
export function readTarget(type: string): TargetType {
  const pattern = /^([a-z0-9_ ]+?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?(\s+(?:with|without) time zone)?$/i;
  const match = pattern.exec(type.trim());
  if (match === null) return { name: type.trim() };
  const [, word = '', first, second, zone = ''] = match;
  const written = `${word}${zone}`.toLowerCase().replaceAll(/\s+/g, ' ');
  const name = otherNames[written] ?? written;
  const isOne = name === 'char' || name === 'bit';
  const numbers = first === undefined ? (isOne ? { first: 1 } : {}) : { first: Number(first) };
  return { name, ...numbers, ...(second === undefined ? {} : { second: Number(second) }) };
}
