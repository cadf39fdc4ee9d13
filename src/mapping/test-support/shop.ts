import type { MysqlCatalog } from '../../model/mysql-catalog.ts';
import { catalog, column, expression, foreignKey, index, literal, table } from './catalog.ts';

const general = { characterSet: 'utf8mb4', collation: 'utf8mb4_general_ci' };
const latin = { characterSet: 'latin1', collation: 'latin1_swedish_ci' };

/** A table with one column of every kind that both families have: as the server is told, and as the catalog tells it. */
export const shopDdl: readonly string[] = [
  'create database shop',
  `create table shop.customers (
    id bigint unsigned not null auto_increment primary key,
    email varchar(190) character set utf8mb4 collate utf8mb4_general_ci not null,
    name varchar(100) character set latin1 collate latin1_swedish_ci,
    active tinyint(1) not null default 1,
    level tinyint(1) default 0,
    kind enum('new','it''s','') character set utf8mb4 collate utf8mb4_bin default 'new',
    tags set('a','b') character set utf8mb4 collate utf8mb4_bin,
    born date,
    created datetime not null default current_timestamp,
    updated timestamp(3) not null default current_timestamp(3) on update current_timestamp(3),
    balance decimal(10,2) unsigned not null default '0.00',
    big bigint unsigned default '18446744073709551615',
    note text character set utf8mb4 collate utf8mb4_bin,
    unique key email (email),
    key note (note(20)),
    key newest (created desc, id),
    constraint not_rich check (balance < 1000000),
    constraint spelled check (name <> 'x')
  ) engine=innodb comment='who buys; it''s a \\\\ table'`,
  `create table shop.orders (
    id int unsigned not null auto_increment primary key,
    customer_id bigint unsigned not null,
    email varchar(190) character set utf8mb4 collate utf8mb4_general_ci,
    parent int unsigned,
    small smallint unsigned not null default '7',
    medium mediumint default '-5',
    ratio float default '1.5',
    exact double,
    flags bit(5) not null default b'101',
    wait time(2) default '10:00:00',
    opening time,
    made year default 2024,
    raw binary(4) default 'ab',
    hash varbinary(20),
    picture longblob,
    place point,
    price decimal(12,2) not null default '1.00',
    twice decimal(14,2) generated always as (price * 2) stored,
    lowered varchar(200) character set utf8mb4 collate utf8mb4_bin generated always as (lower(email)) virtual,
    seen timestamp null default null,
    code char(8) character set utf8mb4 collate utf8mb4_bin not null default 'none',
    unique key code (code, small),
    key lowered (lowered),
    key picture (picture(16)),
    constraint buyer foreign key (customer_id) references shop.customers (id) on delete cascade on update restrict,
    constraint mail foreign key (email) references shop.customers (email) on delete set null on update cascade,
    constraint above foreign key (parent) references shop.orders (id)
  ) engine=innodb`,
];

/** The same as the server's inspection would tell it. */
export const shopCatalog: MysqlCatalog = catalog([
  table(
    'shop.customers',
    [
      column('id', 'bigint unsigned not null', { autoIncrement: true }),
      column('email', 'varchar(190) not null', general),
      column('name', 'varchar(100)', latin),
      column('active', 'tinyint(1) not null', literal('1')),
      column('level', 'tinyint(1)', literal('0')),
      column('kind', `enum('new','it''s','')`, literal('new')),
      column('tags', `set('a','b')`),
      column('born', 'date'),
      column('created', 'datetime not null', expression('CURRENT_TIMESTAMP')),
      column('updated', 'timestamp(3) not null', { ...expression('current_timestamp(3)'), setOnUpdate: true }),
      column('balance', 'decimal(10,2) unsigned not null', literal('0.00')),
      column('big', 'bigint unsigned', literal('18446744073709551615')),
      column('note', 'text', { comment: 'what was said' }),
    ],
    {
      comment: `who buys; it's a \\ table`,
      nextAutoIncrement: 42n,
      indexes: [
        index('PRIMARY', ['id']),
        index('unique email', ['email'], { comment: 'one each' }),
        index('note', ['note(20)']),
        index('newest', ['created desc', 'id']),
      ],
      checks: [
        { name: 'not_rich', expression: '(`balance` < 1000000)', enforced: true },
        { name: 'spelled', expression: "(`name` <> _utf8mb4'x')", enforced: true },
      ],
    },
  ),
  table(
    'shop.orders',
    [
      column('id', 'int unsigned not null', { autoIncrement: true }),
      column('customer_id', 'bigint unsigned not null'),
      column('email', 'varchar(190)', general),
      column('parent', 'int unsigned'),
      column('small', 'smallint unsigned not null', literal('7')),
      column('medium', 'mediumint', literal('-5')),
      column('ratio', 'float', literal('1.5')),
      column('exact', 'double'),
      column('flags', 'bit(5) not null', literal('00101')),
      column('wait', 'time(2)', literal('10:00:00')),
      column('opening', 'time'),
      column('made', 'year', literal('2024')),
      column('raw', 'binary(4)', literal('\\x61620000')),
      column('hash', 'varbinary(20)'),
      column('picture', 'longblob'),
      column('place', 'point'),
      column('price', 'decimal(12,2) not null', literal('1.00')),
      column('twice', 'decimal(14,2)', { generatedAs: '(`price` * 2)' }),
      column('lowered', 'varchar(200)', { generatedAs: 'lower(`email`)', generated: 'virtual' }),
      column('seen', 'timestamp'),
      column('code', 'char(8) not null', literal('none')),
    ],
    {
      nextAutoIncrement: 1n,
      indexes: [
        index('PRIMARY', ['id']),
        index('unique code', ['code', 'small']),
        index('lowered', ['lowered']),
        index('picture', ['picture(16)']),
        index('buyer', ['customer_id']),
        index('mail', ['email']),
        index('above', ['parent']),
      ],
      foreignKeys: [
        foreignKey('buyer', ['customer_id'], 'shop.customers', ['id'], { onDelete: 'cascade' }),
        foreignKey('mail', ['email'], 'shop.customers', ['email'], { onDelete: 'set null', onUpdate: 'cascade' }),
        foreignKey('above', ['parent'], 'shop.orders', ['id']),
      ],
    },
  ),
]);

const longName = 'a_name_of_sixty_four_letters_that_mysql_takes_and_postgresql_not';

/** Names, indexes and columns that are no ordinary ones; MariaDB's and MySQL's own types together. */
export const oddCatalog: MysqlCatalog = catalog(
  [
    table(
      `pg_shop.${longName}`,
      [
        column('ID', 'int not null'),
        column('xmin', 'tinyint'),
        column('we"ird `name`', 'varchar(10)'),
        column('empty', 'varchar(0)'),
        column('doc', 'json', expression('json_object()')),
        column('text_doc', 'longtext'),
        column('u', 'uuid', expression('uuid()')),
        column('address', 'inet6'),
        column('v4', 'inet4'),
        column('v', 'vector(3)'),
        column('hidden', 'int', { invisible: true }),
        column('day', 'date', literal('0000-00-00')),
        column('later', 'date', expression('(curdate() + interval 1 day)')),
        column('tree', 'double unsigned not null', { autoIncrement: true }),
        column('total', 'int', { generatedAs: '`ID` + `xmin`' }),
      ],
      {
        indexes: [
          index('PRIMARY', ['ID desc']),
          index('unique tree', ['tree']),
          index('words', ['text_doc'], { kind: 'fulltext' }),
          index('reckoned', ['=(`ID` + 1)', '=lower(`empty`)']),
          index('sum', ['=(`ID` + 1)']),
          index('unique begin', ['we"ird `name`(3)']),
          index('json', ['doc']),
          index('hashed', ['xmin'], { kind: 'hash', invisible: true }),
        ],
        checks: [
          { name: 'text_doc', expression: 'json_valid(`text_doc`)', enforced: true },
          { name: 'off', expression: '(`ID` > 0)', enforced: false },
          {
            name: 'between',
            expression: '`xmin` between 1 and 5 and `ID` not in (3,4) or `v4` is null',
            enforced: true,
          },
          { name: 'range', expression: '((`xmin` >= -1) and (`xmin` < 5)) or (`xmin` is null)', enforced: true },
        ],
        nextAutoIncrement: 9n,
        options: ['PARTITION BY HASH'],
        triggers: [{ name: 'before', fires: 'origin' }],
        engine: 'MyISAM',
      },
    ),
    table('pg_shop.Child', [column('ref', 'int'), column('b', 'int')], {
      foreignKeys: [
        foreignKey('no_key', ['ref', 'b'], `pg_shop.${longName}`, ['ID', 'hidden']),
        foreignKey('gone', ['ref'], 'pg_shop.nowhere', ['id']),
        foreignKey('fine', ['ref'], `pg_shop.${longName}`, ['ID'], { onDelete: 'no action', onUpdate: 'set null' }),
      ],
    }),
  ],
  {
    views: [{ schema: 'pg_shop', name: 'v' }],
    routines: [{ schema: 'pg_shop', name: 'p', kind: 'procedure' }],
    events: [{ schema: 'pg_shop', name: 'nightly' }],
  },
);
