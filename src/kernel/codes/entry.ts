/** What every error of Teal tells its user. The entries of all rooms together are the closed registry in `registry.ts`. */
export interface ErrorEntry {
  /** One line, present tense, no values. */
  readonly summary: string;
  /** What has happened, for a reader who did not write the code. */
  readonly happened: string;
  /** What to do about it, starting with a verb. */
  readonly doThis: string;
  /** Who may try again: Teal by itself, the operator after acting, or nobody. */
  readonly retry: 'auto' | 'operator' | 'never';
  /** Whether the two sides may differ in data because of this. */
  readonly dataMayDiffer: 'yes' | 'no' | 'unknown';
}
