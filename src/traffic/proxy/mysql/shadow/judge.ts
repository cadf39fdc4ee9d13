import { judgedBytes, type Read } from '../../shadow/judge.ts';
import { RecentTexts } from '../../shadow/recent-texts.ts';
import type { SkipReason } from '../../shadow/skip-reason.ts';
import { normalised, type Token } from '../../shadow/tokens.ts';
import { nameOf } from './databases.ts';
import { autocommitOf, judgeForWrites, type JudgedForWrites } from './judge-write.ts';
import { tokensOf } from './tokens.ts';

/** What may be done with one statement, as far as its text tells. */
export interface MysqlJudged extends JudgedForWrites {
  readonly read?: Read;
  readonly why?: SkipReason;
  /** Nothing of the session (settings, default database, temporary tables, role) is another after it, but for what the server itself reports. */
  readonly keepsSession: boolean;
  /** All that it changes of the session, whatever the server reports, is `autocommit`: what is repeated does not depend on it. */
  readonly setsAutocommit?: true;
}

const reads = new Set(['select', 'with', 'values', 'table']);
const keeping = new Set(
  'insert update delete replace load show explain describe desc begin start commit rollback savepoint release analyze optimize check repair flush kill do truncate alter rename create drop grant revoke lock unlock'.split(
    ' ',
  ),
);
const writes = new Set(['insert', 'update', 'delete', 'replace']);
const ofServer = new Set(['information_schema', 'performance_schema', 'mysql', 'sys', 'teal']);
const functionsOfServer = new Set([
  'user',
  'current_user',
  'session_user',
  'system_user',
  'current_role',
  'version',
  'connection_id',
  'load_file',
]);
/** Of both families; `now` and its like are known beforehand, so that nobody has to ask blue again to find out. */
const volatile = new Set(
  `now sysdate current_timestamp current_date current_time curdate curtime localtime localtimestamp utc_date utc_time utc_timestamp unix_timestamp
  rand random_bytes uuid uuid_short uuid_v4 uuid_v7 sys_guid found_rows last_insert_id row_count sleep benchmark get_lock release_lock release_all_locks
  is_free_lock is_used_lock master_pos_wait source_pos_wait master_gtid_wait wait_for_executed_gtid_set wait_until_sql_thread_after_gtids
  nextval lastval setval`
    .split(/\s+/)
    .filter((name) => name !== ''),
);
/** What time it is: each server says its own. */
const clocks = new Set(
  'now sysdate current_timestamp current_date current_time curdate curtime localtime localtimestamp utc_date utc_time utc_timestamp unix_timestamp'.split(
    ' ',
  ),
);
/** They need no brackets. */
const volatileWords = new Set(
  'current_timestamp current_date current_time localtime localtimestamp utc_date utc_time utc_timestamp'.split(' '),
);

/** Of functions that say something else each time, those that a read may call. */
type Allowed = 'nothing volatile' | 'clocks';

export interface MysqlJudging {
  readonly allowed?: Allowed;
  /** Of both servers, where writes are tried. */
  readonly databases?: ReadonlySet<string> | undefined;
}

/** What may be done with statements, by their text. Each text is looked at once, as long as it is among the last thousand. */
export class MysqlJudge {
  readonly #own: ReadonlySet<string>;
  readonly #how: MysqlJudging;
  readonly #known = new RecentTexts<MysqlJudged>();

  /** `own`: names of stored and loaded functions, lower case: they may do anything. */
  constructor(own: ReadonlySet<string>, how: MysqlJudging = {}) {
    this.#own = own;
    this.#how = how;
  }

  /** `text`: one character a byte. */
  judge(text: string): MysqlJudged {
    if (text.length > judgedBytes) return judgeHead(text);
    return this.#known.of(text, () => judgeText(text, this.#own, this.#how));
  }
}

function judgeHead(text: string): MysqlJudged {
  const first = /^\s*([a-z]+)\b/i.exec(text)?.[1]?.toLowerCase() ?? '';
  return { why: 'too long', keepsSession: writes.has(first) };
}

/** Pure; see `MysqlJudge`. */
export function judgeText(text: string, own: ReadonlySet<string>, how: MysqlJudging = {}): MysqlJudged {
  const { allowed = 'nothing volatile', databases } = how;
  const tokens = tokensOf(text);
  if (tokens === undefined) return { why: 'not understood', keepsSession: false };
  const end = tokens.findIndex(({ kind, text: symbol }) => kind === 'symbol' && symbol === ';');
  const statement = end === -1 ? tokens : tokens.slice(0, end);
  if (end !== -1 && tokens.slice(end).some(({ text: symbol }) => symbol !== ';')) {
    return { why: 'several statements', keepsSession: false };
  }
  const autocommit = autocommitOf(statement);
  if (autocommit !== undefined) return { ...autocommit, why: 'no read', keepsSession: true, setsAutocommit: true };
  const called = calls(statement);
  const keepsSession = keeps(statement, called, own);
  const why = whyNoRead(statement, called, own, allowed);
  const forWrites = databases === undefined ? {} : judgeForWrites(statement, called, own, databases);
  return { ...forWrites, ...(why === undefined ? { read: readOf(statement) } : { why }), keepsSession };
}

/** Also behind an opening bracket. */
function firstWord(tokens: readonly Token[]): string {
  return tokens.find(({ text }) => text !== '(')?.text ?? '';
}

function keeps(tokens: readonly Token[], called: readonly string[], own: ReadonlySet<string>): boolean {
  if (called.some((name) => own.has(name))) return false;
  const first = firstWord(tokens);
  if (tokens.length === 0 || reads.has(first)) return true;
  const isTemporary = tokens.some(({ kind, text }) => kind === 'word' && text === 'temporary');
  return keeping.has(first) && !isTemporary;
}

function whyNoRead(
  tokens: readonly Token[],
  called: readonly string[],
  own: ReadonlySet<string>,
  allowed: Allowed,
): SkipReason | undefined {
  if (!reads.has(firstWord(tokens))) return 'no read';
  for (const [at, token] of tokens.entries()) {
    const why = whyNotWith(token, tokens[at + 1], tokens[at + 2]);
    if (why !== undefined) return why;
    if (allowed !== 'clocks' && token.kind === 'word' && volatileWords.has(token.text))
      return 'calls a volatile function';
  }
  const isVolatile = (name: string): boolean => volatile.has(name) && !(allowed === 'clocks' && clocks.has(name));
  if (called.some((name) => isVolatile(name) || own.has(name))) return 'calls a volatile function';
  return called.some((name) => functionsOfServer.has(name)) ? 'reads what is of the server itself' : undefined;
}

function whyNotWith(
  { kind, text }: Token,
  next: Token | undefined,
  afterNext: Token | undefined,
): SkipReason | undefined {
  if (kind === 'symbol' && text === '@') {
    return next?.text === '@' ? 'reads what is of the server itself' : 'depends on its session';
  }
  const name = nameOf({ kind, text });
  if (ofServer.has(name) && next?.text === '.') return 'reads what is of the server itself';
  if (kind !== 'word') return undefined;
  if (text === 'for' && (next?.text === 'update' || next?.text === 'share')) return 'locks rows';
  if (text === 'lock' && next?.text === 'in') return 'locks rows';
  // INSERT() and REPLACE() are functions of texts.
  if (text === 'into' || (writes.has(text) && next?.text !== '(')) return 'no read';
  // MariaDB: NEXT VALUE FOR, PREVIOUS VALUE FOR a sequence.
  if (next?.text === 'value' && afterNext?.text === 'for') return 'calls a volatile function';
  if (text === 'current_user' || text === 'current_role') return 'reads what is of the server itself';
  return undefined;
}

/** Names before an opening bracket. */
function calls(tokens: readonly Token[]): readonly string[] {
  return tokens.filter((_, at) => tokens[at + 1]?.text === '(').map(nameOf);
}

function readOf(tokens: readonly Token[]): Read {
  const outer = outermost(tokens);
  const ordered = outer.some(({ text }, at) => text === 'order' && outer[at + 1]?.text === 'by');
  const limited = outer.some(({ kind, text }) => kind === 'word' && ['limit', 'fetch', 'offset'].includes(text));
  return { statement: normalised(tokens), ordered, arbitrary: limited && !ordered };
}

/** What lies in no brackets. */
function outermost(tokens: readonly Token[]): readonly Token[] {
  let depth = 0;
  return tokens.filter(({ kind, text }) => {
    if (kind !== 'symbol') return depth === 0;
    if (text === '(') depth += 1;
    else if (text === ')') depth -= 1;
    else return depth === 0;
    return false;
  });
}
