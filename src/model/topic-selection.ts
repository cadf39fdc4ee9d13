import { matchesPattern } from './table-selection.ts';

/** Which topics a migration is about, by name; `*` stands for any run of characters. What a cluster keeps for itself is never among them. */
export interface TopicSelection {
  /** Default: every topic. */
  readonly include?: readonly string[];
  /** Wins over `include`. */
  readonly exclude?: readonly string[];
}

export function isTopicSelected(name: string, { include = ['*'], exclude = [] }: TopicSelection): boolean {
  return (
    include.some((pattern) => matchesPattern(name, pattern)) &&
    !exclude.some((pattern) => matchesPattern(name, pattern))
  );
}
