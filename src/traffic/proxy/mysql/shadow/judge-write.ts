import type { Write } from '../../shadow/judge-write.ts';
import type { SkipReason } from '../../shadow/skip-reason.ts';
import { normalised, type Token } from '../../shadow/tokens.ts';
import { namesAnother } from './databases.ts';

/** What a statement does to the transaction that it stands in. `begin` ends one that is open, as COMMIT does. */
export type Control = 'begin' | 'commit' | 'rollback' | 'savepoint';

export interface MysqlWrite extends Write {
  /** It takes the number that an insert of its session was given before. */
  readonly usesLastId: boolean;
  readonly isInsert: boolean;
}

/** Of one statement, for the transaction that it is of: at most one is there; none where it is something else that cannot be repeated. */
export interface JudgedForWrites {
  readonly write?: MysqlWrite;
  readonly whyNoWrite?: SkipReason;
  readonly control?: Control;
  /** Neither rows nor the session are changed. */
  readonly writesNothing?: true;
  /** Where no transaction is open after it, it has committed the one before. */
  readonly mayCommit?: true;
}

const verbs = new Set(['insert', 'update', 'delete', 'replace']);
const telling = new Set(['show', 'describe', 'desc', 'explain', 'help']);
/** What they tell or do is of the session or the server, which is another one there; or of a statement before. */
const ofSession = new Set(
  `row_count found_rows lastval setval connection_id load_file sleep benchmark get_lock release_lock release_all_locks is_free_lock is_used_lock
  master_pos_wait source_pos_wait master_gtid_wait wait_for_executed_gtid_set wait_until_sql_thread_after_gtids`
    .split(/\s+/)
    .filter((name) => name !== ''),
);

/** Pure. `called`: names before an opening bracket; `own`: stored and loaded functions, of which a loaded one may do anything; `databases`: of both servers. */
export function judgeForWrites(
  tokens: readonly Token[],
  called: readonly string[],
  own: ReadonlySet<string>,
  databases: ReadonlySet<string>,
): JudgedForWrites {
  const control = controlOf(tokens);
  if (control !== undefined) return { control };
  const first = tokens.find(({ text }) => text !== '(');
  if (first?.kind === 'word' && telling.has(first.text)) {
    return { writesNothing: true };
  }
  if (!isWrite(tokens, first)) return {};
  const why = whyNot(tokens, called, own, databases);
  if (why !== undefined) return { whyNoWrite: why };
  const words = new Set(tokens.filter(({ kind }) => kind === 'word').map(({ text }) => text));
  const isInsert = first?.text === 'insert' || first?.text === 'replace';
  const isPlainInsert = isInsert && !['select', 'duplicate', 'with', 'table'].some((word) => words.has(word));
  return {
    write: { statement: normalised(tokens), isPlainInsert, isInsert, usesLastId: called.includes('last_insert_id') },
  };
}

/** Of `SET autocommit`, alone: drivers say it at both ends of a transaction. */
export function autocommitOf(
  tokens: readonly Token[],
): Pick<JudgedForWrites, 'writesNothing' | 'mayCommit'> | undefined {
  const text = tokens.map((token) => token.text.toLowerCase()).join('');
  const value = /^set(?:session|local|@@(?:(?:session|local)\.)?)?autocommit:?=([01]|on|off|true|false)$/.exec(
    text,
  )?.[1];
  if (value === undefined) return undefined;
  return { writesNothing: true, ...(/^(?:1|on|true)$/.test(value) ? { mayCommit: true } : {}) };
}

function controlOf(tokens: readonly Token[]): Control | undefined {
  const [first, second, third] = tokens.map(({ text }) => text);
  switch (first) {
    case 'begin':
      return 'begin';
    case 'start':
      return second === 'transaction' ? 'begin' : undefined;
    case 'commit':
      return 'commit';
    case 'rollback':
      return second === 'to' || (second === 'work' && third === 'to') ? 'savepoint' : 'rollback';
    case 'savepoint':
    case 'release':
      return 'savepoint';
    default:
      return undefined;
  }
}

/** By its own first word, or behind a WITH. */
function isWrite(tokens: readonly Token[], first: Token | undefined): boolean {
  if (first?.kind !== 'word') return false;
  if (verbs.has(first.text)) return true;
  if (first.text !== 'with') return false;
  return tokens.some(({ kind, text }, at) => kind === 'word' && verbs.has(text) && tokens[at - 1]?.text === ')');
}

function whyNot(
  tokens: readonly Token[],
  called: readonly string[],
  own: ReadonlySet<string>,
  databases: ReadonlySet<string>,
): SkipReason | undefined {
  if (namesAnother(tokens, databases)) return 'names another database';
  if (tokens.some(({ kind, text }) => kind === 'symbol' && text === '@')) return 'depends on its session';
  if (called.some((name) => ofSession.has(name))) return 'depends on its session';
  return called.some((name) => own.has(name)) ? 'may act outside of its transaction' : undefined;
}
