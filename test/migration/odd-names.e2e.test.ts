import { expect, test } from 'vitest';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { blueMajor, greenMajor, onDatabase, ownServer } from '../support/postgres.ts';
import { Life } from '../support/whole-life.ts';
import { execute } from '../../tools/servers/with-client.ts';

const longest = 'ä'.repeat(31) + 'x';

/** Names that must be quoted, look like syntax or are as long as names may be. */
const odd = [
  `create schema "Sales ""2024"""`,
  `create table "Sales ""2024"""."order" ("User" int primary key, "a b" text, "select" numeric, "q'uote" bytea)`,
  `insert into "Sales ""2024"""."order" select n, 'tab' || chr(9) || '\\n', n / 3.0, '\\x0001ff' from generate_series(1, 50) n`,
  `create table "${longest}" ("${longest}" bigserial primary key, at timestamptz default now(), d date default '2024-02-03', i interval default '1 mon 2 days 3:04:05.6', f float8 default 0.1::float8 + 0.2::float8)`,
  `insert into "${longest}" (at) select now() from generate_series(1, 50)`,
  `create table "a.b" ("$1" uuid primary key default gen_random_uuid(), "Ünï ©" text unique, "--" text)`,
  `insert into "a.b" ("Ünï ©") select 'x' || n from generate_series(1, 50) n`,
  `create table "back\\slash's" ("\\" serial primary key, "'\\" text default 'a\\b')`,
  `insert into "back\\slash's" default values`,
  `create table "%I" ("{}" text[])`,
  `insert into "%I" values ('{a,"b c",NULL}'), ('{a,"b c",NULL}')`,
];

/** What administrators set for databases and roles, all of it against Teal. */
const settings = [
  `default_transaction_isolation = 'serializable'`,
  `default_transaction_deferrable = on`,
  `statement_timeout = '1s'`,
  `idle_in_transaction_session_timeout = '2s'`,
  `lock_timeout = '1ms'`,
  `search_path = '"Sales ""2024"""', 'nowhere'`,
  `row_security = off`,
  `"DateStyle" = 'SQL, DMY'`,
  `"IntervalStyle" = 'sql_standard'`,
  `bytea_output = 'escape'`,
  `extra_float_digits = -5`,
  `"TimeZone" = 'Asia/Kathmandu'`,
  `standard_conforming_strings = off`,
  `xmloption = 'document'`,
  `synchronous_commit = off`,
];

test('odd names and hostile settings of a database do no harm', async () => {
  await using blue = await ownServer(blueMajor());
  await using green = await ownServer(greenMajor());
  const name = 'Odd "Shop" é';
  for (const server of [blue, green]) {
    await execute(server.url, [`create database "Odd ""Shop"" é"`]);
    await execute(onDatabase(server.url, name), [
      ...(server === blue ? odd : []),
      ...settings.map((setting) => `alter database "Odd ""Shop"" é" set ${setting}`),
    ]);
    // Of the role everywhere: Teal must write although its own role is read-only.
    await execute(server.url, [`alter role postgres set default_transaction_read_only = on`]);
  }
  await using life = await Life.begin({
    name: 'odd',
    blueUrl: onDatabase(blue.url, name),
    greenUrl: onDatabase(green.url, name),
    tools: await pgTools(blueMajor(), greenMajor()),
  });
  const report = await life.live(async (url, turn) =>
    execute(url, [
      `set default_transaction_read_only = off`,
      `set lock_timeout = 0`,
      `insert into "Sales ""2024"""."order" values (${1000 + turn}, 'turn', 0.1, decode('00ff', 'hex'))`,
      `update public."${longest}" set f = f * 1.1, i = i * 2, at = now() where "${longest}" % 5 = ${turn}`,
      `delete from public."a.b" where "Ünï ©" = 'x${turn + 1}'`,
      `insert into public."%I" values ('{z}')`,
    ]),
  );
  expect(report.pausesMs).toHaveLength(3);
});
