import { must } from '../../kernel/assert.ts';
import { quoteLiteral } from './quote.ts';

/** A snapshot that a transaction exported. */
export interface ExportedSnapshot {
  /** The server's own name for it, which names the transaction too: a server that was restarted counts from the beginning and may give it to somebody else. */
  readonly exported: string;
  /** What it shows, by `showsSql`: whoever imports it looks whether it is the one that was meant. */
  readonly shows: string;
}

/** Of the transaction that asks: equal texts, equal rows. As a digest: it lists every transaction that was running. */
export const showsSql = 'pg_catalog.md5(pg_catalog.pg_current_snapshot()::text)';

/** Begins a transaction on it. Answers one row when it is the one that was meant, none when it is another of the same name; an error when there is none. */
export function importSql({ exported, shows }: ExportedSnapshot): string {
  return `${beginOn(exported)}; select 1 as same where ${showsSql} = ${quoteLiteral(shows)}`;
}

export function beginOn(exported: string): string {
  return `begin isolation level repeatable read read only; set transaction snapshot ${quoteLiteral(exported)}`;
}

/** Answers a row when one of the exporting transactions is still open. Seen from inside of any transaction, because locks are no part of a snapshot. */
export function isOpenSql(names: readonly string[]): string {
  const transactions = names.map((name) => quoteLiteral(transactionOf(name)));
  const among = transactions.length === 0 ? 'false' : `l.virtualtransaction in (${transactions.join(', ')})`;
  return `select 1 as open from pg_catalog.pg_locks l where l.locktype = 'virtualxid' and l.granted and ${among} limit 1`;
}

/** `00000003-0000001B-1` is the first snapshot of the virtual transaction 3/27 (snapmgr.c, ExportSnapshot). */
function transactionOf(name: string): string {
  const match = must(/^([0-9A-F]{8})-([0-9A-F]{8})-\d+$/.exec(name) ?? undefined, 'the name of an exported snapshot');
  return `${Number.parseInt(match[1] ?? '', 16)}/${Number.parseInt(match[2] ?? '', 16)}`;
}
