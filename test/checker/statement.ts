/**
 * One statement. Parameters are `$1`, `$2` (of MySQL `?`), each once and in this order; whole numbers for columns of int, texts for columns of text. Every column of an answer is
 * selected as text, where the driver would make something else of it. `name`: prepare it under that name. `count`: what the system says of one row that was changed, where that is
 * not 1.
 */
export interface Statement {
  readonly sql: string;
  readonly params: readonly (number | string)[];
  readonly name?: string;
  readonly count?: number;
}
