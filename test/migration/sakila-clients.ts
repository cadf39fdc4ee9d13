import { Client } from 'pg';
import { describeError } from '../../src/kernel/errors.ts';
import { sleep } from '../../src/kernel/clock.ts';

export interface SakilaBooks {
  readonly failures: readonly string[];
  /** Marks of writes that were acknowledged. */
  readonly payments: readonly string[];
}

/** Clients of the film rental: rentals, payments (a rule redirects them by month), films (a trigger keeps their full text), actors as marked writes. */
export class SakilaClients {
  readonly #stop = new AbortController();
  readonly #failures: string[] = [];
  readonly #acknowledged: string[] = [];
  #running: Promise<unknown> = Promise.resolve();

  static async start(url: string, count: number): Promise<SakilaClients> {
    const all = new SakilaClients();
    const clients = Array.from({ length: count }, () => new Client({ connectionString: url }));
    await Promise.all(clients.map(async (client) => client.connect()));
    all.#running = Promise.all(clients.map(async (client, number) => all.#run(client, number)));
    return all;
  }

  async stop(): Promise<SakilaBooks> {
    this.#stop.abort();
    await this.#running;
    return { failures: this.#failures, payments: this.#acknowledged };
  }

  async #run(client: Client, number: number): Promise<void> {
    client.on('error', (error) => this.#failures.push(describeError(error)));
    for (let turn = 0; !this.#stop.signal.aborted; turn += 1) {
      try {
        await this.#turn(client, number, turn);
      } catch (error) {
        this.#failures.push(describeError(error));
        await client.query('rollback').catch(() => undefined);
      }
      await sleep(20);
    }
    await client.end();
  }

  async #turn(client: Client, number: number, turn: number): Promise<void> {
    const mark = `${number}-${turn}`;
    await client.query('begin');
    await client.query(`insert into public.actor (first_name, last_name) values ($1, 'TEAL TEST')`, [mark]);
    await client.query(
      `insert into public.payment (customer_id, staff_id, rental_id, amount, payment_date) select $1, 1, rental_id, 1.23, '2007-03-15' from public.rental where rental_id >= $2 order by rental_id limit 1`,
      [1 + (turn % 500), 1 + ((turn * 7 + number) % 15_000)],
    );
    await client.query({
      name: 'film',
      text: `update public.film set description = description || '.' where film_id = $1`,
      values: [1 + ((turn * 6 + number) % 1_000)],
    });
    await client.query('commit');
    this.#acknowledged.push(mark);
    await client.query({
      name: 'list',
      text: 'select * from public.film_list where fid = $1',
      values: [1 + (turn % 1_000)],
    });
  }
}
