import { Client } from 'pg';
import { sleep } from '../../src/kernel/clock.ts';
import { describeError } from '../../src/kernel/errors.ts';
import { withClient } from '../../tools/servers/with-client.ts';

const schema = `
  create table written (writer int, seq int, note text, primary key (writer, seq));
  create table counted (writer int primary key, n int not null);
  create table loose (line text);
  create table numbered (id bigint generated always as identity primary key, writer int references counted);
  create index on numbered (writer);
  create view sums as select writer, count(*) as n from written group by writer;
  create materialized view kept as select count(*) as n from counted;
  create role keyed_reader;
  grant select on written to keyed_reader;
  create function note() returns trigger language plpgsql as $$ begin new.note := coalesce(new.note, ''); return new; end $$;
  create trigger note before insert on written for each row execute function note();
  insert into counted select w, 0 from generate_series(0, 31) w`;

/** Clients that write rows with names of their own and keep what they were told. */
export class KeyedWriters {
  readonly #stop = new AbortController();
  readonly #failures: string[] = [];
  readonly #acknowledged: string[] = [];
  #running: Promise<unknown> = Promise.resolve();

  static async createTables(url: string): Promise<void> {
    await withClient(url, async (client) => client.query(schema));
  }

  static async rowsOf(url: string): Promise<readonly string[]> {
    return withClient(url, async (client) => {
      const { rows } = await client.query<{ name: string }>(`select writer || '-' || seq as name from written`);
      return rows.map(({ name }) => name).sort();
    });
  }

  static async start(url: string, count: number): Promise<KeyedWriters> {
    const all = new KeyedWriters();
    const clients = Array.from({ length: count }, () => new Client({ connectionString: url }));
    await Promise.all(clients.map(async (client) => client.connect()));
    all.#running = Promise.all(clients.map(async (client, writer) => all.#run(client, writer)));
    return all;
  }

  /** How many transactions were told to be committed. */
  get count(): number {
    return this.#acknowledged.length;
  }

  async stop(): Promise<{ readonly failures: readonly string[]; readonly acknowledged: readonly string[] }> {
    this.#stop.abort();
    await this.#running;
    return { failures: this.#failures, acknowledged: this.#acknowledged.toSorted() };
  }

  async #run(client: Client, writer: number): Promise<void> {
    client.on('error', (error) => this.#failures.push(describeError(error)));
    for (let seq = 0; !this.#stop.signal.aborted; seq += 1) {
      try {
        await client.query('begin');
        await client.query('update counted set n = n + 1 where writer = $1', [writer]);
        await client.query({
          name: 'w',
          text: 'insert into written values ($1, $2, $3)',
          values: [writer, seq, 'x'.repeat(seq % 50)],
        });
        await client.query('insert into numbered (writer) values ($1)', [writer]);
        await client.query('commit');
        this.#acknowledged.push(`${writer}-${seq}`);
        await client.query(
          `insert into loose values ('same'); delete from loose where ctid = (select ctid from loose limit 1)`,
        );
      } catch (error) {
        this.#failures.push(describeError(error));
        await client.query('rollback').catch(() => undefined);
      }
      await sleep(25);
    }
    await client.end();
  }
}
