import { Client } from 'pg';
import { must } from '../src/kernel/assert.ts';
import { BookKeeper } from './books.ts';
import { ProxiedClient, type ProxiedOptions } from './clients.ts';
import { anyOf, runCrowd, type ShopClient } from './crowd.ts';

/** The orders of a customer, newest first: by an index of its own. */
const ordersOfCustomer =
  'select id, placed_at, note from shop.orders where customer_id = $1 order by placed_at desc, id desc limit 10';

/** Only looks around. */
class ShopReader implements ShopClient {
  readonly keeper: BookKeeper;
  readonly #client: Client;
  readonly #options: ProxiedOptions;

  constructor(number: number, options: ProxiedOptions) {
    this.#options = options;
    this.keeper = new BookKeeper(number, () => true);
    this.#client = new Client({ connectionString: options.url, application_name: `reader-${number}` });
    this.#client.on('error', (error) => this.keeper.fail(error));
  }

  async open(): Promise<void> {
    await this.#client.connect();
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async visit(): Promise<void> {
    const { customers, orders } = this.#options;
    const [text, of] =
      Math.random() < 0.6
        ? [ordersOfCustomer, customers]
        : ['select line, sku, amount from shop.items where order_id = $1 order by line', orders];
    this.keeper.count();
    await this.keeper.timed(async () => this.#client.query(text, [anyOf(of)]));
  }
}

if (import.meta.main) {
  const options = JSON.parse(must(process.argv[2], 'options as JSON')) as ProxiedOptions;
  await runCrowd(options, (number) =>
    number % 3 === 0 ? new ProxiedClient(number, options) : new ShopReader(number, options),
  );
}
