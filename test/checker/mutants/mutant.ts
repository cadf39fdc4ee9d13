/** One place of the product's source and what stands there in the mutant. `find` is there exactly once. */
export interface Edit {
  /** Below the top folder. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The product with one known bug. */
export interface Mutant {
  readonly name: string;
  /** What is wrong in it, and what is lost by it. */
  readonly does: string;
  readonly edits: readonly Edit[];
}
