import type { PlainCommand } from '../../../../wire/mysql/plain-command.ts';
import type { Token } from '../../shadow/tokens.ts';
import { tokensOf } from '../shadow/tokens.ts';

const reads = new Set(['select', 'with', 'values', 'table']);
const shows = new Set(['show', 'explain', 'describe', 'desc', 'use']);
const writing = new Set(['insert', 'update', 'delete', 'replace', 'into', 'load', 'call', 'truncate', 'rename']);
/** They hold up others, wait for them, or give out numbers. */
const acting = new Set(
  'get_lock master_pos_wait source_pos_wait master_gtid_wait wait_for_executed_gtid_set wait_until_sql_thread_after_gtids nextval lastval setval'.split(
    ' ',
  ),
);
/** Words of SET that reach beyond the session, or take away that nothing is written. */
const reaching = new Set(
  'password statement resource transaction_read_only tx_read_only sql_log_bin gtid_next gtid_domain_id server_id'.split(
    ' ',
  ),
);
const ofServer = new Set(['global', 'persist', 'persist_only']);
const afterValue = new Set(['=', '(']);

/**
 * Why a text is not put to a side where nothing may be written; undefined when it may. Pure. What a function would write is refused by the transaction that it is asked in; so this lets through only
 * statements that cannot leave such a transaction, hold up others or reach the server itself.
 */
export function whyNotRead(text: string): string | undefined {
  const tokens = tokensOf(text);
  if (tokens === undefined) return 'not understood';
  const end = tokens.findIndex(({ kind, text: symbol }) => kind === 'symbol' && symbol === ';');
  if (end !== -1 && tokens.slice(end).some(({ text: symbol }) => symbol !== ';')) return 'several statements';
  const statement = end === -1 ? tokens : tokens.slice(0, end);
  const words = statement.filter(({ kind }) => kind === 'word').map(({ text: word }) => word);
  const first = statement.find(({ text: symbol }) => symbol !== '(')?.text ?? '';
  if (first === '') return undefined;
  if (reads.has(first) || shows.has(first)) return whyNoRead(statement);
  if (first === 'set') return whyNotSet(statement);
  return ofTransactions(words);
}

function whyNoRead(tokens: readonly Token[]): string | undefined {
  for (const [at, { kind, text }] of tokens.entries()) {
    const [next, afterNext] = [tokens[at + 1]?.text, tokens[at + 2]?.text];
    // Functions may be named in quotes.
    if (next === '(' && acting.has(unquoted(text))) return 'locks or waits';
    if (kind !== 'word') continue;
    if (text === 'for' && (next === 'update' || next === 'share')) return 'locks rows';
    if (text === 'lock' && next === 'in') return 'locks rows';
    if (next === 'value' && afterNext === 'for') return 'a write';
    if (writing.has(text) && next !== '(') return 'a write';
  }
  return undefined;
}

function whyNotSet(tokens: readonly Token[]): string | undefined {
  for (const [at, { text }] of tokens.entries()) {
    const word = unquoted(text);
    if (reaching.has(word)) return 'a write';
    if (word === 'read' && tokens[at + 1]?.text === 'write') return 'a write';
    if (word === 'role') return 'ends what the session is';
    if (!ofServer.has(word)) continue;
    const before = tokens.slice(0, at).findLast(({ text: symbol }) => symbol !== '@');
    if (!afterValue.has(before?.text ?? '')) return 'a write';
  }
  return whyNoRead(tokens);
}

/** COMMIT RELEASE ends the session; START also begins what replicates. */
function ofTransactions(words: readonly string[]): string | undefined {
  const [first = '', second] = words;
  switch (first) {
    case 'begin':
      return words.length <= 2 ? undefined : 'a write';
    case 'start':
      return second === 'transaction' ? undefined : 'a write';
    case 'commit':
    case 'rollback':
      return words.includes('release') && second !== 'to' ? 'ends what the session is' : undefined;
    case 'savepoint':
    case 'release':
      return undefined;
    default:
      return 'a write';
  }
}

function unquoted(text: string): string {
  return /^[`"']/.test(text) ? text.slice(1, -1).toLowerCase() : text;
}

/** The same statement where nothing may be written: a transaction begins read-only whatever its client said. */
export function asRead(text: string): string {
  const words = (tokensOf(text) ?? []).map(({ text: word }) => word);
  const begins = words[0] === 'begin' || (words[0] === 'start' && words[1] === 'transaction');
  if (!begins) return text;
  return `start transaction ${words.includes('snapshot') ? 'with consistent snapshot, ' : ''}read only`;
}

export function asReadCommand(said: PlainCommand): PlainCommand {
  if (said[0] === 'Q') return ['Q', asRead(said[1])];
  return said[0] === 'P' ? ['P', said[1], asRead(said[2]), said[3]] : said;
}
