/** One of everything that a schema may hold and a copy could lose, on every major from 14 on. Roles are named by the test. */
export function objectMatrix(role: string): string {
  return `
  create schema shop authorization ${role};
  create schema "odd ""schema"" \\ ; $$";
  comment on schema shop is 'it''s a "shop"';
  create extension hstore schema shop;
  create extension btree_gist schema shop;
  create type shop.mood as enum ('sad', 'it''s "fine"', 'glad');
  create domain shop.positive as int default 1 not null constraint is_positive check (value > 0);
  create type shop.pair as (a int, b text);
  create type shop.span as range (subtype = float8);
  create collation shop.bytes from "C";
  create function shop.double(n int) returns int language sql immutable as 'select n * 2';
  create function shop.tricky() returns text language plpgsql as $body$
begin
  -- it holds what looks like the end of something
  return E'\\\\restrict x';
end $body$;
  create procedure shop.nothing() language sql as '';
  create aggregate shop.total(int) (sfunc = int4pl, stype = int, initcond = '0');
  create operator shop.=== (leftarg = int, rightarg = int, function = int4eq);
  create cast (shop.pair as text) with inout;
  create table shop.customer (
    id bigint generated always as identity (start 100 increment 5 cache 50) primary key,
    email text collate shop.bytes not null,
    moods shop.mood[] default '{sad}',
    pair shop.pair,
    amount shop.positive,
    doubled int generated always as (amount * 2) stored,
    tags shop.hstore,
    constraint email_has_at check (email like '%@%')
  );
  comment on table shop.customer is E'two\\nlines';
  comment on column shop.customer.email is 'x';
  alter table shop.customer alter email set statistics 500, alter email set storage external;
  alter table shop.customer set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
  create unique index customer_email on shop.customer (lower(email)) where amount > 1;
  create index customer_tags on shop.customer using gin (tags);
  alter table shop.customer cluster on customer_pkey;
  create statistics shop.customer_stats (dependencies) on email, amount from shop.customer;
  create table shop."order" (id serial primary key, customer_id bigint references shop.customer on delete cascade deferrable, n int unique);
  alter table shop.customer add column last_order int references shop."order" deferrable initially deferred;
  create table shop.booking (room int, during tsrange, exclude using gist (room with =, during with &&));
  create table shop.event (id bigint, at date not null, kind text, customer_id bigint references shop.customer, primary key (id, at)) partition by range (at);
  create table shop.event_2024 partition of shop.event for values from ('2024-01-01') to ('2025-01-01');
  create table shop.event_rest partition of shop.event default partition by hash (id);
  create table shop.event_rest_0 partition of shop.event_rest for values with (modulus 2, remainder 0);
  create table shop.event_rest_1 partition of shop.event_rest for values with (modulus 2, remainder 1);
  create index event_kind on shop.event (kind);
  create table shop.parent (a int primary key, b text); create table shop.child (c int) inherits (shop.parent);
  create table shop.keyless (a int, b text);
  alter table shop.keyless replica identity full;
  create unlogged table shop.cache (k text);
  create table "odd ""schema"" \\ ; $$"."Table with "" quote; Type: TABLE; Schema: x" ("a ""b" int primary key, "select" text);
  create view shop.loyal with (security_barrier) as select id, email from shop.customer where amount > 10 with check option;
  create view shop.grouped as select c.id, c.email, count(*) as n from shop.customer c group by c.id;
  create materialized view shop.sums as select kind, count(*) as n from shop.event group by kind;
  create unique index sums_kind on shop.sums (kind);
  create view shop.over_sums as select n from shop.sums;
  create materialized view shop.sums_of_sums as select sum(n) as total from shop.over_sums;
  create materialized view shop.never as select 1 as one with no data;
  create materialized view shop.late as select c.id, c.email, count(*) from shop.customer c group by c.id;
  create index late_id on shop.late (id);
  create function shop.emails() returns setof text language sql as 'select email from shop.customer';
  create function shop.touch() returns trigger language plpgsql as $$ begin return new; end $$;
  create trigger touch before update on shop.customer for each row when (old.email is distinct from new.email) execute function shop.touch();
  alter table shop.customer disable trigger touch;
  create constraint trigger checked after insert on shop."order" deferrable initially deferred for each row execute function shop.touch();
  create rule redirect as on insert to shop.parent where new.a < 0 do instead nothing;
  alter table shop.customer enable row level security;
  create policy own on shop.customer for select to ${role} using (email = current_user);
  create sequence shop.ticket as smallint increment -5 minvalue -500 maxvalue 500 start 500 cache 3 cycle;
  create sequence shop.bulk cache 50;
  create text search configuration shop.simple (copy = pg_catalog.simple);
  create foreign data wrapper nowhere; create server far foreign data wrapper nowhere; create foreign table shop.remote (a int) server far;
  grant select (id, email) on shop.customer to ${role}; grant usage on schema shop to public;
  grant all on sequence shop.bulk to ${role}; revoke execute on function shop.double(int) from public;
  alter default privileges in schema shop grant select on tables to ${role};
  alter table shop.booking owner to ${role};
`;
}
