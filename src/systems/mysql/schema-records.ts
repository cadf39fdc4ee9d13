import { isTealTableThere } from './teal-schema.ts';
import type { MysqlConnection } from './connection.ts';
import { keyOf, type SchemaItem } from './schema-capture.ts';

/**
 * What the target keeps of an object. No transaction holds CREATE here, so a record is written before the act, when the object was seen not to be there: `making`. Who finds one, and the
 * object, knows that it is Teal's. `found`: it was there before Teal, and stays when all is taken back. `left`: it was not made, and why.
 */
export interface SchemaRecord {
  readonly state: 'making' | 'made' | 'found' | 'left';
  readonly lacks: string | undefined;
}

export type SchemaRecords = ReadonlyMap<string, SchemaRecord>;

export async function makeRecordsTable(connection: MysqlConnection): Promise<void> {
  await connection.query(
    `create table if not exists teal.schema_item (
       id char(64) not null primary key,
       kind varchar(16) not null,
       \`schema\` varchar(64) not null,
       name varchar(64) not null,
       state varchar(8) not null,
       lacks text) engine=InnoDB`,
  );
}

/** By `keyOf`. */
export async function readRecords(connection: MysqlConnection): Promise<SchemaRecords> {
  if (!(await isTealTableThere(connection, 'schema_item'))) return new Map();
  const { rows } = await connection.query('select id, state, lacks from teal.schema_item');
  return new Map(
    rows.map((row) => [
      row['id'] ?? '',
      { state: (row['state'] ?? 'making') as SchemaRecord['state'], lacks: row['lacks'] ?? undefined },
    ]),
  );
}

export async function record(
  connection: MysqlConnection,
  item: SchemaItem,
  state: SchemaRecord['state'],
  lacks?: string,
): Promise<void> {
  await connection.query(
    `insert into teal.schema_item (id, kind, \`schema\`, name, state, lacks) values (?, ?, ?, ?, ?, ?)
     on duplicate key update state = values(state), lacks = values(lacks)`,
    [keyOf(item), item.kind, item.schema, item.name, state, lacks ?? null],
  );
}

export async function forget(connection: MysqlConnection, item: SchemaItem): Promise<void> {
  await connection.query('delete from teal.schema_item where id = ?', [keyOf(item)]);
}
