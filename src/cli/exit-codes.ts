/** What a script can rely on. Each command's help says what they mean there (docs/reference/cli.md). */
export const exitCodes = Object.freeze({
  ok: 0,
  /** Something failed; standard error has a code, what happened and what to do. */
  failed: 1,
  /** The command line or the migration file has mistakes; nothing was begun. */
  usage: 2,
  /** The answer is no: blockers were found, the sides differ, a gate says no. */
  no: 3,
  /** A person is awaited; the last lines say what to type. */
  waiting: 4,
  /** Ctrl-C. */
  interrupted: 130,
});
