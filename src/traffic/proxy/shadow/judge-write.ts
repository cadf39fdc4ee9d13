import type { SkipReason } from './skip-reason.ts';
import { normalised, type Token } from './tokens.ts';

/** A statement that writes rows, and may be put to green in a transaction that is rolled back. */
export interface Write {
  /** Without values: what it is counted under. */
  readonly statement: string;
  /** `INSERT` of rows that it has itself, whatever else is there: what green says of their values does not depend on other rows. */
  readonly isPlainInsert: boolean;
}

/** Names, lower case, without their schema, of what may do something that no rollback takes back. */
export interface ActingNames {
  readonly functions: ReadonlySet<string>;
  /** Tables and views: a write to them may call such a function. */
  readonly relations: ReadonlySet<string>;
}

const verbs = new Set(['insert', 'update', 'delete', 'merge']);
/** What they tell or do is of the session, which is another one on green. */
const ofSession = /^(?:currval|lastval|setval|set_config|pg_|txid_|lo_|dblink)/;

/** Whether one statement writes rows, by its own first word or in a WITH. */
export function isWrite(tokens: readonly Token[]): boolean {
  const first = tokens.find(({ text }) => text !== '(');
  if (first?.kind !== 'word') return false;
  return verbs.has(first.text) || (first.text === 'with' && tokens.some((token, at) => beginsWrite(tokens, token, at)));
}

/** Not the word of `FOR UPDATE`, nor a column of that name. */
function beginsWrite(tokens: readonly Token[], { kind, text }: Token, at: number): boolean {
  const before = tokens[at - 1]?.text;
  return kind === 'word' && verbs.has(text) && (before === '(' || before === ')');
}

/** The write, or why it is not put to green. Pure. `called`: names before an opening bracket. */
export function judgeWrite(
  tokens: readonly Token[],
  called: readonly string[],
  acting: ActingNames,
): { readonly write: Write } | { readonly whyNoWrite: SkipReason } {
  if (called.some((name) => ofSession.test(name))) return { whyNoWrite: 'depends on its session' };
  const names = tokens.filter(({ kind }) => kind === 'word' || kind === 'quoted').map(nameOf);
  if (names.includes('teal')) return { whyNoWrite: 'reads what is of the server itself' };
  const acts = called.some((name) => acting.functions.has(name)) || names.some((name) => acting.relations.has(name));
  if (acts) return { whyNoWrite: 'may act outside of its transaction' };
  const words = new Set(tokens.filter(({ kind }) => kind === 'word').map(({ text }) => text));
  const isPlainInsert = words.has('insert') && !['select', 'conflict', 'with', 'table'].some((word) => words.has(word));
  return { write: { statement: normalised(tokens), isPlainInsert } };
}

function nameOf({ kind, text }: Token): string {
  return kind === 'quoted' ? text.slice(1, -1).replaceAll('""', '"') : text;
}
