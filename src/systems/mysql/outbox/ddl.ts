import type { TableName } from '../../../model/catalog.ts';
import { outboxNames } from './names.ts';

/** As in PostgreSQL's: the common shape, then what keeps the order. Names are compared byte by byte: two aggregates that differ in case are two. */
export function outboxDdl(table: TableName): readonly string[] {
  const { outbox, letters, relay } = outboxNames(table);
  const text = 'varchar(255) character set utf8mb4 collate utf8mb4_bin not null';
  return [
    `create table if not exists ${outbox} (
  id char(36) character set ascii not null,
  aggregatetype ${text},
  aggregateid ${text},
  type ${text},
  payload json,
  seq bigint unsigned not null auto_increment,
  created timestamp(6) not null default current_timestamp(6),
  primary key (id),
  unique key (seq)
) engine = InnoDB`,
    `create table if not exists ${letters} (
  place bigint unsigned not null auto_increment,
  id char(36) character set ascii not null,
  aggregatetype ${text},
  aggregateid ${text},
  type ${text},
  payload longblob,
  created timestamp(6) not null,
  is_dead tinyint(1) not null,
  is_due tinyint(1) not null,
  attempts int not null,
  reason text character set utf8mb4 not null,
  at timestamp(6) not null default current_timestamp(6),
  primary key (place),
  unique key (id),
  key (aggregatetype(100), aggregateid(100))
) engine = InnoDB`,
    `create table if not exists ${relay} (
  only_one tinyint not null default 1,
  holder varchar(64) not null default '',
  host varchar(255) character set utf8mb4 not null default '',
  pid int not null default 0,
  until timestamp(6) not null default '1970-01-02 00:00:00',
  delivered bigint not null default 0,
  delivered_at timestamp(6) null,
  place text,
  primary key (only_one)
) engine = InnoDB`,
    `insert ignore into ${relay} (only_one) values (1)`,
  ];
}
