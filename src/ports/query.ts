import type { Side } from '../model/catalog.ts';

/** Asks one side a question of the user's: the first column of the first row as text, NULL or no row as null. Reads only: a write in it is refused. */
export type AskValue = (side: Side, sql: string, signal: AbortSignal) => Promise<string | null>;
