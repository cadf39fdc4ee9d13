import { Client } from 'pg';
import { must } from '../src/kernel/assert.ts';
import { BookKeeper, type Deed, type Deeds } from './books.ts';
import { anyOf, runCrowd, type CrowdOptions, type ShopClient } from './crowd.ts';

/** Clients of the shop behind Teal's proxy: they know nothing of a migration. */
export interface ProxiedOptions extends CrowdOptions {
  readonly url: string;
}

export class ProxiedClient implements ShopClient {
  readonly keeper: BookKeeper;
  readonly #client: Client;
  readonly #number: number;
  readonly #options: ProxiedOptions;

  constructor(number: number, options: ProxiedOptions) {
    this.#number = number;
    this.#options = options;
    this.keeper = new BookKeeper(number, isAnswer);
    this.#client = new Client({ connectionString: options.url, application_name: `shop-${number}` });
    this.#client.on('error', (error) => this.keeper.fail(error));
  }

  async open(): Promise<void> {
    await this.#client.connect();
    await this.#call(`set work_mem = '5MB'`);
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async visit(): Promise<void> {
    const dice = Math.random();
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

  async #writing(most: Deeds, work: (seq: number) => Promise<Deeds | void>): Promise<void> {
    try {
      await this.keeper.writing(most, work);
    } catch (error) {
      if (isAnswer(error)) await this.#client.query('rollback');
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
    this.keeper.count();
    return this.keeper.timed(async () =>
      typeof query === 'string' ? this.#client.query(query) : this.#client.query(query),
    );
  }

  #anyOrder(): number {
    return anyOf(this.#options.orders);
  }

  #anyCustomer(): number {
    return anyOf(this.#options.customers);
  }
}

/** A server's error means "has not happened"; a lost connection means "nobody knows". */
function isAnswer(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && (error as { severity?: unknown }).severity === 'ERROR';
}

if (import.meta.main) {
  const options = JSON.parse(must(process.argv[2], 'options as JSON')) as ProxiedOptions;
  await runCrowd(options, (number) => new ProxiedClient(number, options));
}
