import type { TableName } from '../../../model/catalog.ts';
import { outboxNames } from './names.ts';

/**
 * The statements that make an outbox, each of which leaves alone what is there. The first five columns are those of the common shape, by the names that Debezium's outbox event router has for them. `seq`
 * is the order: whoever writes for an aggregate after another has committed gets a higher number.
 */
export function outboxDdl(table: TableName): readonly string[] {
  const { outbox, letters, relay } = outboxNames(table);
  return [
    `create table if not exists ${outbox} (
  id uuid primary key default gen_random_uuid(),
  aggregatetype varchar(255) not null,
  aggregateid varchar(255) not null,
  type varchar(255) not null,
  payload jsonb,
  seq bigint generated always as identity unique,
  created timestamptz not null default now()
)`,
    `create table if not exists ${letters} (
  place bigint generated always as identity primary key,
  id uuid not null unique,
  aggregatetype varchar(255) not null,
  aggregateid varchar(255) not null,
  type varchar(255) not null,
  payload bytea,
  created timestamptz not null,
  is_dead boolean not null,
  is_due boolean not null,
  attempts integer not null,
  reason text not null,
  at timestamptz not null default now()
)`,
    `create index if not exists ${indexName(table)} on ${letters} (aggregatetype, aggregateid)`,
    `create table if not exists ${relay} (
  only_one boolean primary key default true check (only_one),
  holder text not null default '',
  host text not null default '',
  pid integer not null default 0,
  until timestamptz not null default '-infinity',
  delivered bigint not null default 0,
  delivered_at timestamptz,
  place text
)`,
    `insert into ${relay} default values on conflict do nothing`,
  ];
}

/** In the schema of the table: an index is made there and its name takes no schema. */
function indexName({ name }: TableName): string {
  return `"${`${name}_dead_letters_aggregate`.replaceAll('"', '""')}"`;
}
