import { must } from '../src/kernel/assert.ts';
import { deeds, type Books, type ClientsReport, type Deed } from './books.ts';

/** Asks one side, in SQL that both families understand; numbers come as the driver gives them, sums of decimals as texts. */
export type Ask = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

export interface Verdict {
  readonly acknowledged: number;
  /** Acknowledged to a client, and not there. */
  readonly missing: number;
  /** There, although the server had said that it failed, or never tried at all. */
  readonly invented: number;
  /** Rows that no acknowledged write accounts for, or that are fewer than those acknowledged: a write that came twice, or whose rows got lost. */
  readonly doubled: number;
  /** What all transfers together must leave unchanged. */
  readonly balanceKept: boolean;
}

/** What can be counted in the shop: by deed, and the sum of all balances. */
export interface Counts {
  readonly deeds: Readonly<Record<Deed, number>>;
  /** There is one of every payment: a trigger makes it, or the payment's own transaction. */
  readonly notes: number;
  readonly balance: string;
}

export async function countShop(ask: Ask): Promise<Counts> {
  const rows = await ask(
    `select (select count(*) from shop.orders) as orders, (select count(*) from shop.items) as items,
            (select count(*) from shop.payments) as payments, (select sum(revision) from shop.documents) as revisions,
            (select -count(*) from shop.events where kind <> 'payment') as forgotten,
            (select count(*) from shop.events where kind = 'payment') as notes,
            (select sum(balance) from shop.customers) as balance`,
  );
  const row = must(rows[0], 'the counts');
  const counted = Object.fromEntries(deeds.map((deed) => [deed, Number(row[deed])])) as Record<Deed, number>;
  return { deeds: counted, notes: Number(row['notes']), balance: String(row['balance']) };
}

/** Compares what the clients were told with what the live side holds. */
export async function judge(live: Ask, report: ClientsReport, before: Counts): Promise<Verdict> {
  const held = new Map<number, Set<number>>();
  for (const { client, seq } of await live('select client, seq from shop.ledger')) {
    const seqs = held.get(Number(client)) ?? new Set<number>();
    held.set(Number(client), seqs.add(Number(seq)));
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
  const after = await countShop(live);
  return {
    acknowledged,
    missing,
    invented,
    doubled: unaccounted(report.books, before, after),
    balanceKept: after.balance === before.balance,
  };
}

/** How many rows there are too many or too few; those of writes without an answer may be there or not. */
function unaccounted(books: readonly Books[], before: Counts, after: Counts): number {
  const off = deeds.map((deed) => {
    const grown = after.deeds[deed] - before.deeds[deed];
    const least = books.reduce((sum, each) => sum + each.done[deed], 0);
    const most = least + books.reduce((sum, each) => sum + each.maybe[deed], 0);
    return Math.max(0, least - grown, grown - most);
  });
  const notes = after.notes - before.notes - (after.deeds.payments - before.deeds.payments);
  return off.reduce((sum, each) => sum + each, Math.abs(notes));
}
