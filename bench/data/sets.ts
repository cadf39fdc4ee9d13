import { fillShop } from '../../demo/fill.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { runToEnd } from '../measure.ts';
import { countText, fillBySql, scaled, type DataSet } from './data-set.ts';

const narrowTable = (rows: number): readonly string[] => [
  `create table narrow (id bigint primary key, a int not null, b int not null, c int, d bigint not null, e int, f int, g smallint, h bigint, i int)`,
  `insert into narrow select n, n % 1000, (n * 7919) % 1000003, nullif(n % 10, 0), n * 1000003, n % 97, -n % 2003, n % 300, n / 2, n from generate_series(1::bigint, ${rows}) n`,
  `create index narrow_b on narrow (b)`,
];

/** Four of a hundred documents are long enough for TOAST, compressed or not. */
const wideTable = (rows: number): readonly string[] => [
  `create table wide (id bigint primary key, kind text not null, title text not null, body text, doc jsonb not null, made timestamptz not null, price numeric(12, 2))`,
  `insert into wide select n, (array['note', 'mail', 'order', 'bill'])[1 + n % 4], 'title of the row ' || n, repeat(md5(n::text), 4 + (n % 5)::int),
     case when n % 100 < 4 then jsonb_build_object('n', n, 'text', (select string_agg(md5((n * 131 + g)::text), ' ') from generate_series(1, 80) g))
          else jsonb_build_object('n', n, 'tags', array['a' || n % 7, 'b' || n % 11], 'ok', n % 3 = 0) end,
     timestamptz '2026-01-01' + n * interval '7 seconds', (n % 100000) / 100.0 from generate_series(1::bigint, ${rows}) n`,
  `create index wide_made on wide (made)`,
];

function bySql(
  name: string,
  rows: number,
  about: (rows: string) => string,
  statements: (rows: number) => readonly string[],
): DataSet {
  return {
    name,
    about: (scale) => about(countText(scaled(rows, scale))),
    load: async (server, scale) => fillBySql(server, statements(scaled(rows, scale))),
  };
}

export const bigTable = bySql(
  'one big table',
  4_000_000,
  (rows) => `${rows} rows of ten integers, a primary key and an index.`,
  narrowTable,
);

export const mixture = bySql(
  'narrow and wide',
  1_500_000,
  (rows) =>
    `Twice ${rows} rows of ten integers, and ${rows} of text and JSON with TOAST; each with a primary key and an index.`,
  (rows) => [...narrowTable(2 * rows), ...wideTable(rows)],
);

export const uuidKeys = bySql(
  'uuid keys',
  1_500_000,
  (rows) => `${rows} rows with a uuid as primary key, in random order, and an index on another.`,
  (rows) => [
    `create table uuids (id uuid primary key, customer uuid not null, amount numeric(12, 2) not null, made timestamptz not null)`,
    `insert into uuids select md5(n::text)::uuid, md5('c' || n % 1000)::uuid, (n % 10000) / 100.0, timestamptz '2026-01-01' + n * interval '1 second' from generate_series(1, ${rows}) n`,
    `create index uuids_customer on uuids (customer)`,
  ],
);

export const keyless = bySql(
  'no key',
  2_000_000,
  (rows) => `${rows} rows of a table that has neither key nor index, some of them equal.`,
  (rows) => [
    `create table events (made timestamptz not null, kind text not null, customer bigint, detail text)`,
    `insert into events select timestamptz '2026-01-01' + n / 2 * interval '1 second', (array['view', 'click', 'login'])[1 + n % 3], n % 1000, case when n % 4 = 0 then 'detail ' || n / 8 end from generate_series(1, ${rows}) n`,
  ],
);

export const partitioned = bySql(
  'partitions',
  1_500_000,
  (rows) => `${rows} rows in twelve partitions, with a primary key and an index.`,
  (rows) => [
    `create table sales (id bigint not null, month int not null, customer bigint not null, amount numeric(12, 2) not null, primary key (month, id)) partition by list (month)`,
    ...Array.from(
      { length: 12 },
      (_, month) => `create table sales_${month} partition of sales for values in (${month})`,
    ),
    `insert into sales select n, n % 12, n % 50000, (n % 10000) / 100.0 from generate_series(1, ${rows}) n`,
    `create index sales_customer on sales (customer)`,
  ],
);

/** So many hundred thousand accounts: more than fit into shared_buffers. */
const pgbenchScale = 25;

export const pgbench: DataSet = {
  name: 'pgbench',
  about: (scale) => `pgbench at scale ${Math.max(1, Math.round(pgbenchScale * scale))}.`,
  load: async (server, scale) => {
    const { pgbench: program } = await pgTools(server.major, 18);
    const size = String(Math.max(1, Math.round(pgbenchScale * scale)));
    await runToEnd(program, ['--quiet', '--initialize', '--scale', size, server.url]);
  },
};

export const shop: DataSet = {
  name: 'the shop',
  about: (scale) =>
    `${countText(scaled(1_000_000, scale))} rows of the demonstration's shop: sixteen tables with foreign keys, triggers, views and every kind of index.`,
  load: async (server, scale) => void (await fillShop(server.url, scaled(1_000_000, scale))),
};
