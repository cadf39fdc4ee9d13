import type { MysqlFlavour } from '../../connection.ts';

/** A column of every type of `values/type.ts` that both families have. */
const everyType = [
  'c_tinyint tinyint, c_bool tinyint(1), c_smallint smallint unsigned, c_mediumint mediumint, c_int int unsigned, c_zero int(7) zerofill',
  'c_bigint bigint, c_ubigint bigint unsigned, c_decimal decimal(10,2), c_udecimal decimal(65,30) unsigned',
  'c_float float, c_ufloat float unsigned, c_float_digits float(7,3), c_double double, c_bit bit(1), c_bits bit(12)',
  'c_char char(10), c_varchar varchar(200), c_tinytext tinytext, c_text text, c_mediumtext mediumtext, c_longtext longtext',
  'c_binary binary(16), c_varbinary varbinary(255), c_tinyblob tinyblob, c_blob blob, c_mediumblob mediumblob, c_longblob longblob',
  'c_date date, c_time time, c_time6 time(6), c_datetime datetime, c_datetime3 datetime(3), c_timestamp timestamp null, c_timestamp6 timestamp(6) null',
  `c_year year, c_enum enum('sad','it''s','','a\\\\b','é') character set latin1, c_set set('x','it''s'), c_json json`,
  'c_geometry geometry, c_point point, c_polygon polygon, c_collection geometrycollection',
].join(',\n  ');

const ofFamily = {
  mysql: {
    types: 'c_vague int',
    defaults: `c_expression varchar(40) default (concat('a', 'it''s', '\\\\')), c_uuid varchar(36) default (uuid()),
      c_text text default ('long'), c_number int default (1 + 2), c_json json default (json_array())`,
    indexes: `index by_expression ((lower(name)), id desc), index unseen (b) invisible,
      unique index unique_expression ((coalesce(b, 0)))`,
    columns: 'hidden int default 5 invisible',
    more: [
      'create table shop.unchecked (id int primary key, a int, constraint lax check (a > 1) not enforced)',
      'create table shop.packed_rows (id int primary key, a text) row_format=compressed key_block_size=8',
    ],
  },
  mariadb: {
    types: 'c_uuid uuid, c_inet4 inet4, c_inet6 inet6',
    defaults: `c_expression varchar(40) default (concat('a', 'it''s', '\\\\')), c_uuid varchar(36) default uuid(),
      c_text text default 'long', c_number int default (1 + 2), c_json json default '[]'`,
    indexes: 'index by_expression (name desc, id), index unseen (b) ignored, unique index unique_long (note)',
    columns: 'hidden int invisible default 5',
    more: [
      'create table shop.versioned (id int primary key, a int) with system versioning',
      'create table shop.compressed (id int primary key, a text compressed, b varbinary(100) compressed)',
      'create sequence shop.ticket start with 5 minvalue 5 maxvalue 1000 increment by 5 cache 3 cycle',
      'create table shop.aria (id int primary key, a varchar(10)) engine=Aria transactional=1',
    ],
  },
} as const;

/** For tests: one of everything that inspection must tell apart, statement by statement. Leaves the databases `shop`, `Odd``Name`, `empty_one` and `teal`. */
export function richSchema(flavour: MysqlFlavour): readonly string[] {
  const own = ofFamily[flavour];
  return [
    'create database shop default character set utf8mb4 collate utf8mb4_general_ci',
    'create database `Odd``Name` default character set latin1',
    'create database empty_one',
    'create database teal',
    'create table teal.heartbeat (id int primary key)',
    `create table shop.every_type (id int primary key, ${everyType}, ${own.types})`,
    `create table shop.defaults (
      id bigint unsigned auto_increment primary key,
      c_none int, c_null varchar(10) default null, c_empty varchar(10) not null default '', c_text_null varchar(10) default 'NULL',
      c_quote varchar(40) default 'it''s "a" \\\\ \\n end', c_looks varchar(40) default 'current_timestamp()', c_digits varchar(10) default '42',
      c_int int not null default 7, c_negative int default -7, c_decimal decimal(10,2) default 1.50, c_double double default 1e10,
      c_bit bit(8) default b'101', c_binary binary(4) default 0x00FF41, c_varbinary varbinary(4) default 'A',
      c_enum enum('a','b') default 'b', c_set set('x','y') default 'x,y', c_bool boolean default true,
      c_date date default '2024-01-02', c_time time default '10:11:12', c_year year default 2024,
      c_datetime datetime(3) default current_timestamp(3) on update current_timestamp(3),
      c_timestamp timestamp not null default current_timestamp on update current_timestamp,
      c_latin varchar(10) character set latin1 default 'äß', ${own.defaults}
    ) auto_increment=1000 comment='defaults of all kinds, it''s'`,
    `create table shop.generated (id int primary key, a int, name varchar(40) comment 'a ''name''',
      twice int generated always as (a * 2) virtual, kept varchar(100) generated always as (concat(name, 'it''s')) stored, ${own.columns})`,
    `create table shop.indexed (id int, part int, name varchar(100), b int, note text, place point not null,
      primary key (part, id), unique key by_name (name(20), b), key by_note (note(30) ), fulltext key words (note) comment 'to search',
      spatial key places (place), ${own.indexes})`,
    'create table shop.parent (id int primary key, code varchar(10) not null, unique key by_code (code))',
    `create table shop.child (id int primary key, a int, b int not null, c varchar(10), d int, e int,
      constraint fk_cascade foreign key (a) references shop.parent (id) on delete cascade on update cascade,
      constraint fk_null foreign key (d) references shop.parent (id) on delete set null,
      constraint fk_restrict foreign key (b) references shop.parent (id) on delete restrict on update restrict,
      constraint fk_plain foreign key (c) references shop.parent (code),
      constraint fk_nothing foreign key (e) references shop.parent (id) on delete no action on update no action)`,
    `create table shop.checked (id int primary key, a int, name varchar(20),
      constraint positive check (a > 0), constraint named check (name <> 'it''s'))`,
    'create table shop.parted (id int, at date, primary key (id, at)) partition by range (year(at)) (partition p0 values less than (2024), partition p1 values less than maxvalue)',
    'create table shop.no_key (a int, b varchar(20))',
    'create table shop.half_key (a int, b int not null, unique key on_null (a))',
    'create table shop.other_key (a int, b int not null, c int not null, unique key on_null (a), unique key z_key (c, b))',
    'create table shop.old_words (id int primary key, a varchar(20) character set latin1, b char(5)) character set utf8mb4 collate utf8mb4_bin',
    'create table shop.memory_only (id int primary key) engine=MEMORY',
    'create table shop.isam (id int primary key) engine=MyISAM',
    'create table `Odd``Name`.`Table "q"; drop` (`a ``b` int primary key, `Ünder` int, `UPPER` varchar(10), unique key `k``ey` (`Ünder`))',
    'create table `Odd``Name`.far (id int primary key, parent_id int, constraint `f``k` foreign key (parent_id) references shop.parent (id))',
    'create view shop.zz_view as select id from shop.parent',
    'create view shop.aa_view as select id from shop.zz_view',
    'create trigger shop.touch before insert on shop.no_key for each row set new.b = new.a',
    'create trigger shop.touch_after after update on shop.no_key for each row set @seen = new.a',
    'create procedure shop.do_it() select 1',
    'create function shop.times(a int) returns int deterministic return a * 2',
    `create event shop.nightly on schedule every 1 day starts '2037-01-01' do delete from shop.no_key`,
    'create event shop.never on schedule every 1 day disable do delete from shop.no_key',
    `insert into shop.no_key values ${Array.from({ length: 500 }, (_, i) => `(${i}, null)`).join(', ')}`,
    'analyze table shop.no_key',
    ...own.more,
  ];
}
