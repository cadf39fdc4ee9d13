import { isWrite, judgeWrite, type ActingNames, type Write } from './judge-write.ts';
import { RecentTexts } from './recent-texts.ts';
import type { SkipReason } from './skip-reason.ts';
import { normalised, tokensOf, type Token } from './tokens.ts';

/** A statement that reads and does nothing else, as far as its text tells. */
export interface Read {
  /** Without values: what it is counted under. */
  readonly statement: string;
  /** It says itself in which order its rows come. */
  readonly ordered: boolean;
  /** It takes some rows of many, and does not say which. */
  readonly arbitrary: boolean;
}

export interface Judged {
  readonly read?: Read;
  readonly why?: SkipReason;
  /** Looked for only where it is known what acts beyond a transaction. */
  readonly write?: Write;
  readonly whyNoWrite?: SkipReason;
  /** What it does with the transaction. */
  readonly control?: 'begin' | 'commit' | 'rollback' | 'savepoint';
  /** Nothing of the session (settings, temporary tables, role) is another after it. */
  readonly keepsSession: boolean;
  /** A transaction has neither written nor changed what its reads see because of it. */
  readonly writesNothing: boolean;
}

/** Names of functions that may do or tell something else each time; lower case, without their schema. */
export interface VolatileFunctions {
  /** Of PostgreSQL itself. */
  readonly builtIn: ReadonlySet<string>;
  /** Of users and extensions: they may also change the session. */
  readonly own: ReadonlySet<string>;
}

/** Longer ones are judged by their first word. */
export const judgedBytes = 8 << 10;

const reads = new Set(['select', 'with', 'values', 'table']);
const writes = new Set(['insert', 'update', 'delete', 'merge', 'copy', 'truncate']);
const transactionControl: ReadonlyMap<string, NonNullable<Judged['control']>> = new Map([
  ['begin', 'begin'],
  ['start', 'begin'],
  ['commit', 'commit'],
  ['end', 'commit'],
  ['rollback', 'rollback'],
  ['abort', 'rollback'],
  ['savepoint', 'savepoint'],
  ['release', 'savepoint'],
]);
const harmless = new Set(
  'show explain fetch move close lock analyze vacuum reindex refresh comment grant revoke notify listen unlisten deallocate declare alter drop checkpoint cluster'.split(
    ' ',
  ),
);
const lockStrengths = new Set(['update', 'share', 'no', 'key']);
/** They hold something else on every server, though it is the same data. */
const ofServer = new Set([
  'ctid',
  'xmin',
  'xmax',
  'cmin',
  'cmax',
  'tableoid',
  'oid',
  'current_catalog',
  'information_schema',
]);
const functionsOfServer = /^(?:pg_|inet_|txid_|has_|version$|current_database$|current_setting$)/;

/** What may be done with statements, by their text. Each text is looked at once, as long as it is among the last thousand. */
export class Judge {
  readonly #volatile: VolatileFunctions;
  readonly #acting: ActingNames | undefined;
  readonly #known = new RecentTexts<Judged>();

  constructor(volatile: VolatileFunctions, acting?: ActingNames) {
    this.#volatile = volatile;
    this.#acting = acting;
  }

  /** `text`: one character a byte; whole, unless it is longer than `judgedBytes`. */
  judge(text: string): Judged {
    if (text.length > judgedBytes) return judgeHead(text);
    return this.#known.of(text, () => judgeText(text, this.#volatile, this.#acting));
  }
}

function judgeHead(text: string): Judged {
  const first = /^\s*([a-z]+)\b/i.exec(text)?.[1]?.toLowerCase() ?? '';
  const isOfWrite = writes.has(first) ? ({ whyNoWrite: 'too long' } as const) : {};
  return { why: 'too long', ...isOfWrite, keepsSession: writes.has(first), writesNothing: false };
}

/** Pure; see `Judge`. */
export function judgeText(text: string, volatile: VolatileFunctions, acting?: ActingNames): Judged {
  const tokens = tokensOf(text);
  if (tokens === undefined) return { why: 'not understood', keepsSession: false, writesNothing: false };
  const statements = split(tokens);
  const [only] = statements;
  if (only === undefined) return { why: 'no read', keepsSession: true, writesNothing: true };
  if (statements.length === 1) return judgeStatement(only, volatile, acting);
  return {
    why: 'several statements',
    ...(statements.some(isWrite) ? { whyNoWrite: 'several statements' } : {}),
    keepsSession: statements.every((each) => judgeStatement(each, volatile).keepsSession),
    writesNothing: false,
  };
}

function split(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const statements: Token[][] = [[]];
  for (const token of tokens) {
    if (token.kind === 'symbol' && token.text === ';') statements.push([]);
    else statements.at(-1)?.push(token);
  }
  return statements.filter((statement) => statement.length > 0);
}

function judgeStatement(tokens: readonly Token[], volatile: VolatileFunctions, acting?: ActingNames): Judged {
  const keepsSession = keeps(tokens, volatile);
  const first = firstWord(tokens);
  const control = transactionControl.get(first);
  if (control !== undefined) {
    const isPartly = control === 'rollback' && tokens.some(({ text }) => text === 'to');
    return { why: 'no read', control: isPartly ? 'savepoint' : control, keepsSession: true, writesNothing: true };
  }
  const why = whyNoRead(tokens, volatile);
  if (why !== undefined && acting !== undefined && isWrite(tokens)) {
    return { why, ...judgeWrite(tokens, calls(tokens), acting), keepsSession, writesNothing: false };
  }
  if (why !== undefined) {
    const isOfTransaction = first === 'set' && tokens[1]?.text === 'transaction';
    return { why, keepsSession, writesNothing: isOfTransaction || first === 'show' };
  }
  return { read: readOf(tokens), keepsSession, writesNothing: true };
}

/** Also behind an opening bracket. */
function firstWord(tokens: readonly Token[]): string {
  return tokens.find(({ text }) => text !== '(')?.text ?? '';
}

function keeps(tokens: readonly Token[], volatile: VolatileFunctions): boolean {
  const first = firstWord(tokens);
  const called = calls(tokens);
  if (called.some((name) => name === 'set_config' || volatile.own.has(name))) return false;
  if (transactionControl.has(first) || harmless.has(first) || writes.has(first)) return true;
  // They end with the transaction, and until then they count as if it had written.
  if (first === 'set') return ['local', 'transaction', 'constraints'].includes(tokens[1]?.text ?? '');
  const words = new Set(tokens.filter(({ kind }) => kind === 'word').map(({ text }) => text));
  // SELECT INTO may make a temporary table, which hides another one.
  if (reads.has(first)) return !words.has('into') || words.has('insert') || words.has('merge');
  return first === 'create' && !words.has('temp') && !words.has('temporary') && !words.has('pg_temp');
}

function whyNoRead(tokens: readonly Token[], volatile: VolatileFunctions): SkipReason | undefined {
  if (!reads.has(firstWord(tokens))) return 'no read';
  const isWord = (at: number, among: ReadonlySet<string>): boolean => {
    const token = tokens[at];
    return token?.kind === 'word' && among.has(token.text);
  };
  for (const [at, { kind, text }] of tokens.entries()) {
    if (kind !== 'word') continue;
    if (text === 'for' && isWord(at + 1, lockStrengths)) return 'locks rows';
    if (writes.has(text) || text === 'into') return 'no read';
    if (text === 'tablesample') return 'calls a volatile function';
    const isSchemaOfCall = tokens[at + 1]?.text === '.' && tokens[at + 3]?.text === '(';
    if (ofServer.has(text) || (text.startsWith('pg_') && !(text === 'pg_catalog' && isSchemaOfCall))) {
      return 'reads what is of the server itself';
    }
    if (text === 'teal' && tokens[at + 1]?.text === '.') return 'reads what is of the server itself';
  }
  const called = calls(tokens);
  if (called.some((name) => volatile.builtIn.has(name) || volatile.own.has(name))) return 'calls a volatile function';
  return called.some((name) => functionsOfServer.test(name)) ? 'reads what is of the server itself' : undefined;
}

/** Names before an opening bracket. */
function calls(tokens: readonly Token[]): readonly string[] {
  return tokens
    .filter(({ kind }, at) => (kind === 'word' || kind === 'quoted') && tokens[at + 1]?.text === '(')
    .map(({ kind, text }) => (kind === 'quoted' ? text.slice(1, -1).replaceAll('""', '"') : text));
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
    if (text === '(' || text === '[') depth += 1;
    else if (text === ')' || text === ']') depth -= 1;
    else return depth === 0;
    return false;
  });
}
