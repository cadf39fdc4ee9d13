import { writeFileSync } from 'node:fs';
import { Client } from 'pg';
import { isoNow, monotonicMs, nowMs, sleep } from '../src/kernel/clock.ts';
import { describeError } from '../src/kernel/errors.ts';
import { must } from '../src/kernel/assert.ts';

/**
 * The shop's clients: a process of their own, so that nothing of Teal slows their clocks. Each client keeps its own books: a write that was acknowledged to it
 * must be on the live side at the end, exactly once; one that failed must not be there; one without an answer may be either.
 */
export interface Books {
  readonly client: number;
  /** What the acknowledged writes have done, by kind. */
  readonly done: Readonly<Record<Deed, number>>;
  /** What those without an answer may have done. */
  readonly maybe: Readonly<Record<Deed, number>>;
  /** Highest sequence number tried. Every one up to it was acknowledged unless it is listed below. */
  readonly tried: number;
  readonly failed: readonly number[];
  readonly unanswered: readonly number[];
}

/** Rows that writes add, change or take, each visible in a count or a sum of its table: a write that was applied twice shows in one of them. */
export const deeds = Object.freeze(['orders', 'items', 'payments', 'revisions', 'forgotten'] as const);
export type Deed = (typeof deeds)[number];

export interface SlowCall {
  readonly startedMs: number;
  readonly tookMs: number;
}

export interface ClientsReport {
  readonly queries: number;
  readonly failures: readonly { readonly at: string; readonly what: string }[];
  readonly slow: readonly SlowCall[];
  readonly books: readonly Books[];
}

export interface ClientsOptions {
  readonly url: string;
  readonly clients: number;
  readonly callsPerSecond: number;
  /** Where the report is written when the process is told to stop. */
  readonly report: string;
  readonly customers: number;
  readonly orders: number;
}

const slowMs = 5;
const maxFailuresKept = 200;

class ShopClient {
  readonly #client: Client;
  readonly #number: number;
  readonly #options: ClientsOptions;
  readonly #failed: number[] = [];
  readonly #unanswered: number[] = [];
  readonly #done = noDeeds();
  readonly #maybe = noDeeds();
  #seq = 0;
  queries = 0;
  readonly failures: { at: string; what: string }[] = [];
  readonly slow: SlowCall[] = [];

  constructor(number: number, options: ClientsOptions) {
    this.#number = number;
    this.#options = options;
    this.#client = new Client({ connectionString: options.url, application_name: `shop-${number}` });
    this.#client.on('error', (error) => this.#fail(error));
  }

  get books(): Books {
    return {
      client: this.#number,
      done: this.#done,
      maybe: this.#maybe,
      tried: this.#seq,
      failed: this.#failed,
      unanswered: this.#unanswered,
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#client.connect();
    await this.#call(`set work_mem = '5MB'`);
    const everyMs = (1000 * this.#options.clients) / this.#options.callsPerSecond;
    let next = monotonicMs();
    while (!signal.aborted) {
      await this.#one();
      next = Math.max(next + everyMs, monotonicMs() - 5 * everyMs);
      const pause = next - monotonicMs();
      if (pause > 1) await sleep(pause);
    }
    await this.#client.end();
  }

  async #one(): Promise<void> {
    const dice = Math.random();
    try {
      if (dice < 0.2) await this.#placeOrder();
      else if (dice < 0.3)
        await this.#write(
          'pay',
          'payments',
          `with did as (insert into shop.payments (order_id, paid_on, amount) values ($3, current_date, $4) returning 1)`,
          [this.#anyOrder(), 5 + Math.floor(Math.random() * 90)],
        );
      else if (dice < 0.4) await this.#transfer();
      else if (dice < 0.45)
        await this.#write(
          'revise',
          'revisions',
          `with did as (update shop.documents set revision = revision + 1 where id = (select id from shop.documents tablesample system (10) limit 1) returning 1)`,
          [],
        );
      else if (dice < 0.5)
        await this.#write(
          'forget',
          'forgotten',
          `with did as (delete from shop.events where ctid = (select ctid from shop.events where kind <> 'payment' limit 1 for update skip locked) returning 1)`,
          [],
        );
      else if (dice < 0.55)
        await this.#write(
          'advance',
          undefined,
          `with did as (update shop.orders set status = 'shipped' where id = $3 returning 1)`,
          [this.#anyOrder()],
        );
      else if (dice < 0.57) await this.#checkSession();
      else if (dice < 0.8)
        await this.#call({
          name: 'order',
          text: 'select * from shop.orders where id = $1',
          values: [this.#anyOrder()],
        });
      else await this.#call(`select id, total from shop.order_totals where id = ${this.#anyOrder()}`);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #placeOrder(): Promise<void> {
    await this.#writing({ orders: 1, items: 2 }, async (seq) => {
      await this.#call('begin');
      const made = await this.#call({
        name: 'new-order',
        text: 'insert into shop.orders (customer_id) values ($1) returning id',
        values: [this.#anyCustomer()],
      });
      const id: unknown = must(made.rows[0], 'the new order')['id'];
      await this.#call({
        name: 'new-items',
        text: 'insert into shop.items (order_id, line, sku, quantity, price) select $1, row_number() over (), sku, 1, price from shop.products limit 2',
        values: [id],
      });
      await this.#call({
        name: 'ledger',
        text: 'insert into shop.ledger (client, seq) values ($1, $2)',
        values: [this.#number, seq],
      });
      await this.#call('commit');
    });
  }

  async #transfer(): Promise<void> {
    const [a, b] = [this.#anyCustomer(), this.#anyCustomer()].toSorted((x, y) => x - y);
    await this.#writing({}, async (seq) => {
      await this.#call('begin');
      await this.#call({
        name: 'take',
        text: 'update shop.customers set balance = balance - $2 where id = $1',
        values: [a, 1],
      });
      await this.#call({
        name: 'give',
        text: 'update shop.customers set balance = balance + $2 where id = $1',
        values: [b, 1],
      });
      await this.#call({
        name: 'ledger',
        text: 'insert into shop.ledger (client, seq) values ($1, $2)',
        values: [this.#number, seq],
      });
      await this.#call('commit');
    });
  }

  /** One statement: a change, and the ledger's row of it, which answers how many rows the change met. */
  async #write(name: string, deed: Deed | undefined, change: string, values: readonly unknown[]): Promise<void> {
    const text = `${change} insert into shop.ledger (client, seq) values ($1, $2) returning (select count(*)::int from did) as met`;
    await this.#writing(deed === undefined ? {} : { [deed]: 1 }, async (seq) => {
      const { rows } = await this.#call({ name, text, values: [this.#number, seq, ...values] });
      if (deed === undefined) return {};
      return { [deed]: Number(must(rows[0], 'the row of the ledger')['met']) };
    });
  }

  /** A server's error means "has not happened"; a lost connection means "nobody knows". `work` answers what it has done, if that is not `most`. */
  async #writing(most: Deeds, work: (seq: number) => Promise<Deeds | void>): Promise<void> {
    this.#seq += 1;
    const seq = this.#seq;
    try {
      add(this.#done, (await work(seq)) ?? most);
    } catch (error) {
      const answered =
        error instanceof Error && 'severity' in error && (error as { severity?: unknown }).severity === 'ERROR';
      (answered ? this.#failed : this.#unanswered).push(seq);
      if (answered) await this.#client.query('rollback');
      else add(this.#maybe, most);
      throw error;
    }
  }

  async #checkSession(): Promise<void> {
    const answer = await this.#call('show work_mem');
    if (must(answer.rows[0], 'a setting')['work_mem'] !== '5MB') throw new Error('a setting of the session was lost');
  }

  async #call(
    query: string | { name: string; text: string; values: unknown[] },
  ): Promise<{ rows: Record<string, unknown>[] }> {
    const startedMs = nowMs();
    const start = monotonicMs();
    this.queries += 1;
    try {
      return typeof query === 'string' ? await this.#client.query(query) : await this.#client.query(query);
    } finally {
      const tookMs = monotonicMs() - start;
      if (tookMs >= slowMs) this.slow.push({ startedMs, tookMs });
    }
  }

  #fail(error: unknown): void {
    if (this.failures.length < maxFailuresKept) this.failures.push({ at: isoNow(), what: describeError(error) });
  }

  #anyOrder(): number {
    return 1 + Math.floor(Math.random() * this.#options.orders);
  }

  #anyCustomer(): number {
    return 1 + Math.floor(Math.random() * this.#options.customers);
  }
}

type Deeds = Readonly<Partial<Record<Deed, number>>>;

function noDeeds(): Record<Deed, number> {
  return { orders: 0, items: 0, payments: 0, revisions: 0, forgotten: 0 };
}

function add(to: Record<Deed, number>, more: Deeds): void {
  for (const deed of deeds) to[deed] += more[deed] ?? 0;
}

async function main(options: ClientsOptions): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.on('SIGTERM', end).on('SIGINT', end).on('disconnect', end);
  process.on('message', end);
  const clients = Array.from({ length: options.clients }, (_, n) => new ShopClient(n, options));
  const running = Promise.all(clients.map((client) => client.run(stop.signal)));
  process.send?.('started');
  await running;
  const report: ClientsReport = {
    queries: clients.reduce((sum, client) => sum + client.queries, 0),
    failures: clients.flatMap((client) => client.failures),
    slow: clients.flatMap((client) => client.slow),
    books: clients.map((client) => client.books),
  };
  writeFileSync(options.report, JSON.stringify(report));
  process.disconnect?.();
}

if (import.meta.main) await main(JSON.parse(must(process.argv[2], 'options as JSON')) as ClientsOptions);
