import { Store, Unanswered, type Live, type Row, type Session } from '../examples/follow-the-cut.ts';
import { must } from '../src/kernel/assert.ts';
import type { Side } from '../src/model/catalog.ts';
import { BookKeeper, type Again, type Deeds } from './books.ts';
import { anyOf, runCrowd, type CrowdOptions, type ShopClient } from './crowd.ts';

/** Clients of the shop whose data layer follows the cut: it speaks to both systems, and goes to the side that takes its writes. */
export interface FollowingOptions extends CrowdOptions {
  readonly urls: Readonly<Record<Side, string>>;
  readonly documents: number;
  readonly events: number;
  /** How long a write may wait for a side that takes it, before it has failed. */
  readonly patienceMs: number;
}

class FollowingClient implements ShopClient {
  readonly keeper: BookKeeper;
  readonly #number: number;
  readonly #options: FollowingOptions;
  readonly #store: Store;
  /** Events that this client has not yet forgotten: no other one does. */
  #nextEvent: number;

  constructor(number: number, options: FollowingOptions, live: Live, onAgain: (why: keyof Again) => void) {
    this.#number = number;
    this.#options = options;
    this.#nextEvent = number + 1;
    this.keeper = new BookKeeper(number, (error) => !(error instanceof Unanswered));
    this.#store = new Store({
      urls: options.urls,
      live,
      tokenSql: 'insert into shop.ledger (client, seq) values (?, ?)',
      patienceMs: options.patienceMs,
      onAgain,
    });
  }

  async open(): Promise<void> {
    await this.#read('select 1 as one');
  }

  async close(): Promise<void> {
    await this.#store.end();
  }

  async visit(): Promise<void> {
    const dice = Math.random();
    if (dice < 0.2) await this.#placeOrder();
    else if (dice < 0.3) await this.#pay();
    else if (dice < 0.4) await this.#transfer();
    else if (dice < 0.45) await this.#revise();
    else if (dice < 0.5) await this.#forget();
    else if (dice < 0.55) await this.#advance();
    else if (dice < 0.8) await this.#lookAtOrder();
    else await this.#addUp();
  }

  async #placeOrder(): Promise<void> {
    await this.#write({ orders: 1, items: 2 }, async (session) => {
      const order = await session.insert('insert into shop.orders (customer_id, note) values (?, ?)', [
        this.#anyCustomer(),
        'from the demo 🙂',
      ]);
      await session.query(
        `insert into shop.items (order_id, line, product_id, quantity, price)
         select ${order}, id, id, 1, price from shop.products where id in (1, 2)`,
      );
    });
  }

  async #pay(): Promise<void> {
    await this.#write({ payments: 1 }, async (session) => {
      const order = this.#anyOrder();
      const payment = await session.insert(
        'insert into shop.payments (order_id, paid_on, amount) values (?, current_date, ?)',
        [order, 5 + Math.floor(Math.random() * 90)],
      );
      await session.query(`insert into shop.events (kind, detail) values ('payment', ?)`, [
        JSON.stringify({ order, payment }),
      ]);
    });
  }

  async #transfer(): Promise<void> {
    const [a, b] = [this.#anyCustomer(), this.#anyCustomer()].toSorted((x, y) => x - y);
    await this.#write({}, async (session) => {
      await session.query('update shop.customers set balance = balance - 1 where id = ?', [a]);
      await session.query('update shop.customers set balance = balance + 1 where id = ?', [b]);
    });
  }

  async #revise(): Promise<void> {
    await this.#write({ revisions: 1 }, async (session) =>
      session.query('update shop.documents set revision = revision + 1 where id = ?', [anyOf(this.#options.documents)]),
    );
  }

  async #forget(): Promise<void> {
    const event = this.#nextEvent;
    if (event > this.#options.events) return this.#advance();
    this.#nextEvent += this.#options.clients;
    await this.#write({ forgotten: 1 }, async (session) =>
      session.query('delete from shop.events where id = ?', [event]),
    );
  }

  async #advance(): Promise<void> {
    await this.#write({}, async (session) =>
      session.query(`update shop.orders set status = 'shipped', gift = not gift where id = ?`, [this.#anyOrder()]),
    );
  }

  async #lookAtOrder(): Promise<void> {
    const order = this.#anyOrder();
    const rows = await this.#read('select * from shop.orders where id = ?', [order]);
    if (rows.length !== 1) throw new Error(`order ${order} is there ${rows.length} times`);
  }

  async #addUp(): Promise<void> {
    await this.#read(
      `select o.id, coalesce(sum(i.amount), 0) as total from shop.orders o left join shop.items i on i.order_id = o.id
       where o.id = ? group by o.id`,
      [this.#anyOrder()],
    );
  }

  /** All of it, the ledger's row included, or nothing. */
  async #write(deeds: Deeds, work: (session: Session) => Promise<unknown>): Promise<void> {
    await this.keeper.writing(deeds, async (seq) =>
      this.keeper.timed(async () => {
        await this.#store.write([this.#number, seq], async (session) => work(this.#counting(session)));
      }),
    );
  }

  async #read(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    this.keeper.count();
    return this.keeper.timed(async () => this.#store.read(sql, values));
  }

  #counting(session: Session): Session {
    // BEGIN, the token and COMMIT.
    for (let each = 0; each < 3; each += 1) this.keeper.count();
    return {
      query: async (sql, values) => {
        this.keeper.count();
        return session.query(sql, values);
      },
      insert: async (sql, values) => {
        this.keeper.count();
        return session.insert(sql, values);
      },
      end: async () => session.end(),
    };
  }

  #anyOrder(): number {
    return anyOf(this.#options.orders);
  }

  #anyCustomer(): number {
    return anyOf(this.#options.customers);
  }
}

if (import.meta.main) {
  const options = JSON.parse(must(process.argv[2], 'options as JSON')) as FollowingOptions;
  const live: Live = { side: 'blue' };
  const again = { refused: 0, deadlock: 0, lost: 0 };
  const onAgain = (why: keyof Again): void => {
    again[why] += 1;
  };
  await runCrowd(
    options,
    (number) => new FollowingClient(number, options, live, onAgain),
    () => ({ again }),
  );
}
