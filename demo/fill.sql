-- :rows is the whole number of rows, shared out over the tables. Triggers and foreign keys do not act while it runs (see fill.ts): what they would add is added here.
insert into shop.products (title, price, tags, attributes)
  select 'product ' || n, 1 + (n % 900) / 10.0, array['t' || n % 7, 't' || n % 11], jsonb_build_object('weight', n % 50, 'colour', (array['red', 'teal', 'blue'])[1 + n % 3])
  from generate_series(1, greatest(100, :rows / 500)) n;
insert into shop.customers (email, name, country, created_at)
  select 'c' || n || '@example.org', 'Customer Nº' || n, (array['DE', 'FR', 'JP', 'BR', 'KE'])[1 + n % 5], timestamptz '2025-01-01' + n % 500 * interval '1 day'
  from generate_series(1, :rows / 20) n;
insert into shop.orders (customer_id, status, placed_at, note)
  select 1 + n % (:rows / 20), (array['new', 'paid', 'shipped', 'cancelled'])[1 + n % 4]::shop.order_status, timestamptz '2025-01-01' + n % 600 * interval '1 day', case when n % 10 = 0 then 'ring twice – ' || n end
  from generate_series(1, :rows / 4) n;
insert into shop.items (order_id, line, sku, quantity, price)
  select 1 + n / 2, 1 + n % 2, p.sku[1 + n % p.of], 1 + n % 4, p.price[1 + n % p.of]
  from generate_series(0, :rows * 2 / 5 - 1) n,
       (select array_agg(sku order by sku) as sku, array_agg(price order by sku) as price, count(*)::int as of from shop.products offset 0) p;
insert into shop.payments (order_id, paid_on, amount, method)
  select n, date '2025-03-01' + n % 700, 10 + n % 90, (array['card', 'cash', 'transfer'])[1 + n % 3]
  from generate_series(1, :rows / 8) n;
insert into shop.events
  select timestamptz '2025-06-01' + n / 2 * interval '1 second', (array['view', 'click', 'login'])[1 + n % 3], n % 1000, case when n % 4 = 0 then jsonb_build_object('n', n / 8) end
  from generate_series(1, :rows / 20) n;
insert into shop.events
  select clock_timestamp(), 'payment', null, jsonb_build_object('order', order_id) from shop.payments;
insert into shop.documents (title, body, c01, c02, c03, c04, c05, c06, c07, c08)
  select 'document ' || n, jsonb_build_object('text', (select string_agg(md5((n * 131 + g)::text), ' ') from generate_series(1, 100) g)), 'a' || n, repeat('b', n % 40), null, '', ' ', 'f', E'g\tg', 'Ω'
  from generate_series(1, :rows / 400) n;
refresh materialized view shop.sales_by_country;
analyze;
