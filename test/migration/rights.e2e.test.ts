import { readFile } from 'node:fs/promises';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { lookAt } from '../../src/app/look.ts';
import { must } from '../../src/kernel/assert.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import { assess } from '../../src/stages/assess/assess.ts';
import type { Finding } from '../../src/stages/assess/finding.ts';
import type { PostgresServer } from '../../tools/servers/postgres.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { blueMajor, greenMajor, onDatabase, ownServer } from '../support/postgres.ts';
import { Life } from '../support/whole-life.ts';

/** What an application's own role made, with what hangs on ownership. */
const shop = [
  `create schema stock`,
  `create type state as enum ('new', 'paid')`,
  `create table customer (id int generated always as identity primary key, name text not null unique)`,
  `create table sale (id bigserial primary key, customer int not null references customer, state state not null default 'new', at timestamptz not null default now())`,
  `create table stock.item (sku text primary key, left_over int not null check (left_over >= 0))`,
  `create table note (line text)`,
  `create table private (owner text primary key, n int)`,
  `alter table private enable row level security`,
  `create policy own on private using (owner = current_user)`,
  `create table day (at date primary key, n int) partition by range (at)`,
  `create table day_1 partition of day for values from ('2030-01-01') to ('2031-01-01')`,
  `create view sales as select c.name, count(*) from sale s join customer c on c.id = s.customer group by 1`,
  `create materialized view totals as select count(*) as n from sale`,
  `create function stamp() returns trigger language plpgsql as $$ begin new.at := now(); return new; end $$`,
  `create trigger stamp before update on sale for each row execute function stamp()`,
  `grant usage on schema stock to clerk`,
  `grant select, insert on customer, sale to clerk`,
  `grant usage on sequence sale_id_seq to clerk`,
  `alter default privileges in schema public grant select on tables to clerk`,
  `insert into customer (name) select 'c' || n from generate_series(1, 100) n`,
  `insert into sale (customer) select n from generate_series(1, 100) n`,
  `insert into private values ('somebody', 1)`,
  `insert into note select 'same' from generate_series(1, 3)`,
];

test('roles that are no superusers move a database, with the rights of the page and nothing more', async () => {
  await using blue = await ownServer(blueMajor());
  await using green = await ownServer(greenMajor());
  await asSuperuser(blue, [
    `create role app login`,
    `create role clerk login password 'clerk'`,
    `create role boss superuser`,
    `alter role clerk set statement_timeout = '1min'`,
    `create database shop owner app`,
  ]);
  await asSuperuser(green, [`create database shop`]);
  if (blueMajor() >= 15) await inShop(blue, 'postgres', ['grant create on schema public to app']);
  await inShop(blue, 'app', shop);
  await inShop(blue, 'postgres', [
    `create function quiet() returns event_trigger language plpgsql as $$ begin end $$`,
    `create event trigger quiet on ddl_command_start execute function quiet()`,
  ]);
  await grant(blue, 'Blue');
  await grant(green, 'Green');
  await using life = await Life.begin({
    name: 'rights',
    blueUrl: address(blue, 'teal'),
    greenUrl: address(green, 'teal'),
    tools: await pgTools(blueMajor(), greenMajor()),
  });
  const report = await life.live(async (url, turn) => {
    const client = new Client({ connectionString: withUser(url, 'app') });
    await client.connect();
    await client.query(
      `insert into customer (name) values ('turn ${turn}'); insert into stock.item values ('s${turn}', 1)`,
    );
    await client.query(
      `update sale set state = 'paid' where id % 4 = ${turn}; delete from note where ctid = (select ctid from note limit 1)`,
    );
    await client.end();
  });
  const evidence = Object.values(report.evidence).join('\n');
  expect(evidence).toContain('passwords cannot be read');
  expect(evidence).toContain('role boss is without superuser');
  expect(evidence).toContain('event trigger of quiet is left out');
  expect(await inShop(green, 'postgres', [ownersSql])).toEqual([{ owners: 'app', clerk: 'true' }]);
});

/** The flow back writes nothing before the cut, so it cannot tell by itself that it could not (Vitess #16794). */
test('21: a right that was taken away on blue, without which nobody could go back, is told before anybody waits', async () => {
  await using blue = await ownServer(blueMajor());
  await using green = await ownServer(greenMajor());
  await asSuperuser(blue, [`create role app login`, `create role other`, `create database shop owner app`]);
  await asSuperuser(green, [`create database shop`]);
  if (blueMajor() >= 15) await inShop(blue, 'postgres', ['grant create on schema public to app']);
  await inShop(blue, 'app', [
    'create table customer (id int primary key); create table sale (id int primary key); insert into sale values (1)',
  ]);
  await grant(blue, 'Blue');
  await grant(green, 'Green');
  const began: string[] = [];
  await using life = await Life.begin({
    name: 'revoked',
    blueUrl: address(blue, 'teal'),
    greenUrl: address(green, 'teal'),
    tools: await pgTools(blueMajor(), greenMajor()),
    gates: '[{ person: tester }]',
    onEvent: (event) => {
      if (event.kind === 'step started') began.push(event.step);
    },
  });
  expect(await life.migration.up()).toMatchObject({ outcome: 'waiting' });
  const cases: readonly (readonly [taken: string, given: string, told: RegExp])[] = [
    [
      'revoke update, delete on sale from app',
      'grant update, delete on sale to app',
      /teal may not UPDATE, DELETE public\.sale on blue/,
    ],
    ['alter table sale owner to other', 'alter table sale owner to app', /teal does not own public\.sale on blue/],
  ];
  for (const [taken, given, told] of cases) {
    await inShop(blue, 'postgres', [taken]);
    const error: unknown = await life.migration.cutover().catch((thrown: unknown) => thrown);
    expect(isTealError(error, 'TEAL-STAGES-107'), String(error)).toBe(true);
    expect(String(error)).toMatch(told);
    expect(life.migration.live).toBe('blue');
    await inShop(blue, 'postgres', [given]);
  }
  expect(began.filter((step) => step.startsWith('cut:'))).toEqual([]);
  expect(await life.migration.cutover()).toMatchObject({ live: 'green' });
  expect(await life.migration.rollback('a test')).toMatchObject({ live: 'blue' });
});

test('what assess finds missing, and the statements that it gives, are all that is needed', async () => {
  await using blue = await ownServer(blueMajor());
  await using green = await ownServer(greenMajor());
  await asSuperuser(blue, [`create role app`, `create role teal login`, `create database shop owner app`]);
  await asSuperuser(green, [`create role app`, `create role teal login`, `create database shop`]);
  await inShop(blue, 'postgres', [
    `create table sale (id int primary key); alter table sale owner to app`,
    `create table forced (id int primary key); alter table forced owner to app, enable row level security, force row level security`,
    `create role clerk login password 'clerk'`,
  ]);
  const look = async (): Promise<readonly Finding[]> => {
    const views = [await lookAt('blue', address(blue, 'teal')), await lookAt('green', address(green, 'teal'))] as const;
    return assess(...views).findings;
  };
  const before = (await look()).filter(isAboutRights);
  for (const { side, mend } of before) await inShop(side === 'green' ? green : blue, 'postgres', [mend ?? '']);
  const after = (await look()).filter(isAboutRights);
  expect(before.map(({ code, side }) => `${code} ${side}`).sort()).toEqual([
    'ASSESS-RIGHT-APPLY blue',
    'ASSESS-RIGHT-APPLY green',
    'ASSESS-RIGHT-CREATE blue',
    'ASSESS-RIGHT-CREATE green',
    'ASSESS-RIGHT-DATABASE green',
    'ASSESS-RIGHT-EVENT-TRIGGER blue',
    'ASSESS-RIGHT-EVENT-TRIGGER green',
    'ASSESS-RIGHT-ORIGIN blue',
    'ASSESS-RIGHT-ORIGIN green',
    'ASSESS-RIGHT-OWNER blue',
    'ASSESS-RIGHT-PASSWORDS blue',
    'ASSESS-RIGHT-REPLICATION blue',
    'ASSESS-RIGHT-REPLICATION green',
    'ASSESS-RIGHT-ROLES green',
    'ASSESS-RIGHT-ROLES green',
    'ASSESS-RIGHT-SELECT blue',
    'ASSESS-RIGHT-STATISTICS blue',
    'ASSESS-RIGHT-STATISTICS green',
    'ASSESS-ROWS-HIDDEN blue',
    'ASSESS-ROWS-HIDDEN green',
  ]);
  expect(after.map(({ code }) => code)).toEqual(['ASSESS-RIGHT-EVENT-TRIGGER', 'ASSESS-RIGHT-EVENT-TRIGGER']);
});

function isAboutRights({ code }: Finding): boolean {
  return code.startsWith('ASSESS-RIGHT') || code === 'ASSESS-ROWS-HIDDEN';
}

const ownersSql = `select string_agg(distinct pg_get_userbyid(relowner), ',') as owners, has_table_privilege('clerk', 'sale', 'insert')::text as clerk
  from pg_class where relnamespace in ('public'::regnamespace, 'stock'::regnamespace) and relkind in ('r', 'p', 'v', 'm', 'S')`;

function address(server: PostgresServer, user: string): string {
  return withUser(onDatabase(server.url, 'shop'), user);
}

function withUser(url: string, user: string): string {
  const other = new URL(url);
  other.username = user;
  return other.href;
}

async function asSuperuser(server: PostgresServer, statements: readonly string[]): Promise<void> {
  await execute(server.url, statements);
}

async function inShop(
  server: PostgresServer,
  user: string,
  statements: readonly string[],
): Promise<readonly unknown[]> {
  return execute(address(server, user), statements);
}

async function execute(url: string, statements: readonly string[]): Promise<readonly unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    let last: readonly unknown[] = [];
    for (const statement of statements) last = (await client.query(statement)).rows;
    return last;
  } finally {
    await client.end();
  }
}

/** Runs what the page gives for a side, as it stands there. */
async function grant(server: PostgresServer, side: 'Blue' | 'Green'): Promise<void> {
  const headings = [side, 'Both sides', server.major >= 15 ? 'Both sides, from 15 on' : 'Both sides, 14'];
  const page = await readFile('docs/reference/rights.md', 'utf8');
  for (const heading of headings) await inShop(server, 'postgres', [statementsUnder(page, heading)]);
}

function statementsUnder(page: string, heading: string): string {
  const section = must(
    page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)),
    heading,
  );
  return must(/```sql\n([^`]*)```/.exec(section)?.[1], `statements under ${heading}`);
}
