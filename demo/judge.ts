import type { Client } from 'pg';
import { must } from '../src/kernel/assert.ts';
import type { ClientsReport } from './clients.ts';

export interface Verdict {
  readonly acknowledged: number;
  /** Acknowledged to a client, and not there. */
  readonly missing: number;
  /** There, although the server had said that it failed, or never tried at all. */
  readonly invented: number;
  /** Written twice: more payments than notes of payments, or the other way round. */
  readonly doubled: number;
  /** What all transfers together must leave unchanged. */
  readonly balanceKept: boolean;
}

/** Compares what the clients were told with what the live side holds. */
export async function judge(live: Client, report: ClientsReport, balanceBefore: string): Promise<Verdict> {
  const { rows } = await live.query<{ client: number; seq: string }>('select client, seq from shop.ledger');
  const held = new Map<number, Set<number>>();
  for (const { client, seq } of rows) {
    const seqs = held.get(client) ?? new Set<number>();
    held.set(client, seqs.add(Number(seq)));
  }
  let [acknowledged, missing, invented] = [0, 0, 0];
  for (const books of report.books) {
    const there = held.get(books.client) ?? new Set<number>();
    const failed = new Set(books.failed);
    const unanswered = new Set(books.unanswered);
    for (let seq = 1; seq <= books.tried; seq += 1) {
      if (unanswered.has(seq)) continue;
      if (failed.has(seq)) invented += there.has(seq) ? 1 : 0;
      else {
        acknowledged += 1;
        missing += there.has(seq) ? 0 : 1;
      }
    }
    invented += [...there].filter((seq) => seq > books.tried).length;
  }
  const sums = await live.query<{ balance: string; doubled: string }>(
    `select (select sum(balance) from shop.customers)::text as balance,
            (select abs((select count(*) from shop.payments) - (select count(*) from shop.events where kind = 'payment')))::text as doubled`,
  );
  const sum = must(sums.rows[0], 'the sums');
  return { acknowledged, missing, invented, doubled: Number(sum.doubled), balanceKept: sum.balance === balanceBefore };
}
