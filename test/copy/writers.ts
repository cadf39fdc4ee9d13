import { Client } from 'pg';
import { sleep } from '../../src/kernel/clock.ts';

/** Tables that move while they are written: keys, foreign keys, a value out of line, no key at all, and one that is emptied now and then. */
export const writtenTables = `
  create table parent (id int, note text);
  create table child (id bigint, parent int not null, amount int not null);
  create table big (id bigint, n int, u text, v text);
  create table keyless (a int, b text);
  create table side (id int, v text);
  create table untouched (id int);`;
export const writtenKeys = `
  alter table parent add primary key (id); alter table child add primary key (id); alter table big add primary key (id);
  alter table side add primary key (id); alter table untouched add primary key (id);
  create unique index on big (u); alter table keyless replica identity full;`;
export const writtenForeignKey = 'alter table child add foreign key (parent) references parent';
export const writtenRows = `
  alter table big alter column v set storage external;
  insert into parent select i, 'p' from generate_series(1, 2000) i;
  insert into child select i, 1 + i % 2000, i from generate_series(1, 6000) i;
  insert into big select i, i, 'u' || i, case when i % 50 = 0 then repeat(md5(i::text), 100) else md5(i::text) end from generate_series(1, 30000) i;
  insert into keyless select i % 100, 'k' from generate_series(1, 1000) i;
  insert into side select i, 's' from generate_series(1, 3000) i;
  insert into untouched select i from generate_series(1, 500) i;`;

/** The same numbers for the same seed. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/**
 * Clients that write at random until they are stopped. What the server refuses is rolled back and what it loses is connected to again: here it is not them who are
 * tested.
 */
export class Writers {
  readonly #url: string;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #committed = 0;
  #truncated = 0;

  constructor(url: string, seed: number, count: number) {
    this.#url = url;
    this.#running = Promise.all(
      Array.from({ length: count }, async (_, writer) => this.#run(writer + 1, randomFrom(seed + writer))),
    );
  }

  get committed(): number {
    return this.#committed;
  }

  get truncated(): number {
    return this.#truncated;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(writer: number, random: (below: number) => number): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const client = new Client({ connectionString: this.#url, application_name: 'writer' });
      const lost = new AbortController();
      client.on('error', () => lost.abort());
      client.on('end', () => lost.abort());
      const over = AbortSignal.any([lost.signal, this.#stop.signal]);
      try {
        await client.connect();
        await client.query(`set lock_timeout = '100ms'`);
        while (!over.aborted) await this.#write(client, writer, random);
        await client.end();
      } catch {
        // The server is down: a fault of the test.
        await sleep(50);
      }
    }
  }

  async #write(client: Client, writer: number, random: (below: number) => number): Promise<void> {
    const statements = Array.from({ length: 1 + random(3) }, () => statement(writer, random));
    try {
      await client.query(`begin; ${statements.join('; ')}; commit`);
      this.#committed += 1;
      if (statements.some((each) => each.startsWith('truncate'))) this.#truncated += 1;
    } catch {
      await client.query('rollback');
    }
    await sleep(random(4));
  }
}

function statement(writer: number, random: (below: number) => number): string {
  const id = 1 + random(2000);
  const fresh = writer * 1_000_000_000 + random(1_000_000_000);
  switch (random(12)) {
    case 0:
      return `with p as (insert into parent values (${fresh % 2_000_000_000}, 'new') returning id) insert into child select ${fresh}, id, 1 from p`;
    case 1:
      return `delete from child where parent = ${id}; delete from parent where id = ${id}`;
    case 2:
      return `update child set amount = amount + 1 where parent = ${id}`;
    case 3:
      return `insert into child values (${fresh}, ${id}, 2)`;
    case 4:
      return `update big set n = n + 1 where id between ${id * 15} and ${id * 15 + random(10)}`;
    case 5:
      return `update big set v = '${fresh}' || repeat('x', ${random(3000)}) where id = ${id * 15}`;
    case 6:
      return `update big set id = -id, u = u || 'm' where id = ${id * 15 + 1}`;
    case 7:
      return `delete from big where id = ${random(30_000)}; insert into big values (${fresh}, 0, '${fresh}', 'v')`;
    case 8:
      return `insert into keyless values (${id % 100}, 'k'), (${id % 100}, 'k')`;
    case 9:
      return `delete from keyless where ctid = (select min(ctid) from keyless where a = ${id % 100})`;
    case 10:
      return random(4) === 0
        ? `truncate side; insert into side select i, 'again' from generate_series(1, ${random(3000)}) i`
        : `update side set v = v || 's' where id = ${id}`;
    default:
      return `insert into side values (${fresh % 2_000_000_000}, 'more') on conflict do nothing`;
  }
}
