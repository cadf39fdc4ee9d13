/** For tests: one of everything that inspection must tell apart, on every major from 14 on. */
export const richSchema = `
create schema app;
create schema "Odd ""names";
create schema teal;
create table teal.heartbeat (id int primary key);
create extension hstore schema app;
create type app.mood as enum ('sad', 'glad');
create domain app.email as text check (value like '%@%');
create type app.point3 as (x float8, y float8, z float8);
create table app.customer (
  id bigint generated always as identity primary key,
  email app.email not null unique,
  mood app.mood default 'glad',
  moods app.mood[],
  place app.point3,
  tags app.hstore,
  kind regclass,
  amount numeric(12,2) not null,
  doubled numeric generated always as (amount * 2) stored,
  born date,
  notes text[],
  span int4range
);
create table app."order" (
  id bigserial primary key,
  customer_id bigint not null references app.customer (id) deferrable,
  total money,
  unique (customer_id, id) deferrable initially deferred
);
create unique index order_recent on app."order" (customer_id) where id > 10;
create unique index order_lower on app."order" ((id + 1));
create table app.no_key (a int, b json);
create table app.full_identity (a int);
alter table app.full_identity replica identity full;
create table app.nothing_identity (a int primary key);
alter table app.nothing_identity replica identity nothing;
create table app.index_identity (a int primary key, b int not null);
create unique index index_identity_b on app.index_identity (b);
alter table app.index_identity replica identity using index index_identity_b;
create table app.deferrable_key (a int primary key deferrable);
create table app.lost_identity (a int not null);
create unique index lost_identity_a on app.lost_identity (a);
alter table app.lost_identity replica identity using index lost_identity_a;
drop index app.lost_identity_a;
create unlogged table app.cache (k text primary key, v bytea);
create table app.event (id bigint, at timestamptz not null, kind text, primary key (id, at)) partition by range (at);
create table app.event_2024 partition of app.event for values from ('2024-01-01') to ('2025-01-01');
create table app.event_2025 partition of app.event for values from ('2025-01-01') to ('2026-01-01') partition by range (at);
create table app.event_2025_a partition of app.event_2025 for values from ('2025-01-01') to ('2025-07-01');
create table app.refers (id int primary key, event_id bigint, at timestamptz, foreign key (event_id, at) references app.event (id, at));
create table app.parent (id int primary key);
create table app.child (extra int) inherits (app.parent);
create table app.secret (id int primary key, owner text);
alter table app.secret enable row level security;
alter table app.secret force row level security;
create table app.quiet (id int primary key);
alter table app.quiet enable row level security;
create table app.booking (id int primary key, during tsrange, exclude using gist (during with &&));
create table "Odd ""names"."Table; drop" ("a ""b" int primary key, dropped int, c int);
alter table "Odd ""names"."Table; drop" drop column dropped;
create function app.touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger touch_origin before update on app.customer for each row execute function app.touch();
create trigger touch_always before update on app.customer for each row execute function app.touch();
alter table app.customer enable always trigger touch_always;
create trigger touch_replica before update on app.customer for each row execute function app.touch();
alter table app.customer enable replica trigger touch_replica;
create trigger touch_off before update on app.customer for each row execute function app.touch();
alter table app.customer disable trigger touch_off;
create rule no_delete as on delete to app.no_key do instead nothing;
create view app.zz_view as select id, amount from app.customer;
create materialized view app.b_totals as select sum(amount) as total from app.zz_view;
create view app.aa_view as select total from app.b_totals;
create materialized view app.a_summary as select total from app.aa_view with no data;
create sequence app.ticket as smallint increment 5 minvalue 5 maxvalue 1000 cache 3 cycle;
create temp table scratch (a int);
insert into app.no_key select g, '{}' from generate_series(1, 2000) g;
analyze app.no_key;
`;
