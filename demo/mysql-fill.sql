-- :rows is the whole number of rows, shared out over the tables. shop.numbers goes when all is filled.
create table shop.numbers (n int not null primary key);
set cte_max_recursion_depth = 10000000;
insert into shop.numbers
  with recursive counted (n) as (select 1 union all select n + 1 from counted where n < greatest(100, :rows / 2)) select n from counted;
insert into shop.products (id, sku, title, price, tags, attributes)
  select n, unhex(concat(left(md5(n), 30), '00')), concat('product ', n), 1 + (n % 900) / 10, elt(1 + n % 4, '', 'new', 'sale', 'new,sale'),
         json_object('weight', n % 50, 'colour', elt(1 + n % 3, 'red', 'teal', 'blue'))
  from shop.numbers where n <= greatest(100, :rows / 500);
insert into shop.customers (id, email, name, country, active, preferences, created_at)
  select n, concat('c', n, '@example.org'), concat('Customer Nº', n, elt(1 + n % 4, '', ' 🦆', ' é', ' 客')), elt(1 + n % 5, 'DE', 'FR', 'JP', 'BR', 'KE'), n % 7 <> 0,
         if(n % 3 = 0, null, json_object('letters', n % 2 = 0, 'nick', concat('"🙂', n))), date_add('2025-01-01', interval n % 500 day)
  from shop.numbers where n <= :rows / 20;
insert into shop.orders (id, customer_id, status, gift, placed_at, note)
  select n, 1 + n % floor(:rows / 20), elt(1 + n % 4, 'new', 'paid', 'shipped', 'cancelled'), n % 11 = 0, date_add('2025-01-01 00:00:00.000001', interval n % 600 day),
         if(n % 10 = 0, concat('ring twice – ', n), null)
  from shop.numbers where n <= :rows / 4;
insert into shop.items (order_id, line, product_id, quantity, price)
  select 1 + floor((n - 1) / 2), 1 + (n - 1) % 2, 1 + n % 100, 1 + n % 4, 1 + (n % 900) / 10
  from shop.numbers where n <= :rows * 2 / 5;
insert into shop.payments (order_id, paid_on, amount, method)
  select n, date_add('2025-03-01', interval n % 700 day), 10 + n % 90, elt(1 + n % 3, 'card', 'cash', 'transfer')
  from shop.numbers where n <= :rows / 8;
insert into shop.events (id, at, kind, customer_id, detail)
  select n, date_add('2025-06-01', interval n second), elt(1 + n % 3, 'view', 'click', 'login'), 1 + n % floor(:rows / 20), if(n % 4 = 0, json_object('n', n), null)
  from shop.numbers where n <= :rows / 20;
insert into shop.events (kind, detail)
  select 'payment', json_object('order', order_id) from shop.payments;
insert into shop.documents (id, title, body, thumbnail, weight, lasts)
  select n, concat('document ', n), concat('🗒 ', repeat(md5(n), 60)), unhex(md5(n)), n / 3, sec_to_time(n % 3000000 / 1000)
  from shop.numbers where n <= greatest(20, :rows / 400);
drop table shop.numbers;
analyze table shop.customers, shop.products, shop.orders, shop.items, shop.payments, shop.events, shop.documents, shop.ledger;
