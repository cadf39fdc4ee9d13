/** Why two values of one column differ, where the values themselves tell. */
export const valueCauses = [
  'time zone',
  'rounding',
  'trailing blanks',
  'character set',
  'null or empty',
  'case or collation',
] as const;

/** Probable reasons for which rows are not the same on both sides. Names are a promise: the API and kept files have them. */
export const differenceCauses = [
  ...valueCauses,
  /** Rows differ in one and the same column, and their values do not tell why. */
  'one column',
  /** Everything from a time, or from a number that grows, on. */
  'since',
  /** One stretch of a key or a time. */
  'range',
  /** All have one value in a column: one writer, one tenant, one partition. */
  'one value',
] as const;

export type ValueCause = (typeof valueCauses)[number];
export type DifferenceCause = (typeof differenceCauses)[number];
